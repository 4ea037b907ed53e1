"""The policies allow what the scripts do, action by action and name by name, and nothing else.

What the scripts do is recorded while they run: each request, by botocore's events. What else a
request needs, by AWS's documentation, stands in the tables.
"""

import fnmatch
import json
import re

import pytest

from aws import delete, deploy_component, invoke, models, package, rollback, status, transform
from aws.lib.cli import Aws
from support.commands import run
from support.containers import ROOT

POLICIES = ROOT / "scripts" / "aws" / "policies"
NAMES = {
    "REGION": "eu-central-1",
    "ACCOUNT": "123456789012",
    "BUCKET": "unet-test",
    "ENDPOINT": "cells",
    "unet-inference": "unet",  # the repository
}
ANSWERS = "s3://unet-test/answers/"

# actions that are not called as the request is
ACTIONS = {
    "s3:HeadObject": "s3:GetObject",
    "s3:CopyObject": "s3:PutObject",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "sts:GetCallerIdentity": None,  # everyone may ask who he is
}
# https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html
ALSO = {
    "sagemaker:CreateModel": {"iam:PassRole", "sagemaker:AddTags"},
    "application-autoscaling:RegisterScalableTarget": {
        "iam:CreateServiceLinkedRole", "sagemaker:UpdateEndpointWeightsAndCapacities",
        "sagemaker:UpdateInferenceComponentRuntimeConfig",
    },
    "cloudwatch:PutMetricAlarm": {"cloudwatch:TagResource"},
}  # fmt: skip
PUSH = {  # what `docker push` does
    f"ecr:{action}"
    for action in (
        "BatchGetImage", "BatchCheckLayerAvailability", "GetDownloadUrlForLayer",
        "InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload", "PutImage",
        "GetAuthorizationToken",
    )
}  # fmt: skip


def statements(name):
    """The statements of a policy, with the names of this test put in."""
    text = (POLICIES / name).read_text()
    for placeholder, value in NAMES.items():
        if placeholder != "unet-inference":
            text = text.replace(placeholder, value)
    return json.loads(text.replace("repository/unet-inference", "repository/unet"))["Statement"]


def actions(name):
    return {action for statement in statements(name) for action in _list(statement["Action"])}


def _list(value):
    return [value] if isinstance(value, str) else value


def allowed(name, action, resource):
    """Whether a policy allows an action on a resource."""
    return any(
        action in _list(statement["Action"])
        and any(fnmatch.fnmatchcase(resource, pattern) for pattern in _list(statement["Resource"]))
        for statement in statements(name)
    )


@pytest.fixture
def recorded(cloud, monkeypatch):
    """The requests of all scripts that run from now on: action and parameters."""
    calls = []
    make = Aws.__init__

    def record(params, model, **_):
        service = model.service_model
        prefix = service.signing_name
        name = {"monitoring": "cloudwatch"}.get(prefix, prefix)
        calls.append((f"{name}:{model.name}", dict(params)))

    def make_and_record(self, *arguments):
        make(self, *arguments)
        self.session.events.register("provide-client-params", record)

    monkeypatch.setattr(Aws, "__init__", make_and_record)
    return calls


def needed(calls):
    """The actions that recorded requests need."""
    found = set()
    for name, _ in calls:
        action = ACTIONS.get(name, name)
        if action:
            found |= {action} | ALSO.get(action, set())
    return found


def shell_actions():
    """The actions of the AWS CLI in build_and_push.sh, and of `docker push`."""
    text = (ROOT / "scripts" / "aws" / "build_and_push.sh").read_text()
    calls = re.findall(r"\baws (ecr|s3api) ([a-z-]+)", text)
    names = {f"{service}:{name.title().replace('-', '')}" for service, name in calls}
    return names - {"ecr:GetLoginPassword"} | PUSH  # that is GetAuthorizationToken


def resource(action, parameters):
    """The ARN that a request is about; None where it is about none, or about many."""
    service = action.partition(":")[0]
    place = f"{service}:eu-central-1:123456789012"
    named = {
        "ModelName": "model", "EndpointConfigName": "endpoint-config",
        "TransformJobName": "transform-job", "EndpointName": "endpoint",
        "InferenceComponentName": "inference-component",
    }  # fmt: skip
    if service == "s3":
        key = parameters.get("Key")
        return f"arn:aws:s3:::{parameters['Bucket']}" + (f"/{key}" if key else "")
    if service == "ecr" and "repositoryName" in parameters:
        return f"arn:aws:{place}:repository/{parameters['repositoryName']}"
    if service == "logs" and "logGroupName" in parameters:
        return f"arn:aws:{place}:log-group:{parameters['logGroupName']}"
    if action == "cloudwatch:PutMetricAlarm":
        return f"arn:aws:{place}:alarm:{parameters['AlarmName']}"
    if service == "sagemaker" and "ResourceArn" in parameters:
        return parameters["ResourceArn"]
    if service == "sagemaker" and not action.startswith("sagemaker:List"):
        kind = action.split(":")[1].replace("Async", "")
        for parameter, name in named.items():
            if parameter in parameters and kind.endswith(parameter.removesuffix("Name")):
                return f"arn:aws:{place}:{name}/{parameters[parameter]}"
    return None


def run_all_as_the_deployer(cloud, deploy, tmp_path):
    """Every script, with what it may do."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text("def model_fn(model_dir): ...")
    (tmp_path / "m.bin").write_bytes(b"m")
    cloud.put("images/a.png", b"image")
    packed = ("--code", tmp_path / "code", "--output", "s3://unet-test/models/")
    run(package, tmp_path / "m.bin", *packed)
    deploy("--max-instances", "3")
    deploy("--max-instances", "3", "--instance-type", "ml.m5.xlarge", "--tag", "a=b")
    deploy("--env", "A=1", "--no-scaling")
    deploy(image="broken", code=1)
    run(status)
    run(status, "cells")
    run(rollback, "cells")
    where = ("--input", "s3://unet-test/images/", "--output", ANSWERS)
    run(transform, "--endpoint", "cells", *where)
    cloud.put("images/broken.png", b"image")
    run(transform, "--endpoint", "cells", *where, code=1)
    put = ("cells", "s3://unet-test/models/cells.tar.gz", "--models", "s3://unet-test/models/many/")
    run(models, "add", *put)
    run(models, "remove", put[0], *put[2:], "--yes")
    run(delete, "cells", "--yes")
    deploy(script=deploy_component)
    deploy("--env", "A=1", script=deploy_component)
    deleted = ("--artifacts", "s3://unet-test/models/", "--images", "unet", "--logs", "--yes")
    run(delete, "cells", *deleted)
    deploy("--async", ANSWERS, "--max-instances", "2", image="docker.io/x", code=1)


def test_the_deployer(cloud, deploy, recorded, tmp_path):
    run_all_as_the_deployer(cloud, deploy, tmp_path)
    done = needed(recorded) | shell_actions() | {"sagemaker:StopTransformJob"}  # upon Ctrl-C
    assert done == actions("deployer-policy.json")
    named = 0
    for name, parameters in recorded:
        action, about = ACTIONS.get(name, name), resource(name, parameters)
        if action and about:
            named += 1
            assert allowed("deployer-policy.json", action, about), (action, about)
    assert named > 100


def test_the_invoker(cloud, deploy, recorded, tmp_path):
    deploy()
    recorded.clear()
    image = tmp_path / "a.png"
    image.write_bytes(b"image")
    run(invoke, image, "--endpoint", "cells", "-o", tmp_path / "out", code=None)
    prefix = ("--async", "s3://unet-test/images/")
    run(invoke, image, "--endpoint", "cells", *prefix, "-o", tmp_path / "out", code=None)
    # without the first S3 does not tell "not there" from "not allowed"; the second is for who waits
    also = {"s3:ListBucket", "cloudwatch:GetMetricStatistics"}
    done = needed(recorded) | also
    assert done == actions("invoker-policy.json")
    for name, parameters in recorded:
        about = (
            resource(name, parameters)
            or "arn:aws:sagemaker:eu-central-1:123456789012:endpoint/cells"
        )
        if "sagemaker" not in name and name != "s3:GetObject":
            assert allowed("invoker-policy.json", ACTIONS.get(name, name), about), (name, about)


def test_deployer_and_invoker_are_apart():
    assert "sagemaker:InvokeEndpoint" not in actions("deployer-policy.json")
    changing = {a for a in actions("invoker-policy.json") if re.search("Create|Delete|Put", a)}
    assert changing == {"s3:PutObject", "s3:DeleteObject"}
    for action in changing:  # only what it has put itself
        assert allowed("invoker-policy.json", action, "arn:aws:s3:::unet-test/images/1")
        assert not allowed("invoker-policy.json", action, "arn:aws:s3:::unet-test/models/1")


@pytest.mark.parametrize("name", ["cells-0123456789-5xx", "cells-0123456789-latency"])
def test_the_role_may_look_at_the_alarms_of_its_endpoint(name):
    alarm = f"arn:aws:cloudwatch:eu-central-1:123456789012:alarm:{name}"
    other = alarm.replace("cells", "nuclei")
    assert allowed("execution-role.json", "cloudwatch:DescribeAlarms", alarm)
    assert not allowed("execution-role.json", "cloudwatch:DescribeAlarms", other)


def test_the_role_reads_models_and_writes_answers():
    for key, action, wanted in [
        ("models/m.tar.gz", "s3:GetObject", True),
        ("images/a.png", "s3:GetObject", True),
        ("answers/a.png.out", "s3:GetObject", False),
        ("answers/a.png.out", "s3:PutObject", True),
        ("models/m.tar.gz", "s3:PutObject", False),
    ]:
        assert allowed("execution-role.json", action, f"arn:aws:s3:::unet-test/{key}") == wanted


@pytest.mark.parametrize("path", sorted(POLICIES.glob("*.json")), ids=lambda path: path.name)
def test_everything_is_named_that_can_be(path):
    """A star stands only for what has no name in AWS's reference of actions and resources."""
    nameless = re.compile(
        r"sagemaker:List(Models|EndpointConfigs|Endpoints)|pricing:GetProducts|ec2:Describe\w+|"
        r"ecr:GetAuthorizationToken|cloudwatch:(PutMetricData|GetMetricStatistics)|application-autoscaling:\w+"
    )
    for statement in json.loads(path.read_text())["Statement"]:
        if "*" in _list(statement.get("Resource", "")):
            unnamed = [a for a in _list(statement["Action"]) if not nameless.fullmatch(a)]
            assert unnamed == []


def test_what_vpc_and_keys_need_stands_apart():
    for name in ("execution-role.json", "deployer-policy.json", "invoker-policy.json"):
        assert not any(action.startswith(("ec2:", "kms:")) for action in actions(name))
    assert all(action.startswith("ec2:") for action in actions("execution-role-vpc.json"))
    for name in ("execution-role-kms.json", "deployer-kms.json"):
        assert all(action.startswith("kms:") for action in actions(name))
