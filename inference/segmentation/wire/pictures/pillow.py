"""Pictures as Pillow reads them, in no more memory than they take."""

import io
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from PIL import Image

from ...channels import MAX_CHANNELS, times
from ...errors import RequestError
from ...images import Images, check_memory, stored
from ..weighing import check_frames, decoding, weigh

ARRAYS = ("1", "L", "LA", "RGB", "RGBA", "F", "I;16", "I;16B", "I;16L", "I;16N")
PALETTES = ("P", "PA")
STRIP_PIXELS = 1 << 21
ROW = 8  # bytes that Pillow needs for a row, however short
WORKING = {"WEBP": 2}  # bytes of a value, where a decoder needs more than others
# what Pillow's modes are called by those who have never heard of it
KINDS = {
    "CMYK": "4 samples of 8 bits that are inks (CMYK)",
    "YCbCr": "3 samples of 8 bits that are brightness and colour (YCbCr)",
    "LAB": "3 samples of 8 bits in the colour space CIELAB",
    "I": "samples of 32 bits",
}

# The check of the size is ours: made before decoding, with our own message.
Image.MAX_IMAGE_PIXELS = None


def read(
    body: bytes, name: str, media_type: str, max_pixels: int, stacks: bool = True, skipped: int = 0
) -> Images:
    """Decode a picture; the frames of an animation are a stack (N, H, W) or (N, H, W, C).

    A palette is looked up. Orientation tags and gamma are not applied, so that the mask fits the
    pixels as stored.

    Args:
        body: of the request.
        name: Pillow's, of the format.
        media_type: of the images, and for messages.
        max_pixels: the most pixels to accept.
        stacks: whether there may be several frames; else the first is taken.
        skipped: how many of the first frames are none of the animation.

    Returns:
        bool, uint8, uint16 or float32.

    Raises:
        PayloadTooLarge: more than ``max_pixels``.
        OutOfMemory: the memory that is left would not hold it.
        RequestError: damaged, or with pixels of a kind that is not read.
    """
    with decoding(media_type), opened(body, name) as image:
        bands = 1 if image.mode in PALETTES else len(image.getbands())
        size = (image.height, image.width)
        itemsize = 4 if image.mode == "F" else WORKING.get(name, 1)
        stored_shape = (*size, bands) if bands > 1 else size
        weigh(stored_shape, max_pixels, itemsize)
        if image.width < ROW:
            check_memory((image.height, ROW))
        frames = getattr(image, "n_frames", 1) - skipped if stacks else 1
        check_frames(frames)
        shape: tuple[int, ...] = _shape(image)
        if frames > 1:  # each may have a palette of its own
            shape = (frames, *size, 4) if bands > 1 or image.format == "GIF" else (frames, *size)
        if shape != stored_shape:  # asking what memory is left takes longer than a small picture
            weigh(shape, max_pixels, itemsize)
        pixels = _only(image) if frames == 1 else _stack(image, skipped, frames)
    axes = ("N" if frames > 1 else "") + ("HWC" if pixels.ndim - (frames > 1) == 3 else "HW")
    alpha = pixels.shape[-1] in (2, 4) if axes.endswith("C") else None
    images = replace(stored(pixels, media_type, axes), alpha=alpha)
    return images.noting("" if stacks else _left_out(image))


def opened(body: bytes, name: str) -> Image.Image:
    """The picture with its header read."""
    try:
        return Image.open(io.BytesIO(body), formats=[name])
    except Image.UnidentifiedImageError as exc:
        raise RequestError(
            f"body is damaged, or {name} of a kind that is not read: gray and colour of 8 bits "
            f"are; convert it to image/png, or send application/x-npy, for up to {MAX_CHANNELS} "
            "channels"
        ) from exc


def _left_out(image: Image.Image) -> str:
    """A sentence about pictures behind the first one, as cameras add them; "": there is none."""
    count = getattr(image, "n_frames", 1)
    return f"the file holds {count} pictures, and the first was read" if count > 1 else ""


def _shape(image: Image.Image) -> tuple[int, ...]:
    """What one frame becomes at most: (H, W) or (H, W, C)."""
    if image.mode in PALETTES:
        colors = _colors(image)
        bands = 1 if _are_gray(colors) else 3
        bands += bool((colors[:, 3] < 255).any()) or image.mode == "PA"
    else:
        bands = len(image.getbands())
    return (image.height, image.width, bands) if bands > 1 else (image.height, image.width)


def _only(image: Image.Image) -> np.ndarray:
    """One frame -> (H, W) or (H, W, 2 to 4)."""
    if image.mode in PALETTES:
        return _looked_up(image)
    if image.mode not in ARRAYS:
        kind = KINDS.get(image.mode, f"{len(image.getbands())} samples of an unusual kind")
        raise RequestError(
            f"image has {kind}; gray and RGB are read; convert it, with or without alpha"
        )
    pixels: np.ndarray | None = None
    for rows in _strips(image.height, image.width):  # numpy.asarray would hold all three times
        strip = np.asarray(image.crop((0, rows.start, image.width, rows.stop)))
        if pixels is None:
            pixels = np.empty((image.height, *strip.shape[1:]), strip.dtype.newbyteorder("="))
        pixels[rows] = strip
    assert pixels is not None, "no image is empty here"
    return pixels


def _strips(height: int, width: int) -> Iterator[slice]:
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def _stack(image: Image.Image, skipped: int, frames: int) -> np.ndarray:
    """The frames, each as little as holds its colours -> (N, H, W) or (N, H, W, 2 to 4)."""
    narrows, size = image.format == "GIF", image.size  # whose colours are of palettes
    parts: list[np.ndarray] = []
    for number in range(skipped, skipped + frames):
        image.seek(number)
        if image.size != size:
            raise RequestError(
                f"frame {number} is {image.height}×{image.width}, the first is {size[1]}×{size[0]};"
                " a stack has frames of one size; send the others in requests of their own"
            )
        frame = _only(image)
        if frame.dtype != np.uint8:
            frame = _eight_bits(frame)
        parts.append(_narrowed(frame) if narrows else frame)
    if len({part.shape for part in parts}) > 1:
        parts = [_widened(part) for part in parts]
    stack = np.empty((frames, *parts[0].shape), parts[0].dtype)
    for number in range(frames):
        stack[number] = parts[number]
        parts[number] = parts[number][:0]  # its memory is free for what follows
    return stack


def _eight_bits(frame: np.ndarray) -> np.ndarray:
    if frame.dtype != np.bool_:
        raise RequestError(
            f"animation has a frame of {times(frame.shape)} with samples of "
            f"{8 * frame.dtype.itemsize} bits; frames of 8 bits are read; send them as a TIFF"
        )
    return frame.astype(np.uint8) * np.uint8(255)


def _colors(image: Image.Image) -> np.ndarray:
    """The palette as uint8 (256, 4): RGB and opacity; what it lacks is black."""
    colors = np.zeros((256, 4), np.uint8)
    colors[:, 3] = 255
    told = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)[:256]
    colors[: len(told), :3] = told
    transparent = image.info.get("transparency")
    if isinstance(transparent, bytes):
        alpha = np.frombuffer(transparent, np.uint8)[:256]
        colors[: len(alpha), 3] = alpha
    elif isinstance(transparent, int) and 0 <= transparent < len(colors):
        colors[transparent, 3] = 0
    return colors


def _are_gray(colors: np.ndarray) -> bool:
    return bool((colors[..., :3] == colors[..., :1]).all())


def _looked_up(image: Image.Image) -> np.ndarray:
    """Indices -> uint8 (H, W) or (H, W, 2 to 4), as little as holds the colours that are used."""
    colors = _colors(image)
    own = image.mode == "PA"  # opacity of each pixel
    used = np.array(image.histogram()[:256]) > 0
    channels = [0] if _are_gray(colors[used]) else [0, 1, 2]
    channels += [3] if own or (colors[used, 3] < 255).any() else []
    table = np.ascontiguousarray(colors[:, channels])
    pixels = np.empty((image.height, image.width, len(channels)), np.uint8)
    for rows, indices, opacity in _indices(image):
        np.take(table, indices, axis=0, out=pixels[rows], mode="clip")
        if own:
            pixels[rows, ..., -1] = opacity
    return pixels if len(channels) > 1 else pixels[..., 0]


def _indices(image: Image.Image) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """The rows of strips, their indices (h, W), and their opacity (h, W) in the mode PA."""
    for rows in _strips(image.height, image.width):
        strip = image.crop((0, rows.start, image.width, rows.stop))
        bands = np.asarray(strip)
        yield (rows, bands[..., 0], bands[..., 1]) if bands.ndim == 3 else (rows, bands, bands)


def _narrowed(frame: np.ndarray) -> np.ndarray:
    """(H, W) or (H, W, 3 or 4) -> as few channels as hold the colours."""
    if frame.ndim == 2:
        return frame
    if frame.shape[-1] in (2, 4) and frame[..., -1].min() == 255:
        frame = frame[..., :-1]
    if frame.shape[-1] >= 3 and all(_are_gray(frame[rows]) for rows in _strips(*frame.shape[:2])):
        frame = frame[..., [0, 3][: frame.shape[-1] - 2]]
    return np.ascontiguousarray(frame[..., 0] if frame.shape[-1] == 1 else frame)


def _widened(frame: np.ndarray) -> np.ndarray:
    """uint8 (H, W) or (H, W, 2 to 4) -> (H, W, 4)."""
    wide = np.full((*frame.shape[:2], 4), 255, np.uint8)
    if frame.ndim == 2:
        wide[..., :3] = frame[..., None]
    elif frame.shape[-1] == 2:
        wide[..., :3], wide[..., 3] = frame[..., :1], frame[..., 1]
    else:
        wide[..., : frame.shape[-1]] = frame
    return wide
