"""The planes of an image in a TIFF, and how they are arranged."""

import math
from dataclasses import dataclass

from ...calibration import UNKNOWN, Calibration
from ...errors import PayloadTooLarge, RequestError
from .file import MAX_PAGES, Page

MEANINGLESS = "IQ"  # axes of which nothing is known


@dataclass(frozen=True)
class Stack:
    """The planes of an image, and how they are arranged.

    Attributes:
        pages: that hold them, of one form.
        axes: of the planes, the outermost first: "TZC"; "I" where nothing is known.
        lengths: of these axes.
        copies: how many planes each page holds, one behind another.
        calibration: what the file tells beside.
        assumed: sentences for the sender.
        bits: of a sample that are significant, as a description tells; 1 where none does.
        signed: whether 16-bit samples stand for numbers from -32768 on.
    """

    pages: list[Page]
    axes: str
    lengths: tuple[int, ...]
    copies: int = 1
    calibration: Calibration = UNKNOWN
    assumed: tuple[str, ...] = ()
    bits: int = 1
    signed: bool = False

    @property
    def known(self) -> bool:
        """Whether the file tells what its planes are."""
        return not (len(self.axes) == 1 and self.axes in MEANINGLESS)


def arranged(
    pages: list[Page], axes: str, lengths: tuple[int, ...], who: str, calibration: Calibration
) -> Stack:
    """Planes arranged as a description says, or as far as there are any.

    Raises:
        RequestError: they are not as many, in the middle of an axis.
    """
    total = math.prod(lengths)
    if total > MAX_PAGES:
        raise PayloadTooLarge(
            f"{who} of the TIFF names {total:,} planes; at most {MAX_PAGES:,} are taken in one "
            "request; cut it into parts"
        )
    if len(pages) >= total:
        return Stack(pages[:total], axes, lengths, 1, calibration)
    outer = next(place for place, length in enumerate(lengths) if length > 1)
    block = total // math.prod(lengths[: outer + 1])
    longer = [pair for pair in zip(axes, lengths, strict=True) if pair[1] > 1]
    named = ", ".join(f"{axis} {length}" for axis, length in longer)
    came = f"{who} of the TIFF names {total} planes ({named}), and the file holds {len(pages)}"
    if len(pages) == 1 and calibration.program != "ome":
        if pages[0].room > 1:
            return Stack(pages, axes, lengths, total, calibration)
        note = f"{came}: it was read as one image"
        return Stack(pages, "I", (1,), 1, calibration, (note,))
    if len(pages) % block or axes[outer] == "C":
        raise RequestError(
            f"{came}; others may be in further files, or were never written; save it as one whole "
            "file, for example with Fiji"
        )
    fewer = (*lengths[:outer], len(pages) // block, *lengths[outer + 1 :])
    note = f"{came}: it was read as {len(pages) // block} along {axes[outer]}"
    return Stack(pages, axes, fewer, 1, calibration, (note,))
