"""What deploy.py would send for typical deployments, as files that can be read: tests/aws/golden.

After a change that is meant, GOLDEN=write writes them anew; the difference is then to be read.
"""

import os
from pathlib import Path

import botocore.session
import botocore.validate
import cfnlint.api
import pytest
from botocore import xform_name
from cfnlint.config import ManualArgs

from aws import deploy_component

OF_THE_RUN = {"region", "dry_run", "form", "yes"}
NEEDED = (
    "--name", "cells", "--image", "image", "--model", "s3://unet-test/models/cells.tar.gz",
    "--role", "arn:aws:iam::123456789012:role/unet-inference",
)  # fmt: skip
GOLDEN = Path(__file__).with_name("golden")
DEPLOYMENTS = {
    "one-instance": (),
    "autoscaling": ("--max-instances", "3"),
    "autoscaling-by-invocations": ("--max-instances", "3", "--invocations-per-instance", "70"),
    "canary-of-two": ("--instances", "2", "--canary", "50"),
    "rolling": ("--instances", "4", "--rolling", "25"),
    "alarms-of-ones-own": ("--alarm", "mine", "--alarm-errors", "5", "--alarm-latency", "2"),
    "no-alarms": ("--no-alarms",),
    "serverless": ("--serverless", "4096:5"),
    "serverless-provisioned": (
        "--serverless", "4096:10", "--provisioned", "1", "--max-provisioned", "4",
    ),
    "asynchronous-down-to-none": (
        "--async", "s3://unet-test/answers/", "--max-instances", "4",
        "--env", "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS=3600",
    ),
    "files-as-they-are": ("--model", "s3://unet-test/models/cells/"),
    "gpu": ("--instance-type", "ml.g5.xlarge", "--yes"),
    "many-models": ("--multi-model", "--model", "s3://unet-test/models/", "--max-instances", "2"),
    "vpc-and-key": (
        "--vpc", "subnet-0123abcd,subnet-4567cdef:sg-0123abcd",
        "--kms-key", "alias/unet", "--network-isolation",
        "--data-capture", "s3://unet-test/answers/captured/", "--tag", "team=cells",
    ),
}  # fmt: skip

TEMPLATES = ("autoscaling", "asynchronous-down-to-none", "serverless-provisioned")  # files, too
COMPONENT = "component-down-to-none"
LINTED = (*TEMPLATES, "canary-of-two", "files-as-they-are", "gpu", "many-models", "vpc-and-key")


def lint(text):
    """What cfn-lint finds in a template."""
    config = ManualArgs(regions=["eu-central-1"])
    return [f"{found.rule.id}: {found.message}" for found in cfnlint.api.lint(text, config=config)]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_requests(cloud, deploy, name):
    cloud.put_alarm("mine")
    cloud.put("models/cells/model.onnx", b"a model")
    compare(f"{name}.sh", deploy(*DEPLOYMENTS[name], "--dry-run").stdout)


def compare(name, printed):
    """Compare what is printed with a file, or write it anew."""
    file = GOLDEN / name
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(printed)
    assert printed == file.read_text()


def test_each_file_is_of_a_deployment():
    files = {file.name for file in GOLDEN.iterdir()}
    expected = {f"{name}.sh" for name in DEPLOYMENTS} | {f"{name}.yaml" for name in TEMPLATES}
    assert files == expected | {f"{COMPONENT}.sh", f"{COMPONENT}.yaml"}


@pytest.mark.parametrize("name", LINTED)
def test_templates(cloud, deploy, name):
    """Each is one that CloudFormation takes, by its own linter; and has what the requests have."""
    cloud.put_alarm("mine")
    cloud.put("models/cells/model.onnx", b"a model")
    printed = deploy(*DEPLOYMENTS[name], "--dry-run", "--format", "cloudformation").stdout
    if name in TEMPLATES:
        compare(f"{name}.yaml", printed)
    assert lint(printed) == []


def test_an_inference_component(cloud, deploy):
    """Its requests, and the template of the same."""
    printed = deploy("--dry-run", script=deploy_component).stdout
    compare(f"{COMPONENT}.sh", printed)
    options = ("--dry-run", "--format", "cloudformation")
    template = deploy(*options, script=deploy_component).stdout
    compare(f"{COMPONENT}.yaml", template)
    assert lint(template) == []


@pytest.mark.parametrize("options", [(), ("--instance-type", "ml.g5.xlarge", "--yes")])
def test_requests_of_an_inference_component_are_valid(cloud, options):
    """By botocore's model of the services."""
    fields = deploy_component.main.make_context("x", [*NEEDED, *options]).params
    given = {key: value for key, value in fields.items() if key not in OF_THE_RUN}
    component = deploy_component.component_of(given)
    session = botocore.session.get_session()
    for call in [*component.calls(), component.update_component()]:
        model = session.get_service_model(call.service)
        names = {xform_name(name): name for name in model.operation_names}
        shape = model.operation_model(names[call.operation]).input_shape
        botocore.validate.validate_parameters(call.parameters, shape)
