"""The worked examples of CONTRIBUTING.md, applied word for word to a copy of the code, and used."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import tiny_models

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"```python\n# ([^\n]+)\n(.*?)```", re.DOTALL)


def apply(place: str, code: str, root: Path) -> None:
    """Do to a copy of the tree what the first line of an example says."""
    path = root / re.findall(r"inference/\S+\.py", place)[0]
    if place.startswith("the file"):
        path.write_text(code)
        return
    source = path.read_text()
    if place.startswith("at the end"):
        path.write_text(f"{source}\n\n{code}")
    elif place.startswith("at the beginning"):
        docstring, rest = source.split('"""\n', 1)
        path.write_text(f'{docstring}"""\n{code}{rest}')
    elif "in place of" in place:
        [old] = re.findall(r"in place of '(.+)'", place)
        assert source.count(old) == 1
        path.write_text(source.replace(f"{old}\n", code))
    else:
        [mark] = re.findall(r'before "(.+)"', place)
        assert source.count(mark) == 1
        path.write_text(source.replace(mark, f"{code}{mark}"))


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """A copy of the code with all examples."""
    root = tmp_path_factory.mktemp("contributing")
    shutil.copytree(
        ROOT / "inference",
        root / "inference",
        ignore=shutil.ignore_patterns("build", "__pycache__"),
    )
    blocks = BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text())
    assert len(blocks) == 6
    for place, code in blocks:
        apply(place, code, root)
    return root


USE = """
import io, logging, sys
import numpy as np
from PIL import Image
from segmentation import testing
from segmentation.answers import ANSWERS
from segmentation.wire.formats import FORMATS

logging.basicConfig(level=logging.INFO, stream=sys.stdout)
gray = np.array([[0, 51, 255]], np.uint8)
bmp = io.BytesIO()
Image.fromarray(gray).save(bmp, "BMP")
with testing.Client(sys.argv[1]) as client:
    wanted = {"X_Amzn_SageMaker_Custom_Attributes": "output=uncertainty"}
    answer = client.post(bmp.getvalue(), "image/bmp", "application/x-npy", **wanted)
    np.testing.assert_allclose(answer.array(), [[0, 0.4, 0]], atol=1e-6)
    mask = client.post(bmp.getvalue(), "application/x-image")
    assert (mask.status, mask.content_type) == (200, "image/bmp"), mask
    assert mask.array().tolist() == [[0, 0, 255]]
    other = {"X_Amzn_SageMaker_Custom_Attributes": "output=entropy"}
    message = client.post(bmp.getvalue(), "image/bmp", **other).body.decode()
    known = "mask, probability, overlay, labels, geojson, table, preview, uncertainty"
    assert f"one of {known}" in message, message
"""


def test_the_examples_work(changed, tmp_path):
    model_dir = tiny_models.save(tiny_models.identity(), tmp_path)
    run = subprocess.run(
        [sys.executable, "-c", USE, model_dir],
        env=os.environ | {"PYTHONPATH": str(changed / "inference"), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "computing in float32 by eager" in run.stdout
