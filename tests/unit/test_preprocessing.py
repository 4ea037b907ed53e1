"""Steps before the network, beside numpy's own words for them."""

import numpy as np
import pytest

from segmentation.depth import EIGHT_BITS, UNIT, Range
from segmentation.images import Images
from segmentation.preprocessing import (
    CHUNK_PIXELS,
    Clip,
    FixedZeroMeanUnitVariance,
    Preprocessing,
    ScaleLinear,
    ScaleRange,
    ZeroMeanUnitVariance,
)


@pytest.fixture(params=["uint8", "uint16", "float32"])
def images(request):
    """Two images of two channels, each with a brightness of its own."""
    rng = np.random.default_rng(0)
    values = rng.random((2, 37, 41, 2)) * [0.3, 0.9] + [[[[0.1, 0]]], [[[0.4, 0.05]]]]
    if request.param == "float32":
        return Images(values.astype(np.float32), UNIT, "NHWC")
    largest = np.iinfo(request.param).max
    return Images((values * largest).astype(request.param), Range(0, largest), "NHWC")


def run(images, *steps):
    intensities = images.intensities(images.batch)
    functions = Preprocessing(steps).fitted(images)
    results = np.stack(
        [function(one) for function, one in zip(functions, intensities, strict=True)]
    )
    assert results.dtype == np.float32
    return intensities, results


def each_image(x):
    return [one.astype(np.float64) for one in x]


def test_nothing_is_nothing(images):
    x, y = run(images)
    assert np.array_equal(x, y)


def test_steps_follow_each_other(images):
    x, y = run(images, ScaleLinear(gain=255), Clip(min=100), ScaleLinear(gain=[1, 2], offset=-1))
    np.testing.assert_allclose(y, np.maximum(255 * x, 100) * [1, 2] - 1, rtol=1e-6)


def test_known_mean_and_deviation(images):
    x, y = run(images, FixedZeroMeanUnitVariance(mean=[0.4, 0.5], std=0.25))
    np.testing.assert_allclose(y, (x - [0.4, 0.5]) / 0.25, atol=1e-6)


@pytest.mark.parametrize(("axes", "over"), [("xyc", None), ("xy", (0, 1))])
def test_mean_and_deviation_of_each_whole_image(images, axes, over):
    x, y = run(images, ScaleLinear(gain=255), ZeroMeanUnitVariance(axes=axes))
    expected = [(i - i.mean(over)) / (i.std(over) + 1e-6) for i in each_image(255 * x)]
    np.testing.assert_allclose(y, expected, atol=1e-4)


@pytest.mark.parametrize(("axes", "over"), [("xyc", None), ("xy", (0, 1))])
def test_percentiles_of_each_whole_image(images, axes, over):
    x, y = run(images, ScaleLinear(gain=-2), ScaleRange(1, 99.8, axes=axes))
    expected = []
    for i in each_image(-2 * x):
        low, high = np.percentile(i, [1, 99.8], axis=over)
        expected.append((i - low) / (high - low + 1e-6))
    np.testing.assert_allclose(y, expected, atol=1e-4)


def test_an_image_that_is_looked_at_in_parts():
    pixels = np.random.default_rng(1).integers(0, 255, (3, CHUNK_PIXELS // 2), np.uint8)
    x, y = run(Images(pixels, EIGHT_BITS, "HW"), ZeroMeanUnitVariance())
    np.testing.assert_allclose(y, (x - x.mean(dtype=float)) / x.std(dtype=float), atol=1e-4)


def test_black_stays_finite():
    black = Images(np.zeros((8, 8), np.uint8), EIGHT_BITS, "HW")
    for step in (ZeroMeanUnitVariance(), ScaleRange()):
        assert np.isfinite(run(black, step)[1]).all()


@pytest.mark.parametrize(
    ("step", "kwargs"),
    [
        (ScaleLinear, {"gain": "255"}),
        (ScaleLinear, {"gain": []}),
        (ScaleLinear, {"gain": True}),
        (ScaleLinear, {"offset": float("nan")}),
        (FixedZeroMeanUnitVariance, {"mean": 0, "std": 0}),
        (FixedZeroMeanUnitVariance, {"mean": 0, "std": [1, -1]}),
        (ZeroMeanUnitVariance, {"axes": "time"}),
        (ZeroMeanUnitVariance, {"eps": [1]}),
        (ScaleRange, {"min_percentile": 50, "max_percentile": 50}),
        (ScaleRange, {"eps": 0}),
        (ZeroMeanUnitVariance, {"eps": 0}),
        (ScaleRange, {"max_percentile": 101}),
        (Clip, {"min": None}),
    ],
)
def test_impossible_numbers_are_refused(step, kwargs):
    with pytest.raises(ValueError, match="must be"):
        step(**kwargs)


@pytest.mark.parametrize("dtype", [np.int16, np.uint32, np.int64])
def test_percentiles_of_whole_numbers_of_any_type(dtype):
    pixels = np.random.default_rng(0).integers(0, 50, (8, 9)).astype(dtype)
    images = Images(pixels, Range(0, 50), "HW")
    x, y = run(images, ScaleRange(min_percentile=0, max_percentile=100))
    np.testing.assert_allclose(y, x / x.max(), atol=1e-5)
