#!/usr/bin/env python3
"""Segment images by a server or an endpoint: masks, polygons, tables, and a summary."""

from collections.abc import Iterator
from pathlib import Path

import in_venv as in_venv

import click

from aws.lib import asynchronous
from aws.lib.asynchronous import AsyncEndpoint
from aws.lib.cli import Aws, command
from aws.lib.jobs import CONTENT_TYPES, Job, run
from aws.lib.services import Endpoint, HttpServer, Service
from aws.lib.summary import summary
from segmentation.answers import ANSWERS, Mask, Overlay, Probability

EXAMPLE = """scripts/aws/invoke.py sections/ --url http://127.0.0.1:8080 --overlay -o masks
scripts/aws/invoke.py sections/ --url http://127.0.0.1:8080 --output labels --output table
scripts/aws/invoke.py cell.tif --endpoint cells --region eu-central-1"""


AT_ONCE = 4
AT_ONCE_ASYNC = 64  # they wait in a queue of SageMaker's, by whose length it is scaled


def no_output(context: click.Context, option: click.Parameter, attributes: str) -> str:
    """Refuse an output among the attributes, because each request is sent one already."""
    keys = [pair.partition("=")[0].strip() for pair in attributes.split(",")]
    if "output" in keys:
        raise click.BadParameter(f"{attributes!r} names an output; use --output NAME for it")
    return attributes


@command(EXAMPLE)
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default="masks",
    show_default=True,
    help="folder for the answers",
)
@click.option("--overlay", is_flag=True, help="also the image with the outline of its mask")
@click.option("--probability", is_flag=True, help="also the probabilities, as 16-bit PNG or TIFF")
@click.option(
    "--output",
    "outputs",
    multiple=True,
    type=click.Choice(list(ANSWERS)),
    help="also this answer; may be repeated; all tables together are one, table.csv",
)
@click.option(
    "--attributes", default="", callback=no_output, help="such as threshold=0.4,augment=8"
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 64),
    help=f"requests in flight; default: {AT_ONCE}, with --async {AT_ONCE_ASYNC}",
)
@click.option("--url", help="of a server: http://127.0.0.1:8080")
@click.option("--endpoint", help="of SageMaker")
@click.option("--target-model", help="of a multi-model server or endpoint")
@click.option("--component", help="of an endpoint of inference components; it is called as that")
@click.option(
    "--async",
    "async_input",
    metavar="S3_PREFIX",
    help="of an asynchronous endpoint: where the images are put",
)
@click.option(
    "--async-seconds",
    type=click.IntRange(1, asynchronous.MOST_SECONDS),
    default=asynchronous.MOST_SECONDS,
    show_default=True,
    help="that the answer to one image may take, once it is being computed",
)
def main(images, out, overlay, probability, outputs, attributes, concurrency, region, **where):
    """Segment IMAGES, files or folders of files. The exit code is 1 if any failed."""
    service = connect(region, **where)
    files = list(expand(images))
    names = names_of(overlay, probability, outputs)
    jobs = [Job(file, name, attributes) for file in files for name in names]
    out.mkdir(parents=True, exist_ok=True)
    at_once = concurrency or (AT_ONCE_ASYNC if where["async_input"] else AT_ONCE)
    results = run(service, jobs, out, at_once)
    for line in summary(results):
        click.echo(line)
    failed = sum(bool(result.failure) for result in results)
    if failed:
        raise click.ClickException(f"{failed} of {len(results)} requests failed")


def names_of(overlay: bool, probability: bool, outputs: tuple[str, ...]) -> list[str]:
    """The names of the answers that the options want, the mask first, and none twice."""
    names = [Mask.name]
    if overlay:
        names.append(Overlay.name)
    if probability:
        names.append(Probability.name)
    return list(dict.fromkeys([*names, *outputs]))


def connect(
    region: str | None,
    url: str | None,
    endpoint: str | None,
    target_model: str | None,
    component: str | None,
    async_input: str | None,
    async_seconds: int,
) -> Service:
    """The service that the options name."""
    if url and not endpoint:
        if async_input:
            raise click.UsageError("--async is for an --endpoint")
        return HttpServer(url, target_model)
    if endpoint and not url:
        if async_input:
            return AsyncEndpoint(Aws(region), endpoint, async_input, async_seconds)
        return Endpoint(Aws(region), endpoint, target_model, component)
    raise click.UsageError("give either --url or --endpoint")


def expand(paths: tuple[Path, ...]) -> Iterator[Path]:
    """Files as they are, folders as the files in them that can be images."""
    seen: dict[str, Path] = {}
    for path in paths:
        candidates = sorted(path.iterdir()) if path.is_dir() else [path]
        files = [file for file in candidates if file.suffix.lower() in CONTENT_TYPES]
        if not files:
            known = " ".join(CONTENT_TYPES)
            raise click.UsageError(f"{path} holds nothing that can be sent; known are {known}")
        for file in files:
            other = seen.setdefault(file.stem, file)
            if other != file:
                raise click.UsageError(
                    f"{other} and {file} would have one mask; send them one after the other"
                )
            yield file


if __name__ == "__main__":
    main()
