"""Which stored values are black and white."""

import re

import numpy as np
import pytest

from segmentation import depth
from segmentation.depth import Bound, Range, RangeRule
from segmentation.errors import RequestError
from segmentation.images import Images, from_array, stored


def intensities(array, rule=None, **told):
    images = Images(array, axes="HW", **told).with_range(rule and depth.parse(rule))
    images = images.for_channels(1)
    return images.intensities(images.batch[0, ..., 0])


def ramp(dtype, low, high):
    return np.linspace(low, high, 40).reshape(5, 8).astype(dtype)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4095", RangeRule(Bound(0), Bound(4095))),
        ("100:4095", RangeRule(Bound(100), Bound(4095))),
        ("-1:1", RangeRule(Bound(-1), Bound(1))),
        (" 1% : 99.8% ", RangeRule(Bound(1, True), Bound(99.8, True))),
        ("0:99%", RangeRule(Bound(0), Bound(99, True))),
        ("1e-3:.5", RangeRule(Bound(0.001), Bound(0.5))),
    ],
)
def test_a_range_is_read(text, expected):
    assert depth.parse(text) == expected


NO_RANGES = [
    "",
    ":",
    "1:",
    "a",
    "1:2:3",
    "5:5",
    "9:1",
    "99%",
    "2%:1%",
    "0:101%",
    "nan",
    "1e99",
    "0",
]
TOO_NARROW = ["1e-50", "0:1e-39"]
TOO_LONG = ["1" * 101, f"{'1' * 9999}x"]


@pytest.mark.parametrize("text", NO_RANGES + TOO_NARROW + TOO_LONG)
def test_what_is_no_range(text):
    with pytest.raises(RequestError, match=r"range (is|has) .*1%:99\.8%"):
        depth.parse(text)


@pytest.mark.parametrize(
    ("array", "rule", "expected"),
    [
        (ramp(np.uint16, 0, 4095), "4095", (0, 1)),
        (ramp(np.uint16, 0, 4095), "0:8190", (0, 0.5)),
        (ramp(np.int16, -100, 300), "-100:300", (0, 1)),
        (ramp(np.uint32, 0, 2**32 - 1), f"{2**32 - 1}", (0, 1)),
        (ramp(np.float32, -1, 1), "-1:1", (0, 1)),
        (ramp(np.uint8, 0, 200), "50:100", (0, 1)),
    ],
)
def test_what_a_sender_says(array, rule, expected):
    values = intensities(array, rule)
    assert values.dtype == np.float32
    np.testing.assert_allclose([values.min(), values.max()], expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
def test_percentiles_are_those_of_numpy(dtype):
    array = np.random.default_rng(0).integers(0, 200, (50, 70)).astype(dtype)
    low, high = np.percentile(array, [1, 99.8])
    expected = ((array - low) / (high - low)).clip(0, 1)
    np.testing.assert_allclose(intensities(array, "1%:99.8%"), expected, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_values_of_a_view_are_counted_together(axis):
    pixels = np.arange(300 * 400 * 3).reshape(300, 400, 3).astype(np.uint8)
    view = np.moveaxis(pixels, -1, axis)[:2, :2, :2] if axis < 2 else pixels[..., 1:2]
    parts = [part.copy() for part in depth._parts(view)]
    assert len(parts) == 1
    assert sorted(parts[0]) == sorted(view.ravel())


def test_percentiles_are_of_the_channels_that_the_model_takes():
    bright = np.dstack([ramp(np.uint16, 0, 100), ramp(np.uint16, 0, 60_000)])
    images = stored(bright, axes="HWC").with_range(depth.parse("0%:100%"))
    taken = images.for_channels(1, (0,))
    assert taken.range == Range(0, 100)


def test_large_numbers_keep_their_differences():
    array = np.array([[1e9, 1e9 + 15, 1e9 + 30]])
    np.testing.assert_allclose(intensities(array, "1000000000:1000000030"), [[0, 0.5, 1]])


def test_an_image_without_contrast_is_black():
    assert intensities(np.full((4, 4), 1e-40, np.float32), "1%:99%").max() == 0
    assert intensities(np.full((4, 4), 7, np.uint16), "1%:99%").max() == 0


def test_low_values_stay_white_where_the_file_says_so():
    array = ramp(np.uint16, 0, 4095)
    inverted = intensities(array, range=Range(65_535, 0))
    np.testing.assert_allclose(inverted, 1 - array / 65_535, atol=1e-6)
    stretched = intensities(array, "4095", range=Range(65_535, 0))
    np.testing.assert_allclose(stretched, 1 - array / 4095, atol=1e-6)


@pytest.mark.parametrize(
    ("largest", "bits"), [(200, 8), (1023, 10), (4095, 12), (16_383, 14), (16_384, None)]
)
def test_a_depth_that_16_bits_look_like_is_told(largest, bits):
    images = from_array(np.array([[0, largest]], np.uint16))
    assert images.range == Range(0, 65_535)
    if bits is None:
        assert not images.assumed
    else:
        assert f"{bits}-bit camera" in images.assumed[0]
        assert f"send range={2**bits - 1}" in images.assumed[0]


def test_a_depth_that_the_file_tells_is_not_doubted():
    images = Images(np.array([[0, 4095]], np.uint16), Range(0, 4095), "HW").with_range()
    assert not images.assumed


def test_floats_beyond_one_by_rounding_are_clipped():
    array = np.array([[0, np.nextafter(np.float32(1), np.float32(2))]], np.float32)
    assert intensities(array).max() == 1
    assert intensities(array - np.float32(1e-6)).min() == 0


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (ramp(np.float32, 0, 1.5), "values go from 0 to 1.5; .* range=0:1.5"),
        (np.array([[0, 1.0002]], np.float32), "from 0 to 1.0002;"),
        (ramp(np.float32, -0.5, 1), "range=-0.5:1"),
        (np.array([[0, np.nan]], np.float32), "NaN or infinity"),
        (np.array([[0, np.inf]], np.float32), "NaN or infinity"),
        (ramp(np.int16, -5, 300), "samples of 16 signed bits, from -5 to 300, .* range=-5:300"),
        (ramp(np.int8, -5, 100), "samples of 8 signed bits, from -5 to 100"),
        (ramp(np.uint32, 3, 300), "samples of 32 bits, from 3 to 300.*range=0:300"),
        (ramp(np.int64, 0, 9), "range=0:9"),
    ],
)
def test_what_nothing_tells_is_refused_with_the_remedy(array, message):
    with pytest.raises(RequestError, match=message):
        from_array(array)


def test_nan_has_no_place_in_any_range():
    with pytest.raises(RequestError, match="NaN"):
        intensities(np.array([[0, np.nan]], np.float32), "0:1")


@pytest.mark.parametrize("range_", ["0:1", "1%:99%", "50%:1e38"])
def test_what_float32_cannot_hold_has_no_place_in_any_range(range_):
    with pytest.raises(RequestError, match="a number beyond 32 bits"):
        intensities(np.array([[0, 1e300]], np.float64), range_)


@pytest.mark.parametrize(
    ("numbers", "expected", "assumed"),
    [
        ([[0, 255]], (0, 1), False),
        ([[0, 127.5]], (0, 0.5), False),
        ([[0, 0]], (0, 0), False),
        ([[0, 1]], (0, 1 / 255), True),
        ([[0, 3]], (0, 3 / 255), False),
        ([[0.0, 0.25, 1.0]], (0, 1), True),
        ([[0.5, 2.0]], (0.5 / 255, 2 / 255), True),
    ],
)
def test_numbers_in_a_text(numbers, expected, assumed):
    images = Images(np.array(numbers, np.float32), text=True).with_range()
    values = images.intensities(images.pixels)
    np.testing.assert_allclose([values.min(), values.max()], expected, atol=1e-6)
    assert bool(images.assumed) == assumed


def test_numbers_in_a_text_that_are_larger():
    array = np.array([[0, 4095]], np.float32)
    with pytest.raises(RequestError, match=r"0 to 4095; .*range=0:4095"):
        Images(array, text=True).with_range()
    assert intensities(array, "4095", text=True).max() == 1


@pytest.mark.parametrize(
    "value",
    [
        *(np.float32(value) for value in (-1, -0.5, -7, 2.5, 300, 3e38, -3e38)),
        *(np.int32(value) for value in (0, -1, -7, 300)),
    ],
)
def test_the_range_that_is_advised_is_taken(value):
    pixels = np.full((2, 2), value)
    with pytest.raises(RequestError) as refusal:
        depth.settle(pixels, None)
    advised = re.search(r"range=([^ ,]+)", str(refusal.value))[1]
    found = depth.parse(advised).of(pixels)
    assert found.black <= value <= found.white


def test_the_range_that_is_advised_of_numbers_in_a_text_is_taken():
    with pytest.raises(RequestError, match=r"are black and white with range=-1:0, or send"):
        depth.of_numbers(np.full((2, 2), -1))
