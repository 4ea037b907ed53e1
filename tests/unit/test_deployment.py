"""What deploy.py and transform.py would send: requests, names and refusals; nothing calls AWS."""

import botocore.session
import botocore.validate
import pytest
from botocore import xform_name

from aws import deploy
from aws.lib import machines
from aws.lib.batch import Batch
from aws.lib.deployment import Deployment
from aws.lib.names import is_of
from support.commands import run

VARIANTS = {
    "plain": {},
    "scaled": {"max_instances": 3},
    "scaled by invocations": {"max_instances": 3, "invocations_per_instance": 70},
    "serverless": {"serverless": (4096, 5)},
    "provisioned": {"serverless": (4096, 5), "provisioned": 1, "max_provisioned": 4},
    "files": {"model_data": "s3://bucket/models/m/"},
    "async": {"async_output": "s3://bucket/answers"},
    "async, scaled": {"async_output": "s3://bucket/answers", "max_instances": 4},
    "multi-model": {"multi_model": True, "max_instances": 2},
    "random": {"routing": "random"},
    "own alarms": {"own_alarms": ("mine",), "alarm_errors": 5, "alarm_latency": 2.5},
    "no alarms": {"no_alarms": True},
    "everything": {
        "environment": {"A": "1"},
        "data_capture": "s3://bucket/captured",
        "subnets": ("subnet-1",),
        "security_groups": ("sg-1",),
        "kms_key": "alias/key",
        "network_isolation": True,
        "tags": {"team": "cells"},
        "max_instances": 4,
    },
    "canary": {"strategy": ("canary", 10)},
    "linear": {"strategy": ("linear", 25)},
    "rolling": {"strategy": ("rolling", 25)},
    "GPU": {"instance_type": "ml.g5.xlarge"},
    "another AMI": {
        "instance_type": "ml.g4dn.xlarge",
        "inference_ami": "al2-ami-sagemaker-inference-gpu-2",
    },
}
ROLE = "arn:aws:iam::123456789012:role/unet-inference"
NEEDED = (
    "--name",
    "cells",
    "--image",
    "image",
    "--model",
    "s3://bucket/models/key.tar.gz",
    "--role",
    ROLE,
)


@pytest.fixture(scope="module")
def validate():
    """Check a request against botocore's model of the service."""
    session = botocore.session.get_session()

    def validate(service, operation, parameters):
        model = session.get_service_model(service)
        names = {xform_name(name): name for name in model.operation_names}
        shape = model.operation_model(names[operation]).input_shape
        botocore.validate.validate_parameters(parameters, shape)

    return validate


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_requests_are_valid(validate, options):
    needed = {"name": "cells", "image": "image", "model_data": "s3://bucket/key", "role": ROLE}
    deployment = Deployment(**(needed | options))
    for call in [*deployment.calls(), deployment.update_endpoint()]:
        validate(call.service, call.operation, call.parameters)


@pytest.mark.parametrize("accept", [None, "image/tiff"])
def test_the_request_of_a_transform_job_is_valid(validate, accept):
    images = {"a.png": 30_000_000, "b.tif": 1}
    batch = Batch("job", "s3://bucket/images/", "s3://bucket/masks", images, 0)
    request = batch.request("model", "application/x-image", accept, "ml.c7i.xlarge", 2, [])
    validate("sagemaker", "create_transform_job", request)
    assert request["TransformOutput"].get("Accept") == accept
    assert (request["MaxPayloadInMB"], request["MaxConcurrentTransforms"]) == (30, 3)


def test_amis():
    """All that SageMaker knows for GPUs can be chosen, and only machines with one have any."""
    sagemaker = botocore.session.get_session().get_service_model("sagemaker")
    known = sagemaker.shape_for("ProductionVariantInferenceAmiVersion").enum
    assert sorted(machines.AMIS) == sorted(name for name in known if "gpu" in name)
    kinds = sagemaker.shape_for("ProductionVariantInstanceType").enum
    assert machines.INSTANCE_TYPE in kinds
    chosen = {kind for kind in kinds if machines.ami_of(kind)}
    assert {"ml.g4dn.xlarge", "ml.g6e.xlarge", "ml.p5.48xlarge"} < chosen
    others = {"ml.c7i.xlarge", "ml.c7g.large", "ml.m6gd.large", "ml.inf2.xlarge", "ml.trn1.2xlarge"}
    assert others <= set(kinds) - chosen


def test_files_that_lie_as_they_are():
    prefix = Deployment("cells", "image", "s3://bucket/models/m/", "role")
    container = prefix.create_model().parameters["PrimaryContainer"]
    assert "ModelDataUrl" not in container
    source = container["ModelDataSource"]["S3DataSource"]
    assert (source["S3DataType"], source["CompressionType"]) == ("S3Prefix", "None")
    many = Deployment("cells", "image", "s3://bucket/models/m/", "role", multi_model=True)
    assert "ModelDataUrl" in many.create_model().parameters["PrimaryContainer"]


def test_names_follow_the_content():
    one = Deployment("cells", "image", "s3://bucket/key", "role")
    tagged = Deployment("cells", "image", "s3://bucket/key", "role", tags={"team": "a"})
    other = Deployment("cells", "image", "s3://bucket/other", "role")
    larger = Deployment("cells", "image", "s3://bucket/key", "role", instances=2)
    assert (one.model_name, one.config_name) == (tagged.model_name, tagged.config_name)
    assert one.model_name != other.model_name
    assert one.config_name != other.config_name
    assert one.model_name == larger.model_name
    assert one.config_name != larger.config_name


def test_names_tell_whose_they_are():
    name = Deployment("cells", "image", "s3://bucket/key", "role").model_name
    assert is_of("cells", name)
    assert not is_of("cell", name)


def test_the_bytes_of_an_artifact_are_in_the_names():
    one = Deployment("cells", "image", "s3://bucket/key", "role", artifact="an etag")
    other = Deployment("cells", "image", "s3://bucket/key", "role", artifact="another one")
    assert one.model_name != other.model_name
    assert one.config_name != other.config_name
    assert "an etag" not in str(one.create_model())


@pytest.mark.parametrize(
    ("strategy", "kind"),
    [("all-at-once", "ALL_AT_ONCE"), ("canary", "CANARY"), ("linear", "LINEAR")],
)
def test_strategies(strategy, kind):
    deployment = Deployment("cells", "image", "s3://bucket/key", "role", strategy=(strategy, 10))
    how = deployment.update_endpoint().parameters["DeploymentConfig"]
    assert how["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["Type"] == kind


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--instance-type", "ml.g5.xlarge"], "may be costly; add --yes"),
        (["--max-instances", "5"], "may be costly; add --yes"),
        (["--instances", "9"], "may be costly; add --yes"),
        (["--canary", "10"], "needs two instances or more"),
        (["--linear", "10"], "needs two instances or more"),
        (["--rolling", "10"], "needs two instances or more"),
        (["--canary", "10", "--linear", "20"], "one of"),
        (["--canary", "10", "--all-at-once"], "one of"),
        (["--serverless", "1000:5"], "steps of 1024"),
        (["--serverless", "4096:201"], "concurrency up to 200"),
        (["--serverless", "4096:5", "--multi-model"], "no --multi-model"),
        (["--serverless", "4096:5", "--max-instances", "2"], "no --max-instances"),
        (["--serverless", "4096:5", "--canary", "10"], "no --canary"),
        (["--serverless", "4096:5", "--alarm", "mine"], "no --alarm"),
        (["--serverless", "4096:5", "--provisioned", "6"], "more than the concurrency, 5"),
        (["--serverless", "4096:5", "--max-provisioned", "4"], "needs --provisioned"),
        (["--provisioned", "2"], "only --serverless endpoints have --provisioned"),
        (["--alarm", "mine", "--no-alarms"], "leave one out"),
        ([f"--alarm=alarm-{n}" for n in range(9)], "SageMaker takes 10 at most"),
        (["--no-scaling", "--max-instances", "2"], "leave one out"),
        (["--concurrency-per-instance", "2"], "needs --max-instances"),
        (["--max-instances", "2", "--min-instances", "0"], "is for --async"),
        (["--max-instances", "2", "--backlog-per-instance", "3"], "not for a real-time endpoint"),
        (
            ["--max-instances=2", "--async=s3://bucket/answers", "--invocations-per-instance=3"],
            "not for an asynchronous endpoint; it has --backlog-per-instance",
        ),
        (["--async", "s3://bucket/models/answers/"], "lies among the models"),
        (["--data-capture", "s3://bucket/models"], "lies among the models"),
        (["--role", "unet-inference"], "must be an ARN"),
        (["--vpc", "vpc-1"], "subnet-…"),
        (["--env", "A"], "KEY=VALUE"),
        (["--model", "bucket/key"], "s3://bucket/key"),
        (["--model", "s3://bucket/models/m/", "--serverless", "4096:5"], "take an archive"),
        (["--inference-ami", machines.GPU_AMI], "ml.c7i.xlarge has none"),
        (["--format", "cloudformation"], "--format is for --dry-run"),
        (["--name", "a_b"], "letters, digits and hyphens"),
        (["--instances", "3", "--max-instances", "2"], "less than --instances"),
    ],
)
def test_misuse(options, message):
    assert message in run(deploy, *NEEDED, *options, code=2).output
