#!/usr/bin/env python3
r"""Deploy a model with the SageMaker Python SDK, version 2, and mask an image.

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
from pathlib import Path

import boto3
from sagemaker import Session
from sagemaker.deserializers import BytesDeserializer
from sagemaker.local import LocalSession
from sagemaker.model import Model
from sagemaker.predictor import Predictor
from sagemaker.serializers import IdentitySerializer

QUIET = {
    "SchemaVersion": "1.0",
    "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
}
LOCAL_ROLE = "arn:aws:iam::123456789012:role/none"  # nobody takes it


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

    # the SDK unpacks an archive of this machine beside it
    with tempfile.TemporaryDirectory() as folder:
        if arguments.local:
            arguments.model = shutil.copy(arguments.model, folder)
        predictor = deploy(arguments)
        try:
            mask(predictor, arguments.picture, arguments.out)
        finally:
            predictor.delete_model()
            predictor.delete_endpoint()  # with its configuration
    print(arguments.out)


def deploy(arguments: argparse.Namespace) -> Predictor:
    """Make the model, its endpoint configuration, and the endpoint."""
    if arguments.local:
        region = os.environ.get("AWS_REGION", "eu-central-1")
        session = LocalSession(boto3.Session(region_name=region), sagemaker_config=QUIET)
        session.config = {"local": {"local_code": True, "serving_port": arguments.port}}
        model_data = Path(arguments.model).absolute().as_uri()
        instance_type = "local"
    else:
        session, model_data = Session(sagemaker_config=QUIET), arguments.model
        instance_type = arguments.instance_type
    model = Model(
        image_uri=arguments.image,
        model_data=model_data,
        role=arguments.role,
        sagemaker_session=session,
        predictor_cls=Predictor,
    )
    return model.deploy(initial_instance_count=1, instance_type=instance_type)


def mask(predictor: Predictor, picture: Path, out: Path) -> None:
    """Send an image as it is, and write its mask."""
    content_type = mimetypes.guess_type(picture)[0] or "application/x-image"
    predictor.serializer = IdentitySerializer(content_type)
    predictor.deserializer = BytesDeserializer(accept="image/png")
    out.write_bytes(predictor.predict(picture.read_bytes()))


if __name__ == "__main__":
    main()
