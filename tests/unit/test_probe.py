"""The picture on which networks are compared, and the comparison of masks."""

import numpy as np
import pytest

from segmentation.networks import probe


@pytest.mark.parametrize("channels", [1, 3])
def test_the_picture_is_always_the_same(channels):
    image = probe.picture(40, 56, channels)
    assert (image.shape, image.dtype) == ((1, 40, 56, channels), np.float32)
    assert 0 <= image.min() < 0.3 < 0.6 < image.max() <= 1
    np.testing.assert_array_equal(image, probe.picture(40, 56, channels))


def test_a_large_picture_is_a_small_one_mirrored():
    small = probe.picture(256, 256, 1)
    large = probe.picture(1024, 300, 1)
    assert large.shape == (1, 1024, 300, 1)
    np.testing.assert_array_equal(large[:, :256, :256], small)
    np.testing.assert_array_equal(large[:, 256:512, :256], small[:, ::-1])


def test_agreement_counts_pixels():
    one = np.array([0.1, 0.6, 0.8, 0.3]).reshape(1, 2, 2, 1)
    other = np.array([0.1, 0.4, 0.9, 0.2]).reshape(1, 2, 2, 1)
    assert probe.agreement(one, other, 0.5) == 0.75
    classes = np.concatenate([one, other], axis=-1)
    assert probe.agreement(classes, classes[..., ::-1], 0.5) == 0.25


def test_pictures_differ_in_brightness_and_contrast():
    first, *others = probe.pictures(40, 56, 2)
    np.testing.assert_array_equal(first, probe.picture(40, 56, 2))
    means = {round(float(image.mean()), 2) for image in (first, *others)}
    deviations = {round(float(image.std()), 2) for image in (first, *others)}
    assert (len(means), min(means) < 0.3, max(means) > 0.7) == (6, True, True)
    assert max(deviations) > 4 * min(deviations)
    for image in others:
        assert (image.shape, image.dtype) == (first.shape, first.dtype)
        assert 0 <= image.min() < image.max() <= 1


@pytest.mark.parametrize(
    ("values", "several"), [([0.1, 0.4], False), ([0.6, 0.9], False), ([0.4, 0.6], True)]
)
def test_several_classes_are_those_of_the_mask(values, several):
    one = np.array(values).reshape(1, 1, 2, 1)
    assert probe.has_several_classes(one, 0.5) is several
    assert probe.has_several_classes(np.concatenate([one, 1 - one], -1), 0.9) is several
