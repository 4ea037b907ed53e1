"""What a body is before any format: codings, forms, and files within JSON."""

import base64
import gzip
import io
import json
import mimetypes
import zipfile
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from segmentation.errors import PayloadTooLarge, RequestError, UnsupportedMediaType
from segmentation.images import Images
from segmentation.wire import embedded
from segmentation.wire.body import MAX_MEMBERS, opened
from segmentation.wire.decoding import read
from segmentation.wire.format import Reader
from segmentation.wire.media_types import CSV, JSON, NPY, PNG
from serving import upstream
from serving.errors import UpstreamChanged
from support import bodies
from support.bodies import GRAY, RGB, STACK

PNG_BODY = bodies.png(GRAY)
FORM = "multipart/form-data; boundary=b"
BARE_DEFLATE = zlib.compressobj(wbits=-15)


def images_of(body, content_type, coding=None, max_bytes=10**6):
    return read(body, content_type, 10**4, coding, max_bytes)


def part(data, disposition, content_type=None):
    kind = b"" if content_type is None else b"Content-Type: " + content_type.encode() + b"\r\n"
    head = b"Content-Disposition: form-data; " + disposition.encode() + b"\r\n"
    return b"--b\r\n" + head + kind + b"\r\n" + data + b"\r\n"


def gzipped(data):
    """The same bytes each time: tests that run side by side are told apart by them."""
    return gzip.compress(data, mtime=0)


def form(*parts):
    return b"".join(parts) + b"--b--\r\n"


A_FILE = part(PNG_BODY, 'name="file"; filename="x.png"', PNG)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzipped(PNG_BODY)),
        ("x-gzip", gzipped(PNG_BODY)),
        ("GZIP, identity", gzipped(PNG_BODY)),
        ("gzip", gzipped(PNG_BODY[:50]) + gzipped(PNG_BODY[50:]) + bytes(100)),
        ("deflate", zlib.compress(PNG_BODY)),
        ("deflate", BARE_DEFLATE.compress(PNG_BODY) + BARE_DEFLATE.flush()),
        ("deflate, gzip", gzipped(zlib.compress(PNG_BODY))),
        ("identity", PNG_BODY),
        ("", PNG_BODY),
    ],
)
def test_codings_are_undone(coding, body):
    np.testing.assert_array_equal(images_of(body, PNG, coding).pixels, GRAY)


def test_a_large_body_is_undone_in_parts():
    array = np.random.default_rng(1).integers(0, 9, (100, 100, 40)).astype(np.uint8)
    body = opened(gzipped(array.tobytes()), None, "gzip", 10**6).body
    assert bytes(body) == array.tobytes()


@pytest.mark.parametrize("size", [100_000, 10_000_000])
def test_a_coding_that_stands_for_too_much(size):
    with pytest.raises(PayloadTooLarge, match=r"more than 99,999 bytes .* \(`max_payload_mb`\)"):
        images_of(gzipped(bytes(size)), PNG, "gzip", max_bytes=99_999)


@pytest.mark.parametrize("coding", ["br", "gzip, zstd", "gzip, gzip, gzip, gzip"])
def test_unknown_codings(coding):
    with pytest.raises(UnsupportedMediaType, match="gzip and deflate are undone"):
        images_of(PNG_BODY, PNG, coding)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize(
    "body", [PNG_BODY, gzipped(PNG_BODY)[:-9], zlib.compress(PNG_BODY)[:-9], b"\x1f"]
)
def test_damaged_codings(coding, body):
    with pytest.raises(RequestError, match=f"body is not {coding}, .* or is damaged"):
        images_of(body, PNG, coding)


def test_a_gzip_of_too_many_members():
    with pytest.raises(RequestError, match="more than 10,000 members"):
        images_of(gzipped(b"") * (MAX_MEMBERS + 1), PNG, "gzip")


def test_a_body_that_is_empty_once_its_coding_is_undone():
    for body in (b"", gzipped(b"")):
        with pytest.raises(RequestError, match="body is empty"):
            images_of(body, PNG, "gzip")


@pytest.mark.parametrize(
    "file",
    [
        A_FILE,
        part(PNG_BODY, 'name="file"; filename="x"', "application/octet-stream"),
        part(PNG_BODY, 'name="file"; filename="x"'),
        part(PNG_BODY, "name=\"file\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.png"),
        part(PNG_BODY, 'name="file"', PNG),
        part(PNG_BODY, 'name="file"; filename="x"', "application/x-unheard-of"),
        part(b"", 'name="other"; filename=""', "application/octet-stream") + A_FILE,
    ],
)
def test_the_file_of_a_form(file):
    images = images_of(form(file), FORM)
    np.testing.assert_array_equal(images.pixels, GRAY)
    assert images.media_type == PNG


def test_fields_of_a_form_are_parameters():
    fields = part(b"overlay", 'name="output"') + part(b"0.4", 'name="threshold"', "text/plain")
    assert images_of(form(fields, A_FILE), FORM).parameters == {
        "output": "overlay",
        "threshold": "0.4",
    }


@pytest.mark.parametrize("kind", ["application/vnd.ms-excel", "application/octet-stream", None])
def test_a_text_file_of_a_form_is_known_by_its_name(kind):
    body = form(part(bodies.csv(GRAY), 'name="file"; filename="a.CSV"', kind))
    assert images_of(body, FORM).media_type == CSV


def test_a_boundary_may_be_quoted_and_stand_in_the_file():
    array = np.frombuffer(b"\r\n--a\r\n--\r\n--x", np.uint8)[None]
    body = form(part(bodies.npy(array), 'name="file"; filename="x"'))
    images = images_of(body, 'multipart/form-data; charset=utf-8; boundary="b"')
    assert images.pixels.tolist() == array.tolist()


BAD_FORMS = {
    "several files": (form(A_FILE, A_FILE), FORM, "holds 2 files, x.png, x.png; one is read"),
    "no file": (form(part(b"1", 'name="a"')), FORM, "holds the fields a, and no file"),
    "nothing": (form(), FORM, "holds nothing, and no file"),
    "a field twice": (form(part(b"1", 'name="a"') * 2, A_FILE), FORM, "field 'a' twice"),
    "an image in a field": (form(part(bytes(99_999), 'name="a"')), FORM, "99,999 bytes"),
    "bytes without a name": (form(part(b"\xff", "")), FORM, r"curl -F file=@FILE$"),
    "a field of bytes": (form(part(b"\xff", 'name="a"')), FORM, "field 'a' .* is not UTF-8"),
    "an empty file": (form(part(b"", 'name="a"; filename="x"')), FORM, "file 'x' .* is empty"),
    "empty": (b"", FORM, "body is empty"),
    "cut": (form(A_FILE)[:-40], FORM, "form cannot be read"),
    "another boundary": (form(A_FILE), FORM + "c", "form cannot be read"),
    "no boundary": (form(A_FILE), "multipart/form-data", "form cannot be read"),
    "too many parts": (form(*[part(b"", f'name="{n}"') for n in range(101)]), FORM, "be read"),
    "a header too long": (form(part(b"", f'name="{"n" * 9999}"')), FORM, "cannot be read"),
    "a damaged file": (form(part(PNG_BODY[:50], 'name="a"; filename="x"')), FORM, "cut"),
}


@pytest.mark.parametrize(("body", "content_type", "message"), BAD_FORMS.values(), ids=BAD_FORMS)
def test_bad_forms(body, content_type, message):
    with pytest.raises(RequestError, match=message):
        images_of(body, content_type)


def test_a_name_that_is_not_in_ascii_is_read():
    disposition = "name=\"file\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.pdf"
    with pytest.raises(UnsupportedMediaType, match=r"file is 'größe\.pdf'"):
        images_of(form(part(b"%PDF", disposition, "text/pdf")), FORM)


def test_a_file_that_is_none_is_called_by_its_name():
    with pytest.raises(UnsupportedMediaType, match=r"file is 'x\.pdf', its Content-Type is 'text/"):
        images_of(form(part(b"%PDF", 'name="a"; filename="x.pdf"', "text/pdf")), FORM)


def test_what_curl_sends_unless_it_is_told():
    as_curl_says = "application/x-www-form-urlencoded"
    assert images_of(PNG_BODY, as_curl_says).media_type == "image/png"
    as_d_sends_it = PNG_BODY.translate(None, b"\r\n\0")
    with pytest.raises(UnsupportedMediaType, match=r"--data-binary @image\.png -H 'Content-Type"):
        images_of(as_d_sends_it, as_curl_says)


def b64(data):
    return {"b64": base64.b64encode(data).decode()}


def in_json(content, **others):
    return json.dumps({"instances": content, **others}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b64(PNG_BODY),
        {"image_bytes": b64(PNG_BODY)},
        {"b64": "data:image/png;base64," + b64(PNG_BODY)["b64"]},
        {"b64": b64(PNG_BODY)["b64"].rstrip("=").replace("+", "-").replace("/", "_") + "\n"},
        b64(bodies.npy(GRAY)),
    ],
)
def test_a_file_in_json(content):
    images = images_of(in_json(content), JSON)
    np.testing.assert_array_equal(images.pixels, GRAY)
    assert images.media_type == JSON


def test_a_list_of_files_in_json_is_a_stack():
    content = [b64(bodies.png(image)) for image in STACK]
    for count in (1, 2):
        images = images_of(in_json(content[:count], parameters={"output": "mask"}), JSON)
        np.testing.assert_array_equal(images.pixels, STACK[:count])
        assert (images.axes, images.parameters) == ("NHW", {"output": "mask"})


def test_a_stack_in_a_list_of_one():
    images = images_of(in_json([b64(bodies.tiff(STACK))]), JSON)
    np.testing.assert_array_equal(images.pixels, STACK)


def white_is_zero(image):
    file = io.BytesIO()
    tifffile.imwrite(file, image, photometric="miniswhite")
    return file.getvalue()


BAD_FILES = {
    "other sizes": ([b64(PNG_BODY), b64(bodies.png(GRAY[:2]))], "instance 1 is 2×5 of 8 bits"),
    "stacks": ([b64(bodies.tiff(STACK))] * 2, "instance 0 is a stack, 2×3×5"),
    "colour beside gray": ([b64(PNG_BODY), b64(bodies.png(RGB))], "instance 1 is 3×5×3"),
    "one bit": ([b64(PNG_BODY), b64(bodies.npy(GRAY > 100))], "instance 1 is 3×5 of 1 bits"),
    "another range": (
        [b64(bodies.tiff(GRAY)), b64(white_is_zero(GRAY))],
        r"instance 1 tells values from 255 \(black\) to 0 \(white\), instance 0 ",
    ),
    "no base64": ({"b64": "§"}, "instances is not base64"),
    "cut base64": ({"b64": "AAAAA"}, "instances is not base64"),
    "no text": ({"b64": 7}, r"has \['b64'\]"),
    "two keys": ({"a": 1, "c": 2}, r"instances is no file: it has \['a', 'c'\]"),
    "numbers among files": ([b64(PNG_BODY), 7], "instance 1 is no file: it has int"),
    "nothing known": (b64(b"hello"), "begins with b'hello' once its base64 is undone"),
    "nothing": (b64(b""), "begins with b''"),
    "a damaged file": ([b64(PNG_BODY[:50])], "cannot be decoded"),
}


@pytest.mark.parametrize(("content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files_in_json(content, message):
    with pytest.raises(RequestError, match=message):
        images_of(in_json(content), JSON)


@pytest.mark.parametrize("content_type", [None, "", "application/octet-stream", "image/*", "*/*"])
@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (PNG_BODY, PNG),
        (bodies.npy(GRAY), NPY),
        (bodies.npz(GRAY), "application/x-npz"),
        (bodies.json_instances(GRAY), JSON),
        (b"\xef\xbb\xbf\n [[1, 2]]", JSON),
    ],
)
def test_a_type_that_says_nothing_is_told_by_the_body(content_type, body, media_type):
    if body.startswith(b"\xef"):
        body = body[3:]
    assert images_of(body, content_type).media_type == media_type


@pytest.mark.parametrize("content_type", [None, "binary/octet-stream"])
def test_a_body_that_tells_nothing_either(content_type):
    with pytest.raises(UnsupportedMediaType, match=r"the body begins with b'%PDF-1\.7'"):
        images_of(b"%PDF-1.7\n", content_type)


def test_files_in_json_are_limited():
    with pytest.raises(RequestError, match="instances are 1,001 files; up to 1,000 are read"):
        images_of(in_json([{"b64": ""}] * 1001), JSON)


def test_a_stack_may_be_the_only_file_of_a_list():
    stack = np.zeros((5, 32, 40), np.uint8)
    assert images_of(in_json([b64(bodies.npy(stack))]), JSON).for_channels(1).batch.shape == (
        5,
        32,
        40,
        1,
    )


def test_sizes_of_pixels_that_differ_are_none():
    files = [b64(saved(dpi=(dots, dots))) for dots in (1000, 2000)]
    images = images_of(in_json(files), JSON)
    assert images.calibration.pixel_size is None
    assert "several sizes" in images.assumed[-1]
    assert images_of(in_json(files[:1]), JSON).calibration.pixel_size is not None


def saved(**options):
    file = io.BytesIO()
    Image.fromarray(GRAY).save(file, "PNG", **options)
    return file.getvalue()


@pytest.mark.parametrize("garbage", [b"x", gzipped(PNG_BODY)])
def test_what_follows_zeros_behind_a_gzip_is_seen(garbage):
    padded = gzipped(PNG_BODY) + bytes(200_000)
    np.testing.assert_array_equal(images_of(padded, PNG, "gzip").pixels, GRAY)
    with pytest.raises(RequestError, match="is damaged"):
        images_of(padded + garbage, PNG, "gzip")


def test_a_stack_of_colour_may_be_the_only_file_of_a_list():
    stack = np.zeros((5, 32, 40, 3), np.uint8)
    assert images_of(in_json([b64(bodies.npy(stack))]), JSON).pixels.shape == stack.shape


def test_flat_arrays_in_a_list_are_no_channels():
    images = images_of(in_json([b64(bodies.npy(GRAY))] * 2 + [b64(PNG_BODY)]), JSON)
    assert images.axes == "NHW"
    np.testing.assert_array_equal(images.pixels, [GRAY] * 3)


def test_files_of_other_axes_are_refused():
    files = [b64(bodies.png(RGB)), b64(bodies.npy(RGB))]
    with pytest.raises(RequestError, match="instance 1 has the axes not told, instance 0 H×W×C"):
        images_of(in_json(files), JSON)


class Told(Reader):
    """Reads what a test wants it to have read."""

    name, media_type, signatures = "Told", "image/x-told", (b"told",)

    def __init__(self, *images):
        self._images = iter(images)

    def decode(self, body, max_pixels):
        return next(self._images)


def of_files(*images):
    return embedded.decode([b64(b"told")] * len(images), [Told(*images)], 10**4)


@pytest.mark.parametrize("alphas", [(True, None), (None, True), (False, True), (True, True, False)])
def test_opacity_that_not_all_files_tell_is_not_known(alphas):
    pixels = np.zeros((3, 5, 2), np.uint8)
    assert of_files(*(Images(pixels, axes="HWC", alpha=alpha) for alpha in alphas)).alpha is None
    assert of_files(*[Images(pixels, axes="HWC", alpha=True)] * 2).alpha is True


def test_what_was_assumed_of_many_files_is_said_once_and_cut():
    files = [Images(GRAY, axes="HW", assumed=("all", f"file {number}")) for number in range(9)]
    assumed = of_files(*files).assumed
    assert assumed[:5] == ("all", "file 0", "file 1", "file 2", "file 3")
    assert assumed[5:] == ("5 more were assumed of the files, and are left out here",)


def test_another_way_of_the_toolkit_to_decode_texts_is_noticed_at_the_start(monkeypatch):
    from sagemaker_inference import content_types
    from sagemaker_inference.transformer import Transformer

    upstream.check_transformer(Transformer())
    monkeypatch.setattr(content_types, "UTF8_TYPES", (JSON, CSV))
    with pytest.raises(UpstreamChanged, match=r"content_types\.UTF8_TYPES is no list"):
        upstream.check_transformer(Transformer())


@pytest.mark.parametrize("suffix", ["jpg", "tif", "jp2", "csv"])
def test_the_first_bytes_of_a_file_in_a_form_tell_what_it_is(suffix):
    """Programs name its type by its suffix."""
    kind = mimetypes.types_map[f".{suffix}"] if suffix != "jp2" else "image/jp2"
    body = form(part(bodies.picture(GRAY, "PNG"), f'name="file"; filename="x.{suffix}"', kind))
    images = images_of(body, FORM)
    assert images.media_type == "image/png"
    np.testing.assert_array_equal(images.pixels, GRAY)


@pytest.mark.parametrize("kind", ["application/json", "application/jsonlines", "text/csv", None])
def test_a_mark_of_utf_8_before_a_text(kind):
    text = bodies.csv(GRAY) if kind == "text/csv" else bodies.json_array(GRAY)
    images = images_of("\ufeff".encode() + text, kind)
    np.testing.assert_array_equal(images.pixels.reshape(GRAY.shape), GRAY)


def test_a_zip_of_a_picture_is_no_npz():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("cells.tif", b"II*\0" + bytes(100))
    with pytest.raises(RequestError, match=r"a ZIP of 'cells\.tif', which begins with b'II"):
        images_of(file.getvalue(), None)


@pytest.mark.parametrize("kind", ["image/apng", "image/x-png"])
def test_other_names_of_png(kind):
    assert images_of(bodies.picture(GRAY, "PNG"), kind).media_type == "image/png"
