#!/usr/bin/env python3
r"""Deploy a model with the SageMaker Python SDK, version 3, and mask an image.

On this machine, in a container of the image, for which the SDK needs Docker Compose:

    python deploy.py unet-inference model.tar.gz image.png --local

or on AWS:

    python deploy.py 123456789012.dkr.ecr.eu-central-1.amazonaws.com/unet-inference:v1 \
        s3://my-bucket/models/model.tar.gz image.png \
        --role arn:aws:iam::123456789012:role/unet-inference
"""

import argparse
import mimetypes
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import boto3
from sagemaker.core.local.local_session import LocalSession
from sagemaker.core.resources import Endpoint, EndpointConfig, Model
from sagemaker.core.shapes import ContainerDefinition, ProductionVariant

NAME = "unet-inference"
QUIET = {
    "SchemaVersion": "1.0",
    "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
}
LOCAL_ROLE = "arn:aws:iam::123456789012:role/none"  # nobody takes it


class Invoke(Protocol):
    """Asks an endpoint."""

    def __call__(self, body: bytes, content_type: str, accept: str) -> bytes: ...


def main() -> None:
    parser = argparse.ArgumentParser(description="Deploy a model, mask an image, delete it all.")
    parser.add_argument("image", help="of the container")
    parser.add_argument("model", help="model.tar.gz: in S3, or with --local a file")
    parser.add_argument("picture", type=Path, help="to be masked")
    parser.add_argument("--out", type=Path, default=Path("mask.png"))
    parser.add_argument("--role", default=LOCAL_ROLE, help="of the execution")
    parser.add_argument("--instance-type", default="ml.c7i.xlarge")
    parser.add_argument("--local", action="store_true", help="on this machine")
    parser.add_argument("--port", type=int, default=8080, help="of the container, with --local")
    arguments = parser.parse_args()

    deployed = on_this_machine if arguments.local else on_aws
    with deployed(arguments) as invoke:
        content_type = mimetypes.guess_type(arguments.picture)[0] or "application/x-image"
        mask = invoke(arguments.picture.read_bytes(), content_type, "image/png")
    arguments.out.write_bytes(mask)
    print(arguments.out)


@contextmanager
def on_aws(arguments: argparse.Namespace) -> Iterator[Invoke]:
    """Make the model, its endpoint configuration, and the endpoint; delete them at the end."""
    name = f"{NAME}-{int(time.time())}"
    container = ContainerDefinition(image=arguments.image, model_data_url=arguments.model)
    model = Model.create(
        model_name=name, primary_container=container, execution_role_arn=arguments.role
    )
    variant = ProductionVariant(
        variant_name="AllTraffic",
        model_name=name,
        instance_type=arguments.instance_type,
        initial_instance_count=1,
    )
    config = EndpointConfig.create(endpoint_config_name=name, production_variants=[variant])
    endpoint = Endpoint.create(endpoint_name=name, endpoint_config_name=name)
    try:
        endpoint.wait_for_status("InService")

        def invoke(body: bytes, content_type: str, accept: str) -> bytes:
            answer = endpoint.invoke(body=body, content_type=content_type, accept=accept)
            return answer.body.read()

        yield invoke
    finally:
        endpoint.delete()
        config.delete()
        model.delete()


@contextmanager
def on_this_machine(arguments: argparse.Namespace) -> Iterator[Invoke]:
    """The same by the SDK's local session, whose clients take the requests of AWS."""
    region = os.environ.get("AWS_REGION", "eu-central-1")
    session = LocalSession(boto3.Session(region_name=region), sagemaker_config=QUIET)
    session.config = {"local": {"local_code": True, "serving_port": arguments.port}}
    sagemaker, runtime = session.sagemaker_client, session.sagemaker_runtime_client
    folder = tempfile.TemporaryDirectory()  # the SDK unpacks the archive beside it
    model = Path(shutil.copy(arguments.model, folder.name))
    container = {"Image": arguments.image, "ModelDataUrl": model.as_uri(), "Environment": {}}
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": NAME,
        "InstanceType": "local",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_model(ModelName=NAME, PrimaryContainer=container)
    sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    try:

        def invoke(body: bytes, content_type: str, accept: str) -> bytes:
            answer = runtime.invoke_endpoint(body, NAME, ContentType=content_type, Accept=accept)
            return answer["Body"].read()

        yield invoke
    finally:
        sagemaker.delete_endpoint(EndpointName=NAME)
        folder.cleanup()


if __name__ == "__main__":
    main()
