"""What deploy.py would send for typical deployments, as files that can be read: tests/aws/golden.

After a change that is meant, GOLDEN=write writes them anew; the difference is then to be read.
"""

import os
from pathlib import Path

import pytest

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
    "many-models": ("--multi-model", "--model", "s3://unet-test/models/", "--max-instances", "2"),
    "vpc-and-key": (
        "--vpc", "subnet-1,subnet-2:sg-1", "--kms-key", "alias/unet", "--network-isolation",
        "--data-capture", "s3://unet-test/answers/captured/", "--tag", "team=cells",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_requests(cloud, deploy, name):
    cloud.put_alarm("mine")
    printed = deploy(*DEPLOYMENTS[name], "--dry-run").stdout
    file = GOLDEN / f"{name}.sh"
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(printed)
    assert printed == file.read_text()


def test_each_file_is_of_a_deployment():
    assert {file.stem for file in GOLDEN.iterdir()} == set(DEPLOYMENTS)
