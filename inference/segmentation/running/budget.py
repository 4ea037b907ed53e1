"""What a network costs, measured before it serves, and what may be asked of it then."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import machine
from ..answers import Answer
from ..channels import times
from ..errors import OutOfMemory
from ..images import Images
from ..networks.network import Network, try_out
from .plan import Tile

QUICK_SECONDS = 1.0  # what takes longer is measured once


@dataclass(frozen=True)
class Budget:
    """What running a network takes.

    Attributes:
        bytes_per_pixel: that the network needs while it runs, for each pixel that goes through it.
        resting_bytes: of this process, before the network ran.
        measured_pixels: how many went through it when this was measured.
        seconds_per_pixel: that it takes, where no other process computes.
    """

    bytes_per_pixel: float
    resting_bytes: int
    measured_pixels: int
    seconds_per_pixel: float = 0.0

    @classmethod
    def measured(cls, network: Network, size: tuple[int, int]) -> "Budget":
        """Run a network on black images of that height and width, and look at memory and clock.

        Raises:
            ModelError: it fails, or its output is no probability per pixel.
        """
        height, width = size
        count = network.batch or 1
        images = np.zeros((count, height, width, network.channels), np.float32)
        with machine.MemoryGrowth() as growth:
            begin = time.perf_counter()
            try_out(network, images, "a black image")
            seconds = time.perf_counter() - begin
        pixels = count * height * width
        pace = seconds / pixels
        if seconds < QUICK_SECONDS:  # the first run prepares what others need, too
            pace = min(pace, _pace(network, _smaller(network, images)))
        return cls(growth.bytes / pixels, growth.resting_bytes, pixels, pace)

    def seconds(self, tiles: Sequence[Tile]) -> float:
        """What so many tiles take, where no other process computes."""
        return self.seconds_per_pixel * sum(math.prod(tile.size) for tile in tiles)

    def affordable_pixels(self, workers: int) -> int:
        """How many pixels may go through the network together, of one of so many workers.

        It is what half of the free memory suffices for; the other half is for images and answers.
        """
        share = machine.available_memory() / 2 / workers
        return int(self.measured_pixels + share / max(self.bytes_per_pixel, 1))

    def check(
        self,
        images: Images,
        batch: Sequence[Tile],
        answer: Answer,
        more: int = 0,
        held: int = 0,
    ) -> None:
        """Refuse in time what the kernel would end this process for.

        Args:
            images: of the request.
            batch: the tiles that go through the network together.
            answer: what is made of them.
            more: bytes that preprocessing takes.
            held: float32 numbers that are held beside the network for each pixel of the batch.

        Raises:
            OutOfMemory: less memory is left than this needs.
        """
        shape = images.batch.shape[:3]
        pixels = len(batch) * math.prod(batch[0].size)
        # memory that earlier runs took is still with this process, and is taken again
        taken = machine.resident_memory() - self.resting_bytes - images.pixels.nbytes
        network = max(0, self.bytes_per_pixel * pixels - max(0, taken))
        beside = 4 * held * pixels + answer.bytes_per_pixel * math.prod(shape)
        needed = max(int(network), more) + beside
        left = machine.available_memory()
        if needed > left:
            raise OutOfMemory(
                f"{times(shape)} pixels need {needed >> 20:,} MB more memory; "
                f"{left >> 20:,} MB are left; send less at once, or set `tile_size` lower"
            )


def _smaller(network: Network, images: np.ndarray) -> np.ndarray:
    """Images of about a quarter of the size, where the network takes any."""
    if network.height is not None or network.width is not None:
        return images
    stride = network.geometry.stride
    height, width = (max(stride, side // 2 // stride * stride) for side in images.shape[1:3])
    return np.ascontiguousarray(images[:, :height, :width])


def _pace(network: Network, images: np.ndarray) -> float:
    """Seconds for each pixel of float32 (N, h, w, C), once the network has seen that size."""
    network.run(images)
    begin = time.perf_counter()
    network.run(images)
    return (time.perf_counter() - begin) / np.prod(images.shape[:3])
