"""Running a model on images of any size."""

import contextlib
import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from . import machine, precision, receptive_field, tiling
from .artifacts import Model
from .errors import ModelError, OutOfMemory, SettingsError
from .images import times
from .precision import AUTO, FLOAT32

logger = logging.getLogger(__name__)

STRIDES = (1, 2, 4, 8, 16, 32, 64)  # tried on models whose layers cannot be looked at
TILE_SIZE = 1024
OVERLAP = 128
MIN_TILE_SIZE = 256  # smaller ones are mostly overlap
WARM_UP_SIDE = 512
LOG_SECONDS = 5.0  # between two lines about the progress of a long request

Finish = Callable[[np.ndarray], np.ndarray]
Progress = Callable[[int, int], None]


class Engine:
    """A model, ready to run.

    Args:
        model: a loaded model.
        tile_size: the largest side of an image that is predicted in one piece, and the side of the
            tiles that larger ones are cut into; the model's own where its size is fixed. By default
            as much as half of the free memory suffices for, at most TILE_SIZE.
        overlap: how far neighbouring tiles reach into each other, in pixels.
        batch_size: tiles per call of the network; by default as many as have the pixels of one tile
            of the warm-up.
        workers: how many processes share the memory.
        precision: "float32"; "bfloat16"; or "auto", the fastest in which the masks stay the same.

    Attributes:
        model: as given; after the warm-up with a faster network, in the chosen precision.
        stride: heights and widths that the network takes are multiples of it.
        receptive_field: how far an output pixel looks, in pixels to each side; None where the
            layers do not tell, as in a SavedModel. An overlap of twice this makes tiles exact.

    Raises:
        SettingsError: the overlap leaves nothing of a tile, or the model takes another size.
    """

    def __init__(
        self,
        model: Model,
        tile_size: int | None = None,
        overlap: int | None = None,
        batch_size: int | None = None,
        workers: int = 1,
        precision: str = FLOAT32,
    ):
        self.model = model
        _share_gpu()
        self._run = _compile(model)
        geometry = receptive_field.of(model.network)
        self.stride = geometry.stride if geometry else _tried_stride(model, self._run)
        self.receptive_field = geometry.reach if geometry else None
        self._overlap = overlap
        self._batch_size = batch_size
        self._workers = workers
        self._precision = precision
        self._tile_size_given = bool(tile_size)
        _check_tile_size(tile_size, model)
        self._bytes_per_pixel = 0.0  # that the network needs while it runs; known after warm-up
        self._largest_run = 0  # pixels; what one run took, the next one takes again
        self._set_tile_size(tile_size or TILE_SIZE)

    def _set_tile_size(self, tile_size: int) -> None:
        size = _round_up(tile_size, self.stride)
        self._max_tile = (self.model.height or size, self.model.width or size)
        self._margin = _margin(self._overlap, self._max_tile, self.stride)

    def warm_up(self) -> None:
        """Choose the precision, make the network faster, check what it gives, fit tiles to memory.

        Raises:
            ModelError: it fails, or its output is no probability per pixel.
            SettingsError: it cannot be run in the precision that is asked for.
        """
        asked = self._precision
        dtype = precision.fastest() if asked == AUTO else asked
        if not self._go_over_to(dtype) and (dtype == FLOAT32 or not self._go_over_to(FLOAT32)):
            self._run_once()  # as it is
        if not self._tile_size_given:
            self._fit_tiles_to_memory()

    def _go_over_to(self, dtype: str) -> bool:
        """Take a faster network, if it gives the same as the given one; whether that was done."""
        given, run = self.model, self._run
        required = dtype == self._precision != FLOAT32
        try:
            self._accelerate(dtype)
            self._run_once()
            same, told = self._compare_with(given, dtype)
            if same or required:
                logger.info("computing in %s: %s", dtype, told)
                return True
        except (ValueError, ModelError) as exc:
            if required:
                raise SettingsError(
                    f"UNET_PRECISION is {dtype}, in which {given.name} cannot be run: {exc}; "
                    "leave the setting out"
                ) from exc
            told = str(exc)
        what = "its layers stay as they are" if dtype == FLOAT32 else f"not computing in {dtype}"
        logger.info("%s: %s", what, told)
        self.model, self._run = given, run
        return False

    def _accelerate(self, dtype: str) -> None:
        if not hasattr(self.model.network, "layers"):
            raise ValueError("its layers cannot be copied: it has none")
        from .acceleration import accelerated  # Keras takes long to import

        self.model = replace(self.model, network=accelerated(self.model.network, dtype))
        self._run = _compile(self.model)

    def _compare_with(self, given: Model, dtype: str) -> tuple[bool, str]:
        """Whether both networks give the same of a picture, and how it is told."""
        side = precision.PROBE_SIDE
        probe = precision.probe(*self._tile_for(side, side), given.channels)
        # not traced: that would take longer than this one call
        expected, found = np.asarray(given.network(probe, training=False)), self._run(probe)
        if dtype == FLOAT32:
            most = np.abs(found - expected).max()
            told = f"merged layers change a probe image's probabilities by {most:.2g} at most"
            return np.allclose(found, expected, rtol=1e-3, atol=1e-3), told
        share = precision.agreement(found, expected, given.mask_threshold)
        told = f"its masks agree with those in float32 on {share:.2%} of a probe image"
        return share >= precision.AGREEMENT, told

    @property
    def warm_up_size(self) -> tuple[int, int]:
        """Height and width of the image that the warm-up runs."""
        return self._tile_for(WARM_UP_SIDE, WARM_UP_SIDE)

    def _run_once(self) -> None:
        height, width = self.warm_up_size
        image = np.zeros((1, height, width, self.model.channels), np.float32)
        name, rule = self.model.name, "it must give (N, H, W, K) for float32 (N, H, W, C)"
        try:
            with machine.MemoryGrowth() as growth:
                values = self._run(image)
        except Exception as exc:
            raise ModelError(
                f"{name} fails on an image of {height}×{width}: {exc}; {rule}"
            ) from exc
        if values.shape != (1, height, width, self.model.classes):
            came = f"{name} gives {values.shape} for an image of {height}×{width}"
            raise ModelError(f"{came}; a mask has the image's size; {rule}")
        if not np.isfinite(values).all():
            raise ModelError(f"{name} gives NaN or infinity for a black image; train it again")
        # a second run, in another precision, takes what the first one took, and some more
        self._bytes_per_pixel += growth.bytes / (height * width)
        self._largest_run = height * width

    def _fit_tiles_to_memory(self) -> None:
        share = machine.available_memory() / 2 / self._workers
        pixels = self._largest_run + share / max(self._bytes_per_pixel, 1)
        side = int(math.sqrt(pixels)) // self.stride * self.stride
        if side < TILE_SIZE:
            least = MIN_TILE_SIZE
            if self._overlap is not None:
                least = max(least, 2 * (self._overlap // 2) + self.stride)
            self._set_tile_size(max(side, least))

    def tile_count(self, shape: tuple[int, ...]) -> int:
        """How many tiles images of shape (N, H, W, C) are cut into."""
        count, height, width, _ = shape
        return count * len(self._tiles_of(height, width)[1])

    def predict(
        self,
        pixels: np.ndarray,
        scale: float = 1.0,
        augment: int = 1,
        finish: Finish | None = None,
        progress: Progress | None = None,
    ) -> np.ndarray:
        """Predict images of any size.

        Args:
            pixels: (N, H, W, C), of any numeric dtype; intensity = pixels * scale, in 0–1.
            scale: see above.
            augment: 8 averages over the flips and quarter turns of each tile; 4 of them, without
                the quarter turns, where a fixed size that is not square forbids these.
            finish: what to make of the probabilities (N, h, w, K) of a tile, such as a mask
                (N, h, w); large images then never exist as probabilities.
            progress: is told (tiles done, tiles in all) after each batch; by default the log is, of
                requests that take long.

        Returns:
            float32 (N, H, W, K) probabilities, or what ``finish`` made of them, joined.

        Raises:
            OutOfMemory: there is not enough memory for this.
        """
        import tensorflow as tf

        try:
            return self._predict(
                pixels,
                scale,
                augment,
                finish,
                progress or _LogProgress(),
            )
        except (MemoryError, tf.errors.ResourceExhaustedError) as exc:
            raise OutOfMemory(
                f"{pixels.shape[0]} images of {pixels.shape[1]}×{pixels.shape[2]} need more memory "
                "than there is; send smaller ones, or set UNET_TILE_SIZE lower"
            ) from exc

    def _predict(
        self,
        pixels: np.ndarray,
        scale: float,
        augment: int,
        finish: Finish | None,
        progress: Progress,
    ) -> np.ndarray:
        count, height, width, _ = pixels.shape
        tile, places = self._tiles_of(height, width)
        jobs = [(image, row, column) for image in range(count) for row, column in places]
        batch_size = self._batch_size or max(1, WARM_UP_SIDE**2 // (tile[0] * tile[1]))
        area = min(batch_size, len(jobs)) * tile[0] * tile[1]
        # what it finishes to is small: a mask
        value_bytes = 1 if finish else 4 * self.model.classes
        self._check_memory(pixels.shape[:3], area, value_bytes)
        result: np.ndarray | None = None
        for first in range(0, len(jobs), batch_size):
            batch = jobs[first : first + batch_size]
            cuts = np.stack([tiling.cut(pixels[i], r, c, tile) for i, r, c in batch])
            intensities = np.multiply(cuts, scale, dtype=np.float32, casting="unsafe")
            values = self._probabilities(intensities, augment)
            self._largest_run = max(self._largest_run, area)
            if finish:
                values = finish(values)
            if result is None:
                result = np.empty((count, height, width, *values.shape[3:]), values.dtype)
            for (image, row, column), value in zip(batch, values, strict=True):
                kept = value[row.kept_in_tile, column.kept_in_tile]
                result[image, row.kept_in_image, column.kept_in_image] = kept
            progress(first + len(batch), len(jobs))
        assert result is not None, "there is at least one image"
        return result

    def _check_memory(self, shape: tuple[int, ...], area: int, value_bytes: int) -> None:
        """Refuse in time what the kernel would end this process for.

        Args:
            shape: (N, H, W) of the result.
            area: how many pixels go through the network together.
            value_bytes: of the result, per pixel.

        Raises:
            OutOfMemory: less memory is left than this needs.
        """
        network = self._bytes_per_pixel * max(0, area - self._largest_run)
        needed, left = int(network + value_bytes * math.prod(shape)), machine.available_memory()
        if needed > left:
            raise OutOfMemory(
                f"{times(shape)} pixels need {needed >> 20:,} MB more memory; "
                f"{left >> 20:,} MB are left; send less at once, or set UNET_TILE_SIZE lower"
            )

    def _tiles_of(
        self, height: int, width: int
    ) -> tuple[tuple[int, int], list[tuple[tiling.Span, tiling.Span]]]:
        """The size of the tiles of an image, and their places."""
        tile = self._tile_for(height, width)
        return tile, list(tiling.tiles(height, width, tile, self._margin, self.stride))

    def _tile_for(self, height: int, width: int) -> tuple[int, int]:
        """The size of the tiles of an image: its own, rounded up, or of as few parts as can be."""
        sides = []
        for length, fixed, largest in zip(
            (height, width), (self.model.height, self.model.width), self._max_tile, strict=True
        ):
            fitting = tiling.fitting_tile(length, largest, self._margin, self.stride)
            sides.append(fixed or fitting)
        return sides[0], sides[1]

    def _probabilities(self, batch: np.ndarray, augment: int) -> np.ndarray:
        """float32 (N, h, w, C) -> float32 (N, h, w, K)."""
        if augment == 1:
            return self._run(batch)
        fixed = bool(self.model.height or self.model.width)
        symmetries = _symmetries(quarter_turns=not fixed or batch.shape[1] == batch.shape[2])
        total = np.zeros((*batch.shape[:3], self.model.classes), np.float32)
        for turn, undo in symmetries:
            total += undo(self._run(np.ascontiguousarray(turn(batch))))
        return total / len(symmetries)


def _symmetries(quarter_turns: bool) -> list[tuple[Finish, Finish]]:
    """The 8 flips and turns of (N, h, w, C), each with its inverse; 4 without quarter turns."""

    def turn(quarters: int, flip: bool) -> tuple[Finish, Finish]:
        def there(x: np.ndarray) -> np.ndarray:
            x = x[:, :, ::-1] if flip else x
            return np.rot90(x, quarters, (1, 2))

        def back(x: np.ndarray) -> np.ndarray:
            x = np.rot90(x, -quarters, (1, 2))
            return x[:, :, ::-1] if flip else x

        return there, back

    return [
        turn(q, flip) for q in (range(4) if quarter_turns else (0, 2)) for flip in (False, True)
    ]


def _round_up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple


class _LogProgress:
    """Logs the tiles done of all, every few seconds; nothing for a request that is quick."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last >= LOG_SECONDS:
            self._last = now
            logger.info("%d of %d tiles done", done, total)


def _check_tile_size(tile_size: int | None, model: Model) -> None:
    for side in (model.height, model.width):
        if tile_size and side and tile_size != side:
            raise SettingsError(
                f"UNET_TILE_SIZE is {tile_size}; {model.name} takes images of "
                f"{model.height or 'any'}×{model.width or 'any'} only; leave the setting out"
            )


def _margin(overlap: int | None, tile: tuple[int, int], stride: int) -> int:
    """Half the overlap; by default at most a quarter of the tile.

    Raises:
        SettingsError: the overlap that is asked for leaves nothing of a tile.
    """
    if overlap is None:
        return max(min(OVERLAP // 2, (min(tile) - stride) // 4), 0)
    if min(tile) - 2 * (overlap // 2) < stride:
        raise SettingsError(
            f"UNET_TILE_OVERLAP is {overlap}, tiles are {tile[0]}×{tile[1]}; it must be at most "
            f"{min(tile) - stride}; set it lower, or UNET_TILE_SIZE higher"
        )
    return overlap // 2


def _tried_stride(model: Model, run: Finish) -> int:
    """The smallest stride whose multiples a network takes, and gives back in that size."""
    if model.height and model.width:
        return 1  # a fixed size needs no rounding
    for stride in STRIDES:
        # three times: no multiple of the next stride
        size = (model.height or 3 * stride, model.width or 3 * stride)
        try:
            values = run(np.zeros((1, *size, model.channels), np.float32))
        except Exception:  # whatever a network raises where its parts do not fit each other
            continue
        if values.shape[1:3] == size:
            return stride
    return STRIDES[-1]  # none: the warm-up tells what is wrong


def _share_gpu() -> None:
    """TensorFlow would take the whole memory of the GPU, and leave nothing for other workers."""
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):  # already in use
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)


def _compile(model: Model) -> Callable[[np.ndarray], np.ndarray]:
    """The network as a traced function; one trace serves all sizes."""
    import tensorflow as tf

    shape = (None, model.height, model.width, model.channels)
    network = model.network

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32)])
    def run(images: tf.Tensor) -> tf.Tensor:
        return tf.cast(network(images, training=False), tf.float32)

    return lambda batch: run(tf.convert_to_tensor(batch)).numpy()
