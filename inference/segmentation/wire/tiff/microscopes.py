"""What the programs of microscopes write beside the pages of a TIFF, each in tags of its own."""

import re
import struct

from ...calibration import Calibration
from ...channels import count
from .descriptions import plausible
from .file import LSM_INFO, MAX_PAGES, SOFTWARE, STK_PLANES, Page
from .stack import Stack

LSM_HEAD, LSM_MAGIC = "<10i3d", (b"LI\0\3", b"LI\0\4")
SAVED = re.compile(
    r"^(?:scanimage\.)?SI\d?\.(?:hChannels\.channelSave|channelsSave) *= *(.*)$", re.M
)
SAVING = re.compile(r"^state\.acq\.savingChannel\d+ *= *1\s*$", re.M)  # of ScanImage 3
AKOYA = "PerkinElmer-QPI"


def arrangement(pages: list[Page]) -> Stack | None:
    """How pages of one form are arranged; None where no microscope tells it."""
    for read in (_of_metamorph, _of_zeiss, _of_scanimage, _of_akoya):
        found = read(pages)
        if found:
            return found
    return None


def _of_metamorph(pages: list[Page]) -> Stack | None:
    """Of a STK, whose planes lie behind one another, below one page."""
    entry = pages[0].entries.get(STK_PLANES)
    if entry is None or not 1 < entry.number <= MAX_PAGES or len(pages) > 1:
        return None
    return Stack(pages, "Z", (entry.number,), entry.number)


def _of_zeiss(pages: list[Page]) -> Stack | None:
    """Of a LSM, whose block of numbers begins with its axes and the size of a pixel in metres."""
    entry = pages[0].entries.get(LSM_INFO)
    raw = pages[0].file.raw(entry) if entry else memoryview(b"")
    if len(raw) < struct.calcsize(LSM_HEAD) or bytes(raw[:4]) not in LSM_MAGIC:
        return None
    *_, slices, _, frames, _, _, _, x, y, z = struct.unpack_from(LSM_HEAD, raw)
    width, height, depth = (plausible(size * 1e6) if size < 1 else None for size in (x, y, z))
    calibration = Calibration((), width, height, depth, "µm" if width else "")
    if slices < 1 or frames < 1 or slices * frames != len(pages):
        return None
    return Stack(pages, "TZ", (frames, slices), calibration=calibration)


def _of_scanimage(pages: list[Page]) -> Stack | None:
    """Of ScanImage, whose pages are the channels of the first frame, then those of the next.

    https://docs.scanimage.org/Appendix/ScanImage+BigTiff+Specification.html
    """
    text = "\n".join((pages[0].text_of(SOFTWARE), *pages[0].texts))
    saved = SAVED.search(text)
    channels = len(re.findall(r"\d+", saved[1])) if saved else len(SAVING.findall(text))
    if channels < 2:
        return None
    frames, left = divmod(len(pages), channels)
    if not frames:
        return None
    note = (
        f"ScanImage saved {channels} channels, and the TIFF ends after "
        f"{count(left, 'page')} of the last frame, which was left out"
    )
    whole = pages[: frames * channels]
    return Stack(whole, "TC", (frames, channels), assumed=(note,) if left else ())


def _of_akoya(pages: list[Page]) -> Stack | None:
    """Of QPTIFF, whose pages of full size are the channels, unless they have colours."""
    if not pages[0].text_of(SOFTWARE).startswith(AKOYA) or pages[0].samples > 1 or len(pages) < 2:
        return None
    return Stack(pages, "C", (len(pages),))
