"""Decoding: every format that is read, and everything that is wrong with a body."""

import contextlib
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bodies
from segmentation import media_types
from segmentation.errors import RequestError
from segmentation.images import from_array
from segmentation.media_types import ANY_IMAGE, CSV, JPEG, JSON, JSONLINES, NPY, NPZ, PNG, TIFF
from segmentation.request import decode

MAX_PIXELS = 10_000
GRAY = np.arange(15, dtype=np.uint8).reshape(3, 5) * 17
STACK = np.stack([GRAY, 255 - GRAY])
RGB = np.stack([GRAY, GRAY // 2, GRAY // 4], axis=-1)


def intensities(body, content_type, channels=1):
    images = decode(body, content_type, MAX_PIXELS).for_channels(channels)
    return images.batch.astype(np.float32) * np.float32(images.scale)


EXACT = [
    (JSON, bodies.json_array, GRAY),
    (JSON, bodies.json_instances, GRAY),
    (JSON, bodies.json_array, GRAY[..., None]),
    (JSON, bodies.json_array, STACK),
    (JSON, bodies.json_instances, STACK[..., None]),
    (JSON, bodies.json_array, RGB),
    (JSON, bodies.json_array, np.stack([RGB, RGB])),
    (JSONLINES, bodies.jsonlines, STACK),
    (JSONLINES, bodies.jsonlines, np.stack([RGB, RGB])),
    (CSV, bodies.csv, GRAY),
    (NPY, bodies.npy, GRAY),
    (NPY, bodies.npy, STACK),
    (NPY, bodies.npy, RGB),
    (NPY, bodies.npy, np.asfortranarray(GRAY)),
    (NPZ, bodies.npz, STACK[..., None]),
    (PNG, bodies.png, GRAY),
    (PNG, bodies.png, RGB),
    (TIFF, bodies.tiff, GRAY),
    (TIFF, bodies.tiff, STACK),
    (TIFF, bodies.tiff, RGB),
    (ANY_IMAGE, bodies.png, GRAY),
    (ANY_IMAGE, bodies.tiff, STACK),
]


@pytest.mark.parametrize(("content_type", "encode", "array"), EXACT)
def test_exact_formats(content_type, encode, array):
    channels = 3 if array.shape[-1] == 3 else 1
    expected = array.reshape(-1, 3, 5, channels) / np.float32(255)
    np.testing.assert_allclose(intensities(encode(array), content_type, channels), expected, 1e-6)


@pytest.mark.parametrize("content_type", [JPEG, "image/jpg", ANY_IMAGE])
def test_jpeg_is_nearly_exact(content_type):
    np.testing.assert_allclose(
        intensities(bodies.jpeg(GRAY), content_type)[0, ..., 0], GRAY / 255, atol=3 / 255
    )


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[0, 65535]], np.uint16), [0, 1]),
        (np.array([[0, 65535]], ">u2"), [0, 1]),
        (np.array([[False, True]]), [0, 1]),
        (np.array([[0.25, 1]], np.float64), [0.25, 1]),
        (np.array([[0.25, 1]], np.float16), [0.25, 1]),
    ],
)
def test_dtypes_of_npy(array, expected):
    assert intensities(bodies.npy(array), NPY).ravel().tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (bodies.png(np.array([[0, 65535]], np.uint16)), PNG),
        (bodies.tiff(np.array([[0, 65535]], np.uint16)), TIFF),
        (bodies.tiff(np.array([[0, 1]], np.float32)), TIFF),
        (bodies.png(np.array([[False, True]])), PNG),
    ],
)
def test_depths_of_pictures(body, content_type):
    assert intensities(body, content_type).ravel().tolist() == [0, 1]


def test_npz_by_name():
    body = bodies.npz(other=STACK, instances=GRAY)
    assert decode(body, NPZ, MAX_PIXELS).pixels.tolist() == GRAY.tolist()


def test_palette_and_opaque_alpha():
    rgba = np.dstack([RGB, np.full_like(GRAY, 255)])
    np.testing.assert_array_equal(decode(bodies.png(rgba), PNG, MAX_PIXELS).pixels, RGB)


def test_a_picture_tells_what_it_is():
    assert decode(bodies.jpeg(GRAY), ANY_IMAGE, MAX_PIXELS).media_type == JPEG


def test_one_page_is_no_stack():
    assert not decode(bodies.tiff(GRAY), TIFF, MAX_PIXELS).for_channels(1).stacked
    assert decode(bodies.tiff(STACK), TIFF, MAX_PIXELS).for_channels(1).stacked


class Trap:
    """Leaves a trace where it is unpickled."""

    def __reduce__(self):
        return os.putenv, ("UNPICKLED", "yes")


PICKLE = bodies.npy(np.array([[Trap()]], dtype=object), allow_pickle=True)
RECORDS = bodies.npy(np.zeros((2, 2), [("a", "u1"), ("b", "u1")]))
GOOD_PNG = bodies.png(GRAY)
GOOD_NPY = bodies.npy(GRAY)
GOOD_NPZ = bodies.npz(GRAY)

# body, content type, status, a word of the message
BAD = {
    "no content type": (GOOD_PNG, None, 415, "Content-Type is missing"),
    "unknown type": (b"x", "application/pdf", 415, "image/png"),
    "form": (b"a=1", "application/x-www-form-urlencoded", 415, "Content-Type is"),
    "malformed type": (b"x", ";;", 415, "Content-Type is"),
    "empty json": (b"", JSON, 400, "body is empty"),
    "empty png": (b"", PNG, 400, "body is empty"),
    "json cut": (b"[[1, 2], [3", JSON, 400, "not JSON"),
    "json text": (b"hello", JSON, 400, "not JSON"),
    "json NaN": (b"[[NaN]]", JSON, 400, "not JSON"),
    "json not utf-8": (b'[["\xff"]]', JSON, 400, "not JSON"),
    "json ragged": (b"[[1,2],[3]]", JSON, 400, "ragged"),
    "json strings": (b'[["1","2"]]', JSON, 400, "no number"),
    "json null": (b"[[1,null]]", JSON, 400, "no number"),
    "json booleans": (b"[[true,false]]", JSON, 400, "no number"),
    "json number": (b"7", JSON, 400, "0 axes"),
    "json row": (b"[1,2,3]", JSON, 400, "1 axis"),
    "json five axes": (b"[[[[[1]]]]]", JSON, 400, "5 axes"),
    "json empty list": (b"[]", JSON, 400, "1 axis"),
    "json empty rows": (b"[[],[]]", JSON, 400, "empty"),
    "json other key": (b'{"inputs": [[1]]}', JSON, 400, "instances"),
    "json negative": (b"[[-1]]", JSON, 400, "-1"),
    "json too bright": (b"[[256]]", JSON, 400, "256"),
    "json huge number": (b"[[1e300]]", JSON, 400, "1e+300"),
    "json nested deeply": (b"[" * 5000 + b"]" * 5000, JSON, 400, "JSON"),
    "json too many pixels": (bodies.json_array(np.zeros((101, 100), int)), JSON, 413, "10,100"),
    "jsonlines blank": (b"\n\n", JSONLINES, 400, "no line"),
    "jsonlines sizes": (b"[[1]]\n[[1,2]]\n", JSONLINES, 400, "line 2"),
    "jsonlines cut": (b"[[1]]\n[[1", JSONLINES, 400, "line 2"),
    "jsonlines stack": (b"[[[[1]]]]\n", JSONLINES, 400, "line 1"),
    "csv header": (b"a,b\n1,2", CSV, 400, "CSV"),
    "csv ragged": (b"1,2\n3", CSV, 400, "CSV"),
    "csv gap": (b"1,,2", CSV, 400, "CSV"),
    "csv nan": (b"1,nan", CSV, 400, "nan"),
    "csv inf": (b"1,inf", CSV, 400, "inf"),
    "csv too bright": (b"1,256", CSV, 400, "256"),
    "csv blank": (b" \n \n", CSV, 400, "no row"),
    "csv utf-16": ("1,2".encode("utf-16"), CSV, 400, "UTF-8"),
    "npy pickle": (PICKLE, NPY, 400, "pickle"),
    "npz pickle": (bodies.npz(np.array([[Trap()]], object)), NPZ, 400, "pickle"),
    "npy records": (RECORDS, NPY, 400, "pickle"),
    "npy cut": (GOOD_NPY[:-1], NPY, 400, "cut"),
    "npy cut header": (GOOD_NPY[:20], NPY, 400, "header"),
    "npy tail": (GOOD_NPY + b"x", NPY, 400, "more than"),
    "npy text": (b"not numpy at all", NPY, 400, "header"),
    "npy int64": (bodies.npy(GRAY.astype(np.int64)), NPY, 400, "int64"),
    "npy complex": (bodies.npy(GRAY.astype(complex)), NPY, 400, "complex"),
    "npy strings": (bodies.npy(GRAY.astype(str)), NPY, 400, "<U"),
    "npy float 0-255": (bodies.npy(GRAY.astype(np.float32)), NPY, 400, "238"),
    "npy NaN": (bodies.npy(np.array([[np.nan]])), NPY, 400, "nan"),
    "npy scalar": (bodies.npy(np.array(1.0)), NPY, 400, "0 axes"),
    "npy empty": (bodies.npy(np.zeros((0, 5), np.uint8)), NPY, 400, "empty"),
    "npy bomb": (GOOD_NPY.replace(b"(3, 5)", b"(9999, 9999)")[:128], NPY, 413, "99,980,001"),
    "npz text": (b"PK but no zip", NPZ, 400, "NPZ"),
    "npz cut": (GOOD_NPZ[:-30], NPZ, 400, "NPZ"),
    "npz two arrays": (bodies.npz(GRAY, GRAY), NPZ, 400, "arr_0"),
    "npz none": (bodies.npz(), NPZ, 400, "NPZ"),
    "png cut": (GOOD_PNG[:-26], PNG, 400, "cannot be decoded"),
    "png header only": (GOOD_PNG[:10], PNG, 400, "PNG"),
    "png is jpeg": (bodies.jpeg(GRAY), PNG, 400, "no PNG"),
    "image is text": (b"hello world", ANY_IMAGE, 400, "hello wo"),
    "image is gif": (bodies.picture(GRAY, "GIF"), ANY_IMAGE, 400, "GIF"),
    "jpeg cut": (bodies.jpeg(GRAY)[:-200], JPEG, 400, "image/jpeg"),
    "tiff cut": (bodies.tiff(STACK)[:100], TIFF, 400, "image/tiff"),
    "tiff of 32-bit integers": (bodies.tiff(GRAY.astype(np.int32)), TIFF, 400, "mode"),
    "tiff float 0-255": (bodies.tiff(GRAY.astype(np.float32)), TIFF, 400, "238"),
    "png bomb": (bodies.png_of_claimed_size(30_000, 30_000), PNG, 413, "900,000,000"),
    "png transparent": (bodies.png(np.dstack([RGB, GRAY])), PNG, 400, "alpha"),
}


@pytest.mark.parametrize(("body", "content_type", "status", "word"), BAD.values(), ids=BAD)
def test_bad_bodies(body, content_type, status, word):
    with pytest.raises(RequestError) as caught:
        decode(body, content_type, MAX_PIXELS).for_channels(1)
    assert caught.value.status == status
    assert word in str(caught.value)
    assert "UNPICKLED" not in os.environ


@pytest.mark.parametrize(
    ("array", "channels", "message"),
    [
        (RGB, 1, "image is 3×5×3, 3 channels; this model takes 1 channel; convert it to grayscale"),
        (GRAY, 3, "image is 3×5, 1 channel; this model takes 3 channels; send it as H×W×3"),
        (np.stack([RGB, RGB]), 1, "this model takes 1 channel"),
        (STACK, 3, "5 channels; this model takes 3"),
    ],
)
def test_wrong_channels(array, channels, message):
    with pytest.raises(RequestError, match=message):
        from_array(array).for_channels(channels)


def test_pages_of_different_sizes():
    first, second = bodies.Image.fromarray(GRAY), bodies.Image.fromarray(GRAY[:2])
    file = bodies.io.BytesIO()
    first.save(file, "TIFF", save_all=True, append_images=[second])
    with pytest.raises(RequestError, match="page 2 is 2×5 uint8, page 1 is 3×5"):
        decode(file.getvalue(), TIFF, MAX_PIXELS)


GOOD = [
    (JSON, bodies.json_array(GRAY)),
    (CSV, bodies.csv(GRAY)),
    (NPY, GOOD_NPY),
    (NPZ, GOOD_NPZ),
    (PNG, GOOD_PNG),
    (JPEG, bodies.jpeg(GRAY)),
    (TIFF, bodies.tiff(STACK)),
]


@given(st.sampled_from(GOOD), st.data())
def test_damaged_bodies_are_refused_or_read(good, data):
    content_type, body = good
    damaged = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, 3))
    with contextlib.suppress(RequestError):
        images = decode(bytes(damaged[: len(damaged) - cut]), content_type, MAX_PIXELS)
        assert 0 <= images.pixels.min() * images.scale <= images.pixels.max() * images.scale <= 1


def test_every_supported_type_has_a_decoder():
    for name in media_types.SUPPORTED:
        with pytest.raises(RequestError) as caught:
            decode(b"?", name, MAX_PIXELS)
        assert caught.value.status == 400
