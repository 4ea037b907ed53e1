"""What a body did to the readers: it was answered, refused as it should be, or it shows a fault.

What it may cost is bounded by what its reader weighed before it decoded anything (``images.
check_memory``, ``wire/nesting.py``): how many bytes of memory it said that the images would need.
A body may take at most

    WEIGHED_ONCE × weighed + COPIES × its bytes + MEMORY_FREE    bytes of memory,
    weighed / BYTES_A_SECOND + its bytes / BODY_A_SECOND + TIME_FREE    seconds of CPU

where a text of up to ``nesting.SMALL`` bytes, which is not weighed, may take TEXT for each byte.
"""

import contextlib
import os
import re
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segmentation import depth, machine
from segmentation.errors import ConfigurationError, SegmentationError
from segmentation.images import Images
from segmentation.running import returned
from segmentation.spec import ModelSpec
from segmentation.wire import media_types, nesting, options
from segmentation.wire.decoding import read
from segmentation.wire.encoding import encode

from .cases import Case

MAX_PIXELS = 1 << 22  # of one body
MAX_BYTES = 8 << 20  # once its coding is undone
GRANTED = 256 << 20  # bytes of memory that the readers are told are left
SMALL = 1 << 16  # pixels of images of which an answer is made, too
STRIP = 1 << 18  # pixels that become intensities at once

WEIGHED_ONCE = 1
COPIES = 4
TEXT = 100
MEMORY_FREE = 32 << 20
MEMORY_NOTED = 8 << 20  # from which it is measured for one body alone
BYTES_A_SECOND = 20e6
BODY_A_SECOND = 1e6
TIME_FREE = 1.0
TRIES = 3  # what takes too long is tried again: the machine may have been busy

STATUS = Path("/proc/self/status")
PEAK = re.compile(r"VmHWM:\s+(\d+) kB")
TEXTS = {media_types.JSON, media_types.JSONLINES, media_types.CSV}
OUTPUTS = ("mask", "probability", "labels", "overlay", "geojson", "table")
RANGES = (None, None, None, None, "0:255", "1%:99.8%", "65535")


@dataclass(frozen=True)
class Verdict:
    """What became of a body.

    Attributes:
        outcome: "answered", or the name of the error of this project.
        fault: what is wrong; "": nothing.
        seconds: of CPU.
        memory: bytes that it took at most; up to MEMORY_NOTED, those of others may count.
        time_share, memory_share: of what it may take; 1 is all.
    """

    outcome: str
    fault: str
    seconds: float
    memory: int
    time_share: float
    memory_share: float


class Grant(int):
    """How much memory is left, which remembers the most that it was compared with.

    Python asks the right side of ``needed > left`` first where its type is the more special one.
    """

    weighed = 0

    def __lt__(self, needed: int) -> bool:
        Grant.weighed = max(Grant.weighed, int(needed))
        return int(self) < needed


@contextlib.contextmanager
def granted() -> Iterator[None]:
    """Tell the readers that GRANTED bytes of memory are left, whatever they take."""
    real = machine.available_memory
    machine.available_memory = lambda *_, **__: Grant(GRANTED)
    try:
        yield
    finally:
        machine.available_memory = real


class Judge:
    """Gives bodies to the readers, within ``granted``, and sees what they do and take."""

    def __init__(self) -> None:
        self._resting = _forget_peak()

    def judge(self, case: Case) -> Verdict:
        """Decode a body, settle its range and channels, and answer it where it is small."""
        outcome, fault, seconds = _tried(case)
        seconds_allowed, memory_allowed = allowed(case, Grant.weighed)
        memory = max(0, _peak() - self._resting)
        if memory > MEMORY_NOTED:  # which may be of bodies before, and of what was never given back
            with machine.MemoryGrowth() as growth:
                outcome, fault, _ = _tried(case)
            memory = growth.bytes
            self._resting = _forget_peak()
        if memory > memory_allowed:
            fault = fault or f"took {memory:,} bytes of memory, {memory_allowed:,} are allowed"
        for _ in range(TRIES - 1):
            if seconds > seconds_allowed:
                seconds = min(seconds, _tried(case)[2])
        if seconds > seconds_allowed:
            fault = fault or f"took {seconds:.2f} s, {seconds_allowed:.2f} s are allowed"
        shares = seconds / seconds_allowed, memory / memory_allowed
        return Verdict(outcome, fault, seconds, memory, *shares)


def allowed(case: Case, weighed: int) -> tuple[float, int]:
    """The seconds and the bytes that a body may take, of which so many bytes were weighed."""
    size = MAX_BYTES if case.encoding else len(case.body)
    text = TEXT * min(size, nesting.SMALL) * (case.media_type in TEXTS)
    memory = WEIGHED_ONCE * weighed + COPIES * size + text + MEMORY_FREE
    return weighed / BYTES_A_SECOND + size / BODY_A_SECOND + TIME_FREE, memory


def _tried(case: Case) -> tuple[str, str, float]:
    """What became of a body, what is wrong with that, and how many seconds of CPU it took."""
    Grant.weighed, fault = 0, ""
    begin = time.process_time()
    try:
        _answer(case)
        outcome = "answered"
    except ConfigurationError:
        outcome, fault = "fault", traceback.format_exc()
    except SegmentationError as error:
        outcome = type(error).__name__
        if not str(error):
            fault = f"{outcome} says nothing"
    except BaseException:
        outcome, fault = "fault", traceback.format_exc()
    return outcome, fault, time.process_time() - begin


def _answer(case: Case) -> None:
    body = bytearray(case.body)  # as the server has it
    encoding = case.encoding or None
    images = read(body, case.media_type or None, MAX_PIXELS, encoding, MAX_BYTES)
    wanted = options.parse(None, None, images.parameters or None)
    told = RANGES[case.number % len(RANGES)]
    images = images.with_range(wanted.range or (depth.parse(told) if told else None))
    images = images.for_channels(3 if case.number % 4 == 3 else 1, wanted.channels)
    pixels = images.batch
    if pixels[..., 0].size <= SMALL:
        _encode(case, images, wanted.output)
        return
    step = max(1, STRIP // pixels.shape[2])
    for plane in pixels:
        for top in range(0, len(plane), step):
            images.intensities(plane[top : top + step])


def _encode(case: Case, images: Images, output: str | None) -> None:
    """Answer what a network would that gives the mean of the channels."""
    probabilities = images.intensities(images.batch).mean(axis=-1, keepdims=True, dtype=np.float32)
    output = output if output in OUTPUTS else OUTPUTS[case.number % len(OUTPUTS)]
    encode(returned.prediction(probabilities, images, ModelSpec(), output), None)


def _forget_peak() -> int:
    """Begin to look for the largest amount of memory anew; the bytes that are held now."""
    with machine.MemoryGrowth() as growth:
        pass
    return growth.resting_bytes


def _peak() -> int:
    """The most bytes of memory that this process held since that was forgotten."""
    found = PEAK.search(STATUS.read_text())
    assert found, f"{STATUS} of process {os.getpid()} names no peak"
    return 1024 * int(found[1])
