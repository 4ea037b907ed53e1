#!/usr/bin/env python3
"""Compare what arrives of image files, of every kind, with what a reader should see: a table."""

import json
import logging
import os
import re
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import in_venv as in_venv

import click
import numpy as np
from tqdm import tqdm

from lib.pages import show
from segmentation import depth
from segmentation.errors import SegmentationError
from segmentation.testing import Answer, Client
from segmentation.wire.decoding import read
from segmentation.wire.media_types import ANY_IMAGE, NPY

EXPECTED = "expected.npz"
IDENTITY = "identity"
EXACT, LOSSY = 2e-4, 0.03
# kinds that blur, of which the mean counts: colours are kept at half the size
BLURRED = re.compile(r"\.jpe?g$|jpeg_|\.webp$|\.avif$|webp_")
LENGTH = 150  # of a reason, in characters
MAX_PIXELS = 10**9
HEAD = "| file | read | as | said or assumed |\n|---|---|---|---|"
OTHERS = {".npz", ".md"}
# what only the sender can know
SAID = {"gray12in16.tif": "range=4095"}

EXAMPLE = """\b
Example:
  scripts/measure/files.py images/ --write docs/files.md"""


class Row(NamedTuple):
    """What came of one file."""

    name: str
    right: bool | None  # None: nothing is expected
    verdict: str
    shape: str
    note: str

    def __str__(self) -> str:
        return f"| {self.name} | {self.verdict} | {self.shape} | {self.note} |"


@click.command(epilog=EXAMPLE)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--write", type=click.Path(exists=True, path_type=Path), help="a page with a table")
def main(folder: Path, write: Path | None) -> None:
    """Compare what arrives of image files with what a reader should see.

    FOLDER holds files, expected.npz with the intensities of some by their names, (H, W), (H, W, C)
    or (N, H, W), and identity/cN, models of N channels that answer what they are given. Each file
    goes through the whole chain. Right is what differs by 2e-4 at most, and by 0.03 in the mean
    where the file itself is blurred. Prints a table, or writes it into a page between its marks.
    """
    logging.disable(logging.CRITICAL)
    rows = list(_rows(folder))
    table = _table(rows)
    show(table, "scripts/measure/files.py", write)
    wrong = [row.name for row in rows if row.right is False]
    if wrong:
        raise click.ClickException(f"{len(wrong)} are not read right: {', '.join(wrong)}")


def _rows(folder: Path) -> Iterator[Row]:
    os.environ["UNET_PRECISION"] = "float32"  # what is compared is how files are read
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    files = [path for path in files if path.suffix not in OTHERS]
    clients: dict[int, Client] = {}
    with np.load(folder / EXPECTED, allow_pickle=False) as expected, ExitStack() as stack:
        for path in tqdm(files, unit="file"):
            wanted = expected[path.name] if path.name in expected.files else None
            for channels in _channels(wanted):
                if channels not in clients:
                    model = _with_spec(folder / IDENTITY / f"c{channels}", stack)
                    clients[channels] = stack.enter_context(Client(model))
            asked = {channels: clients[channels] for channels in _channels(wanted)}
            yield _row(path, wanted, asked)


def _with_spec(model: Path, stack: ExitStack) -> Path:
    """A copy of a model that says that its channels are probabilities of their own."""
    copy = Path(stack.enter_context(tempfile.TemporaryDirectory()), model.name)
    shutil.copytree(model, copy, copy_function=shutil.copyfile)
    copy.chmod(0o700)
    (copy / "model.json").write_text(json.dumps({"multilabel": True}))
    return copy


def _channels(wanted: np.ndarray | None) -> tuple[int, ...]:
    """Of the models that a file is sent to: what is expected tells; else one after another."""
    if wanted is None:
        return 1, 2, 3
    last = wanted.shape[-1]
    return (last,) if wanted.ndim == 3 and last <= 5 else (1,)


def _row(path: Path, wanted: np.ndarray | None, clients: dict[int, Client]) -> Row:
    said = SAID.get(path.name)
    for client in clients.values():
        answer = _asked(client, path, said)
        if answer.status == 200:
            break
    if answer.status != 200:
        reason = json.loads(answer.body)["message"]
        short = textwrap.shorten(reason, LENGTH, placeholder=" …").replace("|", "\\|")
        return Row(path.name, None if wanted is None else False, "refused", "", short)
    found = np.atleast_3d(answer.array())
    assumed = _assumed(path, said, clients)
    note = "; ".join(filter(None, (f"sent with `{said}`" if said else "", assumed)))
    shape = "×".join(map(str, answer.array().shape))
    if wanted is None:
        return Row(path.name, None, "read", shape, note)
    right, difference = _compared(found, wanted, bool(BLURRED.search(path.name)))
    verdict = "right" if right else f"**differs by {difference:.1g}**"
    return Row(path.name, right, verdict, shape, note)


def _asked(client: Client, path: Path, said: str | None) -> Answer:
    attributes = "output=probability" + (f", {said}" if said else "")
    headers = {"X_Amzn_SageMaker_Custom_Attributes": attributes}
    return client.post(path.read_bytes(), ANY_IMAGE, NPY, **headers)


def _compared(found: np.ndarray, wanted: np.ndarray, blurred: bool) -> tuple[bool, float]:
    """Whether they are the same, and how much they differ."""
    wanted = np.atleast_3d(wanted)
    if found.size != wanted.size:
        return False, np.inf
    difference = np.abs(found.reshape(wanted.shape).astype(np.float64) - wanted)
    if blurred:
        return bool(difference.mean() <= LOSSY), float(difference.mean())
    return bool(difference.max() <= EXACT), float(difference.max())


def _assumed(path: Path, said: str | None, clients: dict[int, Client]) -> str:
    """What the sender is told, without what the model's channels decide."""
    try:
        images = read(path.read_bytes(), ANY_IMAGE, MAX_PIXELS)
        images = images.with_range(depth.parse(said.partition("=")[2]) if said else None)
        settled = images.for_channels(max(clients) if len(clients) == 1 else images.channels)
    except SegmentationError:
        return ""
    return "; ".join(settled.assumed)


def _table(rows: list[Row]) -> str:
    known = [row for row in rows if row.right is not None]
    right = sum(row.right is True for row in known)
    refused = sum(row.verdict == "refused" for row in rows)
    count = (
        f"Of {len(rows)} files, {len(known)} have one right answer, and {right} of these are read "
        f"so; {refused} are refused.\n"
    )
    return "\n".join([count, HEAD, *map(str, rows)])


if __name__ == "__main__":
    sys.exit(main())
