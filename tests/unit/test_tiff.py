"""TIFF as instruments and programs write it: what its own words say of values, pages and axes."""

import contextlib
import io
import json
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import imagecodecs
import numpy as np
import pytest
import tifffile

from segmentation import depth
from segmentation.calibration import Calibration
from segmentation.errors import OutOfMemory, PayloadTooLarge, RequestError
from segmentation.wire.media_types import TIFF
from segmentation.wire.tiff import axes as tiff_axes
from segmentation.wire.tiff import file as tiff_file
from segmentation.wire.tiff import pixels as tiff_pixels
from segmentation.wire.tiff.format import Tiff

H, W = 20, 33
GRAY = (np.arange(H * W).reshape(H, W) % 256).astype(np.uint8)
GRAY16 = GRAY.astype(np.uint16) * 257
RGB = np.stack([GRAY, GRAY // 2, GRAY // 4], axis=-1)
STACK = np.stack([GRAY, 255 - GRAY, GRAY // 2, GRAY // 3, GRAY // 5, GRAY // 7])
MAX_PIXELS = 10**6


def written(array, **options):
    file = io.BytesIO()
    options = {"photometric": "minisblack", "metadata": None} | options
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


def pages(*several):
    """Pages written one by one; each an array and its options."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for array, options in several:
            writer.write(array, **{"photometric": "minisblack", "metadata": None} | options)
    return file.getvalue()


def patched(body, code, value, layout="<I"):
    """With the value of a tag of its first page changed."""
    body = bytearray(body)
    with tifffile.TiffFile(io.BytesIO(body)) as file:
        struct.pack_into(layout, body, file.pages[0].tags[code].valueoffset, value)
    return body


def read(body, max_pixels=MAX_PIXELS):
    return Tiff().decode(body, max_pixels)


def intensities(body, channels=1):
    images = read(body).with_range().for_channels(channels)
    return images.intensities(images.batch)


# --- values


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    "dtype", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "f2", "f4", "f8", "bool"]
)
def test_types_and_byte_orders(dtype, order, big):
    array = GRAY > 100 if dtype == "bool" else GRAY.astype(dtype)
    if dtype.startswith("f"):
        array = array / array.dtype.type(255)
    images = read(written(array, byteorder=order, bigtiff=big))
    assert images.axes == "HW"
    np.testing.assert_array_equal(images.pixels, array.astype(images.pixels.dtype))
    assert images.pixels.dtype.isnative


COMPRESSIONS = [
    "zlib",
    "lzw",
    "packbits",
    "zstd",
    "lzma",
    "lerc",
    "png",
    "jpegxl",
    "jpeg2000",
    "deflate",
]


@pytest.mark.parametrize("shape", [{}, {"tile": (16, 16)}, {"rowsperstrip": 7}])
@pytest.mark.parametrize("array", [GRAY, GRAY16, RGB], ids=["gray8", "gray16", "rgb"])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_compressions(compression, array, shape):
    kind = {"photometric": "rgb"} if array.ndim == 3 else {}
    args = {"lossless": True} if compression == "jpegxl" else {}
    body = written(array, compression=compression, compressionargs=args, **kind, **shape)
    np.testing.assert_array_equal(read(body).pixels, array)


@pytest.mark.parametrize("predictor", [2, 3])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("compression", ["zlib", "lzw", "zstd"])
def test_predictors(compression, order, predictor):
    array = GRAY16 if predictor == 2 else (GRAY16 / 65535).astype(np.float32)
    body = written(array, compression=compression, predictor=predictor, byteorder=order)
    np.testing.assert_array_equal(read(body).pixels, array)


def test_jpeg_is_nearly_exact():
    smooth = np.stack([np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)] * 3, axis=-1)
    for kind in ({}, {"subsampling": (2, 2)}):
        body = written(smooth, photometric="rgb", compression="jpeg", tile=(32, 32), **kind)
        assert np.abs(read(body).pixels.astype(int) - smooth).max() < 6


@pytest.mark.parametrize("bits", [2, 4, 10, 12, 14, 24])
def test_white_of_packed_samples_is_their_largest(bits):
    array = (GRAY.astype(np.uint32) * 65_793) >> (24 - bits)
    array = array.astype(np.min_scalar_type((1 << bits) - 1))
    body = written(array, bitspersample=bits)
    np.testing.assert_array_equal(read(body).pixels, array)
    expected = array / ((1 << bits) - 1)
    np.testing.assert_allclose(intensities(body)[0, ..., 0], expected, atol=1e-6)


def max_value(value):
    return {"extratags": [(281, "H", 1, value, True)]}


def test_a_largest_value_that_is_a_depth_is_white():
    body = written(GRAY.astype(np.uint16) * 16, **max_value(4095))
    assert intensities(body).max() == pytest.approx(255 * 16 / 4095)


@pytest.mark.parametrize("value", [4000, 1023, 127])
def test_another_largest_value_is_told(value):
    images = read(written(GRAY.astype(np.uint16) * 16, **max_value(value))).with_range()
    assert images.range.white == 65535
    assert "MaxSampleValue), which is" in images.assumed[0]
    assert f"range={value}" in images.assumed[0]


@pytest.mark.parametrize(
    ("array", "highest"),
    [(GRAY, 255), (GRAY16, 65535), ((GRAY / 255).astype(np.float32), 1), (GRAY > 99, 1)],
)
def test_white_may_be_zero(array, highest):
    body = written(array, photometric="miniswhite")
    np.testing.assert_allclose(intensities(body)[0, ..., 0], 1 - array / highest, atol=1e-6)


@pytest.mark.parametrize("dtype", ["i2", "u4"])
def test_numbers_of_no_known_depth_are_asked_for(dtype):
    with pytest.raises(RequestError, match="nothing tells which of them are black and white"):
        read(written(GRAY.astype(dtype))).with_range()


@pytest.mark.parametrize(("code", "alpha"), [(0, False), (1, True), (2, True)])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_extra_samples_say_whether_they_are_opacity(code, alpha, planar):
    array = np.dstack([RGB, GRAY])
    data = array if planar == "contig" else np.moveaxis(array, -1, 0)
    body = written(data, photometric="rgb", planarconfig=planar, extrasamples=[code])
    images = read(body)
    assert (images.axes, images.alpha) == ("HWC", alpha)
    np.testing.assert_array_equal(images.pixels, array)


@pytest.mark.parametrize("channels", [2, 5, 16])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_many_samples_are_channels(channels, planar):
    array = np.stack([GRAY // n for n in range(1, channels + 1)], axis=-1).astype(np.uint16)
    data = array if planar == "contig" else np.moveaxis(array, -1, 0)
    images = read(written(data, planarconfig=planar)).with_range().for_channels(channels)
    np.testing.assert_array_equal(images.batch[0], array)


@pytest.mark.parametrize("depth", [1, 257])
def test_a_palette_is_looked_up(depth):
    colors = np.random.default_rng(0).integers(0, 256, (3, 256)).astype(np.uint16) * depth
    colors[:, 0] = 255 * depth + (depth == 1) * 44_000  # of 16 bits where they are no multiples
    images = read(written(GRAY, photometric="palette", colormap=colors))
    assert images.axes == "HWC"
    looked_up = colors.T[GRAY]
    expected = looked_up // 257 if depth == 257 else looked_up
    np.testing.assert_array_equal(images.pixels, expected)


def test_a_gray_palette_is_gray():
    colors = np.tile(np.arange(256, dtype=np.uint16)[::-1] * 257, (3, 1))
    images = read(written(GRAY, photometric="palette", colormap=colors))
    assert images.axes == "HW"
    np.testing.assert_array_equal(images.pixels, 255 - GRAY)


def test_a_palette_is_for_indices_of_sixteen_bits():
    colors = (320, 3, 768, [0] * 768, True)
    body = bytearray(written(GRAY.astype(np.uint32) + 2**31, extratags=[colors]))
    tag = body.index(np.array([262, 3, 1, 0, 1, 0], "<u2").tobytes())  # black is zero
    body[tag + 8] = 3  # a palette
    with pytest.raises(RequestError, match="indices of 32 bits; they are read up to 16"):
        read(bytes(body))


def test_the_palette_of_imagej_is_for_display():
    colors = np.random.default_rng(0).integers(0, 65536, (3, 256)).astype(np.uint16)
    body = written(GRAY, imagej=True, colormap=colors, photometric="palette", metadata={})
    np.testing.assert_array_equal(read(body).pixels, GRAY)


@pytest.mark.parametrize(
    ("array", "kind", "message"),
    [
        (np.dstack([RGB, GRAY]), {"photometric": "separated"}, "inks of a printer"),
        (RGB, {"photometric": "cielab"}, "L\\*a\\*b\\*"),
        (RGB, {"photometric": "ycbcr"}, "YCbCr"),
        (GRAY.astype(np.complex64), {}, "1 sample of 64 complex bits"),
    ],
)
def test_what_is_no_light_is_refused(array, kind, message):
    with pytest.raises(RequestError, match=message) as error:
        read(written(array, **kind))
    assert "damaged" not in str(error.value)


def test_orientation_is_not_applied():
    body = written(GRAY, extratags=[(274, "H", 1, 6, True)])
    np.testing.assert_array_equal(read(body).pixels, GRAY)


def test_a_header_turned_around():
    body = bytearray(written(GRAY))
    body[2:4] = body[3:1:-1]
    np.testing.assert_array_equal(read(body).pixels, GRAY)


def test_tiles_that_were_never_written_are_black():
    body = bytearray(written(np.tile(GRAY, (2, 2)), tile=(16, 16), bigtiff=True))
    with tifffile.TiffFile(io.BytesIO(body)) as file:
        tags = file.pages[0].tags
        struct.pack_into("<Q", body, tags[324].valueoffset, 0)
        struct.pack_into("<H", body, tags[325].valueoffset, 0)
    pixels = read(body).pixels
    assert not pixels[:16, :16].any()
    assert pixels[:16, 16:].any()


@pytest.mark.parametrize("compression", ["zlib", "packbits", "lzw", "zstd"])
def test_the_last_strip_may_be_as_long_as_the_others(compression):
    longer = np.pad(GRAY, ((0, 4), (0, 0)))
    body = patched(written(longer, compression=compression, rowsperstrip=8), 257, H)
    np.testing.assert_array_equal(read(body).pixels, GRAY)


def test_slices_within_a_page():
    slices = np.stack([np.tile(GRAY, (2, 2))] * 20)
    images = read(written(slices, volumetric=True, tile=(16, 16, 16)))
    np.testing.assert_array_equal(images.pixels, slices)
    assert images.calibration.stack == (("Z", 20),)


def test_tiles_of_several_slices_within_a_page():
    for metadata in (None, {}, {"axes": "ZYX"}):
        body = written(STACK, volumetric=True, tile=(16, 16, 16), metadata=metadata)
        images = read(body)
        assert images.axes == "NHW"
        np.testing.assert_array_equal(images.pixels, STACK)


# --- pages


@pytest.mark.parametrize("size", [2, 6, 16])
def test_only_the_model_tells_what_a_few_pages_are(size):
    images = read(written(np.stack([GRAY] * size))).with_range()
    assert images.axes == ""
    assert images.for_channels(size).axes == "CHW"
    assert images.for_channels(1).axes == "NHW"


@pytest.mark.parametrize("array", [np.stack([GRAY] * 17), np.stack([GRAY] * 6)[..., :10]])
def test_other_pages_are_a_stack(array):
    assert read(written(array)).axes == "NHW"


def test_pages_of_colour_are_a_stack():
    images = read(written(np.stack([RGB, RGB]), photometric="rgb"))
    assert (images.axes, images.pixels.shape) == ("NHWC", (2, H, W, 3))


SMALLER = {"subfiletype": 1}


@pytest.mark.parametrize(
    "others",
    [
        [(GRAY[::2, ::2], {})],  # a pyramid in pages
        [(GRAY[::4, ::4], SMALLER), (RGB[::4, ::4], SMALLER | {"photometric": "rgb"})],
        [(GRAY > 9, {"subfiletype": 4})],
        [(RGB[:7, :9], SMALLER | {"photometric": "rgb"}), (RGB[:9], {"subfiletype": 9})],  # as SVS
    ],
)
def test_what_is_no_image_of_its_own_is_skipped(others):
    images = read(pages((GRAY, {}), *others, *[(GRAY, {}), *others] * 2))
    assert images.pixels.shape == (3, H, W)
    assert not images.assumed


def test_a_thumbnail_may_come_first():
    body = pages((GRAY[::4, ::4], SMALLER), (GRAY, {}))
    np.testing.assert_array_equal(read(body).pixels, GRAY)


def test_a_further_image_is_left_out_and_told():
    images = read(pages((GRAY, {}), (GRAY[:7], {}), (GRAY[:9], {})))
    assert images.pixels.shape == (H, W)
    assert "2 further pages of other images (7×33 and 9×33)" in images.assumed[0]


def test_pages_may_be_coded_in_several_ways():
    several = [(GRAY, {}), (GRAY, {"compression": "zlib"}), (GRAY, {"tile": (16, 16)})]
    np.testing.assert_array_equal(read(pages(*several)).pixels, np.stack([GRAY] * 3))


def test_planes_of_metamorph_lie_below_one_page():
    planes = (33629, "I", len(STACK), [1] * len(STACK), True)
    body = bytearray(written(STACK, truncate=True, extratags=[planes], metadata={}))
    with tifffile.TiffFile(io.BytesIO(body)) as file:
        description = file.pages[0].tags[270]
    struct.pack_into("<H", body, description.offset, 65000)  # nothing else says so
    images = read(body)
    np.testing.assert_array_equal(images.pixels, STACK)
    assert (images.axes, images.calibration.stack) == ("NHW", (("Z", 6),))


def test_slices_and_thumbnails_of_a_confocal_microscope():
    numbers = struct.pack("<10i3d", 0x0400494C, 600, W, H, 2, 2, 1, 1, 8, 8, 2e-7, 4e-7, 1e-6)
    lsm = {"extratags": [(34412, "B", 600, numbers.ljust(600, b"\0"), True)]}
    planar = np.stack([GRAY, GRAY // 2])
    one = (planar, {"planarconfig": "separate", **lsm})
    small = (RGB[::4, ::4], {"subfiletype": 1, "photometric": "rgb"})
    images = read(pages(one, small, (planar, {"planarconfig": "separate"}), small))
    assert (images.axes, images.pixels.shape) == ("NHWC", (2, H, W, 2))
    np.testing.assert_array_equal(images.pixels[1, ..., 1], GRAY // 2)
    assert images.calibration.stack == (("Z", 2),)
    assert images.calibration.pixel_size == pytest.approx((0.4, 0.2))


SAVED = "SI.VERSION_MAJOR = 2020\nSI.hChannels.channelSave = [1;2]\nSI.hChannels.n = [1;2;3;4]\n"


@pytest.mark.parametrize(
    "texts",
    [
        {"software": SAVED},
        {"software": "SI", "description": "scanimage.SI4.channelsSave = [1 3]"},
        {
            "software": "",
            "description": "state.acq.savingChannel1=1\rstate.acq.savingChannel2=0\r"
            "state.acq.savingChannel3=1\r".replace("\r", "\r\n"),
        },
    ],
)
def test_channels_of_scanimage_lie_side_by_side(texts):
    images = read(written(STACK, metadata=None, **texts))
    assert (images.axes, images.pixels.shape) == ("NHWC", (3, H, W, 2))
    np.testing.assert_array_equal(images.pixels[1, ..., 1], STACK[3])
    assert images.calibration.stack == (("T", 3),)


def test_a_last_frame_of_scanimage_that_is_cut_is_left_out_and_told():
    images = read(written(STACK[:5], metadata=None, software=SAVED))
    assert images.pixels.shape == (2, H, W, 2)
    assert "1 page of the last frame, which was left out" in images.assumed[0]


def test_one_channel_of_scanimage_is_a_stack():
    images = read(written(STACK, metadata=None, software="SI.hChannels.channelSave = 1"))
    assert images.pixels.shape == STACK.shape


def test_pages_of_akoya_are_channels():
    body = written(STACK, metadata=None, software="PerkinElmer-QPI")
    images = read(body)
    assert (images.axes, images.pixels.shape) == ("HWC", (H, W, 6))
    np.testing.assert_array_equal(images.pixels[..., 4], STACK[4])


def test_sizes_of_strips_of_a_confocal_microscope_are_those_of_their_pixels():
    body = written(GRAY, compression="lzw", extratags=[(34412, "B", 64, bytes(64), True)])
    entry = tiff_file.TiffBytes(body).pages()[0].entries[279]
    body = bytearray(body)
    struct.pack_into("<I", body, entry.at, GRAY.nbytes)
    np.testing.assert_array_equal(read(body).pixels, GRAY)


# --- axes


TZC = np.arange(2 * 3 * 2, dtype=np.uint8).reshape(2, 3, 2, 1, 1) * 20 + GRAY[None, None, None] // 9


@pytest.mark.parametrize(
    ("axes", "stack"),
    [
        ("TZCYX", (("T", 2), ("Z", 3))),
        ("ZTCYX", (("Z", 2), ("T", 3))),
        ("TCZYX", (("T", 2), ("Z", 2))),
        ("CTZYX", (("T", 3), ("Z", 2))),
    ],
)
@pytest.mark.parametrize("kind", ["ome", "shaped"])
def test_channels_come_last_and_all_else_is_the_stack(axes, stack, kind):
    options = {"metadata": {"axes": axes}} | ({"ome": True} if kind == "ome" else {})
    images = read(written(TZC, **options))
    assert images.axes == "NHWC"
    assert images.calibration.stack == stack
    place = axes.index("C")
    expected = np.moveaxis(TZC, place, -1)
    np.testing.assert_array_equal(images.pixels, expected.reshape(-1, *expected.shape[2:]))
    assert images.alpha is False


@pytest.mark.parametrize(
    ("shape", "axes", "stack", "ours"),
    [
        ((2, 3, 2), "TZCYX", (("T", 2), ("Z", 3)), "NHWC"),
        ((12,), "ZYX", (("Z", 12),), "NHW"),
        ((12,), "CYX", (), "HWC"),
        ((3, 4), "ZCYX", (("Z", 3),), "NHWC"),
    ],
)
@pytest.mark.parametrize("truncate", [False, True])
def test_hyperstacks_of_imagej(shape, axes, stack, ours, truncate):
    array = TZC.reshape(*shape, H, W)
    metadata = {"axes": axes, "min": 3, "max": 9, "Ranges": (3.0, 9.0)}
    body = written(array, imagej=True, metadata=metadata, truncate=truncate)
    images = read(body)
    assert (images.axes, images.calibration.stack) == (ours, stack)
    expected = np.moveaxis(array, axes.index("C"), -1) if "C" in axes else array
    np.testing.assert_array_equal(images.pixels.ravel(), expected.ravel())


def test_a_stack_below_one_page():
    body = written(STACK, metadata={}, truncate=True)
    with tifffile.TiffFile(io.BytesIO(body)) as file:
        assert len(file.pages) == 1
    np.testing.assert_array_equal(read(body).pixels, STACK)


def test_colours_within_channels_are_refused():
    body = written(np.stack([RGB, RGB]), photometric="rgb", metadata={"axes": "CYXS"})
    with pytest.raises(RequestError, match="2 channels of 3 samples each"):
        read(body)


def test_one_channel_of_colour_is_colour():
    body = written(RGB[None], photometric="rgb", ome=True, metadata={"axes": "CYXS"})
    np.testing.assert_array_equal(read(body).pixels, RGB)


def test_subresolutions_of_ome_are_skipped():
    file = io.BytesIO()
    with tifffile.TiffWriter(file, ome=True) as writer:
        options = {"photometric": "minisblack", "tile": (16, 16)}
        writer.write(STACK, subifds=1, metadata={"axes": "ZYX"}, **options)
        writer.write(STACK[:, ::2, ::2], subfiletype=1, **options)
    images = read(file.getvalue())
    np.testing.assert_array_equal(images.pixels, STACK)
    assert not images.assumed


def test_a_further_image_of_ome_is_told():
    file = io.BytesIO()
    with tifffile.TiffWriter(file, ome=True) as writer:
        writer.write(STACK, metadata={"axes": "ZYX"}, photometric="minisblack")
        writer.write(STACK, metadata={"axes": "ZYX"}, photometric="minisblack")
    images = read(file.getvalue())
    np.testing.assert_array_equal(images.pixels, STACK)
    assert "6 further pages" in images.assumed[0]


def ome(inside, declared="", planes=STACK):
    xml = (
        f'<?xml version="1.0" encoding="UTF-8"?>{declared}<OME xmlns="http://www.openmicroscopy.org/'
        f'Schemas/OME/2016-06"><Image ID="Image:0">{inside}</Image></OME>'
    )
    return written(planes, description=xml.encode())


PIXELS = '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="33" SizeY="20" '


def test_planes_of_ome_may_lie_in_any_order():
    blocks = "".join(f'<TiffData IFD="{5 - z}" FirstZ="{z}" PlaneCount="1"/>' for z in range(6))
    images = read(ome(f'{PIXELS} SizeZ="6" SizeC="1" SizeT="1">{blocks}</Pixels>'))
    np.testing.assert_array_equal(images.pixels, STACK[::-1])


@pytest.mark.parametrize(
    ("sizes", "read_as"),
    [('SizeZ="3" SizeC="2" SizeT="4"', None), ('SizeZ="3" SizeC="1" SizeT="4"', 2)],
)
def test_planes_of_ome_that_were_never_written(sizes, read_as):
    body = ome(f"{PIXELS} {sizes}><TiffData/></Pixels>")
    images = read(body)
    if read_as is None:
        assert images.pixels.shape == (3, H, W, 2)
    else:
        assert images.pixels.shape == (6, H, W)
    assert "and the file holds 6" in images.assumed[0]


def test_planes_of_ome_in_other_files_are_refused():
    blocks = "".join(
        f'<TiffData IFD="{z % 3}" FirstZ="{z}" PlaneCount="1">'
        f'<UUID FileName="{"ab"[z % 2]}.ome.tif">urn:uuid:{z % 2}</UUID></TiffData>'
        for z in range(6)
    )
    images = read(ome(f'{PIXELS} SizeZ="6" SizeC="1" SizeT="1">{blocks}</Pixels>'))
    assert "names 2 files, and not which of them this is" in images.assumed[0]


@pytest.mark.parametrize(
    "inside",
    [
        "<Pixels/>",
        f'{PIXELS} SizeZ="x" SizeC="1" SizeT="1"><TiffData/></Pixels>',
        f'{PIXELS} SizeZ="-1" SizeC="1" SizeT="1"><TiffData/></Pixels>',
        f'{PIXELS} SizeZ="6" SizeC="1" SizeT="1"><TiffData IFD="no"/></Pixels>',
        "<Pixels",
    ],
)
def test_ome_that_cannot_be_understood_is_told(inside):
    images = read(ome(inside))
    np.testing.assert_array_equal(images.pixels, STACK)
    assert "OME-XML of the TIFF could not be understood" in images.assumed[0]


@pytest.mark.parametrize(
    "inside",
    [
        "<a/>" * 500_001,
        f'{PIXELS} SizeZ="1" SizeC="1" SizeT="1"/>' * 20_002,
    ],
    ids=["elements", "images"],
)
def test_ome_of_too_many_elements_is_refused(inside):
    with pytest.raises(RequestError, match="more than 500,000 elements, or names more than 20,000"):
        read(ome(inside))


def test_entities_are_refused():
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    with pytest.raises(RequestError, match="declares a document type"):
        read(ome(f'{PIXELS} SizeZ="6" SizeC="1" SizeT="1"/>&b;', bomb))


def test_a_million_planes_are_refused():
    with pytest.raises(PayloadTooLarge, match="names 1,000,000,000 planes"):
        read(ome(f'{PIXELS} SizeZ="1000" SizeC="1000" SizeT="1000"><TiffData/></Pixels>'))


# --- calibration


def test_the_size_of_pixels():
    scale = {"resolution": (1 / 0.25, 1 / 0.5)}
    found = read(written(GRAY, resolutionunit="inch", **scale)).calibration
    assert found == Calibration((), 0.25, 0.5, None, "inch")
    found = read(written(GRAY, resolutionunit="centimeter", **scale)).calibration
    assert found.pixel_size == (5000, 2500)
    metadata = {"axes": "ZYX", "spacing": 2.5, "unit": "\\u00B5m"}
    found = read(written(STACK, imagej=True, metadata=metadata, **scale)).calibration
    assert found == Calibration((("Z", 6),), 0.25, 0.5, 2.5, "µm", "imagej")
    sizes = {"PhysicalSizeX": 250, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5}
    metadata = {"axes": "ZYX", **sizes, "PhysicalSizeZ": 2}
    found = read(written(STACK, ome=True, metadata=metadata)).calibration
    assert found == Calibration((("Z", 6),), 250, 500, 2000, "nm", "ome")
    assert read(written(GRAY)).calibration == Calibration()


# --- damage


@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib"}, {"bigtiff": True}, {"tile": (16, 16)}], ids=str
)
def test_a_file_that_was_cut_is_never_another_one(options):
    body = written(STACK, **options)
    for length in (3, 7, 9, 20, 100, len(body) // 3, len(body) // 2, len(body) - 30):
        with pytest.raises(RequestError):
            read(body[:length])
    for length in range(len(body) - 30, len(body)):  # what follows the last page may be padding
        with contextlib.suppress(RequestError):
            np.testing.assert_array_equal(read(body[:length]).pixels, STACK)


def test_pages_that_lead_back():
    for size in (1, 3, 300):
        body = bytearray(written(np.zeros((size, 16, 16), np.uint8)))
        with tifffile.TiffFile(io.BytesIO(body)) as file:
            last, first = file.pages[-1], file.pages[0]
            where = last.offset + 2 + 12 * len(last.tags)
            struct.pack_into("<I", body, where, first.offset)
        with pytest.raises(RequestError, match="back to an earlier one"):
            read(body)


def test_too_many_pages(monkeypatch):
    monkeypatch.setattr(tiff_file, "MAX_PAGES", 40)
    with pytest.raises(PayloadTooLarge, match="more than 40 pages"):
        read(written(np.zeros((41, 16, 16), np.uint8)))


def test_a_size_that_is_only_claimed():
    body = patched(patched(written(GRAY), 256, 1 << 20), 257, 1 << 20)
    with pytest.raises(PayloadTooLarge, match="1×1048576×1048576"):
        read(body)
    with pytest.raises(OutOfMemory):
        read(body, 1 << 50)


def test_a_strip_that_inflates_beyond_its_size():
    data = zlib.compress(bytes(20 << 20), 1)
    for body in (
        written(np.zeros((16, 16), np.uint8), compression="zlib"),
        written(np.zeros((16, 16), np.uint8), compression="lzma"),
    ):
        with tifffile.TiffFile(io.BytesIO(body)) as file:
            tags = file.pages[0].tags
            size = tags[279].valueoffset
            offset = tags[273].valueoffset
        bomb = bytearray(body)
        struct.pack_into("<I", bomb, offset, len(body))
        struct.pack_into("<I", bomb, size, len(data))
        with pytest.raises(RequestError):
            read(bytes(bomb) + data)


@pytest.mark.parametrize("codes", [[256, 300, 65, 257], [256, 259, 65, 66, 257], [256, 65, 300]])
def test_codes_of_lzw_that_stand_for_nothing(codes):
    bits = "".join(f"{code:09b}" for code in codes).ljust(80, "0")
    data = int(bits, 2).to_bytes(10, "big")
    body = written(np.zeros((1, 16), np.uint8), compression="lzw")
    body = patched(patched(body, 273, len(body)), 279, len(data))
    with pytest.raises(RequestError, match="TIFF cannot be decoded"):
        read(bytes(body) + data)


def test_lzw_that_is_too_short_for_its_size():
    body = written(np.zeros((16, 4000), np.uint8), compression="lzw", rowsperstrip=16)
    with pytest.raises(RequestError, match="which cannot be the 63,984,000 that it should be"):
        read(patched(patched(body, 257, 15_996), 278, 15_996), 10**9)


def test_lzw_of_nothing_but_zeros():
    array = np.zeros((2000, 2000), np.uint8)
    body = written(array, compression="lzw", rowsperstrip=2000)
    assert not read(body, 10**9).pixels.any()


def test_lzw_with_its_bits_turned_around():
    body = written(GRAY, compression="lzw")
    with tifffile.TiffFile(io.BytesIO(body)) as file:
        page = file.pages[0]
        start, end = page.dataoffsets[0], page.dataoffsets[0] + page.databytecounts[0]
        software = page.tags[305].offset
    turned = bytearray(body[:start] + imagecodecs.bitorder_decode(body[start:end]) + body[end:])
    struct.pack_into("<HHII", turned, software, 266, 3, 1, 2)  # FillOrder
    np.testing.assert_array_equal(read(turned).pixels, GRAY)


@pytest.mark.parametrize("codec", ["png", "jpeg", "jpegxl", "jpeg2000", "lerc", "webp"])
def test_a_picture_larger_than_its_strip(codec):
    small, large = (np.zeros((n, n, 3), np.uint8) for n in (16, 600))
    kind = {"photometric": "rgb", "compression": codec, "rowsperstrip": 10**6}
    body, other = (written(array, **kind) for array in (small, large))
    with tifffile.TiffFile(io.BytesIO(other)) as file:
        page = file.pages[0]
        data = other[page.dataoffsets[0] :][: page.databytecounts[0]]
    body = patched(patched(body, 273, len(body)), 279, len(data))
    with pytest.raises(RequestError, match=r"has room for|invalid out\.shape"):
        read(bytes(body) + data)


@pytest.mark.parametrize("code", [256, 257, 258, 259, 262, 273, 277, 278, 279])
@pytest.mark.parametrize("kind", [0, 2, 5, 7, 12, 99])
def test_tags_of_wrong_types(code, kind):
    body = bytearray(written(GRAY, compression="zlib"))
    with tifffile.TiffFile(io.BytesIO(body)) as file:
        struct.pack_into("<H", body, file.pages[0].tags[code].offset + 2, kind)
    with contextlib.suppress(RequestError, OutOfMemory):
        read(body)


@pytest.mark.parametrize("code", [256, 257, 259, 277, 278])
def test_tags_of_too_many_values(code):
    body = bytearray(written(GRAY, compression="zlib"))
    with tifffile.TiffFile(io.BytesIO(body)) as file:
        struct.pack_into("<II", body, file.pages[0].tags[code].offset + 4, 60, 8)
    with pytest.raises(RequestError):
        read(body)


def test_an_unknown_compression_is_named():
    with pytest.raises(RequestError, match="54321"):
        read(patched(written(GRAY, compression="zlib"), 259, 54321, "<H"))


def test_the_body_may_be_emptied():
    body = bytearray(written(STACK))
    images = read(body)
    body.clear()
    np.testing.assert_array_equal(images.pixels, STACK)


def test_no_tiff():
    with pytest.raises(RequestError, match="which is no TIFF"):
        read(b"\x89PNG and so on")


SEEDS = {
    "plain": written(STACK, compression="zlib", predictor=2, rowsperstrip=8),
    "tiles": written(RGB, photometric="rgb", tile=(16, 16), compression="lzw"),
    "imagej": written(TZC, imagej=True, metadata={"axes": "TZCYX", "spacing": 2}),
    "ome": written(TZC, ome=True, metadata={"axes": "TZCYX"}),
    "big": written(GRAY16, bigtiff=True, byteorder=">"),
    "palette": written(GRAY, photometric="palette", colormap=np.zeros((3, 256), np.uint16)),
    "picture": written(RGB, photometric="rgb", compression="png"),
}


def mutated(body, random):
    """Some bytes of a file changed, most of them in its pages, or a part left out."""
    body = bytearray(body)
    for _ in range(random.integers(1, 8)):
        at = int(random.integers(0, min(len(body), 600) if random.random() < 0.7 else len(body)))
        body[at] = random.choice([0, 1, 2, 127, 128, 255, int(random.integers(256))])
    if random.random() < 0.1:
        del body[int(random.integers(len(body))) :]
    return bytes(body)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_changed_nothing_but_errors_of_ours_comes(seed):
    random = np.random.default_rng(sorted(SEEDS).index(seed))
    for _ in range(60):
        body = mutated(SEEDS[seed], random)
        with contextlib.suppress(RequestError, OutOfMemory):
            read(body).with_range()


def test_many_at_a_time():
    body = written(np.stack([GRAY16] * 40), compression="zlib")
    with ThreadPoolExecutor(8) as pool:
        for images in pool.map(read, [body] * 16):
            assert images.media_type == TIFF
            np.testing.assert_array_equal(images.pixels[39], GRAY16)


def test_descriptions_without_number_take_no_memory():
    """Tags of one code, all of which lead to the same text."""
    text = b"x" * 1000
    tags = [(256, 3, 1, 1), (257, 3, 1, 1), (262, 3, 1, 1)] + [(270, 2, 1000, 8)] * 500
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    start = 8 + len(text)
    body = struct.pack("<2sHI", b"II", 42, start) + text
    body += struct.pack("<H", len(tags)) + entries + bytes(4)
    [page] = tiff_file.TiffBytes(body).pages()
    assert len(page.texts) == 8


@pytest.mark.parametrize("axes", ["\r\nYX", "\ud800\ud800YX", "ßTYX", "CCYX", "cCYX", "YXYX"])
def test_axes_are_letters_or_nothing(axes):
    stack = np.zeros((2, 3, 8, 8), np.uint8)
    text = json.dumps({"shape": [2, 3, 8, 8], "axes": axes})
    images = read(written(stack, description=text.encode()))
    assert images.pixels.shape == (6, 8, 8)
    assert {axis for axis, _ in images.calibration.stack} <= {"Q"}


def test_strips_that_hold_next_to_nothing_are_refused():
    image = np.zeros((20_001, 2), np.uint8)
    with pytest.raises(RequestError, match="20,001 strips or tiles, or more, for 40,002 bytes"):
        read(written(image, rowsperstrip=1, compression="zlib"))


def test_signed_samples_whose_white_is_zero_are_refused_until_the_sender_says():
    image = np.array([[-32_768, 32_767]], np.int16)
    images = read(written(image, photometric="miniswhite"))
    with pytest.raises(RequestError, match="samples of 16 signed bits"):
        images.with_range()
    images = images.with_range(depth.parse("-32768:32767")).for_channels(1)
    np.testing.assert_array_equal(images.intensities(images.batch).ravel(), [1, 0])


@pytest.mark.parametrize("dtype", ["i1", "i4", "i8", "u4", "u8"])
@pytest.mark.parametrize("wanted", ["0:100", "0%:100%"])
def test_the_lower_end_of_a_range_is_white_where_white_is_zero(dtype, wanted):
    image = np.array([[0, 25, 100]], dtype)
    images = read(written(image, photometric="miniswhite"))
    with pytest.raises(RequestError, match="say it with range=0:100"):
        images.with_range()
    images = images.with_range(depth.parse(wanted)).for_channels(1)
    np.testing.assert_allclose(images.intensities(images.batch).ravel(), [1, 0.75, 0], atol=1e-6)


def test_differences_of_what_is_not_compressed_are_none():
    tags = {256: W, 257: H, 258: 8, 259: 1, 262: 1, 277: 1, 278: H, 317: 2}
    np.testing.assert_array_equal(read(one_strip(tags, GRAY.tobytes())).pixels, GRAY)


@pytest.mark.parametrize("compression", [5, 8])
def test_differences_of_packed_samples_stay_within_their_bits(compression):
    array = GRAY.astype(np.uint16) * 16
    steps = np.diff(array.astype(int), axis=1, prepend=0).astype(np.uint16) & 4095
    packed = imagecodecs.packints_encode(np.pad(steps, ((0, 0), (0, W % 2))), 12)
    encode = {5: imagecodecs.lzw_encode, 8: imagecodecs.zlib_encode}[compression]
    wide = np.pad(array, ((0, 0), (0, W % 2)), "edge")
    tags = {256: wide.shape[1], 257: H, 258: 12, 259: compression, 262: 1, 277: 1, 278: H, 317: 2}
    np.testing.assert_array_equal(read(one_strip(tags, encode(packed))).pixels[:, :W], array)


def one_strip(tags, data):
    """A TIFF of one page, of tags of one number each."""
    tags = tags | {273: 8, 279: len(data)}
    lines = b"".join(struct.pack("<HHII", code, 4, 1, tags[code]) for code in sorted(tags))
    place = 8 + len(data) + len(data) % 2
    body = (struct.pack("<2sHI", b"II", 42, place) + data).ljust(place, b"\0")
    return body + struct.pack("<H", len(tags)) + lines + bytes(4)


def test_samples_of_several_kinds_are_refused():
    one, two = (struct.pack("<HHIHH", 339, 3, *told) for told in ((1, 3, 0), (2, 1, 3)))
    body = written(np.zeros((4, 5, 2), np.float32)).replace(one, two)
    with pytest.raises(RequestError, match=r"several kinds in one pixel \(SampleFormat \(1, 3\)\)"):
        read(body)


def test_a_kind_of_samples_that_there_is_not_is_not_called_complex():
    with pytest.raises(RequestError, match="1 sample of 32 unknown bits"):
        read(patched(written(GRAY.astype(np.float32)), 339, 9, "<H"))


def test_an_unknown_interpretation_is_told():
    images = read(patched(written(GRAY), 262, 99, "<H"))
    np.testing.assert_array_equal(images.pixels, GRAY)
    assert "of kind 99 (PhotometricInterpretation)" in images.assumed[0]


@pytest.mark.parametrize(("code", "name"), [(32809, "THUNDERSCAN"), (34661, "JBIG")])
def test_a_compression_that_nothing_undoes_is_no_damage(code, name):
    with pytest.raises(RequestError, match=rf"{code} \({name}\); save it without") as error:
        read(patched(written(GRAY, compression="zlib"), 259, code, "<H"))
    assert "damaged" not in str(error.value)


def significant(bits, array):
    return written(
        array, ome=True, metadata={"axes": "ZYX", "SignificantBits": bits}, photometric="minisblack"
    )


def test_significant_bits_of_ome_say_what_white_is():
    images = read(significant(12, STACK.astype(np.uint16) * 16)).with_range()
    assert (images.range.white, images.assumed) == (4095, ())


@pytest.mark.parametrize("bits", [16, 4])
def test_significant_bits_that_are_all_or_no_depth_tell_nothing(bits):
    assert read(significant(bits, STACK.astype(np.uint16) * 257)).range is None


def test_values_beyond_the_significant_bits_are_told():
    images = read(significant(10, STACK.astype(np.uint16) * 16)).with_range()
    assert images.range.white == 65535
    assert "1023 (SignificantBits), which is less than the largest one, 4080" in images.assumed[0]


def test_strips_of_any_size_are_limited(monkeypatch):
    monkeypatch.setattr(tiff_pixels, "MOST", 50)
    stack = np.zeros((6, 10, 40), np.uint8)
    with pytest.raises(RequestError, match="at most 50 are taken"):
        read(written(stack, rowsperstrip=1, compression="zlib"))


def test_tags_of_one_code_are_counted_each():
    text = b"x" * 100_000
    tags = [(256, 3, 1, 1), (257, 3, 1, 1)] + [(270, 2, len(text), 8)] * 2000
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    body = struct.pack("<2sHI", b"II", 42, 8 + len(text)) + text
    body += struct.pack("<H", len(tags)) + entries + bytes(4)
    with pytest.raises(RequestError, match="claim more bytes than"):
        tiff_file.TiffBytes(body).pages()


def test_images_of_ome_without_planes_here_are_skipped(monkeypatch):
    monkeypatch.setattr(tiff_axes, "MAX_IMAGES", 1)
    empty = '<Pixels DimensionOrder="XYZCT" SizeZ="20000" SizeC="1" SizeT="1"/>' * 3
    images = read(ome(f'{empty}{PIXELS} SizeZ="6" SizeC="1" SizeT="1"><TiffData/></Pixels>'))
    assert images.calibration.stack == (("Z", 6),)


def test_images_of_ome_that_were_not_looked_at_are_told():
    one = (
        '<Pixels DimensionOrder="XYZCT" SizeZ="6" SizeC="1" SizeT="1"><TiffData IFD="x"/></Pixels>'
    )
    images = read(ome(one * 101))
    assert images.pixels.shape == (6, H, W)
    assert "names 101 images; none of the first 100" in images.assumed[0]


def test_units_are_on_one_line():
    text = "ImageJ=1.5\nimages=6\nslices=6\nunit=a\\u000Achannels=2\\uD800\n"
    assert read(written(STACK, description=text)).calibration.unit == "achannels=2"
    text = json.dumps({"shape": STACK.shape, "axes": "ZYX", "unit": "a\r\n\ud800b"})
    assert read(written(STACK, description=text)).calibration.unit == "ab"


@pytest.mark.parametrize("size", ["1e308", "1e-20", "inf", "nan"])
def test_sizes_of_pixels_that_cannot_be_are_left_out(size):
    told = "".join(f'PhysicalSize{axis}="{size}" PhysicalSize{axis}Unit="m" ' for axis in "XYZ")
    images = read(ome(f'{PIXELS} {told} SizeZ="6" SizeC="1" SizeT="1"><TiffData/></Pixels>'))
    assert images.calibration == Calibration((("Z", 6),), program="ome")
    text = f"ImageJ=1.5\nimages=6\nslices=6\nspacing={size}\n"
    assert read(written(STACK, description=text)).calibration.z is None


def test_resolutions_below_zero_are_left_out():
    body = written(GRAY, resolution=(3, 3))
    with tifffile.TiffFile(io.BytesIO(body)) as file:
        tags = [file.pages[0].tags[code] for code in (282, 283)]
        places = [(tag.offset, tag.valueoffset) for tag in tags]
    body = bytearray(body)
    for tag, value in places:
        struct.pack_into("<H", body, tag + 2, 10)  # rationals with a sign
        struct.pack_into("<ii", body, value, -3, 1)
    assert read(body).calibration.x is None


def test_jpeg_xr_is_refused_because_damaged_data_end_its_decoder():
    with pytest.raises(RequestError, match=r"not read, 34934 \(JPEGXR\)"):
        read(written(GRAY, compression="jpegxr"))
