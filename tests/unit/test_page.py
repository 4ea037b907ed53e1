"""What the page says of the server: formats, answers, and that it brings all that it needs."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from segmentation.answers import ANSWERS, Content, Prediction
from segmentation.images import from_array
from segmentation.spec import ModelSpec
from segmentation.wire.formats import BY_MEDIA_TYPE, BY_SUFFIX, OFFERS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "inference" / "page"
HTML = (PAGE / "index.html").read_text()
[TABLES] = re.findall(r'<script type="application/json" id="answers">(.*?)</script>', HTML, re.S)
TOLD = json.loads(TABLES)


def prediction(name: str, stacked: bool = False) -> Prediction:
    """An answer of black images."""
    shape = (2, 3, 4) if stacked else (3, 4)
    images = from_array(np.zeros(shape, np.uint8), axes="NHW" if stacked else "HW").for_channels(1)
    answer = ANSWERS[name].wanted(None, ModelSpec(), 1)
    if not answer.of_network:
        return Prediction(answer.of_images(images), answer, images)
    tile = np.zeros((*images.batch.shape[:3], 1), np.float32)
    return Prediction(answer.finished(answer.of_tile(tile)), answer, images)


def test_every_answer_can_be_downloaded():
    assert sorted(TOLD["outputs"]) == sorted(ANSWERS)


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("stacked", [False, True])
def test_an_answer_can_be_downloaded_in_every_format_that_holds_it(name, stacked):
    made = prediction(name, stacked)
    holding = {offer.media_type for offer in OFFERS if offer.holds(made)}
    alone = stacked and made.answer.content not in (Content.FEATURES, Content.TABLE)
    offered = {
        media_type
        for media_type in TOLD["outputs"][name]["formats"]
        if not (alone and TOLD["formats"][media_type].get("onePlane"))
    }
    assert offered == holding


def test_formats_are_called_as_the_server_calls_them():
    for media_type, told in TOLD["formats"].items():
        known = BY_MEDIA_TYPE[media_type]
        assert (told["name"], f".{told['suffix']}" in known.suffixes) == (known.name, True)


def test_files_are_named_by_their_suffixes():
    for suffix, media_type in TOLD["mediaTypes"].items():
        assert BY_SUFFIX[f".{suffix}"].media_type == media_type
    texts = {
        reader.media_type
        for reader in BY_SUFFIX.values()
        if not (reader.signatures or reader.picture)
    }
    assert texts <= set(TOLD["mediaTypes"].values())  # their first bytes tell nothing


def test_nothing_is_loaded_from_elsewhere():
    addresses = set(re.findall(r"https?://[^\s\"'`)]+", HTML))
    assert {address.split("/")[2] for address in addresses} <= {"www.w3.org", "numpy.org"}
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"(?!data:)", HTML)
    assert not re.findall(r"\s(?:style|on\w+)=\"", HTML)  # which the policy forbids


def test_the_sample_of_the_page_is_that_of_the_embedded_model():
    sample = ROOT / "models" / "unet-membrane" / "sample.png"
    assert (PAGE / "sample.png").read_bytes() == sample.read_bytes()
