"""What is done to intensities before a network sees them, as a model's spec says.

The steps, their names and their numbers are those of bioimage.io
(https://bioimage.io/spec, "preprocessing"); they are of intensities, 0–1, whatever the file held.
What a step needs to know of an image it takes from the whole image, never from a tile.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from .depth import UNIT
from .images import Images

Function = Callable[[np.ndarray], np.ndarray]
COPIES = 3  # of an image, when its percentiles are taken
CHUNK_PIXELS = 1 << 20  # that are looked at together, of a whole image
WHOLE = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
DTYPES = ("float32", "float64", "bool", *WHOLE)  # of "ensure_dtype"
STEPS: dict[str, type["Step"]] = {}  # by id; every class that names itself is in it


@dataclass(frozen=True)
class Step(ABC):
    """One step; its fields are its ``kwargs``, of which a list has a number for each channel."""

    id: ClassVar[str]

    def __init_subclass__(cls) -> None:
        STEPS[cls.id] = cls

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is field.default:
                continue
            if field.type is str:
                if not isinstance(value, str) or set(value) - set("bcxy"):
                    raise ValueError(f'{field.name} is {value!r}; it must be as "xyc" or "xy"')
            elif not _are_numbers(value, several=field.type is Any):
                raise ValueError(f"{field.name} is {value!r}; it must be a number")

    @abstractmethod
    def fitted(self, whole: "Whole") -> Function:
        """The step for one image: from and to float32 (…, C)."""


@dataclass(frozen=True)
class ScaleLinear(Step):
    """x · gain + offset."""

    id: ClassVar[str] = "scale_linear"
    gain: Any = 1.0
    offset: Any = 0.0

    def fitted(self, whole: "Whole") -> Function:
        return _linear(self.gain, self.offset)


@dataclass(frozen=True)
class FixedZeroMeanUnitVariance(Step):
    """(x - mean) / std, of known numbers."""

    id: ClassVar[str] = "fixed_zero_mean_unit_variance"
    mean: Any
    std: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        if np.min(self.std) <= 0:
            raise ValueError(f"std is {self.std}; it must be above 0")

    def fitted(self, whole: "Whole") -> Function:
        return _standardised(self.mean, self.std)


@dataclass(frozen=True)
class ZeroMeanUnitVariance(Step):
    """(x - mean) / (std + eps), of the image's own numbers.

    Attributes:
        axes: over which they are taken: with "c" of all channels together, without it of each.
    """

    id: ClassVar[str] = "zero_mean_unit_variance"
    axes: str = "xyc"
    eps: float = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_eps(self.eps)

    def fitted(self, whole: "Whole") -> Function:
        mean, std = whole.mean_and_std(each="c" not in self.axes)
        return _standardised(mean, std + self.eps)


@dataclass(frozen=True)
class ScaleRange(Step):
    """(x - low) / (high - low + eps), of two percentiles of the image."""

    id: ClassVar[str] = "scale_range"
    min_percentile: float = 0.0
    max_percentile: float = 100.0
    axes: str = "xyc"
    eps: float = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_eps(self.eps)
        if not 0 <= self.min_percentile < self.max_percentile <= 100:
            came = f"{self.min_percentile} and {self.max_percentile}"
            raise ValueError(f"percentiles are {came}; they must be 0–100, and rise")

    def fitted(self, whole: "Whole") -> Function:
        wanted = [self.min_percentile, self.max_percentile]
        low, high = whole.percentiles(wanted, each="c" not in self.axes)
        return _standardised(low, high - low + self.eps)


@dataclass(frozen=True)
class Clip(Step):
    """min(max(x, min), max)."""

    id: ClassVar[str] = "clip"
    min: float = -np.inf
    max: float = np.inf

    def fitted(self, whole: "Whole") -> Function:
        return lambda x: np.clip(x, np.float32(self.min), np.float32(self.max))


@dataclass(frozen=True)
class EnsureDtype(Step):
    """x as if it had been stored as that type, which cuts off what follows the point."""

    id: ClassVar[str] = "ensure_dtype"
    dtype: str

    def __post_init__(self) -> None:
        if not isinstance(self.dtype, str) or self.dtype not in DTYPES:
            raise ValueError(f"dtype is {self.dtype!r}; it must be one of {', '.join(DTYPES)}")

    def fitted(self, whole: "Whole") -> Function:
        dtype = np.dtype(self.dtype)
        if dtype.kind == "f":
            return lambda x: x
        if dtype.kind == "b":
            return lambda x: (x != 0).astype(np.float32)
        limits = np.iinfo(dtype)
        return lambda x: np.trunc(np.clip(x, limits.min, limits.max)).astype(np.float32)


@dataclass(frozen=True)
class Preprocessing:
    """All steps, one after the other.

    Attributes:
        steps: of a model; none: it takes intensities as they are.
    """

    steps: tuple[Step, ...] = ()

    def fitted(self, images: Images) -> list[Function]:
        """For each image what makes of its intensities what the network takes.

        Args:
            images: with their axes settled.
        """
        return [self._of_one(images, index) for index in range(len(images.batch))]

    def bytes_for(self, images: Images) -> int:
        """What fitting it takes, beside the images: values that cannot be counted are copied."""
        ranged = any(isinstance(step, ScaleRange) for step in self.steps)
        if not ranged or _can_be_counted(images.pixels.dtype):
            return 0
        return COPIES * np.dtype(np.float32).itemsize * images.batch[0].size

    def of_intensities(self, pictures: np.ndarray) -> np.ndarray:
        """Whole images, float32 (N, H, W, C) intensities, as the network takes them."""
        functions = self.fitted(Images(pictures, UNIT, "NHWC"))
        parts = [function(one) for function, one in zip(functions, pictures, strict=True)]
        return np.stack(parts)

    def _of_one(self, images: Images, index: int) -> Function:
        done: list[Function] = []
        for step in self.steps:
            done.append(step.fitted(Whole(images, index, _in_turn(done))))
        return _in_turn(done)


@dataclass(frozen=True)
class Whole:
    """One whole image, as the steps before made it.

    Attributes:
        images: of the request.
        index: of the image.
        before: those steps.
    """

    images: Images
    index: int
    before: Function

    def mean_and_std(self, each: bool) -> tuple[np.ndarray, np.ndarray]:
        """float64 of all numbers, or of each channel."""
        axis = (0, 1) if each else None
        parts = [(part.size, part.mean(axis), (part * part).mean(axis)) for part in self._parts()]
        sizes = [size for size, *_ in parts]
        mean = np.average([part[1] for part in parts], axis=0, weights=sizes)
        square = np.average([part[2] for part in parts], axis=0, weights=sizes)
        return mean, np.sqrt(np.maximum(square - mean**2, 0))

    def percentiles(self, wanted: Sequence[float], each: bool) -> np.ndarray:
        """Those of all numbers, or of each channel, interpolated as ``numpy.percentile`` does."""
        pixels = self.images.batch[self.index]
        if not _can_be_counted(pixels.dtype):
            values = self.before(self.images.intensities(pixels))
            return np.percentile(values, wanted, axis=(0, 1) if each else None)
        values, counts = self._histogram(pixels)
        if not each:
            return _of_counts(values.ravel(), counts.ravel(), wanted)
        columns = zip(values.T, counts.T, strict=True)
        return np.stack([_of_counts(*column, wanted) for column in columns], axis=-1)

    def _histogram(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values that its type can hold, float32 (V, C), and how often each occurs."""
        channels = pixels.shape[-1]
        count = 2 if pixels.dtype == bool else np.iinfo(pixels.dtype).max + 1
        stored = np.repeat(np.arange(count)[:, None], channels, axis=1)
        counts = [np.bincount(pixels[..., c].ravel(), minlength=count) for c in range(channels)]
        return self.before(self.images.intensities(stored)), np.stack(counts, axis=-1)

    def _parts(self) -> Iterator[np.ndarray]:
        """Its rows in parts, float64 (h, W, C)."""
        pixels = self.images.batch[self.index]
        rows = max(1, CHUNK_PIXELS // pixels.shape[1])
        for first in range(0, len(pixels), rows):
            part = self.images.intensities(pixels[first : first + rows])
            yield self.before(part).astype(np.float64)


def _can_be_counted(dtype: np.dtype) -> bool:
    """Whether a type has few values."""
    return dtype.kind in "bu" and dtype.itemsize <= 2


def _check_eps(eps: float) -> None:
    if eps <= 0:
        raise ValueError(f"eps is {eps}; it must be above 0: an image may be of one colour")


def _of_counts(values: np.ndarray, counts: np.ndarray, wanted: Sequence[float]) -> np.ndarray:
    """Percentiles of values that occur so often."""
    order = np.argsort(values, kind="stable")
    values, reached = values[order].astype(np.float64), np.cumsum(counts[order])
    places = np.asarray(wanted) / 100 * (reached[-1] - 1)
    lower, upper = (
        values[np.searchsorted(reached, end, side="right")]
        for end in (np.floor(places), np.ceil(places))
    )
    return lower + (upper - lower) * (places - np.floor(places))


def _are_numbers(value: Any, several: bool) -> bool:
    if several and isinstance(value, list):
        return bool(value) and all(_are_numbers(number, several=False) for number in value)
    return isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value)


NOTHING = Preprocessing()


def _linear(gain: Any, offset: Any) -> Function:
    factor, shift = np.float32(gain), np.float32(offset)
    return lambda x: x * factor + shift


def _standardised(mean: Any, std: Any) -> Function:
    """Computed as written: a product with 1 / std would round otherwise."""
    shift, divisor = np.float32(mean), np.float32(std)
    return lambda x: (x - shift) / divisor


def _in_turn(functions: Sequence[Function]) -> Function:
    done = tuple(functions)

    def run(x: np.ndarray) -> np.ndarray:
        for function in done:
            x = function(x)
        return x

    return run
