"""examples/sagemaker-sdk: both versions of the SDK, each in an environment of its own."""

import os
import re
import subprocess

import pytest

from lib.docker import docker
from lib.environments import python_of
from lib.server import free_port
from support import bodies, tiny_models
from support.commands import run
from support.containers import ROOT
from support.runtime import runtime
from support.serving import serve

FOLDER = ROOT / "examples" / "sagemaker-sdk"
MANIFESTS = ROOT / "tests" / "fixtures" / "manifests" / "requirements.txt"
PASSED_ON = (
    "PATH", "HOME", "LANG", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION",
    "AWS_DEFAULT_REGION",
)  # fmt: skip
MASK = (bodies.GRAY > 127) * 255
IMAGE = f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/unet@sha256:{'0' * 64}"
ROLE = "arn:aws:iam::123456789012:role/unet-inference"


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    """An artifact of a small model."""
    from aws import package

    folder = tmp_path_factory.mktemp("sdk")
    model = tiny_models.save(tiny_models.identity(), folder / "model")
    run(package, model, "--output", folder / "model.tar.gz")
    return folder / "model.tar.gz"


@pytest.fixture(params=["v2", "v3"])
def example(request, tmp_path, cloud):
    """Run the example of one version of the SDK; what it prints, and the mask."""
    version = request.param
    requirements = FOLDER / version / "requirements.txt"
    python = python_of(ROOT / f".venv-sagemaker-{version}", requirements)
    (tmp_path / "picture.png").write_bytes(bodies.png(bodies.GRAY))

    def example(image, model, *options, **variables):
        # the SDK leaves folders behind where temporary ones are
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environment |= {"TMPDIR": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"} | variables
        out = tmp_path / "mask.png"
        command = [python, FOLDER / version / "deploy.py", image, model, tmp_path / "picture.png"]
        command += ["--out", out, *options]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        output = done.stdout + done.stderr
        assert done.returncode == 0, output[-3000:]
        return output, bodies.read(out.read_bytes(), "image/png").tolist()

    return example


@pytest.mark.container
def test_in_a_container_of_this_machine(image, example, artifact):
    compose = python_of(ROOT / ".venv-manifests", MANIFESTS).parent  # `docker-compose` is there
    path = f"{compose}{os.pathsep}{os.environ['PATH']}"
    options = ("--local", "--port", str(free_port()))
    output, mask = example(image, artifact, *options, PATH=path)
    for name in set(re.findall(r"Attaching to ([\w-]+)", output)):
        docker("rm", "--force", "--volumes", name)
    docker("network", "rm", "sagemaker-local", check=False)
    assert mask == MASK.tolist()


def test_on_aws(cloud, example, tmp_path):
    model = tiny_models.save(tiny_models.identity(), tmp_path / "model")
    with serve(model) as server, runtime(server.url) as url:
        _, mask = example(
            IMAGE,
            "s3://unet-test/models/cells.tar.gz",
            "--role",
            ROLE,
            AWS_ENDPOINT_URL=cloud.url,
            AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME=url,
        )
    assert mask == MASK.tolist()
    assert not any(cloud.state().values())  # it has deleted what it made
