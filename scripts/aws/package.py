#!/usr/bin/env python3
"""Pack a model, and its graph, into the model.tar.gz that SageMaker takes, after trying that it can
be served.
"""

import ast
import gzip
import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import in_venv as in_venv

import click
from tqdm import tqdm

from aws.lib.cli import Aws, command, s3_location

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
EXAMPLE = """scripts/aws/package.py models/unet-membrane --output s3://my-bucket/models/
scripts/aws/package.py cells.keras --code code/ --output model.tar.gz
scripts/aws/package.py models/unet-membrane --uncompressed --output s3://my-bucket/models/"""


@command(EXAMPLE)
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--code",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="folder with inference.py, requirements.txt, …",
)
@click.option(
    "--output",
    required=True,
    metavar="S3_OR_FILE",
    help="s3://bucket/prefix/ or a folder (named by content), s3://bucket/key or a file",
)
@click.option(
    "--uncompressed", is_flag=True, help="upload the files as they are, each as an object in S3"
)
@click.option("--int8", "images", type=FOLDER, help="images to calibrate a graph in int8 on")
@click.option("--labels", type=FOLDER, help="of these images, to compare scores, too")
def main(region, model, code, output, uncompressed, images, labels):
    """Pack MODEL, a file or a folder, with the model at the root and code/ beside it.

    Below a prefix that ends in / the artifact is named by what is in it, so that a new model has a
    new name and scripts/aws/deploy.py sees that it has changed; with --uncompressed its files lie
    below a prefix of that name, which SageMaker need not unpack. The graph that the server runs is
    packed, too; --int8 adds one in int8, as scripts/models/prepare.py does. bioimage.io packages
    are packed if they reproduce the test that they publish; zips of SavedModels are unpacked.
    """
    if uncompressed and not output.startswith("s3://"):
        raise click.UsageError("--uncompressed uploads files; give --output s3://bucket/prefix/")
    files = collect(model, code)
    has_own_loader = not {"model_fn", "transform_fn", "*"}.isdisjoint(functions_of(files))
    with tempfile.TemporaryDirectory() as folder:
        if not has_own_loader:
            files = prepare(files, Path(folder), images, labels)
        if has_own_loader:
            click.echo("code/inference.py loads the model itself: it was not tried", err=True)
        if uncompressed:
            click.echo(upload(Aws(region), files, output))
            return
        artifact = Path(folder, "model.tar.gz")
        pack(files, artifact)
        click.echo(store(Aws(region), artifact, output))


def functions_of(files: dict[str, Path]) -> set[str]:
    """The names that code/inference.py defines.

    Args:
        files: name in the artifact -> file.

    Raises:
        click.ClickException: it, or another file of Python, cannot be read by Python.
    """
    names: set[str] = set()
    for name, path in files.items():
        if not name.endswith(".py"):
            continue
        try:
            tree = ast.parse(path.read_bytes(), name)
        except (SyntaxError, ValueError) as exc:
            raise click.ClickException(f"{path} is no Python: {exc}; mend it") from exc
        if name == "code/inference.py":
            names = set(_defined(tree))
    return names


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def collect(model: Path, code: Path | None) -> dict[str, Path]:
    """Name in the artifact -> file.

    Raises:
        click.UsageError: there is code twice, or --code has no inference.py.
    """
    files = {model.name: model} if model.is_file() else _files_below(model)
    if not files:
        raise click.UsageError(f"{model} is empty; it must hold a model")
    if code:
        if any(name.startswith("code/") for name in files):
            raise click.UsageError(f"{model} has a folder code already; leave --code out")
        if not (code / "inference.py").is_file():
            raise click.UsageError(
                f"{code} has no inference.py, the script that SageMaker looks for"
            )
        files |= {f"code/{name}": path for name, path in _files_below(code).items()}
    return files


def _files_below(folder: Path) -> dict[str, Path]:
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            files[str(path.relative_to(folder))] = path
    return files


def prepare(
    files: dict[str, Path], folder: Path, images: Path | None = None, labels: Path | None = None
) -> dict[str, Path]:
    """Convert the model as the server would, and load it as the server will.

    Args:
        files: name in the artifact -> file.
        folder: for the graph.
        images, labels: for a graph in int8; see ``models.lib.int8``.

    Returns:
        Name in the artifact -> file, with the graph that the server then need not make.

    Raises:
        click.ClickException: it could not be served.
    """
    from segmentation import artifacts
    from segmentation.bioimageio.package import unpack_beside
    from segmentation.errors import SegmentationError
    from segmentation.running.segmenter import load
    from serving.settings import named

    place = folder / "model"
    for name, path in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).symlink_to(path.absolute())
    try:
        filename = os.environ.get("UNET_MODEL_FILENAME")
        bundle = unpack_beside(place, filename)
        graph = artifacts.prepare(place, filename)
        network = load(place, filename).network
        check_published(place, filename)
    except SegmentationError as exc:
        raise click.ClickException(f"the model could not be served: {named(str(exc))}") from exc
    if images:
        from models.lib import int8

        for name, value in int8.add(place, graph, images, labels).items():
            click.echo(f"{name}: {value}", err=True)
    size = f"{network.height}×{network.width}" if network.height else "any size"
    kind = f"channels {network.channels}, classes {network.classes}"
    click.echo(f"{network.name}: {size}, {kind}", err=True)
    made = {str(path.relative_to(place)): path for path in graph.glob("*")}
    if bundle:
        files = {name: path for name, path in files.items() if place / name != bundle.zip}
        made |= {str(path.relative_to(place)): path for path in bundle.files}
    return files | made


def check_published(model_dir: Path, filename: str | None) -> None:
    """Refuse a package of bioimage.io that does not reproduce its published test.

    What cannot be compared is packed, and said.

    Raises:
        ModelError: it gives something else.
    """
    from segmentation.bioimageio.package import read
    from segmentation.networks.hardware import FLOAT32
    from segmentation.networks.tune import Computing
    from segmentation.running import reproduction
    from segmentation.running.segmenter import load
    from serving.settings import named

    if read(model_dir):
        exact = load(model_dir, filename, Computing(precision=FLOAT32))
        try:
            found = reproduction.check(exact, model_dir) or "no published test"
        except reproduction.NotCompared as exc:
            found = f"not compared: {named(str(exc))}"
        click.echo(found, err=True)


def pack(files: dict[str, Path], artifact: Path) -> None:
    """Write the archive; the same files give the same bytes."""
    total = sum(path.stat().st_size for path in files.values())
    with (
        open(artifact, "wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
        progress(total, "packing") as bar,
    ):
        for name, path in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = path.stat().st_size, 0o644
            with open(path, "rb") as file:
                archive.addfile(entry, io.BytesIO(file.read()))
            bar.update(entry.size)


def store(aws: Aws, artifact: Path, output: str) -> str:
    """Copy or upload the archive to ``output``, and return its full place.

    Raises:
        click.ClickException: it cannot be written there.
    """
    name = f"model-{hashlib.sha256(artifact.read_bytes()).hexdigest()[:16]}.tar.gz"
    if not output.startswith("s3://"):
        target = Path(output)
        target = target / name if output.endswith("/") or target.is_dir() else target
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(artifact.read_bytes())
        except OSError as exc:
            raise click.ClickException(f"{target} cannot be written: {exc.strerror}") from exc
        return str(target)
    bucket, key = s3_location(output)
    if not key or key.endswith("/"):
        key = f"{key}{name}"
    with progress(artifact.stat().st_size, "uploading") as bar:
        aws("s3").upload_file(str(artifact), bucket, key, Callback=bar.update)
    return f"s3://{bucket}/{key}"


def upload(aws: Aws, files: dict[str, Path], output: str) -> str:
    """Upload files below a prefix that is named by what is in them, and return the prefix.

    Args:
        files: name below the prefix -> file.
    """
    bucket, place = s3_location(output)
    content = hashlib.sha256()
    for name, path in sorted(files.items()):
        content.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    prefix = f"{place.rstrip('/')}/model-{content.hexdigest()[:16]}/".lstrip("/")
    with progress(sum(path.stat().st_size for path in files.values()), "uploading") as bar:
        for name, path in sorted(files.items()):
            aws("s3").upload_file(str(path), bucket, prefix + name, Callback=bar.update)
    return f"s3://{bucket}/{prefix}"


def progress(total: int, what: str) -> tqdm:
    """A bar that counts bytes, in a terminal only."""
    return tqdm(total=total, desc=what, unit="B", unit_scale=True, disable=None, leave=False)


if __name__ == "__main__":
    main()
