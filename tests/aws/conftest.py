import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from aws_cli import Aws
from demo import free_port
from serving import until

REGION = "eu-central-1"
ACCOUNT = "123456789012"
BUCKET = "unet-test"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/unet@sha256:{'0' * 64}"
ARTIFACT = f"s3://{BUCKET}/models/cells.tar.gz"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/unet-inference"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION,
               "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true"}  # fmt: skip


class Cloud:
    """AWS under test.

    Attributes:
        url: where it answers.
        aws: clients.
    """

    def __init__(self, url: str):
        self.url = url
        self.aws = Aws(REGION)

    def fail(self, call: int) -> None:
        """Refuse the given call, counted from 1; 0 refuses none."""
        requests.post(f"{self.url}/fail/{call}", timeout=10)

    def reset(self) -> None:
        self.fail(0)
        requests.post(f"{self.url}/moto-api/reset", timeout=10)
        self.aws("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        self.aws("s3").put_object(Bucket=BUCKET, Key="models/cells.tar.gz", Body=b"a model")

    def state(self) -> dict[str, list]:
        """Everything that there is, but for the bucket."""
        sagemaker, scaling = self.aws("sagemaker"), self.aws("application-autoscaling")
        endpoints = [
            sagemaker.describe_endpoint(EndpointName=found["EndpointName"])
            for found in sagemaker.list_endpoints()["Endpoints"]
        ]
        configs = sagemaker.list_endpoint_configs()["EndpointConfigs"]
        targets = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")
        policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")
        alarms = self.aws("cloudwatch").describe_alarms()["MetricAlarms"]
        return {
            "endpoints": [(e["EndpointName"], e["EndpointConfigName"]) for e in endpoints],
            "configs": sorted(c["EndpointConfigName"] for c in configs),
            "models": sorted(m["ModelName"] for m in sagemaker.list_models()["Models"]),
            "alarms": sorted(alarm["AlarmName"] for alarm in alarms),
            "targets": [(t["MinCapacity"], t["MaxCapacity"]) for t in targets["ScalableTargets"]],
            "policies": [policy["PolicyName"] for policy in policies["ScalingPolicies"]],
        }


@pytest.fixture(scope="session")
def _server(tmp_path_factory):
    port = free_port()
    script = Path(__file__).with_name("moto_server.py")
    log = tmp_path_factory.mktemp("moto") / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, script, str(port)],
            env=os.environ | CREDENTIALS,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"

    def answers():
        assert process.poll() is None, log.read_text()
        try:
            return requests.get(f"{url}/moto-api/data.json", timeout=5).ok
        except requests.RequestException:
            return False

    try:
        until(answers)
        yield url
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def cloud(_server, monkeypatch, tmp_path):
    """AWS with a bucket and an artifact in it."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", _server)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    cloud = Cloud(_server)
    cloud.reset()
    return cloud


@pytest.fixture
def run():
    """Run a script in this process: its result has ``exit_code`` and ``output``."""

    def run(script, *arguments, code=0, **options):
        result = CliRunner().invoke(script.main, [str(a) for a in arguments], **options)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def deploy(run):
    """Run deploy.py with what it always needs."""
    import deploy

    def call(*arguments, name="cells", image=IMAGE, model=ARTIFACT, **options):
        needed = ("--name", name, "--image", image, "--model", model, "--role", ROLE)
        return run(deploy, *needed, *arguments, **options)

    return call
