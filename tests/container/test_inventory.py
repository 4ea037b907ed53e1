"""The list of what is in the image."""

import json

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from lib.docker import docker

pytestmark = pytest.mark.container

LIST = "/usr/share/sbom/unet-inference.cdx.json"
INSTALLED = r"dpkg-query -W -f '${Package} ${Version}\n'; pip list --format freeze"


def test_all_that_is_installed_is_listed(image):
    text = docker("run", "--rm", image, "cat", LIST)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    listed = {(c["name"], c.get("version")) for c in json.loads(text)["components"]}
    packages = docker("run", "--rm", image, "sh", "-c", INSTALLED).replace("==", " ").splitlines()
    assert len(packages) > 100
    for name, version in map(str.split, packages):
        assert (name.lower().replace("_", "-").replace(".", "-"), version) in listed or (
            name,
            version,
        ) in listed
    assert ("netty-codec-http", "4.1.91.Final") in listed
    assert {"openjdk", "unet-membrane.keras", "debian"} <= {name for name, _ in listed}
