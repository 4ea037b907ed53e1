"""What deploy.py and transform.py would send: requests, names and refusals; nothing calls AWS."""

import botocore.session
import botocore.validate
import pytest
from botocore import xform_name

from aws import deploy, transform
from aws.lib.deployment import Deployment, is_of
from support.commands import run

VARIANTS = {
    "plain": {},
    "scaled": {"max_instances": 3},
    "serverless": {"serverless": (4096, 5)},
    "async": {"async_output": "s3://bucket/answers"},
    "multi-model": {"multi_model": True},
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
}
NEEDED = ("--name", "cells", "--image", "image", "--model", "s3://bucket/key", "--role", "role")


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
    deployment = Deployment(
        "cells", "image", "s3://bucket/key", "arn:aws:iam::1:role/r" * 2, **options
    )
    for call in [*deployment.calls(), deployment.update_endpoint()]:
        validate(call.service, call.operation, call.parameters)


@pytest.mark.parametrize("accept", [None, "image/tiff"])
def test_the_request_of_a_transform_job_is_valid(validate, accept):
    request = transform.request(
        "job",
        "model",
        "s3://bucket/sections/",
        "s3://bucket/masks/",
        content_type="image/png",
        accept=accept,
        instance_type="ml.c5.xlarge",
        instances=2,
    )
    validate("sagemaker", "create_transform_job", request)
    assert request["TransformOutput"].get("Accept") == accept


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


@pytest.mark.parametrize(
    ("options", "strategy"),
    [
        ((), "ALL_AT_ONCE"),
        (("--all-at-once",), "ALL_AT_ONCE"),
        (("--canary", "10"), "CANARY"),
        (("--linear", "25"), "LINEAR"),
    ],
)
def test_strategies(options, strategy):
    printed = run(deploy, *NEEDED, *options, "--dry-run").stdout
    assert f'"Type": "{strategy}"' in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--instance-type", "ml.g5.xlarge"], "may be costly; add --yes"),
        (["--max-instances", "5"], "may be costly; add --yes"),
        (["--instances", "9"], "may be costly; add --yes"),
        (["--canary", "10", "--linear", "20"], "one of"),
        (["--canary", "10", "--all-at-once"], "one of"),
        (["--serverless", "1000:5"], "steps of 1024"),
        (["--serverless", "4096:201"], "concurrency up to 200"),
        (["--serverless", "4096:5", "--multi-model"], "no --multi-model"),
        (["--serverless", "4096:5", "--max-instances", "2"], "no --max-instances"),
        (["--vpc", "vpc-1"], "subnet-…"),
        (["--env", "A"], "KEY=VALUE"),
        (["--model", "bucket/key"], "s3://bucket/key"),
        (["--name", "a_b"], "letters, digits and hyphens"),
        (["--instances", "3", "--max-instances", "2"], "less than --instances"),
    ],
)
def test_misuse(options, message):
    assert message in run(deploy, *NEEDED, *options, code=2).output
