#!/usr/bin/env python3
"""Segment images by a server or an endpoint: masks, polygons, tables, and a summary."""

from collections.abc import Iterator
from pathlib import Path

import click

from aws.lib.cli import Aws, command
from aws.lib.jobs import CONTENT_TYPES, Job, run
from aws.lib.services import AsyncEndpoint, Endpoint, HttpServer, Service
from aws.lib.summary import summary
from segmentation.answers import ANSWERS, Mask, Overlay, Probability

EXAMPLE = """scripts/aws/invoke.py sections/ --url http://127.0.0.1:8080 --overlay -o masks
scripts/aws/invoke.py sections/ --url http://127.0.0.1:8080 --output labels --output table
scripts/aws/invoke.py cell.tif --endpoint cells --region eu-central-1"""


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
    default=4,
    show_default=True,
    help="requests in flight",
)
@click.option("--url", help="of a server: http://127.0.0.1:8080")
@click.option("--endpoint", help="of SageMaker")
@click.option("--target-model", help="of a multi-model server or endpoint")
@click.option(
    "--async",
    "async_input",
    metavar="S3_PREFIX",
    help="of an asynchronous endpoint: where the images are put",
)
def main(images, out, overlay, probability, outputs, attributes, concurrency, region, **where):
    """Segment IMAGES, files or folders of files. The exit code is 1 if any failed."""
    service = connect(region, **where)
    files = list(expand(images))
    names = names_of(overlay, probability, outputs)
    jobs = [Job(file, name, attributes) for file in files for name in names]
    out.mkdir(parents=True, exist_ok=True)
    results = run(service, jobs, out, concurrency)
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
    async_input: str | None,
) -> Service:
    """The service that the options name."""
    if url and not endpoint:
        if async_input:
            raise click.UsageError("--async is for an --endpoint")
        return HttpServer(url, target_model)
    if endpoint and not url:
        if async_input:
            return AsyncEndpoint(Aws(region), endpoint, async_input)
        return Endpoint(Aws(region), endpoint, target_model)
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
