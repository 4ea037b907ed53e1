"""Whether a model does what its package publishes: the test tensors of bioimage.io."""

from pathlib import Path

import numpy as np

from ..answers import Probability
from ..bioimageio import package as bioimageio
from ..bioimageio.package import Test
from ..depth import UNIT, of_type
from ..errors import ModelError, RequestError
from ..images import Images, from_array
from ..networks.activations import FUNCTIONS
from ..spec import ModelSpec
from .predict import predict
from .segmenter import Segmenter

TOLERANCE = 1e-3  # of float32, as bioimageio.core has it: of the value, and on top of it
SAME = 0.999  # of the pixels of a mask, which has no values in between
REMEDY = (
    "what its description says is not what its maker did: save the package again from what made "
    "the test, or say in model.json beside it what it takes and gives (docs/models.md)"
)


class NotCompared(ModelError):
    """A model cannot be compared with the test that its package publishes."""


def check(segmenter: Segmenter, model_dir: str | Path) -> str:
    """Answer the published test as a request would be answered: preprocessing, tiles, network.

    Args:
        segmenter: of the model, in float32.
        model_dir: where its package is.

    Returns:
        How it compares, for the log; "" where nothing is published.

    Raises:
        NotCompared: a test is published, and is not there, or is of another end than the model's.
        ModelError: it gives something else.
    """
    network, spec = segmenter.network, segmenter.spec
    test = _published(model_dir, spec, network.name)
    if test is None:
        return ""
    expected = _expected(test, spec, network.name)
    try:
        images = _images(test).for_channels(network.channels)
    except RequestError as exc:
        raise ModelError(f"the test input of {network.name} does not suit it: {exc}") from exc
    answer = Probability.wanted(None, spec, network.classes)
    values = predict(segmenter, images, answer).values  # (N, H, W, K) float32
    values = _common(values, expected, network.name)
    same, sentence = _compared(values, expected, test)
    if not same:
        raise ModelError(
            f"{network.name} does not reproduce its published test: {sentence}; {REMEDY}"
        )
    return f"{network.name} reproduces its published test: {sentence}"


def _published(model_dir: str | Path, spec: ModelSpec, name: str) -> Test | None:
    """The test of the package in a directory; None where none is published."""
    package = bioimageio.read(model_dir)
    try:
        return package.test(spec.ports.output, spec.ports.axes) if package else None
    except ModelError as exc:
        raise _not_compared(name, str(exc)) from exc


def _not_compared(name: str, reason: str) -> NotCompared:
    return NotCompared(
        f"{name} cannot be compared with its published test: {reason}; to serve it all the "
        "same, leave `check_test` out"
    )


def _images(test: Test) -> Images:
    """The test input as a request would bring it."""
    pixels = np.ascontiguousarray(test.pixels)
    if pixels.dtype.kind != "f" and of_type(pixels.dtype):
        return from_array(pixels, axes="NHWC")
    black, white = test.levels.black, test.levels.white
    intensities = ((pixels.astype(np.float64) - black) / (white - black)).astype(np.float32)
    return Images(intensities, UNIT, "NHWC")  # a published input may be outside of 0–1


def _expected(test: Test, spec: ModelSpec, name: str) -> np.ndarray:
    """The test output, (N, h, w, K), as the spec ends it."""
    published = test.ending.activation
    [wanted] = spec.postprocessing or (None,)
    if wanted == published or spec.postprocessing is None:
        return test.expected
    if wanted is None or published or test.ending.threshold is not None:
        raise _not_compared(name, "model.json has another postprocessing than its description")
    return FUNCTIONS[wanted](test.expected.astype(np.float64))


def _common(values: np.ndarray, expected: np.ndarray, name: str) -> np.ndarray:
    """What of the values the test output has, too: a border of these may be left out there."""
    less = [
        ours - theirs for ours, theirs in zip(values.shape[1:3], expected.shape[1:3], strict=True)
    ]
    channels = expected.shape[-1] in (values.shape[-1], 1)
    if len(values) != len(expected) or not channels or any(n < 0 or n % 2 for n in less):
        raise ModelError(
            f"{name} does not reproduce its published test: it gives {values.shape}, and "
            f"{expected.shape} is published (N, H, W, K); {REMEDY}"
        )
    rows, columns = (
        slice(n // 2, length - n // 2) for n, length in zip(less, values.shape[1:3], strict=True)
    )
    return values[:, rows, columns]


def _compared(values: np.ndarray, expected: np.ndarray, test: Test) -> tuple[bool, str]:
    """Whether they are the same, and a sentence about it."""
    if expected.shape[-1] < values.shape[-1]:  # it publishes the index of the likeliest class
        share = float((values.argmax(axis=-1) == np.rint(expected[..., 0])).mean())
    elif test.ending.threshold is not None:
        share = float(((values > test.ending.threshold) == (expected > 0)).mean())
    else:
        difference = np.abs(values - expected.astype(np.float64))
        same = difference <= TOLERANCE + TOLERANCE * np.abs(expected)
        return bool(same.all()), (
            f"values differ by {difference.max():.2g} at most, and may by {TOLERANCE:g}"
        )
    return share >= SAME, f"masks agree on {share:.2%} of the pixels, and must on {SAME:.1%}"
