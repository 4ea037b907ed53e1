"""Decoding: every format that is read, and everything that is wrong with a body."""

import contextlib
import gc
import io
import os
from random import Random

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from segmentation import testing
from segmentation.depth import parse
from segmentation.errors import OutOfMemory, PayloadTooLarge, RequestError, UnsupportedMediaType
from segmentation.images import from_array
from segmentation.wire import csv, formats, text
from segmentation.wire.decoding import decode, read
from segmentation.wire.media_types import ANY_IMAGE, CSV, JPEG, JSON, JSONLINES, NPY, NPZ, PNG, TIFF
from support import bodies
from support.bad_bodies import BAD, GOOD_NPY, GOOD_NPZ, GOOD_PNG, MAX_PIXELS
from support.bodies import GRAY, RGB, STACK

ERRORS = {400: RequestError, 413: PayloadTooLarge, 415: UnsupportedMediaType}


def intensities(body, content_type, channels=1):
    images = decode(body, content_type, MAX_PIXELS).for_channels(channels)
    return images.intensities(images.batch)


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


def test_alpha_comes_through_for_models_that_take_it():
    rgba = np.dstack([RGB, GRAY])
    images = decode(bodies.png(rgba), PNG, MAX_PIXELS)
    np.testing.assert_array_equal(images.for_channels(4).batch[0], rgba)


def test_a_palette_is_looked_up():
    palette = bodies.Image.fromarray(RGB).quantize(16)
    file = bodies.io.BytesIO()
    palette.save(file, "PNG")
    pixels = decode(file.getvalue(), PNG, MAX_PIXELS).pixels
    np.testing.assert_array_equal(pixels, np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (bodies.png(GRAY), PNG),
        (bodies.jpeg(GRAY), JPEG),
        (bodies.tiff(GRAY), TIFF),
        (bodies.picture(GRAY, "TIFF", big_tiff=True), TIFF),
        (bodies.picture(GRAY.astype(">u2"), "TIFF"), TIFF),  # big-endian
    ],
)
def test_a_picture_tells_what_it_is(body, media_type):
    images = decode(body, ANY_IMAGE, MAX_PIXELS)
    assert (images.media_type, images.pixels.shape) == (media_type, GRAY.shape)


def test_one_page_is_no_stack():
    assert not decode(bodies.tiff(GRAY), TIFF, MAX_PIXELS).for_channels(1).stacked
    assert decode(bodies.tiff(STACK), TIFF, MAX_PIXELS).for_channels(1).stacked


@pytest.mark.parametrize(("body", "content_type", "status", "word"), BAD.values(), ids=BAD)
def test_bad_bodies(body, content_type, status, word):
    with pytest.raises(RequestError) as caught:
        decode(body, content_type, MAX_PIXELS).for_channels(1)
    assert type(caught.value) is ERRORS[status]
    assert word in str(caught.value)
    assert "UNPICKLED" not in os.environ


@pytest.mark.parametrize(
    ("array", "channels", "message"),
    [
        (RGB, 1, "image is 3×5×3, 3 channels; this model takes 1 channel; convert it to grayscale"),
        (GRAY, 4, "image is 3×5, 1 channel; this model takes 4 channels; send it as H×W×4"),
        (np.stack([RGB, RGB]), 1, "this model takes 1 channel"),
        (STACK, 3, "5 channels; this model takes 3"),
    ],
)
def test_wrong_channels(array, channels, message):
    with pytest.raises(RequestError, match=message):
        from_array(array).for_channels(channels)


def test_a_spreadsheet_may_put_a_byte_order_mark_before_its_rows():
    body = "\ufeff1,2\r\n3,4\r\n".encode()
    assert decode(body, CSV, MAX_PIXELS).pixels.tolist() == [[1, 2], [3, 4]]


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
        values = images.intensities(images.pixels)
        assert 0 <= values.min() <= values.max() <= 1


@pytest.mark.parametrize("content_type", formats.READERS)
def test_every_reader_refuses_what_it_cannot_read(content_type):
    with pytest.raises(RequestError) as caught:
        decode(b"?", content_type, MAX_PIXELS)
    assert type(caught.value) is RequestError


def test_all_that_is_read_is_listed_to_who_sends_something_else():
    with pytest.raises(UnsupportedMediaType) as caught:
        decode(b"?", "application/pdf", MAX_PIXELS)
    assert str(caught.value) == (
        f"Content-Type is 'application/pdf'; images are read from {', '.join(formats.READERS)}; "
        "send one of these and name it in the Content-Type header"
    )


@pytest.mark.parametrize(
    ("content_type", "body"), [(JSON, "[[1, 2]]"), (JSONLINES, "[[1, 2]]\n"), (CSV, "1,2")]
)
def test_text_may_be_decoded_already(content_type, body):
    images = decode(body, content_type, MAX_PIXELS).for_channels(1)
    assert images.batch.ravel().tolist() == [1, 2]


@pytest.mark.parametrize(
    ("alias", "body", "media_type"),
    [
        ("image/jpg", bodies.jpeg(GRAY), JPEG),
        ("image/tif; application=microscope", bodies.tiff(GRAY), TIFF),
        ("Application/X-NDJSON; charset=utf-8", bodies.jsonlines(STACK), JSONLINES),
        ("application/jsonl", bodies.jsonlines(STACK), JSONLINES),
        ("application/x-jsonlines", bodies.jsonlines(STACK), JSONLINES),
    ],
)
def test_aliases(alias, body, media_type):
    assert decode(body, alias, MAX_PIXELS).media_type == media_type


NUMBERS = st.one_of(st.integers(-1, 256), st.booleans(), st.floats(0, 255), st.none(), st.just("1"))
BYTES = st.integers(0, 255)


def nested(values):
    def of(length):
        return st.lists(values, min_size=length, max_size=length)

    sizes = st.tuples(*[st.integers(1, 3)] * 4)
    rows = sizes.flatmap(lambda n: st.lists(of(n[0]), min_size=n[1], max_size=n[1]))
    return st.one_of(rows, st.lists(rows, max_size=3), st.lists(st.lists(rows, max_size=2)), values)


@pytest.mark.parametrize("array", [GRAY, GRAY[..., None], STACK, RGB, STACK[..., None]])
def test_small_whole_numbers_are_read_as_bytes(array):
    pixels = decode(orjson.dumps(array.tolist()), JSON, MAX_PIXELS).pixels
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, array)


def outcome(content):
    try:
        pixels = decode(orjson.dumps(content), JSON, MAX_PIXELS).pixels
        return pixels.shape, pixels.astype(float).tolist()
    except RequestError as exc:
        return str(exc)


@pytest.mark.parametrize("values", [BYTES, NUMBERS])
@given(data=st.data())
@settings(deadline=None)
def test_small_whole_numbers_are_read_as_all_others_are(values, data):
    content = data.draw(nested(values))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "_eight_bits", lambda content: None)  # the general way is taken
        expected = outcome(content)
    assert outcome(content) == expected


def test_json_that_is_nested_too_deep_is_refused():
    body = b"[" * 900 + b"1" + b"]" * 900
    with pytest.raises(RequestError):
        decode(body, JSON, MAX_PIXELS)


def test_garbage_is_collected_again_after_decoding():
    for body in (b"[[1, 2]]", b"[[1, 2"):
        with contextlib.suppress(RequestError):
            decode(body, JSON, MAX_PIXELS)
        assert gc.isenabled()


LARGE = np.array([[0, 255, 256, 65_535]])


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, bodies.json_array(LARGE)),
        (CSV, bodies.csv(LARGE)),
        (JSONLINES, b"[[0,255,256,65535]]"),
    ],
)
def test_numbers_of_16_bits_are_exact_where_the_range_says_so(content_type, body):
    images = read(body, content_type, MAX_PIXELS).with_range(parse("65535"))
    assert images.pixels.ravel().tolist() == LARGE.ravel().tolist()
    np.testing.assert_allclose(images.intensities(LARGE), LARGE / 65_535, 1e-7)


WIDE = np.array([[1_000_000_001, 1_000_000_003]])  # which float32 takes for the same


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, bodies.json_array(WIDE)),
        (CSV, bodies.csv(WIDE)),
        (JSONLINES, b"[[1000000001,1000000003]]"),
    ],
)
def test_numbers_of_32_bits_keep_their_digits_until_the_range_is_known(content_type, body):
    images = read(body, content_type, MAX_PIXELS).with_range(parse("1000000000:1000000004"))
    np.testing.assert_allclose(images.intensities(images.pixels).ravel(), [0.25, 0.75])


@pytest.mark.parametrize("body", [b"[" * 6 + b"1" + b"]" * 6, b'{"instances": [[[[[[1]]]]]]}'])
def test_lists_within_lists_are_counted_before_they_are_parsed(body):
    with pytest.raises(RequestError, match="nested more than 5 deep"):
        decode(body, JSON, MAX_PIXELS)


@pytest.mark.parametrize("unit", [b"[0],", b"1,", b'"a",', b'{"a":0},'])
def test_json_is_weighed_before_it_is_parsed(unit, monkeypatch):
    body = b"[[" + unit * 600_000 + b"1]]"
    monkeypatch.setattr("segmentation.machine.available_memory", lambda: 40_000_000)
    with pytest.raises(OutOfMemory, match="send application/x-npy or image/png"):
        decode(body, JSON, MAX_PIXELS)


def test_csv_is_weighed_before_it_is_read():
    body = b"1,2\n" * 300_000
    with pytest.raises(PayloadTooLarge, match="request is 300000×2"):
        decode(body, CSV, MAX_PIXELS)


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        (CSV, b"\n" * 1_100_000, "CSV has 1,100,000 lines"),
        (CSV, b"1," * 9_000_000, "CSV has a line of more than 16,777,216 characters"),
        (JSONLINES, b"\n" * 10_001, "more than 10,000 lines"),
    ],
)
def test_texts_of_too_many_lines(content_type, body, message):
    with pytest.raises(RequestError, match=message):
        decode(body, content_type, 10**8)


PICTURES = {
    "PNG": {},
    "JPEG": {},
    "GIF": {"save_all": True, "append_images": [bodies.Image.fromarray(RGB)]},
    "WEBP": {"lossless": True},
    "JPEG2000": {},
    "BMP": {},
}
SEEDS = [bodies.picture(RGB, kind, **options) for kind, options in PICTURES.items()]
SEEDS += [GOOD_NPY, GOOD_NPZ]


@pytest.mark.parametrize("seed", range(300))
def test_damaged_files_are_refused_or_read(seed):
    random = Random(seed)
    body = bytearray(random.choice(SEEDS))
    for _ in range(random.choice([1, 2, 4, 16])):
        body[random.randrange(len(body))] = random.randrange(256)
    with contextlib.suppress(RequestError):
        decode(bytes(body), None, MAX_PIXELS)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_csv_is_weighed_whatever_ends_its_lines(end):
    body = end.join([b",".join([b"100"] * 400)] * 1000)
    assert len(body) > csv.SMALL
    assert decode(body, CSV, 400_000).pixels.shape == (1000, 400)
    with pytest.raises(PayloadTooLarge, match="request is 1000×400"):
        decode(body, CSV, 399_999)


def test_an_answer_with_a_palette_holds_its_indices():
    image = bodies.Image.fromarray(np.array([[0, 1, 2]], np.uint8))
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    file = io.BytesIO()
    image.save(file, "PNG")
    answer = testing.Answer(200, "image/png", file.getvalue())
    assert answer.array().tolist() == [[0, 1, 2]]
    gray = testing.Answer(200, "image/png", bodies.png(GRAY))
    np.testing.assert_array_equal(gray.array(), GRAY)
    with pytest.raises(RequestError, match="which is no PNG"):
        testing.Answer(200, "image/png", b"{}").array()


FOREIGN = {
    "DICOM": bytes(128) + b"DICM",
    "MRC": bytes(208) + b"MAP ",
    "NIfTI": bytes(344) + b"n+1\0",
    "HDF5": b"\x89HDF\r\n\x1a\n",
    "PBM, PGM, PPM, PAM or PFM": b"P5\n2 2\n255\n0000",
    "CZI, of Zeiss": b"ZISRAWFILE",
    "HEIC": b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic",
    "SVG": b'<?xml version="1.0"?>\n<svg xmlns="x">',
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("content_type", [None, ANY_IMAGE])
def test_a_file_of_another_kind_is_named(name, content_type):
    with pytest.raises(RequestError, match=f"it looks like {name}, which is not read; save"):
        decode(FOREIGN[name], content_type, MAX_PIXELS)


def test_gzip_is_told_how_to_be_sent():
    with pytest.raises(RequestError, match="Content-Encoding: gzip"):
        decode(b"\x1f\x8b\x08" + bytes(20), ANY_IMAGE, MAX_PIXELS)


COUNTED = "0,1,2,3\n"


@pytest.mark.parametrize(
    ("text", "assumed"),
    [
        (COUNTED + "9,8,7,6\n5,5,5,5\n", "the first row of the CSV counts from 0 to 3"),
        ("0,9,8\n1,7,6\n2,5,4\n", "the first column of the CSV counts from 0 to 2"),
        (COUNTED * 3, ""),  # a ramp
        ("0,1\n9,8\n", ""),
        ("5,9,8\n1,7,6\n2,5,4\n", ""),
    ],
)
def test_a_header_of_numbers_is_told(text, assumed):
    images = decode(text.encode(), CSV, 1000)
    assert images.pixels.shape[0] == text.count("\n")
    assert bool(images.assumed) == bool(assumed)
    assert all(assumed in sentence for sentence in images.assumed)


def test_a_header_above_fractions_is_refused():
    with pytest.raises(RequestError, match=r"counts from 0 to 3, .*header=False, index=False"):
        decode((COUNTED + "0.1,0.2,0.3,0.4\n").encode(), CSV, 1000)


@pytest.mark.parametrize(
    ("separator", "named"), [(";", "semicolons"), ("\t", "tabs"), (" ", "blanks")]
)
def test_what_stands_between_numbers_is_named(separator, named):
    with pytest.raises(RequestError, match=f"CSV has {named} between its numbers"):
        decode(separator.join(["1.5", "2.5"]).encode(), CSV, 1000)


def test_a_comma_before_decimals_is_named():
    with pytest.raises(RequestError, match=r"CSV has semicolons .* with a point before"):
        decode(b"1,5;2,5", CSV, 1000)


def saved(kind, **options):
    file = io.BytesIO()
    Image.fromarray(np.arange(600, dtype=np.uint8).reshape(20, 30)).save(file, kind, **options)
    return file.getvalue()


def packed(array):
    file = io.BytesIO()
    np.savez(file, instances=array)
    return file.getvalue()


ONE = {kind: saved(kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "WEBP")}
ONE["NPZ"] = packed(np.zeros((2, 3), np.uint8))


@pytest.mark.parametrize("kind", ONE)
@pytest.mark.parametrize("content_type", ["application/octet-stream", ""])
def test_files_behind_each_other_are_refused(kind, content_type):
    """As ``cat a.png b.png`` makes them; a reader stops at the end of the first."""
    body = ONE[kind]
    assert decode(body, content_type, 10**6).pixels.size
    with pytest.raises(RequestError, match="a second file of its kind behind the first one"):
        decode(body + body, content_type, 10**6)
    decode(body + b"0" * 100, content_type, 10**6)  # what else follows is nobody's image


def test_a_jpeg_may_hold_others_that_it_tells_of():
    file = io.BytesIO()
    first, other = (Image.new("L", (8, 8), gray) for gray in (10, 200))
    first.save(file, "MPO", save_all=True, append_images=[other])
    images = decode(file.getvalue(), "image/jpeg", 10**6)
    assert images.pixels.shape == (8, 8)
    assert images.assumed
