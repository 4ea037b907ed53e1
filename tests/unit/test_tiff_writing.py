"""Answers as TIFF: opened again with tifffile and scikit-image, with the axes of the request."""

import io
from dataclasses import replace

import numpy as np
import pytest
import skimage.io
import tifffile

from segmentation.answers import Mask, Overlay, Prediction, Probability
from segmentation.calibration import Calibration
from segmentation.images import Images
from segmentation.wire.tiff.format import Tiff

H, W = 20, 33
TZC = np.arange(2 * 5 * 2 * H * W, dtype=np.uint16).reshape(2, 5, 2, H, W)
SCALE = {"resolution": (1 / 0.25, 1 / 0.5)}
IMAGEJ = {
    "imagej": True,
    "metadata": {"axes": "TZCYX", "spacing": 2.5, "unit": "\\u00B5m"},
    **SCALE,
}
SIZES = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.5}
OME = {"ome": True, "metadata": {"axes": "TZCYX", **SIZES}}


def request(array=TZC, **options) -> Images:
    file = io.BytesIO()
    tifffile.imwrite(file, array, **({"photometric": "minisblack"} | options))
    return Tiff().decode(file.getvalue(), 10**6).with_range().for_channels(2)


def answered(images: Images, values: np.ndarray, answer=None) -> bytes:
    return Tiff().encode(Prediction(values, answer or Mask(), images))


def mask_of(images: Images, dtype=np.uint8) -> np.ndarray:
    count = len(images.batch)
    return (np.arange(count * H * W) % 251).astype(dtype).reshape(count, H, W)


def opened(body: bytes) -> tifffile.TiffFile:
    return tifffile.TiffFile(io.BytesIO(body))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_mask_of_a_hyperstack_is_one(dtype, tmp_path):
    images = request(**IMAGEJ)
    mask = mask_of(images, dtype)
    body = answered(images, mask)
    with opened(body) as file:
        series, page, told = file.series[0], file.pages[0], file.imagej_metadata
        assert (series.axes, series.shape) == ("TZYX", (2, 5, H, W))
        np.testing.assert_array_equal(series.asarray().reshape(mask.shape), mask)
        assert (told["spacing"], told["unit"]) == (2.5, "\\u00B5m")
        assert page.resolution == (4, 2)
    file = tmp_path / "mask.tif"
    file.write_bytes(body)
    np.testing.assert_array_equal(skimage.io.imread(file).reshape(mask.shape), mask)
    again = Tiff().decode(body, 10**6)
    assert again.calibration == images.calibration
    np.testing.assert_array_equal(again.pixels, mask)


def test_the_mask_of_ome_is_ome(tmp_path):
    images = request(**OME)
    mask = mask_of(images)
    body = answered(images, mask)
    with opened(body) as file:
        assert file.is_ome
        assert file.series[0].axes == "TZYX"
        np.testing.assert_array_equal(file.asarray().reshape(mask.shape), mask)
        assert 'PhysicalSizeZ="2.5"' in file.ome_metadata
    file = tmp_path / "mask.tif"
    file.write_bytes(body)
    np.testing.assert_array_equal(skimage.io.imread(file).reshape(mask.shape), mask)
    assert Tiff().decode(body, 10**6).calibration == images.calibration


@pytest.mark.parametrize("kind", [IMAGEJ, OME], ids=["imagej", "ome"])
def test_classes_are_channels_of_the_answer(kind):
    images = request(**kind)
    values = np.random.default_rng(0).random((10, H, W, 3), np.float32)
    body = answered(images, values, Probability(classes=3))
    with opened(body) as file:
        assert (file.series[0].axes, file.series[0].shape) == ("TZCYX", (2, 5, 3, H, W))
        planes = file.asarray().reshape(10, 3, H, W)
        np.testing.assert_array_equal(np.moveaxis(planes, 1, -1), values)


def test_an_overlay_of_a_hyperstack():
    images = request(**IMAGEJ)
    body = answered(images, mask_of(images), Overlay())
    with opened(body) as file:
        assert file.is_imagej
        assert file.series[0].axes == "TZYXS"


def test_what_imagej_cannot_hold_is_plain():
    images = request(**IMAGEJ)
    mask = mask_of(images, np.uint32)
    with opened(answered(images, mask)) as file:
        assert not file.is_imagej
        assert file.series[0].axes == "TZYX"
        assert file.pages[0].resolutionunit == 3  # centimetres
        np.testing.assert_array_equal(file.asarray().reshape(mask.shape), mask)


def test_axes_in_another_order_are_those_of_imagej():
    images = request(**IMAGEJ)
    turned = replace(images.calibration, stack=images.calibration.stack[::-1])
    images = replace(images, calibration=turned)
    mask = mask_of(images)
    with opened(answered(images, mask)) as file:
        assert file.series[0].axes == "TZYX"
        np.testing.assert_array_equal(
            file.asarray(), mask.reshape(5, 2, H, W).transpose(1, 0, 2, 3)
        )


@pytest.mark.parametrize(
    ("unit", "told", "resolution"),
    [("inch", 2, (4, 2)), ("centimeter", 3, (4, 2)), ("none", 1, (4, 2))],
)
def test_a_plain_answer_keeps_the_resolution(unit, told, resolution):
    array = TZC[0, 0]
    images = request(array, resolutionunit=unit, metadata=None, **SCALE)
    with opened(answered(images, mask_of(images))) as file:
        page = file.pages[0]
        assert page.resolutionunit == told
        assert page.resolution == pytest.approx(resolution)
        assert len(file.pages) == 1


@pytest.mark.parametrize("size", [1e-300, 1e-12, 1e12, 1e300])
@pytest.mark.parametrize("program", ["", "imagej", "ome"])
def test_a_size_of_pixels_that_no_tag_holds_is_no_obstacle(program, size):
    images = request(TZC[0, 0], metadata=None)
    told = Calibration((), size, size, size, "µm", program)
    mask = mask_of(images)
    with opened(answered(replace(images, calibration=told), mask)) as file:
        np.testing.assert_array_equal(file.asarray(), mask[0])


def test_nothing_known_is_nothing_told():
    images = request(TZC[0, 0], metadata=None)
    body = answered(images, mask_of(images))
    with opened(body) as file:
        assert "ImageDescription" not in file.pages[0].tags
    assert Tiff().decode(body, 10**6).calibration.x is None


def test_masks_are_compressed_and_probabilities_are_exact():
    images = request(TZC[0, 0], metadata=None)
    with opened(answered(images, mask_of(images))) as file:
        assert file.pages[0].compression == 8
    values = np.random.default_rng(0).random((1, H, W, 1), np.float32)
    body = answered(images, values, Probability())
    np.testing.assert_array_equal(Tiff().decode(body, 10**6).pixels, values[0, ..., 0])


def test_many_pages():
    images = Images(np.zeros((500, 4, 5), np.uint8), axes="NHW")
    mask = np.arange(500 * 20).reshape(500, 4, 5).astype(np.uint8)
    with opened(answered(images, mask)) as file:
        assert len(file.pages) == 500
        np.testing.assert_array_equal(file.asarray(), mask)
