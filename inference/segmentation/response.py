"""From predictions to the bytes of a response, in the format that the client likes best."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson

from . import image_files, media_types
from .errors import NotAcceptable
from .images import Images, times
from .media_types import CSV, JPEG, JSON, JSONLINES, NPY, NPZ, PNG, TIFF

# offered in this order after the request's own format
OFFERS = (PNG, TIFF, NPY, NPZ, JSON, JSONLINES, CSV, JPEG)
IN_KIND = {JPEG: PNG}  # a mask is not given back in a format that blurs it, unless asked for
ONE_PLANE = (PNG, JPEG, CSV)
PICTURES = (PNG, TIFF, JPEG)
# class 0 is background; Okabe and Ito's colours can be told apart by colour-blind people
COLORS = ("#000000", "#ffd400", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")


@dataclass(frozen=True)
class Prediction:
    """What the model says of the images of one request.

    Attributes:
        values: a mask, uint8 (N, H, W): 255 or 0, or class indices where the model has several
            classes; or float32 (N, H, W, K) probabilities in 0–1.
        output: "mask", "probability" or "overlay"; the values of an overlay are a mask.
        images: what was asked about.
        classes: 1, or the number K of the model's classes.
        colors: "#rrggbb" of each class, background first.
        tiles: how many the images were cut into.
    """

    values: np.ndarray
    output: str
    images: Images
    classes: int = 1
    colors: Sequence[str] = COLORS
    tiles: int = 1

    @property
    def per_image(self) -> np.ndarray:
        """(N, H, W), or (N, H, W, K) for the probabilities of K > 1 classes."""
        return self.values[..., 0] if self.values.shape[3:] == (1,) else self.values

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        """The values with the leading axes of the request; also for output functions of users."""
        array = self.per_image if self.images.stacked else self.per_image[0]
        return np.array(array, dtype=dtype, copy=copy)


def threshold(probabilities: np.ndarray, value: float) -> np.ndarray:
    """(N, H, W, K) float32 probabilities -> (N, H, W) uint8: 255 or 0, or argmax where K > 1."""
    if probabilities.shape[-1] > 1:
        return probabilities.argmax(axis=-1).astype(np.uint8)
    return np.multiply(probabilities[..., 0] > value, 255, dtype=np.uint8)


def encode(prediction: Prediction, accept: str | None) -> tuple[bytes, str]:
    """Encode a prediction in the format that the client likes best.

    Args:
        prediction: what to answer.
        accept: an Accept header; None, empty or ``*/*`` answers in kind.

    Returns:
        The body and its content type.

    Raises:
        NotAcceptable: nothing that the client accepts can hold this answer.
    """
    media_type = _negotiate(prediction, accept or "*/*")
    if media_type in PICTURES:
        return image_files.encode(_planes(prediction, media_type), media_type), media_type
    return ENCODERS[media_type](prediction), media_type


def _negotiate(prediction: Prediction, accept: str) -> str:
    wanted = media_types.parse_accept(accept)
    in_kind = IN_KIND.get(prediction.images.media_type, prediction.images.media_type)
    offers = list(dict.fromkeys((in_kind, *OFFERS)))
    possible = [offer for offer in offers if _holds(offer, prediction)]
    chosen = media_types.choose(wanted, possible)
    if chosen:
        return chosen
    came = f"Accept is {accept!r}"
    if media_types.choose(wanted, offers):
        answer = f"the {prediction.output} of {times(prediction.values.shape)}"
        came += f", which cannot hold {answer} (one plane in PNG, JPEG, CSV; overlays in pictures)"
    raise NotAcceptable(f"{came}; this answer can be given as {', '.join(possible)}; accept one")


def _holds(media_type: str, prediction: Prediction) -> bool:
    values = prediction.values
    planes = values.size // (values.shape[1] * values.shape[2])
    if prediction.output == "overlay" and media_type not in PICTURES:
        return False
    return planes == 1 or media_type not in ONE_PLANE


# --- pictures -----------------------------------------------------------------------------------


def _planes(prediction: Prediction, media_type: str) -> np.ndarray:
    """The planes of a picture: (P, H, W) uint8, uint16 or float32, or (P, H, W, 3) uint8."""
    values = prediction.values
    if prediction.output == "mask":
        return values
    if prediction.output == "overlay":
        return np.stack(
            [
                _overlay(p, m, prediction)
                for p, m in zip(prediction.images.batch, values, strict=True)
            ]
        )
    planes = np.moveaxis(values, -1, 1).reshape(
        -1, *values.shape[1:3]
    )  # (N, H, W, K) -> (NK, H, W)
    if media_type == TIFF:
        return planes
    depth = np.uint8 if media_type == JPEG else np.uint16
    return np.rint(planes * np.iinfo(depth).max).astype(depth)


def _overlay(pixels: np.ndarray, mask: np.ndarray, prediction: Prediction) -> np.ndarray:
    """(H, W, C) pixels with the outline of their (H, W) mask drawn in -> (H, W, 3) uint8."""
    gray_or_rgb = pixels if pixels.shape[-1] == 3 else pixels[..., :1]
    unit = np.float32(prediction.images.scale * 255)
    picture = np.broadcast_to(np.rint(gray_or_rgb * unit), (*mask.shape, 3)).astype(np.uint8)
    palette = np.array([_rgb(color) for color in prediction.colors], np.uint8)
    edge = outline(mask)
    index = mask[edge] if prediction.classes > 1 else 1
    picture[edge] = palette[index % len(palette)]
    return picture


def outline(mask: np.ndarray) -> np.ndarray:
    """The pixels of a (H, W) mask that are not background and touch another value; bool (H, W)."""
    padded = np.pad(mask, 1, mode="edge")
    center = padded[1:-1, 1:-1]
    neighbours = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    edge = np.zeros(mask.shape, bool)
    for neighbour in neighbours:
        edge |= neighbour != center
    return edge & (mask > 0)


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


# --- arrays -------------------------------------------------------------------------------------


def _json(prediction: Prediction) -> bytes:
    return _dumps(np.asarray(prediction))


def _jsonlines(prediction: Prediction) -> bytes:
    return b"".join(_dumps(image) + b"\n" for image in prediction.per_image)


def _csv(prediction: Prediction) -> bytes:
    return b"".join(_dumps(row)[1:-1] + b"\n" for row in prediction.per_image[0])


def _npy(prediction: Prediction) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(prediction), allow_pickle=False)
    return file.getvalue()


def _npz(prediction: Prediction) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, predictions=np.asarray(prediction))
    return file.getvalue()


def _dumps(array: np.ndarray) -> bytes:
    return orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)


ENCODERS = {JSON: _json, JSONLINES: _jsonlines, CSV: _csv, NPY: _npy, NPZ: _npz}
