"""The list of what is in the image: what it is made of, and whether it is CycloneDX."""

import importlib.metadata
import json
import sys
import zipfile
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from image import sbom

RELEASE = 'ID=debian\nVERSION_ID="12"\n'
STATUS = """\
Package: libstdc++6
Status: install ok installed
Maintainer: GCC <gcc@example.org>
Architecture: amd64
Version: 12.2.0-14+deb12u1
Description: a library
 Version: of several lines

Package: removed
Status: deinstall ok config-files
Maintainer: Nobody <nobody@example.org>
Architecture: amd64
Version: 1
"""


def test_debian_packages_that_are_installed():
    [found] = sbom.debian_packages(STATUS, RELEASE)
    assert found["version"] == "12.2.0-14+deb12u1"
    assert found["purl"] == (
        "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12"
    )


def test_python_packages():
    folder = Path(sys.prefix, "lib", f"python3.{sys.version_info.minor}", "site-packages")
    found = {made["name"]: made for made in sbom.python_packages(folder)}
    version = importlib.metadata.version("orjson")
    assert found["orjson"]["purl"] == f"pkg:pypi/orjson@{version}"


def test_the_libraries_in_a_jar(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.jar", "w") as archive:
        archive.writestr("com/google/gson/Gson.class", b"")
        archive.writestr(
            "META-INF/io.netty.versions.properties",
            "#made\nnetty-codec.version=4.1.91.Final\nnetty-codec.commit=1\n",
        )
    found = {made["purl"] for made in sbom.jar_libraries(tmp_path / "a.jar")}
    assert found == {
        "pkg:maven/io.netty/netty-codec@4.1.91.Final",
        "pkg:maven/com.google.code.gson/gson",
    }


@pytest.mark.parametrize("version", ["", "0123abc"])
def test_a_document_keeps_to_the_schema(tmp_path, version):
    model = tmp_path / "a.keras"
    model.write_bytes(b"model")
    components = [
        sbom.operating_system(RELEASE),
        *sbom.debian_packages(STATUS, RELEASE),
        sbom.java_runtime('JAVA_VERSION="17.0.15"\n'),
        sbom.model(model),
    ]
    text = json.dumps(sbom.document(components, version))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
