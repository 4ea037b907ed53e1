"""From `docker build` to an endpoint and back to nothing: a real registry, AWS over HTTP, and the
pulled image with the packed model behind the endpoint."""

import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

from aws import delete, invoke, package, rollback, status
from lib.docker import docker
from support import bodies, containers, tiny_models
from support.commands import run
from support.containers import ROOT
from support.runtime import runtime
from support.serving import until

pytestmark = pytest.mark.container

ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
SAMPLE = ROOT / "models" / "unet-membrane" / "sample.png"
CODE = b"""
def output_fn(prediction, accept):
    return b"of my own", "text/plain"
"""


def push(*arguments, code=0):
    """build_and_push.sh: the last line of its output, and what it says besides."""
    done = subprocess.run(
        [ROOT / "scripts" / "aws" / "build_and_push.sh", *arguments], capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
    return done.stdout.strip(), done.stderr


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A registry of container images: its host, and the port that it took by itself."""
    program = shutil.which("docker-registry")
    if not program:
        missing = "docker-registry is missing; apt-get install docker-registry"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    folder = tmp_path_factory.mktemp("registry")
    config = {
        "version": "0.1",
        "log": {"level": "info"},  # one of its lines says where it listens
        "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
        "http": {"addr": "127.0.0.1:0"},
    }
    (folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "serve", folder / "config.yml"], stdout=output, stderr=output
        )

    def address():
        assert process.poll() is None, log.read_text()
        return re.search(r"listening on (127\.0\.0\.1:\d+)", log.read_text())

    try:
        until(address)
        yield address()[1]
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


@pytest.fixture
def pushed(image, registry):
    """The image by its digest, pushed; and gone from the engine."""
    digest, _ = push("unet", "v1", "--registry", registry)
    docker("rmi", "--force", f"{registry}/unet:v1")
    yield digest
    docker("rmi", "--force", digest, check=False)


def unpack(cloud, artifact, folder):
    """What SageMaker does with an artifact."""
    bucket, key = artifact.removeprefix("s3://").split("/", 1)
    cloud.aws("s3").download_file(bucket, key, str(folder / "model.tar.gz"))
    with tarfile.open(folder / "model.tar.gz") as archive:
        archive.extractall(folder / "model", filter="data")
    return folder / "model"


def test_from_an_image_to_an_endpoint_and_back(cloud, pushed, deploy, mask, tmp_path, monkeypatch):
    assert "@sha256:" in pushed
    packed = run(package, SAMPLE.parent, "--output", "s3://unet-test/models/")
    artifact = packed.stdout.strip()

    deploy(image=pushed, model=artifact)
    model = cloud.aws("sagemaker").describe_model(ModelName=cloud.state()["models"][0])
    assert model["PrimaryContainer"]["Image"] == pushed

    folder = unpack(cloud, model["PrimaryContainer"]["ModelDataUrl"], tmp_path)
    arguments = ("--volume", f"{folder}:/opt/ml/model:ro", model["PrimaryContainer"]["Image"])
    with containers.container(*arguments) as container, runtime(container.url) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", url)
        run(invoke, SAMPLE, "--endpoint", "cells", "-o", tmp_path / "masks")
    assert (tmp_path / "masks" / "sample.png").read_bytes() == mask

    deploy("--env", "UNET_THRESHOLD=0.6", image=pushed, model=artifact)
    deploy("--env", "UNET_THRESHOLD=0.6", "--max-instances", "3", image=pushed, model=artifact)
    assert "1 to 3 instances" in run(status, "cells").output
    run(rollback, "cells")
    run(delete, "cells", "--artifacts", "s3://unet-test/models/", "--yes")
    assert not any(cloud.state().values())
    assert "Contents" not in cloud.aws("s3").list_objects_v2(Bucket="unet-test")


def test_the_documentation_word_for_word(cloud, registry, image, mask, tmp_path, monkeypatch):
    """Every command of docs/aws.md, in one shell; only the registry is another one."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):  # it sets them itself
        monkeypatch.delenv(name)
    text = (ROOT / "docs" / "aws.md").read_text()
    script = "".join(line[4:] for line in text.splitlines(keepends=True) if line.startswith("    "))
    assert script.count("scripts/aws/build_and_push.sh unet-inference") == 1
    script = script.replace(
        "build_and_push.sh unet-inference",
        f"build_and_push.sh unet-inference --registry {registry}",
    ).replace("scripts/setup.sh --dev\n", "")  # done, or this test would not run
    script = script.replace("/tmp/", f"{tmp_path}/")
    # what the documentation makes is looked at before its last step removes it
    before, delete_all = script.split("scripts/aws/delete.py")
    script = f"{before} echo y | scripts/aws/delete.py{delete_all}"
    copy = tmp_path / "project"
    subprocess.run(["git", "clone", "--quiet", ROOT, copy], check=True)
    (copy / ".venv").symlink_to(ROOT / ".venv")
    with containers.container(image) as container, runtime(container.url) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", url)
        done = subprocess.run(
            [
                "bash",
                "-euo",
                "pipefail",
                "-c",
                f"{before} echo y | scripts/aws/delete.py{delete_all}",
            ],
            cwd=copy,
            capture_output=True,
            text=True,
        )
    docker("rmi", "--force", f"{registry}/unet-inference:{commit(copy)}", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (copy / "masks" / "sample.png").read_bytes() == mask
    assert (copy / "masks" / "sample-overlay.png").exists()
    assert (copy / "mask.png").read_bytes() == mask
    assert "of cells nothing is left" in done.stdout
    assert not any(cloud.state().values())
    iam = cloud.aws("iam")
    assert iam.list_roles()["Roles"] == iam.list_groups()["Groups"] == []
    assert iam.list_policies(Scope="Local")["Policies"] == []
    assert [b["Name"] for b in cloud.aws("s3").list_buckets()["Buckets"]] == ["unet-test"]


def commit(folder):
    command = ["git", "-C", folder, "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_pushing_to_ecr(cloud, image):
    """As far as it goes without the real registry: `docker login` finds none."""
    for _ in range(2):
        _, messages = push("unet-new", "v1", code=1)
        assert f"docker cannot log in to {ECR}" in messages
    ecr = cloud.aws("ecr")
    [repository] = ecr.describe_repositories(repositoryNames=["unet-new"])["repositories"]
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    policy = ecr.get_lifecycle_policy(repositoryName="unet-new")["lifecyclePolicyText"]
    assert json.loads(policy)["rules"][0]["selection"]["tagStatus"] == "untagged"


def test_a_tag_that_is_in_ecr_already(cloud, image):
    ecr = cloud.aws("ecr")
    ecr.create_repository(repositoryName="unet-new")
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    config = {"digest": f"sha256:{'a' * 64}"}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config})
    ecr.put_image(repositoryName="unet-new", imageTag="v1", imageManifest=manifest)
    [known] = ecr.describe_images(repositoryName="unet-new")["imageDetails"]
    digest, messages = push("unet-new", "v1")
    assert digest == f"{ECR}/unet-new@{known['imageDigest']}"
    assert "there already" in messages


def test_misuse_of_the_push():
    assert "REPOSITORY is needed" in push(code=2)[1]
    assert "no option --nonsense" in push("unet", "--nonsense", code=2)[1]
    assert "Usage" in push("--help")[0]


def test_a_folder_of_real_sections(image, tmp_path):
    """Not part of the project: see the model card."""
    if not os.environ.get("ISBI2012_DIR"):
        pytest.skip("ISBI2012_DIR is not set")
    sections = tmp_path / "sections"
    sections.mkdir()
    for path in sorted(Path(os.environ["ISBI2012_DIR"], "image").iterdir())[:5]:
        shutil.copy(path, sections)
    out = tmp_path / "out"
    with containers.container(image) as container:
        output = run(invoke, sections, "--url", container.url, "--overlay", "-o", out).output
    names = {path.stem for path in sections.iterdir()}
    assert {path.stem for path in out.iterdir()} == names | {f"{n}-overlay" for n in names}
    rows = [line for line in output.splitlines() if " mask " in line]
    assert len(rows) == len(names)
    shares = [float(row.split()[2].rstrip("%")) for row in rows]
    assert all(60 < share < 95 for share in shares)  # cells


def test_artifacts_are_served(image, cloud, tmp_path):
    """Single-model and multi-model, with code of the user's."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_bytes(CODE)
    model = tiny_models.save(tiny_models.identity(), tmp_path / "identity")
    plain = run(package, model, "--output", "s3://unet-test/models/").stdout.strip()
    with_code = ("--code", tmp_path / "code", "--output", "s3://unet-test/models/")
    own = run(package, model, *with_code).stdout.strip()
    folders = {}
    for name, artifact in (("plain", plain), ("own", own)):
        (tmp_path / name).mkdir()
        folders[name] = unpack(cloud, artifact, tmp_path / name)
    body = bodies.png(np.array([[0, 255]], np.uint8))
    png = {"Content-Type": "image/png"}
    with containers.container("--volume", f"{folders['own']}:/opt/ml/model:ro", image) as single:
        assert single.invoke(body, headers=png).text == "of my own"
    multi_model = ("--env", "SAGEMAKER_MULTI_MODEL=true", "--volume", f"{tmp_path}:/models:ro")
    with containers.container(*multi_model, image) as multi:
        for name in folders:
            assert multi.load(name, f"/models/{name}/model").status_code == 200
        assert multi.invoke(body, "/models/own/invoke", headers=png).text == "of my own"
        answer = multi.invoke(body, "/models/plain/invoke", headers=png)
        assert bodies.read(answer.content, "image/png").tolist() == [[0, 255]]
