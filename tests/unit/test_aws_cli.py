"""What the AWS scripts share: clients, errors, places in S3."""

import gc
import weakref

import click
import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from aws.lib.cli import Aws, explain, is_missing, s3_location
from aws.lib.errors import with_remedy

IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/unet"
PASS_ROLE = (
    "User: arn:aws:iam::123456789012:user/me is not authorized to perform: iam:PassRole on "
    "resource: arn:aws:iam::123456789012:role/unet-inference because no identity-based policy "
    "allows the iam:PassRole action"
)
LIMIT = (
    "The account-level service limit 'ml.c7i.xlarge for endpoint usage' is 0 Instances, with "
    "current utilization of 0 Instances and a request delta of 1 Instances. Please use AWS Service "
    "Quotas to request an increase for this quota"
)
ASSUME = (
    "Could not assume role arn:aws:iam::123456789012:role/x. Please ensure that the role exists "
    "and allows principal 'sagemaker.amazonaws.com' to assume the role"
)
MODEL_DATA = (
    "Could not access model data at s3://bucket/models/m.tar.gz. Please ensure that the role "
    '"arn:aws:iam::123456789012:role/x" exists and that its trust relationship policy allows the '
    'action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". Also ensure that '
    'the role has "s3:GetObject" permissions and that the object is located in eu-central-1'
)
GRANT = (
    f"The repository of your image {IMAGE} does not grant ecr:GetDownloadUrlForLayer, "
    "ecr:BatchGetImage, ecr:BatchCheckLayerAvailability permission to sagemaker.amazonaws.com"
)

SIGNED_IN_BY_SSO = (
    "User: arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Developer_0123456789abcdef/me is "
    "not authorized to perform: sagemaker:CreateModel on resource: x"
)
NO_SUCH_TYPE = (
    "1 validation error detected: Value 'ml.x.large' at "
    "'productionVariants.1.member.instanceType' failed to satisfy constraint: Member must satisfy "
    "enum value set: [ml.r7i.48xlarge, ml.m5d.large]"
)


@pytest.mark.parametrize(
    ("operation", "code", "message", "remedy"),
    [
        ("CreateModel", "ThrottlingException", "Rate exceeded", "run this again"),
        ("CreateEndpoint", "ResourceLimitExceeded", LIMIT, "Service Quotas"),
        ("GetCallerIdentity", "ExpiredToken", "The security token is expired", "aws sso login"),
        ("ListTags", "ExpiredTokenException", "expired", "have expired"),
        ("ListTags", "UnrecognizedClientException", "The token is invalid", "switched on"),
        ("ListTags", "InvalidClientTokenId", "invalid", "does not know this access key"),
        ("ListTags", "SignatureDoesNotMatch", "x", "clock is wrong"),
        ("CreateModel", "AccessDeniedException", PASS_ROLE, "hand over this role"),
        ("CreateModel", "AccessDeniedException", "not authorized", "deployer-policy.json"),
        ("InvokeEndpoint", "AccessDeniedException", "not authorized", "invoker-policy.json"),
        ("CreateModel", "AccessDeniedException", "perform: kms:CreateGrant on", "kms.json"),
        ("CreateModel", "ValidationException", ASSUME, "trust-policy.json"),
        ("CreateModel", "ValidationException", MODEL_DATA, "execution-role.json"),
        ("CreateModel", "ValidationException", GRANT, "execution-role.json"),
        ("CreateModel", "ValidationException", f"Requested image {IMAGE} not found", "push.sh"),
        ("DescribeImages", "RepositoryNotFoundException", "The repository …", "push.sh"),
        ("DescribeImages", "ImageNotFoundException", "The image with …", "push.sh"),
        ("UpdateEndpoint", "ValidationException", "Cannot update in-progress endpoint x", "wait"),
        ("CreateEndpoint", "ValidationException", "Cannot create already existing", "--name"),
        ("DescribeModel", "ValidationException", 'Could not find model "x"', "status.py"),
        ("HeadObject", "404", "Not Found", "package.py"),
        ("HeadObject", "403", "Forbidden", "name of the bucket"),
        ("HeadBucket", "404", "Not Found", "aws s3 mb"),
        ("CreateModel", "AccessDeniedException", SIGNED_IN_BY_SSO, "deployer-policy.json"),
        ("PutObject", "AccessDenied", "Access Denied", "invoker-policy.json"),
        ("CreateEndpointConfig", "ValidationException", NO_SUCH_TYPE, "ml.c7i.xlarge"),
    ],
)
def test_errors_have_a_remedy(operation, code, message, remedy):
    error = {"Error": {"Code": code, "Message": message}}
    text = explain(ClientError(error, operation))
    assert text.startswith(f"{operation}: {code}: {message}")
    assert remedy in text.removeprefix(message)
    assert "\n" not in text


@pytest.mark.parametrize(
    ("exception", "remedy"),
    [
        (exceptions.NoCredentialsError(), "aws configure"),
        (exceptions.ProfileNotFound(profile="x"), "list-profiles"),
        (exceptions.NoRegionError(), "--region"),
        (exceptions.InvalidRegionError(region_name="eu central"), "eu-central-1"),
        (exceptions.SSOTokenLoadError(error_msg="Token for x does not exist"), "aws sso login"),
        (exceptions.UnauthorizedSSOTokenError(), "aws sso login"),
        (exceptions.TokenRetrievalError(provider="sso", error_msg="x"), "aws sso login"),
        (exceptions.EndpointConnectionError(endpoint_url="https://x"), "check the network"),
    ],
)
def test_errors_before_any_request_have_a_remedy(exception, remedy):
    assert remedy in explain(exception)


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("Unable to provision requested ML compute capacity due to "
         "InsufficientInstanceCapacity error", "another --instance-type"),
        ("The primary container for production variant AllTraffic did not pass the ping health "
         "check. Please check CloudWatch logs for this endpoint", "--health-timeout"),
        (MODEL_DATA, "execution-role.json"),
        (GRANT, "execution-role.json"),
    ],
)  # fmt: skip
def test_reasons_of_a_failure_have_a_remedy(reason, remedy):
    assert remedy in with_remedy(f"cells does not serve cells-1: {reason}")


def test_long_messages_are_cut_and_not_their_remedy():
    text = with_remedy(f"x: {NO_SUCH_TYPE} {'ml.m5.xlarge, ' * 500}")
    assert len(text) < 1200
    assert text.endswith("…; an instance type is called such as ml.c7i.xlarge")


@pytest.mark.parametrize(
    ("code", "message", "missing"),
    [
        ("ValidationException", 'Could not find model "x"', True),
        ("RepositoryNotFoundException", "x", True),
        ("404", "Not Found", True),
        ("AccessDeniedException", "User: arn:aws:iam::404404404404:user/me is not …", False),
        ("ThrottlingException", "cells-a404b1c2d3", False),
        ("AccessDeniedException", "endpoint/notfound", False),
        ("ValidationException", "1 validation error: cells-a404b1c2d3", False),
    ],
)
def test_what_is_missing_is_told_from_what_may_not_be_seen(code, message, missing):
    error = {"Error": {"Code": code, "Message": message}}
    assert is_missing(ClientError(error, "DescribeModel")) == missing


def test_the_region_of_either_variable(monkeypatch):
    """boto3 itself reads the second one only."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert Aws().region == "eu-west-3"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert Aws().region == "eu-west-3"  # as for the AWS CLI, version 2
    monkeypatch.delenv("AWS_REGION")
    assert Aws().region == "us-east-1"
    assert Aws("eu-central-1").region == "eu-central-1"


def test_what_is_unknown_has_no_remedy():
    assert with_remedy("something  else.") == "something else"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            '{"code": 400, "message": "a  page does not exist; quota"}',
            "a  page does not exist; quota",
        ),
        ("what code  of the user's says", "what code  of the user's says"),
    ],
)
def test_what_the_container_says_is_shown_as_it_was(message, shown):
    """It is no message of AWS, even where it sounds like one."""
    error = {
        "Error": {"Code": "ModelError", "Message": f"Received client error (400): {message}"},
        "OriginalStatusCode": 400,
        "OriginalMessage": message,
    }
    assert explain(ClientError(error, "InvokeEndpoint")) == f"400: {shown}"


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
