"""examples/terraform: its form, what it refers to, and that it asks for what deploy.py asks for.

It is read as text: nothing here has the provider, or an account.
"""

import json
import re
import subprocess

import pytest

from aws.lib.deployment import Deployment
from lib.environments import python_of
from support.containers import ROOT

FOLDER = ROOT / "examples" / "terraform"
REQUIREMENTS = ROOT / "tests" / "fixtures" / "manifests" / "requirements.txt"
ROLE = "arn:aws:iam::123456789012:role/unet-inference"
NOT_OURS = {"Tags", "AlarmDescription"}  # in other words, or not there


@pytest.fixture(scope="module")
def module():
    """Each kind of block of all files, as python-hcl2 reads them."""
    program = python_of(ROOT / ".venv-manifests", REQUIREMENTS).with_name("hcl2tojson")
    found = {}
    for path in sorted(FOLDER.glob("*.tf")):
        command = [program, "--strip-string-quotes", "--quiet", path]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        for kind, blocks in json.loads(done.stdout).items():
            found.setdefault(kind, []).extend(blocks)
    return found


def named(blocks):
    """{"resource": [{KIND: {NAME: body}}]} -> {KIND.NAME: body}."""
    return {
        f"{kind}.{name}".replace('"', ""): body
        for block in blocks
        for kind, inner in block.items()
        for name, body in inner.items()
    }


def test_each_reference_is_to_something(module):
    text = "".join(path.read_text() for path in sorted(FOLDER.glob("*.tf")))
    text = re.sub(r"#.*", "", text)
    variables = {name.replace('"', "") for block in module["variable"] for name in block}
    assert set(re.findall(r"\bvar\.(\w+)", text)) == variables
    known = {name for block in module["locals"] for name in block}
    assert set(re.findall(r"\blocal\.(\w+)", text)) <= known
    resources = set(named(module["resource"]))
    assert set(re.findall(r"(?<!data\.)\b(aws_\w+\.\w+)", text)) <= resources
    data = {f"data.{name}" for name in named(module["data"])}
    assert set(re.findall(r"\bdata\.aws_\w+\.\w+", text)) == data
    for file in re.findall(r"policies}/([\w.-]+)", text):
        assert (ROOT / "scripts" / "aws" / "policies" / file).exists()


def camel(name):
    special = {"endpoint_config_name": "EndpointConfigName"}
    return special.get(name, "".join(word.capitalize() for word in name.split("_")))


def as_request(body):
    """A block's arguments as a request has them; what is not known before is None."""
    request = {}
    for key, value in body.items():
        if key.startswith("__") or key in ("lifecycle", "count"):
            continue
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = [as_request(item) for item in value]
        elif isinstance(value, dict):
            value = "a map"
        elif isinstance(value, str) and "${" in value:
            value = None
        request[camel(key)] = value
    return request


def compare(wanted, found, where):
    """Each fixed value of the module is that of the request, and no member is missing."""
    wanted = {key: value for key, value in wanted.items() if key not in NOT_OURS}
    found = {key: value for key, value in found.items() if key not in NOT_OURS}
    assert set(found) == set(wanted), where
    for key, value in found.items():
        if isinstance(value, list):
            there = wanted[key] if isinstance(wanted[key], list) else [wanted[key]]
            for one, other in zip(value, there, strict=True):
                compare(other, one, f"{where}.{key}")
        elif value not in (None, "a map"):
            assert value == wanted[key], f"{where}.{key}"


@pytest.fixture(scope="module")
def deployment():
    return Deployment("cells", "image", "s3://bucket/models/m", ROLE, max_instances=2)


def test_alarms(module, deployment):
    resources = named(module["resource"])
    errors, latency = (call.parameters for call in deployment.alarms())
    compare(errors, as_request(resources["aws_cloudwatch_metric_alarm.errors"]), "errors")
    compare(latency, as_request(resources["aws_cloudwatch_metric_alarm.latency"]), "latency")


def test_config(module, deployment):
    resource = named(module["resource"])["aws_sagemaker_endpoint_configuration.this"]
    [found] = as_request(resource)["ProductionVariants"]
    [wanted] = deployment.create_config().parameters["ProductionVariants"]
    compare(wanted, found, "variant")


def test_update(module, deployment):
    resource = named(module["resource"])["aws_sagemaker_endpoint.this"]
    [found] = as_request(resource)["DeploymentConfig"]
    [rollback] = found.pop("AutoRollbackConfiguration")
    assert len(rollback["Alarms"]) == 2
    wanted = dict(deployment.update_endpoint().parameters["DeploymentConfig"])
    assert len(wanted.pop("AutoRollbackConfiguration")["Alarms"]) == 2
    compare(wanted, found, "deployment")


def test_scaling(module, deployment):
    resources = named(module["resource"])
    target, policy = (call.parameters for call in deployment.scaling.calls("cells"))
    compare(target, as_request(resources["aws_appautoscaling_target.this"]), "target")
    found = as_request(resources["aws_appautoscaling_policy.this"])
    found["PolicyName"] = found.pop("Name")
    compare(policy, found, "policy")


def test_defaults(module, deployment):
    defaults = {
        name.replace('"', ""): body.get("default")
        for block in module["variable"]
        for name, body in block.items()
    }
    assert defaults["instance_type"] == Deployment.instance_type
    assert defaults["concurrency_per_instance"] == deployment.scaling.target
