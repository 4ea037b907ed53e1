"""What a deployment is made of: bytes under the same name, and parts that do not fit together."""

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from aws.lib import sources

ACCOUNT = "123456789012"
REPOSITORY = f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/unet"
DIGEST = f"sha256:{'0' * 64}"
IMAGE = f"{REPOSITORY}@{DIGEST}"
OTHER_DIGEST = f"sha256:{'1' * 64}"


def model(cloud):
    """The image of the model that the endpoint serves."""
    config = cloud.state()["endpoints"][0][1]
    described = cloud.aws("sagemaker").describe_endpoint_config(EndpointConfigName=config)
    name = described["ProductionVariants"][0]["ModelName"]
    return cloud.aws("sagemaker").describe_model(ModelName=name)["PrimaryContainer"]


def test_the_same_key_with_other_bytes_is_another_version(cloud, deploy):
    deploy()
    first = cloud.state()
    cloud.put("models/cells.tar.gz", b"a better model")
    deploy()
    second = cloud.state()
    assert second["endpoints"] != first["endpoints"]
    assert len(second["models"]) == 2
    cloud.put("models/cells.tar.gz", b"a model")
    deploy()
    assert cloud.state()["endpoints"] == first["endpoints"]


def test_a_version_of_s3_counts_where_the_bucket_has_versions(cloud, deploy):
    cloud.aws("s3").put_bucket_versioning(
        Bucket="unet-test", VersioningConfiguration={"Status": "Enabled"}
    )
    cloud.put("models/cells.tar.gz", b"a model")
    deploy()
    first = cloud.state()["endpoints"]
    cloud.put("models/cells.tar.gz", b"a model")
    deploy()
    assert cloud.state()["endpoints"] != first


def test_files_below_a_prefix_are_a_version_together(cloud, deploy):
    prefix = "s3://unet-test/models/m/"
    assert "there is no file below" in deploy(model=prefix, code=1).output
    cloud.put("models/m/model.onnx", b"a model")
    cloud.put("models/m/model.json", b"{}")
    deploy(model=prefix)
    first = cloud.state()["endpoints"]
    assert model(cloud)["ModelDataSource"]["S3DataSource"]["S3Uri"] == prefix
    cloud.put("models/m2/model.onnx", b"another one")  # not below it
    deploy(model=prefix)
    assert cloud.state()["endpoints"] == first
    cloud.put("models/m/model.json", b'{"threshold": 0.3}')
    deploy(model=prefix)
    assert cloud.state()["endpoints"] != first
    cloud.put("models/m/m.tar.gz", b"an archive")
    assert "lies an archive, which stays one" in deploy(model=prefix).output


@pytest.mark.parametrize("tag", ["", ":latest", ":v1"])
def test_a_tag_is_resolved_to_its_digest(cloud, deploy, tag):
    if tag != ":v1":
        cloud.push("latest", DIGEST)
    output = deploy(image=REPOSITORY + tag).output
    assert f"unet{tag or ':latest'} is {DIGEST}" in output
    assert model(cloud)["Image"] == IMAGE


def test_a_tag_that_has_moved_is_another_version(cloud, deploy):
    cloud.push("latest", DIGEST)
    deploy(image=f"{REPOSITORY}:latest")
    cloud.push("latest", OTHER_DIGEST)
    deploy(image=f"{REPOSITORY}:latest")
    assert model(cloud)["Image"] == f"{REPOSITORY}@{OTHER_DIGEST}"


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (REPOSITORY.replace("eu-central-1", "us-east-1"), "--region eu-central-1"),
        (f"{REPOSITORY}:none", "build_and_push.sh"),
        (f"{REPOSITORY}@{OTHER_DIGEST}", "build_and_push.sh"),
        (REPOSITORY.replace("/unet", "/other"), "build_and_push.sh"),
    ],
)
def test_an_image_that_is_elsewhere(cloud, deploy, image, message):
    assert message in deploy(image=image, code=1).output
    assert not any(cloud.state().values())


def test_an_image_that_is_not_in_ecr(cloud, deploy):
    output = deploy(image="docker.io/unet:1").output
    assert "warning: docker.io/unet:1 is not in ECR" in output


def test_a_role_of_another_account(cloud, deploy):
    role = ("--role", "arn:aws:iam::210987654321:role/unet-inference")
    output = deploy(*role, code=1).output
    assert f"--role is of account 210987654321, and these credentials are of {ACCOUNT}" in output
    assert not any(cloud.state().values())


@pytest.mark.parametrize("option", ["--model", "--async", "--data-capture"])
def test_a_bucket_in_another_region(cloud, deploy, option):
    cloud.aws.session.client("s3", region_name="us-west-2").create_bucket(
        Bucket="far-away", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    output = deploy(option, "s3://far-away/some/prefix/", code=1).output
    assert "the bucket far-away is in us-west-2, and this deploys to eu-central-1" in output
    assert not any(cloud.state().values())


def test_a_bucket_that_is_not_there(cloud, deploy):
    output = deploy(model="s3://no-such-bucket/model.tar.gz", code=1).output
    assert "aws s3 mb" in output


def test_many_models_of_which_there_is_none_yet(cloud, deploy):
    output = deploy("--multi-model", model="s3://unet-test/none/").output
    assert "warning: there is no model below s3://unet-test/none/ yet" in output


# --- what moto does not know: accounts of others


class Refusing:
    """A client that refuses a call, or the call with certain parameters."""

    def __init__(self, code, status=403, headers=None, only=None):
        answer = {"HTTPStatusCode": status, "HTTPHeaders": headers or {}}
        error = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": answer}
        self._error, self._only = error, only

    def _call(self, **parameters):
        if self._only is None or self._only in parameters:
            raise ClientError(self._error, "Call")
        return {"ResponseMetadata": {"HTTPHeaders": {"x-amz-bucket-region": "eu-central-1"}}}

    head_bucket = describe_images = _call


def aws(client):
    clients = {"s3": client, "ecr": client}
    return type("Aws", (), {"region": "eu-central-1", "__call__": lambda _, s: clients[s]})()


def test_a_bucket_of_another_account(capsys):
    sources.check_bucket(aws(Refusing("403", only="ExpectedBucketOwner")), "theirs", ACCOUNT)
    assert "warning: the bucket theirs is not of account" in capsys.readouterr().err


def test_the_region_of_a_bucket_that_may_not_be_listed():
    client = Refusing("403", headers={"x-amz-bucket-region": "us-west-2"})
    with pytest.raises(sources.click.ClickException, match="is in us-west-2"):
        sources.check_bucket(aws(client), "theirs", ACCOUNT)


def test_an_image_of_another_account(capsys):
    image = IMAGE.replace(ACCOUNT, "210987654321")
    client = Refusing("AccessDeniedException")
    assert sources.resolve_image(aws(client), image, ACCOUNT) == image  # by digest: as it is
    assert "its repository must let the execution role pull" in capsys.readouterr().err
    with pytest.raises(sources.click.ClickException, match="give the image by its digest"):
        sources.resolve_image(aws(client), image.partition("@")[0], ACCOUNT)


def test_images_of_other_partitions():
    image = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a/b:v1"
    found = SimpleNamespace(**sources.IMAGE.fullmatch(image).groupdict())
    assert (found.region, found.repository, found.tag) == ("cn-north-1", "a/b", "v1")
