"""The image holds the decoders that requests can reach, and no others."""

import io

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from lib.docker import docker
from support import bodies, containers, tiny_models

pytestmark = pytest.mark.container

GRAY = (np.add.outer(np.arange(48), np.arange(64)) * 2).astype(np.uint8)
DEEP = GRAY.astype(np.uint16) * 257
TWELVE = GRAY.astype(np.uint16) * 16
BITS = GRAY > 100


def tiff(array, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def fax(kind):
    buffer = io.BytesIO()
    Image.fromarray(BITS).save(buffer, "TIFF", compression=kind)
    return buffer.getvalue()


LOSSLESS = ("lzw", "zlib", "packbits", "lerc", "lzma", "zstd", "png", "jpegxl", "jpeg2000")
FILES = {
    **{f"{kind} in TIFF": (tiff(DEEP, compression=kind), DEEP / 65535) for kind in LOSSLESS},
    **{f"{kind} in TIFF": (fax(kind), BITS) for kind in ("group3", "group4")},
    "differences of floats in TIFF": (
        tiff((GRAY / 255).astype(np.float32), compression="zlib", predictor=3),
        GRAY / 255,
    ),
    "JPEG in TIFF": (tiff(GRAY, compression="jpeg"), GRAY / 255),
    "WebP in TIFF": (tiff(np.stack([GRAY] * 3, -1), compression="webp"), GRAY / 255),
    "JPEG of 12 bits": (imagecodecs.jpeg8_encode(TWELVE, bitspersample=12), TWELVE / 4095),
    "lossless JPEG": (imagecodecs.ljpeg_encode(DEEP), DEEP / 65535),
    "JPEG-LS": (imagecodecs.jpegls_encode(DEEP), DEEP / 65535),
    "JPEG 2000": (imagecodecs.jpeg2k_encode(DEEP), DEEP / 65535),
    "JPEG XL": (imagecodecs.jpegxl_encode(DEEP), DEEP / 65535),
    "AVIF of 10 bits": (
        imagecodecs.avif_encode(np.stack([TWELVE // 4] * 3, -1), bitspersample=10),
        GRAY * 4.0 / 1023,
    ),
    "PNG of 16 bits": (imagecodecs.png_encode(DEEP), DEEP / 65535),
    "animated PNG": (imagecodecs.apng_encode(np.stack([GRAY, GRAY])), np.stack([GRAY, GRAY]) / 255),
}
LOSSY = 0.02  # by what a value may be changed


@pytest.fixture(scope="module")
def served(image, tmp_path_factory):
    """A container whose model answers the intensities."""
    folder = tiny_models.save(
        tiny_models.identity(), tmp_path_factory.mktemp("codecs") / "identity"
    )
    folder.chmod(0o755)
    with containers.container("--volume", f"{folder}:/opt/ml/model:ro", image) as container:
        yield container


@pytest.mark.parametrize("kind", FILES)
def test_a_decoder_is_there(served, kind):
    body, expected = FILES[kind]
    headers = {"Content-Type": "application/octet-stream", "Accept": "application/x-npy"}
    headers["X-Amzn-SageMaker-Custom-Attributes"] = "output=probability"
    answer = served.invoke(body, headers=headers)
    assert answer.status_code == 200, answer.text
    np.testing.assert_allclose(
        bodies.read(answer.content, "application/x-npy"), expected, atol=LOSSY
    )


def test_no_others_are(image):
    """JPEG XR's ends the process on damaged data."""
    list_all = "cd /opt/venv/lib/python3*/site-packages; ls imagecodecs imagecodecs.libs"
    names = docker("run", "--rm", image, "bash", "-c", list_all)
    assert "_imcd.abi3.so" in names
    for unneeded in ("jpegxr", "libjxr", "blosc", "_zfp", "_heif"):
        assert unneeded not in names
