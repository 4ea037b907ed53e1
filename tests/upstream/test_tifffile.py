"""The parts of tifffile and imagecodecs that we stand on, beside their documented ones."""

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile

from segmentation.wire.tiff.pixels import PICTURES, SIZE_MARKER


def test_strips_are_decoded_by_imagecodecs():
    """The decoders in Python that tifffile falls back to inflate whatever they are given."""
    assert tifffile.tifffile.imagecodecs is imagecodecs
    assert tifffile.TIFF.DECOMPRESSORS[8] is imagecodecs.deflate_decode


@pytest.mark.parametrize("code", [5, 34925])
def test_what_inflates_beyond_its_room_is_cut(code):
    data = tifffile.TIFF.COMPRESSORS[code](bytes(10_000))
    assert len(tifffile.TIFF.DECOMPRESSORS[code](data, out=1000)) <= 1000


@pytest.mark.parametrize("code", [8, 32773, 50000])
def test_what_inflates_beyond_its_room_is_refused(code):
    data = tifffile.TIFF.COMPRESSORS[code](bytes(10_000))
    with pytest.raises((imagecodecs.DeflateError, RuntimeError, imagecodecs.ZstdError)):
        tifffile.TIFF.DECOMPRESSORS[code](data, out=1000)


def test_deflate_that_was_cut_is_refused():
    data = zlib.compress(np.random.default_rng(0).bytes(5000))
    with pytest.raises(imagecodecs.DeflateError):
        imagecodecs.deflate_decode(data[:-9], out=5000)


@pytest.mark.parametrize("name", sorted({*PICTURES.values(), "jpeg_decode"}))
def test_pictures_are_decoded_into_the_room_they_are_given(name):
    pixels = np.zeros((32, 48, 3), np.uint8)
    data = getattr(imagecodecs, name.replace("_decode", "_encode"))(pixels)
    decode = getattr(imagecodecs, name)
    decode(data, out=np.empty((32, 48, 3), np.uint8))
    with pytest.raises(ValueError, match="invalid"):
        decode(data, out=np.empty((16, 48, 3), np.uint8))


def test_a_page_decodes_strips_that_are_given_to_it():
    """``TiffPage.decode`` takes bytes and a number, and tells where in the page they belong."""
    file = io.BytesIO()
    array = np.arange(600, dtype=np.uint8).reshape(30, 20)
    tifffile.imwrite(file, array, rowsperstrip=8, photometric="minisblack")
    with tifffile.TiffFile(io.BytesIO(file.getvalue())) as opened:
        page = opened.pages.first
        page.init_decode()
    assert page.shaped == (1, 1, 30, 20, 1)
    pixels, place, shape = page.decode(array[8:16].tobytes(), 1)
    assert (place, shape) == ((0, 0, 8, 0, 0), (1, 8, 20, 1))
    np.testing.assert_array_equal(pixels[0, ..., 0], array[8:16])
    assert page.decode(None, 0)[0] is None


def test_the_size_of_a_jpeg_2000_stands_behind_its_marker():
    data = imagecodecs.jpeg2k_encode(np.zeros((32, 48, 3), np.uint8))
    at = data.find(SIZE_MARKER) + 8
    assert struct.unpack(">8IH", data[at : at + 34])[:2] == (48, 32)
    assert struct.unpack(">8IH", data[at : at + 34])[-1] == 3
