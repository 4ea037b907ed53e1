"""NPY and NPZ: what is judged by the header, before any data is read."""

import io
import struct
import zipfile

import numpy as np
import pytest

from segmentation.errors import OutOfMemory, PayloadTooLarge, RequestError
from segmentation.wire import arrays
from segmentation.wire.decoding import read
from segmentation.wire.media_types import NPY, NPZ
from support import bodies
from support.bodies import GRAY


def images_of(body, content_type=NPY, max_pixels=10**4):
    return read(body, content_type, max_pixels)


def npy_of(shape, dtype="'|u1'", data=b"", version=b"\x01\x00"):
    header = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}}}".encode()
    header += b" " * (63 - (len(header) + 10) % 64) + b"\n"
    length = struct.pack("<H" if version == b"\x01\x00" else "<I", len(header))
    return arrays.SIGNATURE + version + length + header + data


def zip_of(data, name="instances.npy", method=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(name, data)
    return file.getvalue()


def test_an_npy_is_a_view_of_the_body():
    body = bytearray(bodies.npy(GRAY))
    assert np.shares_memory(images_of(body).pixels, np.frombuffer(body, np.uint8))


@pytest.mark.parametrize("dtype", [">u2", ">f4", "<f8", "<f2", "?", "<i4", "|i1"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("pack", [lambda body: (body, NPY), lambda body: (zip_of(body), NPZ)])
def test_numbers_of_all_types(dtype, order, pack):
    array = np.asarray(GRAY % 2, dtype, order=order)
    np.testing.assert_array_equal(images_of(*pack(bodies.npy(array))).pixels, array)


def test_whatever_stands_for_true_is_true():
    pixels = images_of(npy_of((1, 3), "'|b1'", b"\0\1\7")).pixels
    assert pixels.astype(int).tolist() == [[0, 1, 1]]


@pytest.mark.parametrize(
    "shape",
    ["(-1, -1)", "(True, True)", "(2, -3)", "(2.0, 3)", "(10**20, 1)", f"({'9' * 400}, 1)"],
)
def test_impossible_shapes(shape):
    with pytest.raises(RequestError, match="NPY header"):
        images_of(npy_of(shape, data=bytes(6)))


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ("'S1000000000'", "NPY has dtype .S1000000000"),
        ("'|V9'", r"NPY has dtype \|V9"),
        ("'<U3'", "NPY has dtype <U3"),
        ("'<c8'", "NPY has dtype complex64"),
        ("'<f16'", "NPY has dtype float128"),
        ("'<M8[s]'", "NPY has dtype datetime64"),
        ("'|O'", "never pickles"),
        ("[('a', '|u1'), ('b', '<f8')]", "the fields a, b; .*structured_to_unstructured"),
        ("'nonsense'", "NPY header cannot be read"),
        ("'|S0'", "NPY has dtype"),
    ],
)
@pytest.mark.parametrize("pack", [lambda body: (body, NPY), lambda body: (zip_of(body), NPZ)])
def test_types_are_judged_before_data(dtype, message, pack):
    with pytest.raises(RequestError, match=message):
        images_of(*pack(npy_of((2, 3), dtype)))


def test_a_header_that_is_too_long():
    body = arrays.SIGNATURE + b"\x02\x00" + struct.pack("<I", 1 << 30) + b"{" * 200_000
    with pytest.raises(RequestError, match="NPY header cannot be read"):
        images_of(body)


def test_a_header_that_python_2_wrote():
    assert images_of(npy_of("(1L, 3L)", data=bytes(3))).pixels.shape == (1, 3)


def test_a_damaged_header_is_not_taken_apart(monkeypatch):
    """Which takes numpy's own reader a minute where it is full of blanks."""
    monkeypatch.setattr("tokenize.generate_tokens", lambda *_: pytest.fail("it is"))
    with pytest.raises(RequestError, match="NPY header cannot be read"):
        images_of(npy_of("(1, 3" + 9000 * " "))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("[1, 2]", "is no dictionary of descr, fortran_order, shape"),
        ("{'descr': '|u1', 'fortran_order': False}", "is no dictionary of"),
        ("{'descr': '|u1', 'fortran_order': 0, 'shape': (1, 1)}", "neither True nor False"),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': [1, 1]}", "its shape is no tuple"),
        ("-" * 9_999, "NPY header cannot be read"),
        ("[" * 9_999, "NPY header cannot be read"),
        (" " * 10_001, "it has 10,001 bytes"),
    ],
)
def test_headers_that_are_none(header, message):
    length = struct.pack("<H", len(header))
    with pytest.raises(RequestError, match=message):
        images_of(arrays.SIGNATURE + b"\x01\x00" + length + header.encode())


@pytest.mark.parametrize("data", [b"", bytes(14), bytes(16)])
@pytest.mark.parametrize("pack", [lambda body: (body, NPY), lambda body: (zip_of(body), NPZ)])
def test_data_of_another_length_than_the_header_says(data, pack):
    with pytest.raises(RequestError, match=r"bytes of data; its header \(3×5 uint8\) needs 15"):
        images_of(*pack(npy_of((3, 5), data=data)))


def test_memory_is_weighed_by_the_type(monkeypatch):
    monkeypatch.setattr("segmentation.machine.available_memory", lambda: 1000 * 16)
    assert images_of(npy_of((10, 100), data=bytes(1000))).pixels.size == 1000
    with pytest.raises(OutOfMemory, match="request is 10×100"):
        images_of(npy_of((10, 100), "'<f8'", bytes(8000)))


@pytest.mark.parametrize("shape", [(101, 100), (2, 51, 100)])
def test_pixels_are_counted_before_data_is_read(shape):
    with pytest.raises(PayloadTooLarge):
        images_of(zip_of(npy_of(shape)), NPZ)


def test_an_archive_that_claims_more_than_it_can_hold():
    body = bytearray(zip_of(npy_of((90, 100), data=bytes(9000))))
    directory = body.index(arrays.ENTRY)
    struct.pack_into("<I", body, directory + 20, 1)  # its compressed size
    struct.pack_into("<I", body, body.index(arrays.ZIP) + 18, 1)
    with pytest.raises(RequestError):
        images_of(bytes(body), NPZ)


def test_an_archive_of_many_members():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(arrays.MAX_ENTRIES + 1):
            archive.writestr(str(number), b"")
    with pytest.raises(RequestError, match="NPZ holds 1,001 arrays"):
        images_of(file.getvalue(), NPZ)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_an_archive_that_numpy_does_not_write(method):
    with pytest.raises(RequestError, match="compressed by another method"):
        images_of(zip_of(bodies.npy(GRAY), method=method), NPZ)


def test_an_archive_that_was_cut():
    body = bodies.npz(GRAY)
    for length in (4, 30, 60, len(body) - 1):
        with pytest.raises(RequestError, match="NPZ cannot be read"):
            images_of(body[:length], NPZ)


def test_an_archive_whose_data_was_changed():
    body = bytearray(zip_of(bodies.npy(GRAY), method=zipfile.ZIP_STORED))
    body[body.index(GRAY.tobytes()) + 3] ^= 1
    with pytest.raises(RequestError, match="NPZ cannot be read: Bad CRC"):
        images_of(bytes(body), NPZ)
