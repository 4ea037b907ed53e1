"""The tables of the README and of the documents that say what the code decides."""

import json
import re
from pathlib import Path

import pytest

from segmentation.answers import ANSWERS
from segmentation.spec import ModelSpec
from segmentation.spec_entries import KEYS
from segmentation.wire.formats import READERS
from segmentation.wire.options import PARSERS
from serving.settings import _NAMES as NAMES
from serving.settings import MODEL_DIR

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "examples/*.md", "models/*/*.md")
    for path in ROOT.glob(pattern)
)
MEDIA_TYPE = re.compile(r"`([a-z]+/[a-z0-9.+-]+)`")
SETTING = re.compile(r"`((?:UNET|SAGEMAKER|MMS)_[A-Z_]+)`")
OPTION = re.compile(r"`(\w+)=")
# read by SageMaker's toolkit, by Multi Model Server, or at both ends
OF_OTHERS = {
    "SAGEMAKER_BIND_TO_PORT",
    "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS",
    "SAGEMAKER_MULTI_MODEL",
    "MMS_JOB_QUEUE_SIZE",
    "MMS_INFERENCE_ADDRESS",
}


def first_column(document: str, title: str) -> str:
    """The first cells of the tables of a section, a line each."""
    text = (ROOT / document).read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    return "\n".join(rows)


def test_requests_may_have_all_media_types_that_are_read():
    assert MEDIA_TYPE.findall(first_column("docs/api.md", "Formats")) == list(READERS)


def test_requests_may_want_all_answers():
    outputs = re.findall(r"`output=(\w+)`", first_column("README.md", "Answers"))
    assert outputs == list(ANSWERS)
    answers = re.findall(r"`(\w+)`", first_column("docs/api.md", "Answers"))
    assert [answer for answer in answers if answer != "output"] == list(ANSWERS)


@pytest.mark.parametrize(
    ("document", "title"), [("README.md", "Answers"), ("docs/api.md", "Options")]
)
def test_requests_may_have_all_options(document, title):
    assert set(OPTION.findall(first_column(document, title))) == set(PARSERS)


def test_all_settings_are_told():
    told = SETTING.findall(first_column("docs/serving.md", "Settings"))
    assert len(told) == len(set(told))
    assert set(told) == {MODEL_DIR, *NAMES.values()} | OF_OTHERS


def test_the_settings_of_the_readme_are_some_of_them():
    told = SETTING.findall(first_column("README.md", "Settings"))
    assert told
    assert set(told) <= {MODEL_DIR, *NAMES.values()} | OF_OTHERS


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().split()) < 1500


def anchors(document: Path) -> set[str]:
    """What the headings of a document are called in links, as GitHub makes it of them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_the_example_of_model_json_has_every_entry():
    text = (ROOT / "docs/models.md").read_text()
    [example] = re.findall(r"```json\n(.+?)```", text, re.DOTALL)
    spec = ModelSpec.parse(example.encode())
    assert spec.class_names == ("background", "cell")
    assert list(json.loads(example)) == list(KEYS)
    assert re.findall(r"`(\w+)`", first_column("docs/models.md", "model.json")) == list(KEYS)
