"""Components of masks: as scikit-image finds and numbers them."""

import numpy as np
import pytest
import skimage.measure
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation import components


def random_mask(seed, shape, values=(255,), share=0.5, dtype=np.uint8):
    rng = np.random.default_rng(seed)
    of_each = [1 - share, *[share / len(values)] * len(values)]
    return rng.choice([0, *values], shape, p=of_each).astype(dtype)


def test_pixels_that_touch_by_a_corner_are_one():
    mask = np.array([[255, 0, 255], [0, 255, 0]], np.uint8)
    assert components.find(mask).labels.tolist() == [[1, 0, 1], [0, 1, 0]]


def test_numbers_go_row_by_row():
    mask = np.array([[0, 0, 0, 1], [1, 0, 0, 1], [1, 0, 1, 0]], np.uint8)
    found = components.find(mask)
    assert found.labels.tolist() == [[0, 0, 0, 1], [2, 0, 0, 1], [2, 0, 1, 0]]
    assert (found.count, found.areas.tolist()) == (2, [3, 2])
    assert found.boxes.tolist() == [[0, 2, 3, 4], [1, 0, 3, 1]]


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    values=st.sampled_from([(255,), (1, 2, 3), (7, 300), (4_000_000_000, 5)]),
    share=st.floats(0, 1),
)
def test_components_are_those_of_scikit_image(seed, shape, values, share):
    dtype = np.min_scalar_type(max(values))
    mask = random_mask(seed, shape, values, share, dtype)
    found = components.find(mask)
    np.testing.assert_array_equal(found.labels, skimage.measure.label(mask.astype(np.int64)))
    regions = skimage.measure.regionprops(found.labels)
    assert found.areas.tolist() == [region.area for region in regions]
    assert found.boxes.tolist() == [list(region.bbox) for region in regions]
    firsts = [mask[tuple(region.coords[0])] for region in regions]
    assert found.values.tolist() == firsts


def test_a_mask_without_background():
    assert components.find(np.full((2, 3), 7, np.uint16)).labels.tolist() == [[1, 1, 1]] * 2


@pytest.mark.parametrize("values", [(255,), (1, 2)])
def test_small_components_are_background(values):
    mask = random_mask(0, (600, 40), values, 0.4)
    labels = skimage.measure.label(mask)
    large = np.bincount(labels.ravel()) >= 9
    expected = skimage.measure.label(np.where(large[labels], mask, 0))
    found = components.find(mask, minimum=9)
    np.testing.assert_array_equal(found.labels, expected)
    assert found.areas.min() >= 9
    assert found.count == found.labels.max() == len(found.values)


def test_nothing_is_no_component():
    found = components.find(np.zeros((3, 4), np.uint8))
    assert (found.count, found.labels.any(), found.boxes.shape) == (0, False, (0, 4))


def test_sums():
    rng = np.random.default_rng(0)
    labels, weights = rng.integers(0, 5, (700, 3)), rng.random((700, 3))
    expected = [weights[labels == number].sum() for number in range(1, 5)]
    np.testing.assert_allclose(components.sums(labels, 4, weights), expected)
    columns = np.arange(3)[None]
    expected = [np.nonzero(labels == number)[1].sum() for number in range(1, 5)]
    assert components.sums(labels, 4, columns).tolist() == expected


def test_many_components_of_several_values_are_numbered_row_by_row():
    rows, columns = np.indices((600, 600))
    mask = (1 + (rows // 2 + columns // 2) % 3 * (rows % 2 == 0)).astype(np.uint8)
    mask[rows % 2 == 1] = 0
    mask[columns % 2 == 1] = 0
    found = components.find(mask)
    np.testing.assert_array_equal(found.labels[mask > 0], np.arange(1, found.count + 1))
    np.testing.assert_array_equal(found.values, mask[mask > 0])


def test_firsts_are_found_strip_by_strip(monkeypatch):
    monkeypatch.setattr(components, "STRIP_ROWS", 3)
    mask = random_mask(3, (50, 40), (1, 2, 3), 0.6)
    np.testing.assert_array_equal(
        components.find(mask).labels, skimage.measure.label(mask.astype(np.int64))
    )
