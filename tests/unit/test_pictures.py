"""Pictures: what each kind of file tells, and what it costs."""

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from segmentation.depth import Range
from segmentation.errors import OutOfMemory, PayloadTooLarge, RequestError
from segmentation.machine import MemoryGrowth
from segmentation.wire.decoding import read
from segmentation.wire.formats import ONLY_READ
from segmentation.wire.pictures import jpeg, jpeg2000, pillow, png, webp
from support.bodies import GRAY, RGB, STACK

DEEP = np.arange(15, dtype=np.uint16).reshape(3, 5) * 4369
DEEP_RGB = np.stack([DEEP, DEEP // 2, DEEP // 4], axis=-1)
COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # of PNG, by the samples of a pixel


def chunk(kind, data):
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


def png_of(array, *chunks, bits=16, color=None):
    """A PNG of (H, W) or (H, W, C), with chunks before its pixels."""
    height, width = array.shape[:2]
    color = COLOR_TYPES[array.shape[2] if array.ndim == 3 else 1] if color is None else color
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2" if bits == 16 else "u1").tobytes() for row in array)
    ends = chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"".join([png.SIGNATURE, chunk(b"IHDR", header), *chunks, *ends])


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def images_of(body, media_type=None, max_pixels=10**6):
    return read(body, media_type, max_pixels)


def intensities(body, media_type=None):
    images = images_of(body, media_type).with_range()
    return images.intensities(images.pixels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_of_16_bits_keeps_them(channels):
    array = np.dstack([DEEP_RGB, DEEP])[..., :channels]
    images = images_of(png_of(array[..., 0] if channels == 1 else array))
    np.testing.assert_array_equal(np.atleast_3d(images.pixels), array)
    assert images.pixels.dtype == np.uint16
    assert (images.alpha is True) == (channels in (2, 4))


def test_a_transparent_colour_is_read_as_stored():
    body = png_of(DEEP_RGB, chunk(b"tRNS", bytes(6)))
    np.testing.assert_array_equal(images_of(body).pixels, DEEP_RGB)


def test_gamma_is_not_applied():
    body = png_of(GRAY, chunk(b"gAMA", struct.pack(">I", 45_455)), bits=8)
    np.testing.assert_array_equal(images_of(body).pixels, GRAY)


TWELVE = np.array([[0, 1000, 4095]], np.uint16)


@pytest.mark.parametrize(
    "stored",
    [TWELVE << 4, TWELVE << 4 | TWELVE >> 8, np.rint(TWELVE / 4095 * 65535), TWELVE],
    ids=["shifted", "repeated", "scaled", "as they were"],
)
def test_significant_bits_say_what_white_is(stored):
    body = png_of(stored, chunk(b"sBIT", bytes([12])))
    np.testing.assert_allclose(intensities(body), TWELVE / 4095, atol=2e-5)


def test_what_is_dark_is_not_taken_for_unscaled():
    dark = np.array([[0, 16, 32, 4080]], np.uint16)
    body = png_of(dark, chunk(b"sBIT", bytes([12])))
    assert intensities(body).max() == pytest.approx(4080 / 65520)


@pytest.mark.parametrize("told", [b"", b"\0", b"\x10", b"\x20"])
def test_impossible_significant_bits_tell_nothing(told):
    assert images_of(png_of(DEEP, chunk(b"sBIT", told))).range is None


def test_significant_bits_of_colours_that_differ_tell_nothing():
    body = png_of(RGB, chunk(b"sBIT", bytes([5, 6, 5])), bits=8)
    assert images_of(body).range is None


def test_significant_bits_of_alpha_are_others():
    body = png_of(np.dstack([TWELVE << 4, TWELVE << 4]), chunk(b"sBIT", bytes([12, 8])))
    assert images_of(body).range == Range(0, 65520)


def test_a_png_tells_the_size_of_a_pixel():
    body = png_of(DEEP, chunk(b"pHYs", struct.pack(">IIB", 2_000_000, 4_000_000, 1)))
    assert images_of(body).calibration.pixel_size == (0.25, 0.5)  # in micrometers


@pytest.mark.parametrize("density", [(100, 100, 0), (0, 0, 1)])
def test_a_ratio_is_no_size(density):
    body = png_of(DEEP, chunk(b"pHYs", struct.pack(">IIB", *density)))
    assert images_of(body).calibration.pixel_size is None


@pytest.mark.parametrize(("unit", "size"), [(0, None), (1, 254), (2, 100)])
def test_a_jpeg_tells_the_size_of_a_pixel(unit, size):
    body = bytearray(saved(Image.fromarray(GRAY), "JPEG", dpi=(100, 100)))
    place = body.index(b"JFIF\0")
    body[place + 7] = unit
    assert images_of(bytes(body)).calibration.pixel_size == (size and (size, size))


def test_the_orientation_of_a_jpeg_is_not_applied():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert images_of(saved(Image.fromarray(GRAY), "JPEG", exif=exif)).pixels.shape == GRAY.shape


def animation(frames, kind, **options):
    first, *others = (Image.fromarray(frame) for frame in frames)
    return saved(first, kind, save_all=True, append_images=others, **options)


@pytest.mark.parametrize(("kind", "axes"), [("PNG", "NHW"), ("GIF", "NHW")])
def test_the_frames_of_an_animation_are_a_stack(kind, axes):
    images = images_of(animation(STACK, kind))
    assert images.axes == axes
    np.testing.assert_array_equal(images.pixels, STACK)


def test_the_first_picture_of_an_animated_png_may_be_for_others():
    first, *others = (Image.fromarray(frame) for frame in (255 - STACK[0], *STACK))
    body = saved(first, "PNG", save_all=True, append_images=others, default_image=True)
    np.testing.assert_array_equal(images_of(body).pixels, STACK)


def frame_of(array, number):
    """A frame of 16-bit gray as the chunks of an animated PNG."""
    size = array.shape[1], array.shape[0]
    control = struct.pack(">IIIIIHHBB", 2 * number, *size, 0, 0, 1, 1, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    data = struct.pack(">I", 2 * number + 1) + zlib.compress(rows)
    return chunk(b"fcTL", control) + chunk(b"fdAT", data)


def test_the_first_picture_of_an_animated_png_of_16_bits_may_be_for_others():
    still = png_of(DEEP // 3, chunk(b"acTL", struct.pack(">II", 2, 0)))
    end = chunk(b"IEND", b"")
    body = still.removesuffix(end) + frame_of(DEEP, 0) + frame_of(DEEP // 2, 1) + end
    np.testing.assert_array_equal(images_of(body).pixels, [DEEP, DEEP // 2])


def test_an_animated_png_keeps_16_bits():
    frames = np.stack([DEEP_RGB, DEEP_RGB // 2])
    np.testing.assert_array_equal(images_of(imagecodecs.apng_encode(frames)).pixels, frames)


@pytest.mark.parametrize("encode", [imagecodecs.png_encode, imagecodecs.apng_encode])
def test_memory_of_a_png_of_16_bits_that_is_cut_is_free_again(encode):
    """Its decoder holds what it has filled, for ever."""
    noise = np.random.default_rng(0).integers(0, 1 << 16, (2, 700, 700)).astype(np.uint16)
    body = encode(noise[0] if encode is imagecodecs.png_encode else noise)
    with MemoryGrowth() as growth:
        for _ in range(40):
            with pytest.raises(RequestError, match="cannot be decoded"):
                images_of(body[: len(body) * 9 // 10])
    assert growth.bytes < 20 * noise[0].nbytes  # of 40


def test_memory_of_a_png_in_a_tiff_is_free_again():
    noise = np.random.default_rng(0).integers(0, 1 << 16, (700, 700)).astype(np.uint16)
    file = io.BytesIO()
    tifffile.imwrite(file, noise, compression="png", rowsperstrip=700, metadata=None)
    body = bytearray(file.getvalue())
    body[len(body) // 2] ^= 0x55
    with MemoryGrowth() as growth:
        for _ in range(40):
            with pytest.raises(RequestError, match="cannot be decoded"):
                images_of(body)
    assert growth.bytes < 20 * noise.nbytes


def test_an_animation_in_colour():
    frames = np.stack([RGB, 255 - RGB])
    images = images_of(animation(frames, "WEBP", lossless=True))
    assert (images.axes, images.media_type) == ("NHWC", "image/webp")
    np.testing.assert_array_equal(images.pixels[..., :3], frames)


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("more", [{}, {"exif": b"Exif\0\0"}])
def test_a_webp_tells_its_size(lossless, frames, more):
    shape = (frames, 130, 257, 3)
    pixels = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    kept = {"save_all": True, "append_images": [Image.fromarray(pixels[-1])]} if frames > 1 else {}
    body = saved(Image.fromarray(pixels[0]), "WEBP", lossless=lossless, **kept, **more)
    assert webp.measured(body) == (130, 257)


def test_a_webp_is_weighed_before_pillow_makes_room_for_its_frames(monkeypatch):
    body = bytearray(saved(Image.fromarray(RGB), "WEBP", lossless=True))
    body[21:25] = struct.pack("<I", 2000 | 2000 << 14)
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(PayloadTooLarge, match="2001×2001"):
        images_of(bytes(body), max_pixels=1 << 20)


def test_a_webp_with_no_picture_where_it_must_be():
    body = bytearray(saved(Image.fromarray(RGB), "WEBP"))
    body[12:16] = b"EXIF"
    with pytest.raises(RequestError, match="WebP has b'EXIF' where its picture should begin"):
        images_of(bytes(body))
    with pytest.raises(RequestError, match="WebP ends within its header"):
        images_of(bytes(body[:24]))


def test_frames_of_gray_and_of_colour_are_of_colour():
    gray_first = np.stack([np.dstack([GRAY] * 3), RGB])
    images = images_of(animation(gray_first, "GIF"))
    np.testing.assert_array_equal(images.pixels[..., :3], gray_first)
    assert images.alpha is True


def test_too_many_frames():
    body = png_of(GRAY, chunk(b"acTL", struct.pack(">II", 5000, 0)), bits=8)
    with pytest.raises(RequestError, match=r"animation has 5,000 frames; up to 4,096 are read"):
        images_of(body)


def test_frames_are_weighed_together():
    with pytest.raises(PayloadTooLarge, match="2×3×5"):
        images_of(animation(STACK, "GIF"), max_pixels=20)


def palette_png(colors, indices, *chunks):
    return png_of(indices, chunk(b"PLTE", bytes(colors)), *chunks, bits=8, color=png.PALETTE)


def test_a_palette_of_gray_is_gray():
    body = palette_png([0, 0, 0, 70, 70, 70, 9, 8, 7], np.array([[0, 1, 1]]))
    assert images_of(body).pixels.tolist() == [[0, 70, 70]]


def test_the_opacity_of_a_palette_is_alpha():
    body = palette_png([1, 2, 3, 4, 5, 6], np.array([[0, 1]]), chunk(b"tRNS", b"\x80"))
    images = images_of(body)
    assert images.pixels.tolist() == [[[1, 2, 3, 128], [4, 5, 6, 255]]]
    assert images.alpha is True


def test_an_index_beyond_its_palette_is_black():
    assert images_of(palette_png([9, 9, 9], np.array([[0, 200]]))).pixels.tolist() == [[9, 0]]


def test_palettes_are_looked_up_in_strips(monkeypatch):
    monkeypatch.setattr(pillow, "STRIP_PIXELS", 5)
    colors = (np.arange(768) % 256).astype(np.uint8)
    np.testing.assert_array_equal(
        images_of(palette_png(colors, GRAY)).pixels, colors.reshape(-1, 3)[GRAY]
    )


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("WEBP", "image/webp"), ("BMP", "image/bmp"), ("GIF", "image/gif"), ("JPEG2000", "image/jp2")],
)
@pytest.mark.parametrize("declared", [None, "application/x-image"])
def test_pictures_of_pillow(kind, media_type, declared):
    options = {"lossless": True} if kind == "WEBP" else {}
    images = images_of(saved(Image.fromarray(GRAY), kind, **options), declared)
    assert images.media_type == media_type
    pixels = images.with_range().for_channels(1).batch
    np.testing.assert_array_equal(pixels[0, ..., 0], GRAY)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize(
    "encode",
    [
        lambda array, bits: imagecodecs.jpeg2k_encode(array, bitspersample=bits, reversible=True),
        lambda array, bits: imagecodecs.jpegxl_encode(array, bitspersample=bits, lossless=True),
        lambda array, bits: imagecodecs.jpeg_encode(array, bitspersample=bits, lossless=True),
    ],
    ids=["JPEG 2000", "JPEG XL", "lossless JPEG"],
)
def test_pictures_of_all_depths(encode, bits):
    white = (1 << bits) - 1
    pixels = np.linspace(0, white, 64 * 48).reshape(48, 64).astype("u1" if bits == 8 else "u2")
    pixels[0, 0], pixels[-1, -1] = 0, white
    body = encode(pixels, bits)
    np.testing.assert_allclose(intensities(body), pixels / white, atol=1e-6)


def test_an_avif_of_8_bits():
    body = saved(Image.fromarray(np.tile(GRAY, (8, 8))), "AVIF", quality=100)
    np.testing.assert_allclose(
        images_of(body).for_channels(1).batch[0, ..., 0], np.tile(GRAY, (8, 8)), atol=4
    )


@pytest.mark.parametrize("bits", [10, 12])
def test_an_avif_of_more_bits(bits):
    white = (1 << bits) - 1
    pixels = np.tile(np.linspace(0, white, 64), (48, 1)).astype(np.uint16)
    body = imagecodecs.avif_encode(pixels, level=100, bitspersample=bits)
    assert images_of(body).range == Range(0, white)
    np.testing.assert_allclose(intensities(body), pixels / white, atol=0.01)


def test_planes_in_a_jpeg_2000_of_gray():
    """GDAL writes bands so whose colour is not said."""
    rgb = np.tile(RGB, (16, 16, 1))
    body = imagecodecs.jpeg2k_encode(rgb, codecformat="jp2", reversible=True, mct=False)
    place = body.index(b"colr") + 7
    body = body[:place] + struct.pack(">I", 17) + body[place + 4 :]
    np.testing.assert_array_equal(images_of(body).pixels, rgb)


@pytest.mark.parametrize(
    "encode",
    [
        lambda deep: imagecodecs.jpeg2k_encode(deep, reversible=True),
        lambda deep: imagecodecs.jpegxl_encode(deep, lossless=True),
        imagecodecs.jpegls_encode,
    ],
    ids=["JPEG 2000", "JPEG XL", "JPEG-LS"],
)
def test_values_of_a_camera_in_16_bits_are_noted(encode):
    images = images_of(encode(np.tile(DEEP // 16, (16, 16)))).with_range()
    assert "as of a 12-bit camera; it was read as 16 bits" in images.assumed[0]


def test_jpeg_2000_may_be_signed_and_tells_no_range():
    signed = np.array([[-32768, 0, 32767]], np.int16).repeat(32, 0)
    images = images_of(imagecodecs.jpeg2k_encode(signed, reversible=True, resolutions=1))
    np.testing.assert_array_equal(images.pixels, signed)
    with pytest.raises(RequestError, match="nothing tells which of them are black and white"):
        images.with_range()


def test_jpeg_xl_in_colour_with_alpha():
    rgba = np.dstack([RGB, GRAY])
    images = images_of(imagecodecs.jpegxl_encode(rgba, lossless=True))
    np.testing.assert_array_equal(images.pixels, rgba)
    assert images.alpha is True


def test_an_animated_jpeg_xl_is_refused():
    with pytest.raises(RequestError, match="JPEG XL is an animation"):
        images_of(imagecodecs.jpegxl_encode(STACK, lossless=True, photometric="gray"))


@pytest.mark.parametrize("shape", [(8, 8), (48, 64), (301, 70), (3, 5000), (100, 200), (96, 128)])
@pytest.mark.parametrize("boxed", [False, True])
def test_the_size_of_a_jpeg_xl_is_known_before(shape, boxed):
    body = imagecodecs.jpegxl_encode(np.zeros(shape, np.uint8), effort=1, usecontainer=boxed)
    with pytest.raises(PayloadTooLarge, match=f"{shape[0]}×{shape[1]}×3"):
        images_of(body, max_pixels=60)


BOMBS = {
    "WEBP": saved(Image.fromarray(np.zeros((400, 300), np.uint8)), "WEBP"),
    "GIF": saved(Image.fromarray(np.zeros((400, 300), np.uint8)), "GIF"),
    "BMP": saved(Image.fromarray(np.zeros((400, 300), np.uint8)), "BMP"),
    "JPEG": saved(Image.fromarray(np.zeros((400, 300), np.uint8)), "JPEG"),
    "JPEG 2000": saved(Image.fromarray(np.zeros((400, 300), np.uint8)), "JPEG2000"),
    "AVIF": saved(Image.fromarray(np.zeros((400, 300), np.uint8)), "AVIF"),
    "JPEG-LS": imagecodecs.jpegls_encode(np.zeros((400, 300), np.uint8)),
    "PNG of 16 bits": png_of(np.zeros((400, 300), np.uint16)),
}


@pytest.mark.parametrize("array", [GRAY, DEEP, RGB, DEEP_RGB])
def test_jpeg_ls(array):
    body = imagecodecs.jpegls_encode(array)
    images = images_of(body)
    assert images.range == Range(0, np.iinfo(array.dtype).max)
    np.testing.assert_array_equal(images.pixels, array)


def test_jpeg_ls_tells_what_white_is():
    body = bytearray(imagecodecs.jpegls_encode(DEEP))
    place = body.index(b"\xff\xf8\x00\x0d\x01")  # the parameters, the largest value first
    body[place + 5 : place + 7] = struct.pack(">H", 4095)
    assert jpeg.read_header(body).range == Range(0, 4095)
    body[body.index(b"\xff\xf7") + 4] = 10  # bits
    assert jpeg.read_header(body[:place] + body[place + 15 :]).range == Range(0, 1023)


@pytest.mark.parametrize("kind", BOMBS)
def test_pixels_are_counted_before_they_are_decoded(kind):
    with pytest.raises(PayloadTooLarge, match="request is 400×300"):
        images_of(BOMBS[kind], max_pixels=100_000)


@pytest.mark.parametrize("kind", BOMBS)
def test_memory_is_looked_for_before_they_are_decoded(kind, monkeypatch):
    monkeypatch.setattr("segmentation.machine.available_memory", lambda: 500_000)
    with pytest.raises(OutOfMemory, match="request is 400×300"):
        images_of(BOMBS[kind])


@pytest.mark.parametrize("kind", BOMBS)
def test_a_picture_that_was_cut(kind):
    for length in (16, 40, len(BOMBS[kind]) // 2):
        with pytest.raises(RequestError):
            images_of(BOMBS[kind][:length], "application/x-image")


@pytest.mark.parametrize("reader", ONLY_READ, ids=lambda reader: reader.name)
def test_a_picture_of_another_kind_than_said(reader):
    with pytest.raises(RequestError, match=r"body begins with b'\\x89PNG"):
        images_of(png_of(GRAY, bits=8), reader.media_type)


def test_a_jpeg_with_many_scans():
    body = saved(Image.fromarray(GRAY), "JPEG", progressive=True)
    scan = body[body.rindex(b"\xff\xda") : -2]
    with pytest.raises(RequestError, match=r"JPEG of 3×5 pixels is progressive and has 1\d\d sc"):
        images_of(body[:-2] + scan * 100 + body[-2:])


@pytest.mark.parametrize("filling", [b"\xff", b"\xff\xe1\0\2"])
def test_a_jpeg_with_many_markers(filling):
    body = saved(Image.fromarray(GRAY), "JPEG")
    with pytest.raises(RequestError, match="JPEG has more than 10,000 markers"):
        images_of(body[:2] + filling * 10_001 + body[2:])


@pytest.mark.parametrize("lossless", [True, False])
def test_a_jpeg_of_16_bits_that_was_cut(lossless):
    body = imagecodecs.jpeg_encode(DEEP // 16, bitspersample=12, lossless=lossless)
    with pytest.raises(RequestError, match="JPEG has no end"):
        images_of(body[:-5])


def test_a_jpeg_ls_without_an_end():
    body = imagecodecs.jpegls_encode(DEEP_RGB)
    np.testing.assert_array_equal(images_of(body[:-2]).pixels, DEEP_RGB)
    with pytest.raises(RequestError, match="image/jls cannot be decoded"):
        images_of(body[:-9])


def test_a_jpeg_of_inks():
    body = saved(Image.new("CMYK", (4, 4)), "JPEG")
    with pytest.raises(RequestError, match="image has 4 samples of 8 bits that are inks"):
        images_of(body)


def test_texts_in_a_png_are_not_unpacked():
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(10_000_000)))
    np.testing.assert_array_equal(images_of(png_of(GRAY, bomb, bits=8)).pixels, GRAY)


def test_a_png_of_too_many_chunks(monkeypatch):
    monkeypatch.setattr(png, "MAX_CHUNKS", 10)
    with pytest.raises(RequestError, match="PNG has more than 10 chunks"):
        images_of(png_of(GRAY, *[chunk(b"tEXt", b"")] * 10, bits=8))


@pytest.mark.parametrize(
    "body",
    [
        png.SIGNATURE,
        png.SIGNATURE + chunk(b"IDAT", b""),
        png.SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 5, 3, 3, 0, 0, 0, 0)),
        png.SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 5, 3, 8, 7, 0, 0, 0)),
        b"\xff\xd8\xff",
        b"BM",
        b"GIF89a",
        b"RIFF\0\0\0\0WEBP",
        b"\xff\x0a",
        b"\xff\x4f\xff\x51",
        b"\0\0\0\x1cftypavif",
        b"\0\0\0\x0cJXL \r\n\x87\n",
    ],
)
def test_a_picture_of_little_more_than_its_signature(body):
    with pytest.raises(RequestError):
        images_of(body, "application/x-image")


def test_a_jpeg_2000_is_weighed_by_the_header_that_is_decoded():
    body = imagecodecs.jpeg2k_encode(np.zeros((300, 300), np.uint16), codecformat="jp2", level=0)
    header = body.index(b"\xff\x4f\xff\x51")
    small = bytearray(body[header : header + 64])
    small[8:16] = struct.pack(">II", 8, 8)
    box = body.index(b"jp2c") - 4
    uuid = struct.pack(">I4s", 8 + 16 + len(small), b"uuid") + bytes(16) + small
    with pytest.raises(PayloadTooLarge, match="300×300"):
        read(body[:box] + uuid + body[box:], "image/jp2", 1000)


def test_a_jpeg_2000_of_too_many_boxes():
    box = struct.pack(">I4s", 8, b"free")
    with pytest.raises(RequestError, match="more than 1,000 boxes"):
        images_of(jpeg2000.BOXED + box * 1001, "image/jp2")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("kind", ["jp2", "j2k"])
def test_the_last_channel_of_a_jpeg_2000_may_be_anything(dtype, channels, kind):
    array = np.random.default_rng(0).integers(0, 200, (32, 40, channels)).astype(dtype)
    images = images_of(imagecodecs.jpeg2k_encode(array, codecformat=kind, level=0))
    np.testing.assert_array_equal(images.pixels, array)
    assert images.alpha is None
    with pytest.raises(RequestError, match="is not opaque"):
        images.with_range().for_channels(channels - 1)


@pytest.mark.parametrize("bits", [8, 16])
def test_the_last_channel_of_a_jpeg_2000_may_be_told_to_be_opacity(bits):
    body = saved(Image.fromarray(np.dstack([RGB, GRAY])), "JPEG2000", num_resolutions=1)
    if bits == 16:
        told = body[body.index(b"cdef") - 4 : body.index(b"jp2c") - 4]
        array = np.dstack([DEEP_RGB, DEEP])
        body = imagecodecs.jpeg2k_encode(array, codecformat="jp2", level=0, resolutions=1)
        head, code = body.index(b"jp2h"), body.index(b"jp2c") - 4
        [length] = struct.unpack_from(">I", body, head - 4)
        length = struct.pack(">I", length + len(told))
        body = body[: head - 4] + length + body[head:code] + told + body[code:]
    assert images_of(body).alpha is True


@pytest.mark.parametrize("color", [png.GRAY, png.RGB, png.PALETTE])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_with_fewer_rows_than_it_says(color, bits, interlaced):
    """Its data ends in order, but early: some decoders make the other rows black."""
    if (color == png.RGB and bits < 8) or (color == png.PALETTE and bits > 8):
        return  # there is no such PNG
    header = struct.pack(">IIBBBBB", 64, 40, bits, color, 0, 0, interlaced)
    row = bytes(1 + 64 * bits * png.SAMPLES[color] // 8)
    more = 7 * 64 * interlaced  # of filters

    def body(rows):
        data = zlib.compress(row * rows + bytes(more if rows == 40 else 0))
        parts = chunk(b"IHDR", header), chunk(b"PLTE", bytes(6)), chunk(b"IDAT", data)
        return b"".join([png.SIGNATURE, *parts, chunk(b"IEND", b"")])

    assert images_of(body(40)).pixels.shape[:2] == (40, 64)
    with pytest.raises(RequestError, match=r"PNG lacks the last|Not enough image data"):
        images_of(body(30))


def boxed(code, *boxes):
    """A JP2 of a code stream, with these boxes in its header behind the usual ones."""

    def box(kind, content):
        return struct.pack(">I4s", 8 + len(content), kind) + content

    size = struct.pack(">IIHBBBB", *GRAY.shape, 1, 7, 7, 0, 0)
    header = [box(b"ihdr", size), box(b"colr", bytes([1, 0, 0]) + struct.pack(">I", 16))]
    header += [box(kind, content) for kind, content in boxes]
    first = jpeg2000.BOXED + box(b"ftyp", b"jp2 " + bytes(4) + b"jp2 ")
    return first + box(b"jp2h", b"".join(header)) + box(b"jp2c", code)


@pytest.mark.parametrize(("bits", "kind"), [(8, np.uint8), (16, np.uint16)])
def test_the_palette_of_a_jpeg_2000_is_looked_up(bits, kind):
    colors = np.random.default_rng(0).integers(0, 1 << bits, (16, 3)).astype(kind)
    code = imagecodecs.jpeg2k_encode(
        GRAY >> 4, level=0, resolutions=1, codecformat="j2k", bitspersample=4
    )
    columns = bytes([bits - 1] * 3) + colors.astype(f">u{bits // 8}").tobytes()
    palette = struct.pack(">HB", len(colors), 3) + columns
    places = b"".join(struct.pack(">HBB", 0, 1, number) for number in range(3))
    images = images_of(boxed(code, (b"pclr", palette), (b"cmap", places)))
    np.testing.assert_array_equal(images.pixels, colors[GRAY >> 4])
    assert images.range == Range(0, (1 << bits) - 1)


def test_the_palette_of_a_jpeg_2000_has_columns_of_one_depth():
    code = imagecodecs.jpeg2k_encode(GRAY, level=0, resolutions=1, codecformat="j2k")
    palette = struct.pack(">HB", 1, 3) + bytes([7, 7, 15]) + bytes(4)
    with pytest.raises(RequestError, match="palette of 3 columns of several depths"):
        images_of(boxed(code, (b"pclr", palette)))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_the_colours_of_a_jpeg_2000_may_stand_in_another_order(kind):
    stored = np.dstack([GRAY, RGB[..., ::-1]]).astype(kind)  # opacity, blue, green, red
    code = imagecodecs.jpeg2k_encode(stored, level=0, resolutions=1, codecformat="j2k")
    told = ((0, 1, 0), (1, 0, 3), (2, 0, 2), (3, 0, 1))
    content = struct.pack(">H", 4) + b"".join(struct.pack(">3H", *one) for one in told)
    images = images_of(boxed(code, (b"cdef", content)))
    np.testing.assert_array_equal(images.pixels, np.dstack([RGB, GRAY]))
    assert images.alpha is True


def test_pictures_behind_the_first_one_of_a_jpeg_are_told():
    first, second = Image.fromarray(GRAY), Image.fromarray(GRAY)
    images = images_of(saved(first, "MPO", save_all=True, append_images=[second]), "image/jpeg")
    assert images.pixels.shape == GRAY.shape
    assert images.assumed == ("the file holds 2 pictures, and the first was read",)
