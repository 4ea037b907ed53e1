"""What the documents name is there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MADE = {"out", "build", "runs"}  # folders that are no part of the project
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
# in backticks, or at the beginning of a command in a block
PATH = re.compile(
    r"(?:`|^ *)((?:benchmark|docs|inference|scripts|tests)/[\w./-]+\.(?:py|sh|md|json))\b",
    re.MULTILINE,
)


def documents() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("*.md")):
        folders = path.relative_to(ROOT).parent.parts
        hidden = any(folder.startswith(".") for folder in folders)
        if not hidden and not MADE.intersection(folders):
            yield path.relative_to(ROOT)


DOCUMENTS = list(documents())


def test_all_documents_are_looked_at():
    expected = {"README.md", "CONTRIBUTING.md", "docs/aws.md", "models/unet-membrane/README.md"}
    assert expected <= set(map(str, DOCUMENTS))


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_the_files_that_are_linked_exist(document):
    folder = (ROOT / document).parent
    targets = LINK.findall((ROOT / document).read_text())
    assert [target for target in targets if not (folder / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_the_paths_that_are_named_exist(document):
    paths = PATH.findall((ROOT / document).read_text())
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_paths_are_recognized():
    text = "see `scripts/aws/status.py cells` or `docs`\n\n    scripts/setup.sh --dev\n"
    assert PATH.findall(text) == ["scripts/aws/status.py", "scripts/setup.sh"]
