"""A wheel without a build: what pip needs to install one module."""

import zipfile
from pathlib import Path


def write_wheel(folder: Path, name: str, source: str = "") -> Path:
    """Write the wheel of a module into a folder; its path."""
    info = f"{name}-1.dist-info"
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, content in files.items():
            wheel.writestr(file, content)
        wheel.writestr(f"{info}/RECORD", "".join(f"{file},,\n" for file in files))
    return path
