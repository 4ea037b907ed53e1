"""How the channels that were sent become those that a model takes."""

import numpy as np
import pytest

from segmentation import depth
from segmentation.errors import RequestError
from segmentation.images import Images, from_array
from support.bodies import GRAY, RGB, STACK

ALPHA = np.full_like(GRAY, 255)
GRAY_RGB = np.dstack([GRAY] * 3)
LARGE = np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8)


def batch(array, channels, chosen=None):
    return from_array(array).for_channels(channels, chosen).batch


def many(count, size=(40, 50)):
    return np.stack([np.full(size, channel, np.uint8) for channel in range(count)], axis=-1)


@pytest.mark.parametrize(
    ("array", "channels", "expected"),
    [
        (GRAY, 3, GRAY_RGB[None]),
        (GRAY[..., None], 3, GRAY_RGB[None]),
        (np.dstack([GRAY, ALPHA]), 3, GRAY_RGB[None]),
        (STACK[..., None], 3, np.stack([STACK] * 3, axis=-1)),
        (np.stack([LARGE, 255 - LARGE]), 3, np.stack([[LARGE, 255 - LARGE]] * 3, axis=-1)),
        (GRAY_RGB, 1, GRAY[None, ..., None]),
        (np.dstack([GRAY_RGB, ALPHA]), 1, GRAY[None, ..., None]),
        (np.stack([GRAY_RGB] * 2), 1, np.stack([GRAY] * 2)[..., None]),
        (np.dstack([RGB, ALPHA]), 3, RGB[None]),
        (np.dstack([RGB, GRAY]), 4, np.dstack([RGB, GRAY])[None]),
        (np.dstack([LARGE, np.full_like(LARGE, 255)]), 1, LARGE[None, ..., None]),
    ],
)
def test_what_is_served(array, channels, expected):
    np.testing.assert_array_equal(batch(array, channels), expected)


@pytest.mark.parametrize("channels", range(2, 17))
def test_2_to_16_channels_come_through(channels):
    array = many(channels)
    np.testing.assert_array_equal(batch(array, channels), array[None])
    np.testing.assert_array_equal(batch(np.stack([array] * 2), channels)[1], array)


@pytest.mark.parametrize(
    ("array", "channels", "message"),
    [
        (RGB, 1, "convert it to grayscale, or choose one with channel=0 .counted from 0"),
        (np.dstack([RGB, GRAY]), 3, "not opaque.*flatten it on a background, or choose with cha"),
        (np.dstack([GRAY_RGB, GRAY]), 1, "not opaque"),
        (
            many(5),
            3,
            "40×50×5, 5 channels; .* takes 3 channels; choose with channels=0,1,2",
        ),
        (many(5), 1, "5 channels; this model takes 1 channel; choose one with .* as N×H×W×1"),
        (many(3), 2, "choose with channels=0,1"),
        (many(3), 5, "send it as H×W×5"),
    ],
)
def test_what_is_never_guessed(array, channels, message):
    with pytest.raises(RequestError, match=message):
        batch(array, channels)


@pytest.mark.parametrize("channels", [2, 3, 5])
def test_channels_that_come_first_are_known_by_the_models_count(channels):
    first = np.ascontiguousarray(np.moveaxis(many(channels), -1, 0))
    for array, axes in ((first, "CHW"), (np.stack([first] * 2), "NCHW")):
        images = from_array(array).for_channels(channels)
        np.testing.assert_array_equal(images.batch[0], many(channels))
        assert (images.axes, images.stacked) == (axes, axes == "NCHW")
        assert "was read as channels first" in images.assumed[0]


def test_a_batch_of_gray_images_with_their_channel_first():
    images = from_array(LARGE[None, None]).for_channels(1)
    np.testing.assert_array_equal(images.batch, LARGE[None, ..., None])


def test_a_range_says_nothing_of_opacity():
    half = np.dstack([RGB, np.full_like(GRAY, 130)])
    with pytest.raises(RequestError, match="not opaque"):
        Images(half).with_range(depth.parse("0:128")).for_channels(3)
    opaque = Images(np.dstack([RGB, ALPHA]), alpha=True, axes="HWC")
    assert not opaque.with_range(depth.parse("1000")).for_channels(3).assumed


def test_a_page_is_chosen_where_pages_can_be_channels():
    pages = np.moveaxis(many(4), -1, 0)
    assert "since some of them were chosen" in from_array(pages).for_channels(1, (2,)).assumed[0]
    np.testing.assert_array_equal(batch(pages, 1, (2,))[0], many(4)[..., 2:3])
    np.testing.assert_array_equal(batch(pages, 2, (3, 0))[0], many(4)[..., [3, 0]])


def test_an_alpha_channel_of_a_file_is_dropped_with_a_warning():
    transparent = np.dstack([RGB, GRAY])
    images = Images(transparent, axes="HWC", alpha=True).for_channels(3)
    np.testing.assert_array_equal(images.batch[0], RGB)
    assert "partly transparent" in images.assumed[0]
    opaque = Images(np.dstack([RGB, ALPHA]), axes="HWC", alpha=True).for_channels(3)
    assert not opaque.assumed


def test_a_file_that_tells_its_channels_is_no_narrow_stack():
    with pytest.raises(RequestError) as refusal:
        from_array(RGB, axes="HWC").for_channels(1)
    assert str(refusal.value).endswith("choose one with channel=0 (counted from 0)")


def test_a_fourth_channel_that_is_no_alpha_is_never_dropped():
    images = Images(np.dstack([RGB, ALPHA]), axes="HWC", alpha=False)
    assert images.channels == 4
    with pytest.raises(RequestError, match="choose with channels=0,1,2"):
        images.for_channels(3)
    gray = Images(np.dstack([GRAY, ALPHA]), axes="HWC", alpha=False)
    with pytest.raises(RequestError, match="2 channels; this model takes 1"):
        gray.for_channels(1)


@pytest.mark.parametrize(
    ("chosen", "channels"),
    [((2,), 1), ((0, 2), 2), ((0, 1, 4), 3), ((2, 1, 0), 3), ((1, 1), 2), ((3,), 3)],
)
def test_channels_are_chosen(chosen, channels):
    expected = np.broadcast_to(many(5)[..., list(chosen)], (40, 50, channels))
    np.testing.assert_array_equal(batch(many(5), channels, chosen)[0], expected)


def test_a_chosen_channel_of_an_image_without_a_channel_axis():
    np.testing.assert_array_equal(batch(GRAY, 1, (0,)), GRAY[None, ..., None])


@pytest.mark.parametrize(
    ("chosen", "channels", "message"),
    [
        ((3,), 1, "channel 3 was chosen; image is 3×5×3, 3 channels; .*: choose from 0 to 2"),
        ((0, 1), 1, "2 channels of the image chosen; this model takes 1 channel"),
        ((0,), 2, "1 channel of the image chosen; this model takes 2 channels"),
    ],
)
def test_channels_that_cannot_be_chosen(chosen, channels, message):
    with pytest.raises(RequestError, match=message):
        batch(RGB, channels, chosen)


def test_nothing_is_copied():
    for array, channels, chosen in ((LARGE, 3, None), (many(4), 1, (2,)), (many(4), 2, (0, 2))):
        assert np.shares_memory(batch(array, channels, chosen), array)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, bool, np.float32])
def test_opaque_is_white_in_every_type(dtype):
    white = {np.uint8: 255, np.uint16: 65535}.get(dtype, 1)
    rgba = np.full((3, 5, 4), white, dtype)
    assert batch(rgba, 3).shape == (1, 3, 5, 3)
    rgba[0, 0, 3] = 0
    with pytest.raises(RequestError, match="opaque"):
        batch(rgba, 3)


def test_opaque_in_numbers_of_json():
    rgba = np.full((3, 5, 4), 255, np.float32)
    images = Images(rgba, text=True).with_range()
    assert images.for_channels(3).batch.shape == (1, 3, 5, 3)


@pytest.mark.parametrize(
    ("array", "channels"),
    [(GRAY, 1), (RGB, 3), (np.dstack([RGB, ALPHA]), 3), (np.dstack([RGB, GRAY]), 4),
     (many(7), 7), (STACK, 1), (STACK[..., None], 1), (np.stack([RGB, RGB]), 3)],
)  # fmt: skip
def test_how_many_were_sent_without_a_model(array, channels):
    assert from_array(array).channels == channels
