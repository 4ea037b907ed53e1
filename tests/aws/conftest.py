import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from aws import deploy as deploy_script
from aws.lib import inventory
from aws.lib.cli import Aws
from support.commands import run

REGION = "eu-central-1"
ACCOUNT = "123456789012"
BUCKET = "unet-test"
DIGEST = f"sha256:{'0' * 64}"
REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/unet"
IMAGE = f"{REPOSITORY}@{DIGEST}"
ARTIFACT = f"s3://{BUCKET}/models/cells.tar.gz"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/unet-inference"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Cloud:
    """AWS under test.

    Attributes:
        url: where it answers.
        aws: clients.
    """

    def __init__(self, url: str):
        self.url = url
        self.aws = Aws(REGION)

    def fail(self, call: int) -> bool:
        """Refuse one call of those that moto_server.py counts, from 1 on; 0 refuses none.

        Returns:
            Whether one was refused since the last time.
        """
        answer = requests.post(f"{self.url}/fail/{call}", timeout=60)
        answer.raise_for_status()
        return int(answer.text) <= 0

    def reset(self) -> None:
        """Forget everything; there are a bucket and an artifact again."""
        self.fail(0)
        requests.post(f"{self.url}/moto-api/reset", timeout=60).raise_for_status()
        self.aws("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        self.put("models/cells.tar.gz", b"a model")
        self.aws("ecr").create_repository(repositoryName="unet")
        self.push("v1", DIGEST)

    def put(self, key: str, body: bytes) -> None:
        self.aws("s3").put_object(Bucket=BUCKET, Key=key, Body=body)

    def push(self, tag: str, digest: str) -> None:
        """An image of the repository unet."""
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        manifest = {"schemaVersion": 2, "mediaType": kind, "config": {"digest": digest}}
        self.aws("ecr").put_image(
            repositoryName="unet",
            imageTag=tag,
            imageManifest=json.dumps(manifest),
            imageDigest=digest,
        )

    def put_alarm(self, name: str) -> None:
        """An alarm of the user's own."""
        self.aws("cloudwatch").put_metric_alarm(
            AlarmName=name,
            Namespace="mine",
            MetricName="errors",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )

    def set(self, what: str, value: str, endpoint: str = "cells") -> None:
        """Give an endpoint a "status", or a "config", that nobody asked for."""
        url = f"{self.url}/{what}/{endpoint}/{value}"
        requests.post(url, timeout=60).raise_for_status()

    def tags(self, endpoint: str = "cells") -> dict[str, str]:
        """The tags of an endpoint."""
        arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{endpoint}"
        listed = self.aws("sagemaker").list_tags(ResourceArn=arn)["Tags"]
        return {tag["Key"]: tag["Value"] for tag in listed}

    def state(self) -> dict[str, list]:
        """Everything that there is, but for the bucket."""
        sagemaker, scaling = self.aws("sagemaker"), self.aws("application-autoscaling")
        endpoints = [
            sagemaker.describe_endpoint(EndpointName=listed["EndpointName"])
            for listed in sagemaker.list_endpoints()["Endpoints"]
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
            "policies": sorted(p["PolicyName"] for p in policies["ScalingPolicies"]),
        }


@pytest.fixture(scope="session")
def _url(tmp_path_factory):
    """Where this run's own AWS answers: it takes a free port itself, and prints its URL."""
    command = [sys.executable, Path(__file__).with_name("moto_server.py")]
    log = tmp_path_factory.mktemp("moto") / "log"
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            command, env=os.environ | CREDENTIALS, stdout=subprocess.PIPE, stderr=stderr
        ) as process,
    ):
        try:
            url = process.stdout.readline().decode().strip()
            assert url, log.read_text()
            yield url
        finally:
            process.terminate()


@pytest.fixture
def cloud(_url, monkeypatch, tmp_path):
    """AWS with a bucket and an artifact in it."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", _url)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr(inventory, "POLL_SECONDS", 0.01)
    cloud = Cloud(_url)
    cloud.reset()
    return cloud


@pytest.fixture
def deploy():
    """Run deploy.py with what it always needs."""

    def deploy(
        *arguments, name="cells", image=IMAGE, model=ARTIFACT, script=deploy_script, **options
    ):
        needed = ("--name", name, "--image", image, "--model", model, "--role", ROLE)
        return run(script, *needed, *arguments, **options)

    return deploy
