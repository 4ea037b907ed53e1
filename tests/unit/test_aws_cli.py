"""What the AWS scripts share: clients, errors, places in S3."""

import gc
import weakref

import click
import pytest
from botocore.exceptions import ClientError

from aws.lib.cli import Aws, explain, s3_location


@pytest.mark.parametrize(
    ("code", "message", "remedy"),
    [
        ("ThrottlingException", "Rate exceeded", "run this again"),
        ("ResourceLimitExceeded", "ml.c5.xlarge for endpoint usage is 0", "Service Quotas"),
        ("ExpiredTokenException", "expired", "renew"),
        ("ValidationException", "Cannot create already existing endpoint", "another --name"),
        ("ValidationException", 'Could not find model "x"', "scripts/aws/status.py"),
        ("ValidationException", "Requested image x not found", "build_and_push.sh"),
    ],
)
def test_errors_have_a_remedy(code, message, remedy):
    error = {"Error": {"Code": code, "Message": message}}
    text = explain(ClientError(error, "CreateEndpoint"))
    assert remedy in text
    assert "\n" not in text


def test_places_in_s3():
    assert s3_location("s3://my-bucket/some/key") == ("my-bucket", "some/key")
    assert s3_location("s3://my-bucket") == ("my-bucket", "")
    with pytest.raises(click.BadParameter, match="it must be s3://bucket/key"):
        s3_location("https://my-bucket")


def test_clients_are_made_once():
    aws = Aws("eu-central-1")
    assert aws("sagemaker") is aws("sagemaker")
    assert aws.region == "eu-central-1"


def test_clients_go_with_the_object_that_made_them():
    """Each takes tens of megabytes; a cache that outlives the object once held gigabytes."""
    aws = Aws("eu-central-1")
    client = weakref.ref(aws("s3"))
    del aws
    gc.collect()
    assert client() is None


def test_descriptions_of_services_are_read_once():
    """They are large files: reading them again took most of the time of a short command."""
    loaders = [Aws("eu-central-1").session._session.get_component("data_loader") for _ in range(2)]
    assert loaders[0] is loaders[1]
