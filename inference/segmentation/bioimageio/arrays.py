"""The test tensors of a package, and what they tell of the values that an input stores."""

from pathlib import Path

import numpy as np

from ..errors import ModelError
from . import weights
from .steps import Levels
from .tensors import Tensor

WHITE = {"uint8": 255.0, "uint16": 65535.0, "bool": 1.0}  # of what files of these types store
MAX_BYTES = 1 << 30


def read(directory: Path, tensor: Tensor) -> np.ndarray | None:
    """A test tensor, of its own axes; None where it did not come with the package.

    Raises:
        ModelError: it is no array of finite numbers with these axes.
    """
    if tensor.test is None or "://" in tensor.test.source:
        return None
    path = weights.inside(directory, tensor.test)
    if not path.is_file():
        return None
    if path.stat().st_size > MAX_BYTES:
        raise ModelError(f"{path.name} has more than {MAX_BYTES:,} bytes")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as exc:  # numpy parses its header as Python: TokenError, SyntaxError, …
        raise ModelError(f"{path.name} cannot be read: {exc}; it is an array of numpy") from exc
    fits = isinstance(array, np.ndarray) and array.ndim == len(tensor.axes) and array.size
    if not fits or array.dtype.kind not in "fiub" or not np.isfinite(array).all():
        raise ModelError(
            f"{path.name} is no array of finite numbers with the axes {tensor.axes!r}, as "
            f"{tensor.name} has"
        )
    return array


def existing(directory: Path, tensor: Tensor) -> np.ndarray:
    """As ``read``, of a test tensor that came with the package."""
    array = read(directory, tensor)
    if array is None:
        raise ModelError(
            f"the test tensor of {tensor.name} is not in the package; save it with all of its files"
        )
    return array


def levels(tensor: Tensor, test: np.ndarray | None) -> Levels:
    """What an input stores as black and as white: by its type, its test, or what is declared.

    A declared range is not always of the stored values, but at times of what the network takes: it
    holds where the test lies in it.
    """
    if tensor.data_type in WHITE:
        return Levels(white=WHITE[tensor.data_type])
    if test is not None and test.dtype.name in WHITE:
        return Levels(white=WHITE[test.dtype.name])
    low, high = (0.0, 0.0) if test is None else (float(test.min()), float(test.max()))
    if tensor.range and tensor.range[0] <= low and high <= tensor.range[1]:
        return Levels(*tensor.range)
    whites = [white for white in (1.0, 255.0, 65535.0) if low >= 0 and high <= white]
    return Levels(white=whites[0] if whites else 1.0, certain=False)


def as_images(array: np.ndarray, tensor: Tensor) -> np.ndarray:
    """An array of the axes of a tensor as (N, H, W, C)."""
    order = [tensor.axes.index(axis) for axis in "byxc" if axis in tensor.axes]
    missing = [place for place, axis in enumerate("byxc") if axis not in tensor.axes]
    return np.expand_dims(array.transpose(order), missing)
