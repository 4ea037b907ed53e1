"""Cutting, and writing back: equal to the image, for any size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentation.running.plan import Axis, TilePlan
from segmentation.running.tiling import fitting_tile, mirrored, spans


@given(st.integers(1, 300), st.integers(1, 8), st.integers(0, 20), st.sampled_from([1, 4, 16]))
def test_kept_parts_cover_an_axis_once(length, strides, margin, stride):
    tile = strides * stride
    if length > tile and tile - 2 * margin < stride:
        with pytest.raises(ValueError, match="margins"):
            spans(length, tile, margin, stride)
        return
    found = spans(length, tile, margin, stride)
    covered = np.concatenate([np.arange(length)[span.kept_in_image] for span in found])
    np.testing.assert_array_equal(covered, np.arange(length))
    for span in found:
        assert span.start % stride == 0
        # what is kept has its margin, but at the ends of the image
        assert span.keep_start == 0 or span.keep_start - span.start >= margin
        assert span.keep_end == length or span.start + tile - span.keep_end >= margin


@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.tuples(st.integers(16, 48), st.integers(16, 48)),
    st.integers(0, 7),
)
def test_cut_and_written_back_images_are_themselves(size, tile, margin):
    images = np.arange(2 * size[0] * size[1]).reshape(2, *size, 1)
    back = np.full_like(images, -1)
    plan = TilePlan(*(Axis(length, length, margin, stride=1) for length in tile))
    for part in plan.tiles(2, *size):
        cut = part.cut_from(images)
        assert cut.shape == (*tile, 1)
        part.keep_in(back, cut)
    np.testing.assert_array_equal(back, images)


@pytest.mark.parametrize(
    ("length", "expected"),
    [(1, [0] * 7), (2, [0, 1, 0, 1, 0, 1, 0]), (3, [0, 1, 2, 1, 0, 1, 2]), (9, list(range(7)))],
)
def test_mirrored(length, expected):
    assert mirrored(np.arange(7), length).tolist() == expected


@given(st.integers(1, 20), st.integers(0, 19))
def test_mirrored_is_what_numpy_pads(length, more):
    line = np.arange(length)
    if length > 1:
        padded = np.pad(line, (0, more), mode="reflect")
        np.testing.assert_array_equal(mirrored(np.arange(length + more), length), padded)


@given(st.integers(1, 3000), st.integers(1, 12), st.integers(0, 70), st.sampled_from([1, 2, 16]))
def test_fitting_tiles_are_no_more_and_no_larger(length, size, margin, stride):
    largest = -(-2 * margin // stride) * stride + size * stride
    tile = fitting_tile(length, largest, margin, stride)
    assert tile <= largest
    assert tile % stride == 0
    found, known = (spans(length, t, margin, stride) for t in (tile, largest))
    assert len(found) <= len(known)


def test_fitting_tiles_save_work():
    assert fitting_tile(2048, 1024, 64, 16) == 768  # three, as of 1024
    assert fitting_tile(1025, 1024, 64, 16) == 592  # two
    assert fitting_tile(700, 1024, 64, 16) == 704
