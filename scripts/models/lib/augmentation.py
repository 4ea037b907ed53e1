"""Crops for training: cut from sections, deformed, turned, and shown in another light.

What is done to each crop is drawn by NumPy, so that a seed gives the same crops; it is done by
Keras, on the device that trains the network, many times as fast as a CPU does where that is a GPU.
"""

from functools import cache
from typing import NamedTuple

import keras
import numpy as np
from keras import ops
from scipy import ndimage

GRID = 4  # control points of the elastic deformation, along each side
REACH = 3  # pixels on either side that a blurred one takes from
NOISE = 1024  # side of the field of noise that each crop takes its own from another place of
NOISE_SEED = 3000

# images (B, S, S, 1), targets (B, S, S, 1) and weights (B, S, S)
Batch = tuple[np.ndarray, np.ndarray, np.ndarray]


class Section(NamedTuple):
    """image uint8, label uint8 and weights float32 of the loss, all (H, W)."""

    image: np.ndarray
    label: np.ndarray
    weights: np.ndarray


def entropy(sections: list[Section]) -> float:
    """The weighted loss of the best answer that is the same for every pixel."""
    weights = np.concatenate([section.weights.ravel() for section in sections])
    labels = np.concatenate([section.label.ravel() > 0 for section in sections])
    p = np.clip((weights * labels).sum() / weights.sum(), 1e-7, 1 - 1e-7)
    return float(weights.mean() * -(p * np.log(p) + (1 - p) * np.log(1 - p)))


class Augmenter:
    """Crops of these sections, of whatever sizes.

    Args:
        sections: to cut from.
    """

    def __init__(self, sections: list[Section]) -> None:
        self._sizes = np.array([section.image.shape for section in sections])
        self._cut = _Cut(sections, self._sizes)
        self._models: dict[int, keras.Model] = {}

    def __call__(self, rng: np.random.Generator, which: np.ndarray, side: int) -> Batch:
        """Crops, each deformed, turned, and in another light.

        Args:
            rng: that draws all that is done to them.
            which: (B,) numbers of the sections that they are cut from.
            side: of a crop in pixels, S.

        Returns:
            images float32 in 0–1, labels float32, 0 or 1, both (B, S, S, 1), and weights float32
            (B, S, S).
        """
        if side not in self._models:
            self._models[side] = _model(self._cut, side)
        drawn = _places(rng, self._sizes[which], side) | _light(rng, len(which))
        drawn["which"] = which.astype(np.int32)
        return self._models[side].predict_on_batch(drawn)


def _places(rng: np.random.Generator, sizes: np.ndarray, side: int) -> dict[str, np.ndarray]:
    """Where each crop is, how it is turned, flipped, scaled, and how it is deformed.

    Args:
        sizes: (B, 2) of the sections.
    """
    count = len(sizes)
    angle = rng.uniform(-0.4, 0.4, count) + np.pi / 2 * rng.integers(4, size=count)
    scale, flip = np.exp(rng.normal(0, 0.12, count)), rng.choice([-1, 1], count)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[cosine, -sine * flip], [sine, cosine * flip]]).transpose(2, 0, 1)
    elastic = rng.normal(0, 1, (count, 2, GRID, GRID)) * rng.uniform(0, 9, (count, 1, 1, 1))
    centre = rng.uniform(side / 2 - 20, sizes - side / 2 + 20)
    places = {"turn": turn, "elastic": elastic, "centre": centre}
    return {name: values.astype(np.float32) for name, values in places.items()}


def _light(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    """The contrast, brightness, gamma, sharpness and noise of each crop."""
    sigma = np.where(rng.random(count) < 0.3, rng.uniform(0.3, 1, count), 1e-3)
    kernel = np.exp(-(np.arange(-REACH, REACH + 1) ** 2) / (2 * sigma[:, None] ** 2))
    light = {
        "contrast": np.exp(rng.normal(0, 0.15, count)),
        "brightness": rng.normal(0, 0.06, count),
        "gamma": np.exp(rng.normal(0, 0.2, count)),
        "kernel": kernel / kernel.sum(axis=1, keepdims=True),
        "noise": rng.uniform(0, 0.05, count),
    }
    drawn = {name: values.astype(np.float32) for name, values in light.items()}
    return drawn | {"grains": rng.integers(NOISE, size=(count, 2)).astype(np.int32)}


def _model(cut: "_Cut", side: int) -> keras.Model:
    shapes = {
        "which": (),
        "centre": (2,),
        "turn": (2, 2),
        "elastic": (2, GRID, GRID),
        "contrast": (),
        "brightness": (),
        "gamma": (),
        "kernel": (2 * REACH + 1,),
        "noise": (),
        "grains": (2,),
    }
    whole = ("which", "grains")
    drawn = {
        name: keras.Input(shape, name=name, dtype="int32" if name in whole else "float32")
        for name, shape in shapes.items()
    }
    return keras.Model(drawn, cut(drawn, side=side))


class _Cut(keras.layers.Layer):
    """Crops as they were drawn; the sections lie beside the network, where it is trained."""

    def __init__(self, sections: list[Section], sizes: np.ndarray) -> None:
        super().__init__(trainable=False, dtype="float32")
        planes = np.zeros((len(sections), *sizes.max(axis=0), 3), np.float32)
        for plane, (image, label, weights) in zip(planes, sections, strict=True):
            height, width = image.shape
            plane[:height, :width] = np.stack([image / 255, label > 0, weights], axis=-1)
        self._shape = planes.shape
        noise = np.random.default_rng(NOISE_SEED).standard_normal(NOISE**2, np.float32)
        self._planes = self._kept(planes.reshape(-1, 3))  # (N·H·W, 3)
        self._sizes = self._kept(sizes.astype(np.float32))  # (N, 2)
        self._noise = self._kept(noise)

    def _kept(self, values: np.ndarray) -> keras.Variable:
        return self.add_weight(
            shape=values.shape, initializer=lambda *_, **__: values, trainable=False
        )

    def call(self, drawn: dict, side: int) -> tuple:
        crops = self._between(drawn["which"], self._where(drawn, side))  # (B, S, S, 3)
        images = self._seen(drawn, crops[..., 0], side)
        labels = ops.cast(crops[..., 1] > 0.5, "float32")
        return images[..., None], labels[..., None], crops[..., 2]

    def _where(self, drawn: dict, side: int):
        """(B, 2, S, S): the place in its section of each pixel."""
        grid = np.indices((side, side), dtype=np.float32) - (side - 1) / 2
        turned = ops.einsum("bij,jhw->bihw", drawn["turn"], grid)
        spline = _spline(side)
        bent = ops.einsum("hg,bigk,wk->bihw", spline, drawn["elastic"], spline)
        return turned + bent + drawn["centre"][:, :, None, None]

    def _between(self, which, where):
        """(B, S, S, 3): planes between their pixels, bilinearly; mirrored beyond their edges."""
        last = ops.take(self._sizes, which, axis=0)[:, :, None, None] - 1
        where = last - ops.abs(ops.mod(where, 2 * last) - last)
        low = ops.floor(where)
        part, low = where - low, ops.cast(low, "int32")
        high = ops.minimum(low + 1, ops.cast(last, "int32"))
        rows = ((low[:, 0], 1 - part[:, 0]), (high[:, 0], part[:, 0]))
        columns = ((low[:, 1], 1 - part[:, 1]), (high[:, 1], part[:, 1]))
        _, height, width, _ = self._shape
        first = which[:, None, None] * height
        corners = [
            ops.take(self._planes, (first + row) * width + column, axis=0)
            * (down * along)[..., None]
            for row, down in rows
            for column, along in columns
        ]
        return sum(corners)

    def _seen(self, drawn: dict, images, side: int):
        """(B, S, S): intensities in another light, less sharp, and with noise."""
        contrast, brightness, gamma, noise = (
            drawn[name][:, None, None] for name in ("contrast", "brightness", "gamma", "noise")
        )
        images = ops.clip((images - 0.5) * contrast + 0.5 + brightness, 0, 1) ** gamma
        for axis in (1, 2):
            images = _blurred(images, drawn["kernel"], axis, side)
        steps = ops.arange(side)
        rows = ops.mod(drawn["grains"][:, :1] + steps, NOISE)[:, :, None]
        columns = ops.mod(drawn["grains"][:, 1:] + steps, NOISE)[:, None, :]
        grains = ops.take(self._noise, rows * NOISE + columns, axis=0)
        return ops.clip(images + noise * grains, 0, 1)


def _blurred(images, kernel, axis: int, side: int):
    """(B, S, S), along one axis by a kernel (B, K) for each; the edges are repeated."""
    beside = [(0, 0), (0, 0), (0, 0)]
    beside[axis] = (REACH, REACH)
    padded = ops.pad(images, beside, mode="symmetric")
    parts = []
    for tap in range(2 * REACH + 1):
        window = [slice(None), slice(None), slice(None)]
        window[axis] = slice(tap, tap + side)
        parts.append(padded[tuple(window)] * kernel[:, tap, None, None])
    return sum(parts)


@cache
def _spline(side: int) -> np.ndarray:
    """float32 (S, GRID): from values at control points to a cubic spline through them."""
    return ndimage.zoom(np.eye(GRID, dtype=np.float32), (side / GRID, 1), order=3)
