"""What holds an array, and may be used as one: by NumPy, by frameworks, and by hand."""

from typing import TYPE_CHECKING, Any

import numpy as np


class ArrayLike(np.lib.mixins.NDArrayOperatorsMixin):
    """Lets functions that were written for arrays have it: ``data.shape``, ``np.asarray(data)``,
    ``data / 255``, ``data[None]``, ``data.astype("float32")``; what they get is a plain array.

    Attributes:
        pixels: the array.
    """

    pixels: np.ndarray

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy or (dtype is not None and np.dtype(dtype) != self.pixels.dtype):
            return np.array(self.pixels, dtype=dtype)
        return self.pixels

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if any(isinstance(target, ArrayLike) for target in options.get("out", ())):
            del options["out"]  # of ``data /= 255``, which gives a new array
        return getattr(ufunc, method)(*(_array(value) for value in inputs), **options)

    def __getitem__(self, index: Any) -> Any:
        return self.pixels[_array(index)]

    def __len__(self) -> int:
        return len(self.pixels)

    if not TYPE_CHECKING:  # mypy shall find misspelt names of the classes that are array-like

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__") or name == "pixels":
                raise AttributeError(name)
            return getattr(self.pixels, name)


def _array(value: Any) -> Any:
    return value.pixels if isinstance(value, ArrayLike) else value
