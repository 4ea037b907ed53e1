#!/usr/bin/env python3
"""Write the list of what is in this image, with versions: an SBOM in CycloneDX's JSON.

    sbom.py > sbom.cdx.json

The Dockerfile runs it in the image that it describes; it needs the standard library only.
CycloneDX 1.6: https://cyclonedx.org/docs/1.6/json/
Package URLs: https://github.com/package-url/purl-spec
"""

import argparse
import hashlib
import importlib.metadata
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

NAME = "unet-inference"
DPKG_STATUS = Path("/var/lib/dpkg/status")
OS_RELEASE = Path("/etc/os-release")
PACKAGES = Path("/opt/venv/lib/python3.11/site-packages")
JAVA = Path("/opt/java")
MODEL = Path("/opt/ml/model/unet-membrane.keras")
# of MMS's jar, which has the classes of its libraries and names one version only: where they lie
# in it, and what they are called
IN_JAR = {
    "com/google/gson/Gson.class": ("com.google.code.gson", "gson"),
    "com/lmax/disruptor/EventHandler.class": ("com.lmax", "disruptor"),
    "org/apache/commons/cli/Option.class": ("commons-cli", "commons-cli"),
    "org/apache/commons/io/IOUtils.class": ("commons-io", "commons-io"),
    "org/apache/logging/log4j/Logger.class": ("org.apache.logging.log4j", "log4j-api"),
    "org/apache/logging/log4j/core/Logger.class": ("org.apache.logging.log4j", "log4j-core"),
    "org/slf4j/Logger.class": ("org.slf4j", "slf4j-api"),
}
NETTY_VERSION = re.compile(r"^(netty-[\w-]+)\.version=(\S+)", re.MULTILINE)

Component = dict[str, Any]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--packages", type=Path, default=PACKAGES, help="of Python")
    parser.add_argument("--java", type=Path, default=JAVA, help="the folder of the Java runtime")
    parser.add_argument("--model", type=Path, default=MODEL, help="the embedded model")
    parser.add_argument("--version", default="", help="of this project, such as a commit")
    told = parser.parse_args(arguments)
    components = [
        operating_system(OS_RELEASE.read_text()),
        *debian_packages(DPKG_STATUS.read_text(), OS_RELEASE.read_text()),
        *python_packages(told.packages),
        java_runtime((told.java / "release").read_text()),
        *jar_libraries(told.packages / "mms" / "frontend" / "model-server.jar"),
        *([model(told.model)] if told.model.exists() else []),
    ]
    json.dump(document(components, told.version), sys.stdout, indent=1)
    print()
    return 0


def document(components: list[Component], version: str = "") -> dict[str, Any]:
    """The whole list, of what is in an image."""
    image: Component = {"type": "container", "name": NAME, "bom-ref": NAME}
    if version:
        image["version"] = version
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "component": image,
        },
        "components": sorted(components, key=lambda component: component["bom-ref"]),
    }


def operating_system(release: str) -> Component:
    """What ``/etc/os-release`` tells."""
    told = _assignments(release)
    return {
        "type": "operating-system",
        "name": told["ID"],
        "version": told["VERSION_ID"],
        "bom-ref": f"os:{told['ID']}@{told['VERSION_ID']}",
    }


def debian_packages(status: str, release: str) -> Iterator[Component]:
    """The packages that dpkg's list of states says are installed."""
    system = _assignments(release)
    for paragraph in status.split("\n\n"):
        told = dict(
            line.split(": ", 1) for line in paragraph.splitlines() if re.match(r"[\w-]+: ", line)
        )
        if told.get("Status", "").endswith(" installed"):
            where = f"arch={told['Architecture']}&distro={system['ID']}-{system['VERSION_ID']}"
            made = _library("deb", system["ID"], told["Package"], told["Version"], where)
            made["supplier"] = {"name": told["Maintainer"]}
            yield made


def python_packages(folder: Path) -> Iterator[Component]:
    """The distributions in a folder of packages."""
    for found in importlib.metadata.distributions(path=[str(folder)]):
        told = found.metadata
        name = re.sub(r"[-_.]+", "-", told["Name"]).lower()
        made = _library("pypi", "", name, found.version)
        if "License-Expression" in told:
            made["licenses"] = [{"expression": told["License-Expression"]}]
        elif "License" in told and "\n" not in told["License"]:
            made["licenses"] = [{"license": {"name": told["License"]}}]
        yield made


def java_runtime(release: str) -> Component:
    """What the file ``release`` of a Java runtime tells."""
    version = _assignments(release)["JAVA_VERSION"]
    made = _library("generic", "", "openjdk", version)
    made["cpe"] = f"cpe:2.3:a:oracle:openjdk:{version}:*:*:*:*:*:*:*"
    return made


def jar_libraries(jar: Path) -> Iterator[Component]:
    """The libraries whose classes are in MMS's jar: Netty names its version, others do not."""
    found: dict[tuple[str, str], str] = {}
    with zipfile.ZipFile(jar) as archive:
        names = set(archive.namelist())
        for entry in archive.infolist():
            if entry.filename == "META-INF/io.netty.versions.properties":
                for name, version in NETTY_VERSION.findall(archive.read(entry).decode()):
                    found["io.netty", name] = version
    found |= {library: "" for path, library in IN_JAR.items() if path in names}
    for (group, name), version in found.items():
        made = _library("maven", group, name, version)
        made["properties"] = [{"name": "in", "value": jar.name}]
        yield made


def model(path: Path) -> Component:
    """The embedded model, by its content."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "type": "machine-learning-model",
        "name": path.name,
        "bom-ref": f"model:{path.name}",
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }


def _library(kind: str, group: str, name: str, version: str, where: str = "") -> Component:
    """A component with its package URL."""
    parts = [kind, *([quote(group, safe="")] if group else []), quote(name, safe="")]
    purl = "pkg:" + "/".join(parts)
    made: Component = {"type": "library"}
    if group and kind == "maven":
        made["group"] = group
    made["name"] = name
    if version:
        made["version"] = version
        purl += "@" + quote(version, safe="")
    if where:
        purl += "?" + where
    return made | {"purl": purl, "bom-ref": purl}


def _assignments(text: str) -> dict[str, str]:
    """What a file of lines ``NAME="value"`` says."""
    return dict(re.findall(r'^(\w+)="?(.*?)"?$', text, re.MULTILINE))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
