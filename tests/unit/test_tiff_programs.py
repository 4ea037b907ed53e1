"""TIFF in whose words a program means something of its own: OME, ImageJ, SCIFIO, Aperio, GDAL."""

import io
import math

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from segmentation import depth
from segmentation.errors import RequestError
from segmentation.wire.tiff.format import Tiff

H, W = 20, 33
GRAY = (np.arange(H * W).reshape(H, W) % 256).astype(np.uint8)
GREEN = np.zeros((3, 256), np.uint16)
GREEN[1] = np.arange(256) * 257
SIX = np.stack([GRAY + step for step in range(6)])
OURS, OTHER = "urn:uuid:11111111", "urn:uuid:22222222"


def written(array, **options):
    file = io.BytesIO()
    options = {"photometric": "minisblack", "metadata": None} | options
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


def read(body):
    return Tiff().decode(body, 10**6)


def ome(planes, pixels, own="", **options):
    own = own and f' UUID="{own}"'
    xml = f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{own}>{pixels}</OME>'
    return written(planes, description=xml.encode(), **options)


def image(blocks, channels=1, slices=1):
    sizes = f'SizeX="{W}" SizeY="{H}" SizeC="{channels}" SizeZ="{slices}" SizeT="1"'
    return (
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" '
        f"{sizes}>{blocks}</Pixels></Image>"
    )


def block(page, *, channel=0, plane=0, uuid, name):
    return (
        f'<TiffData IFD="{page}" FirstC="{channel}" FirstZ="{plane}" PlaneCount="1">'
        f'<UUID FileName="{name}">{uuid}</UUID></TiffData>'
    )


# --- palettes


def test_the_palette_of_ome_is_for_display():
    body = ome(GRAY, image("<TiffData/>"), photometric="palette", colormap=GREEN)
    np.testing.assert_array_equal(read(body).pixels, GRAY)


def test_channels_of_ome_may_each_have_a_palette():
    file = io.BytesIO()
    xml = f"<OME>{image('<TiffData/>', channels=2)}</OME>".encode()
    with tifffile.TiffWriter(file) as writer:
        for number, plane in enumerate((GRAY, 255 - GRAY)):
            colors = np.roll(GREEN, number, axis=0)
            said = {"description": xml} if number == 0 else {}
            writer.write(plane, photometric="palette", colormap=colors, metadata=None, **said)
    images = read(file.getvalue())
    assert images.axes == "HWC"
    np.testing.assert_array_equal(images.pixels, np.stack([GRAY, 255 - GRAY], -1))


def test_channels_with_a_palette_of_colours_are_refused():
    body = written(
        np.stack([GRAY, 255 - GRAY]),
        photometric="palette",
        colormap=GREEN,
        metadata={"axes": "CYX"},
    )
    with pytest.raises(RequestError, match="2 channels with a palette of colours"):
        read(body)


# --- files of several


def test_a_file_of_a_set_is_told_by_its_uuid():
    """MicroManager writes a position into each file, and all of them into the text of each."""
    blocks = "".join(block(z, plane=z, uuid=OTHER, name="a.ome.tif") for z in range(6))
    ours = "".join(block(5 - z, plane=z, uuid=OURS, name="b.ome.tif") for z in range(6))
    said = image(blocks, slices=6) + image(ours, slices=6)
    images = read(ome(SIX, said, OURS))
    assert images.assumed == ()
    np.testing.assert_array_equal(images.pixels, SIX[::-1])


def test_a_part_of_an_image_is_refused():
    blocks = "".join(
        block(z, channel=c, plane=z, uuid=(OURS, OTHER)[c], name=f"c{c}.ome.tif")
        for z in range(3)
        for c in range(2)
    )
    with pytest.raises(RequestError, match=r"names 6 planes \(C 2, Z 3\), and the file holds 3"):
        read(ome(SIX[:3], image(blocks, channels=2, slices=3), OURS))


def test_what_is_told_elsewhere_is_named():
    body = ome(SIX, '<BinaryOnly MetadataFile="all.companion.ome" UUID="urn:uuid:1"/>')
    images = read(body)
    np.testing.assert_array_equal(images.pixels, SIX)
    assert "is in a file of its own, all.companion.ome, and its pages" in images.assumed[0]


# --- ImageJ and SCIFIO


def scifio(axes, lengths, **others):
    lines = {"SCIFIO": "0.46.0", "axes": axes, "lengths": lengths, "images": 6} | others
    return "".join(f"{key}={value}\n" for key, value in lines.items())


def test_scifio_names_axes_of_any_order():
    said = scifio("X,Y,Z,Channel", f"{W},{H},3,2", channels=2, slices=3)
    images = read(written(SIX, description=said))
    expected = np.moveaxis(SIX.reshape(2, 3, H, W), 0, -1)
    assert images.axes == "NHWC"
    np.testing.assert_array_equal(images.pixels, expected)


def test_scifio_names_axes_of_any_kind():
    said = scifio("X,Y,Channel,Lifetime", f"{W},{H},2,3", channels=2)
    images = read(written(SIX, description=said))
    np.testing.assert_array_equal(images.pixels, np.moveaxis(SIX.reshape(3, 2, H, W), 1, -1))


@pytest.mark.parametrize("axes", ["X,Y", "Y,X,Z,Channel", "X,Y,Z,Z", "X,Y,Lifetime,Other", ""])
def test_axes_of_scifio_that_cannot_be_told_are_those_for_imagej(axes):
    said = scifio(axes, f"{W},{H},3,2", channels=2, slices=3)
    images = read(written(SIX, description=said))
    np.testing.assert_array_equal(images.pixels, np.moveaxis(SIX.reshape(3, 2, H, W), 1, -1))


def test_signed_samples_of_imagej():
    """It stores them 32768 higher, and says so as if it were a calibration."""
    signed = GRAY.astype(np.int16) * 8 - 1000
    said = "ImageJ=1.54f\ncf=0\nc0=-32768.0\nc1=1.0\nvunit=Gray Value\n"
    body = written((signed.astype(np.int32) + 32768).astype(np.uint16), description=said)
    images = read(body)
    np.testing.assert_array_equal(images.pixels, signed)
    with pytest.raises(RequestError, match="16 signed bits, from -1000 to 1040"):
        images.with_range()
    ranged = images.with_range(depth.parse("-1000:1040")).for_channels(1)
    np.testing.assert_allclose(
        ranged.intensities(ranged.batch)[0, ..., 0], (signed + 1000) / 2040, atol=1e-6
    )


# --- compressions


def of_strip(strip, pixels, code, **options):
    """A TIFF of one strip that is compressed already."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file, byteorder=options.pop("byteorder", "<")) as writer:
        options = {"photometric": "minisblack", "metadata": None} | options
        writer.write(
            iter([strip]), shape=pixels.shape, dtype=pixels.dtype, compression=code, **options
        )
    return file.getvalue()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32"])
def test_lerc_in_the_order_of_a_big_endian_file(dtype):
    """As libtiff writes it, and GDAL by that."""
    pixels = GRAY.astype(dtype) * 3
    swapped = pixels.byteswap()
    body = of_strip(imagecodecs.lerc_encode(swapped), pixels, 34887, byteorder=">")
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(body)), pixels)
    np.testing.assert_array_equal(read(body).pixels, pixels)


def jpeg_2000(rgb, code, description, photometric="rgb"):
    """A TIFF whose strip holds brightness and colour of such an image."""
    ycc = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    strip = imagecodecs.jpeg2k_encode(ycc, level=0, codecformat="j2k", reversible=True, mct=False)
    return of_strip(strip, rgb, code, photometric=photometric, description=description)


@pytest.mark.parametrize(
    ("code", "description", "photometric"),
    [
        (33003, "Aperio Image Library v10.0.51\r\n33x20 J2K/YUV16 Q=30", "rgb"),
        (33005, "of another program", "ycbcr"),
    ],
)
def test_brightness_and_colour_of_jpeg_2000(code, description, photometric):
    rgb = np.stack([GRAY, 255 - GRAY, GRAY // 2], axis=-1)
    images = read(jpeg_2000(rgb, code, description, photometric))
    np.testing.assert_allclose(images.pixels, rgb, atol=3)


def test_the_number_of_aperio_is_rgb_in_other_files():
    """Bio-Formats writes it for JPEG 2000 of any colours."""
    rgb = np.stack([GRAY, 255 - GRAY, GRAY // 2], axis=-1)
    images = read(jpeg_2000(rgb, 33003, "of another program"))
    np.testing.assert_array_equal(images.pixels, np.asarray(Image.fromarray(rgb).convert("YCbCr")))


# --- what is missing


@pytest.mark.parametrize("missing", ["-9999", "nan", "-3.4028234663852886e+38"])
def test_floats_that_stand_for_no_data(missing):
    pixels = (GRAY / 300 + 0.1).astype(np.float32)
    pixels[3:6] = float(missing)
    body = written(pixels, extratags=[(42113, 2, 0, missing, True)])
    images = read(body).with_range()
    assert f"{3 * W} values of the TIFF are" in images.assumed[0]
    assert "were read as the lowest one of the others, 0.1" in images.assumed[0]
    expected = pixels.copy()
    expected[3:6] = pixels[0, 0]
    np.testing.assert_array_equal(images.pixels, expected)


@pytest.mark.parametrize("missing", ["0", "nothing", "-1"])
def test_what_stands_for_no_data_may_be_nowhere(missing):
    pixels = (GRAY / 255).astype(np.float32)
    images = read(written(pixels, extratags=[(42113, 2, 0, missing, True)]))
    assert images.assumed == ()
    np.testing.assert_array_equal(images.pixels, pixels)


@pytest.mark.parametrize(
    "told", [{"slices": 6}, {"channels": 2, "slices": 6}, {"frames": 6}], ids=str
)
def test_a_stack_that_was_interrupted_is_read_as_far_as_it_goes(told):
    said = {"ImageJ": "1.54f", "images": math.prod(told.values())} | told
    text = "".join(f"{key}={value}\n" for key, value in said.items())
    images = read(written(SIX[:4], description=text))
    assert images.pixels.size == SIX[:4].size
    assert "and the file holds 4: it was read as" in images.assumed[0]
