"""What the OME-XML of a TIFF says: which page is which channel, slice and time, and how large its
pixels are. It is text from anywhere: only a few attributes are looked at, and nothing is expanded.

https://docs.openmicroscopy.org/ome-model/latest/ome-tiff/specification.html
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from ...calibration import MICROMETERS
from ...errors import PayloadTooLarge, RequestError
from .descriptions import number, plausible, shortened
from .file import MAX_PAGES

END = "OME>"
MAX_ELEMENTS = 500_000  # of the text; a stack of MAX_PAGES planes has about 50,000
MAX_PARTS = 100  # of the text of an element
MAX_IMAGES = 20_000  # a plate of 1536 wells may have that many
PLANES = "CZT"


@dataclass
class Image:
    """One image of a file.

    Attributes:
        order: its axes, the innermost first: "XYCZT".
        sizes: of these axes, by name.
        size: of a pixel, by "X", "Y" and "Z", and ``units`` of these.
        samples: of a pixel, in each channel.
        bits: of a sample that are significant; 1 where that is not told.
        blocks: which planes lie in which pages: attributes of each TiffData, and the name of the
            file where that is another one, or not known to be this one.
    """

    order: str
    sizes: dict[str, int]
    size: dict[str, float] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    samples: int = 1
    bits: int = 1
    blocks: list[tuple[dict[str, str], str]] = field(default_factory=list)

    @property
    def here(self) -> bool:
        """Whether any of its planes are said to lie in this file."""
        return any(not other for _, other in self.blocks)

    @property
    def axes(self) -> str:
        """Of the planes, the outermost first."""
        return "".join(axis for axis in reversed(self.order) if axis in PLANES)

    def lengths(self, samples: int) -> tuple[int, ...]:
        """Of the axes of planes, for pages that hold so many samples of a pixel.

        Raises:
            PayloadTooLarge: they are more planes than pages are taken.
        """
        several = max(self.samples, 1)
        if several == 1 and samples > 1 and self.sizes["C"] % samples == 0:
            several = samples
        lengths = tuple(
            max(1, self.sizes[axis] // several) if axis == "C" else self.sizes[axis]
            for axis in self.axes
        )
        if math.prod(lengths) > MAX_PAGES:
            raise PayloadTooLarge(
                f"OME-XML of the TIFF names {math.prod(lengths):,} planes; at most {MAX_PAGES:,} "
                "are taken in one request; cut it into parts"
            )
        return lengths

    def pages(self, lengths: tuple[int, ...], available: int) -> list[int | None]:
        """The page of each plane, in the order of the planes; None: it is in no page of this file.

        Args:
            lengths: of the axes of planes.
            available: how many pages the file has.

        Raises:
            ValueError: what should be a number is none, or planes are named again and again.
        """
        total, steps = math.prod(lengths), 0
        found: list[int | None] = [None] * total
        for attributes, other in self.blocks:
            if other:
                continue
            first = 0
            for axis, length in zip(self.axes, lengths, strict=True):
                first = first * length + _whole(attributes.get(f"First{axis}"), 0)
            page = _whole(attributes.get("IFD"), 0)
            count = _whole(attributes.get("PlaneCount"), 1 if "IFD" in attributes else total)
            count = max(0, min(count, total - first, available - page))
            steps += count
            if steps > 2 * MAX_PAGES:
                raise ValueError("planes are named again and again")
            found[first : first + count] = range(page, page + count)
        return found

    def scale(self) -> tuple[float | None, float | None, float | None, str]:
        """The size of a pixel as x, y, z and their unit; None where none is told that can be."""
        unit = self.units.get("X", "µm")
        factor = MICROMETERS.get(unit.lower())
        sizes = []
        for axis in "XYZ":
            own = MICROMETERS.get(self.units.get(axis, "µm").lower())
            value = self.size.get(axis)
            sizes.append(plausible(value * own / factor) if value and own and factor else None)
        return *sizes, unit if any(sizes) else ""  # type: ignore[return-value]


@dataclass
class Said:
    """What OME-XML says.

    Attributes:
        images: that it names, in its order; none where it cannot be understood.
        why: what keeps it from saying where planes lie; "" where that is nothing.
    """

    images: list[Image] = field(default_factory=list)
    why: str = ""


class _Reader:
    """Takes from OME-XML what ``Image`` holds."""

    def __init__(self) -> None:
        self.images: list[Image] = []
        self.own = ""  # the UUID of this file
        self.elsewhere = ""  # the file that all is told in
        self._uuid: list[str] | None = None  # the text of that element, while it is read
        self._parser = expat.ParserCreate("utf-8")  # whatever the text says of itself
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._pixels: Image | None = None
        self._elements = 0

    def read(self, text: str) -> None:
        self._parser.Parse(text.encode("utf-8", "replace"), True)

    def _refuse(self, *_: object) -> None:
        raise RequestError(
            "OME-XML of the TIFF declares a document type, which may hold anything; OME's own "
            "programs write none; save the image again with one of them"
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS or len(self.images) > MAX_IMAGES:
            raise RequestError(
                f"OME-XML of the TIFF has more than {MAX_ELEMENTS:,} elements, or names more than "
                f"{MAX_IMAGES:,} images; no more are read; save the image alone"
            )
        kind = name.rpartition(":")[2]
        if kind == "OME":
            self.own = attributes.get("UUID", "")
        elif kind == "BinaryOnly":
            self.elsewhere = attributes.get("MetadataFile", "") or "another file"
        elif kind == "Pixels":
            self._pixels = _image(attributes)
            self.images.append(self._pixels)
        elif self._pixels is None:
            return
        elif kind == "Channel":
            self._pixels.samples = _whole(attributes.get("SamplesPerPixel"), 1) or 1
        elif kind == "TiffData":
            self._pixels.blocks.append((attributes, ""))
        elif kind == "UUID" and self._pixels.blocks:
            last, _ = self._pixels.blocks[-1]
            self._pixels.blocks[-1] = (last, attributes.get("FileName", ""))
            self._uuid = []

    def _text(self, text: str) -> None:
        if self._uuid is not None and len(self._uuid) < MAX_PARTS:
            self._uuid.append(text)

    def _end(self, name: str) -> None:
        kind = name.rpartition(":")[2]
        if kind == "Pixels":
            self._pixels = None
        elif kind == "UUID" and self._uuid is not None:
            if self._pixels and self.own and "".join(self._uuid).strip() == self.own:
                last, _ = self._pixels.blocks[-1]
                self._pixels.blocks[-1] = (last, "")
            self._uuid = None


def read(text: str) -> Said:
    """What OME-XML says.

    Files that a TiffData names are told from this one by their UUIDs; where all planes lie in one
    file, that is this one, whatever it was called.

    Raises:
        RequestError: it declares entities.
    """
    reader = _Reader()
    try:
        reader.read(text)
    except (expat.ExpatError, ValueError, KeyError):
        return Said()
    images = reader.images
    names = {name for image in images for _, name in image.blocks}
    if reader.elsewhere:
        return Said(images, f"is in a file of its own, {shortened(reader.elsewhere)}")
    if len(names) == 1:
        for image in images:
            image.blocks = [(attributes, "") for attributes, _ in image.blocks]
    elif names and "" not in names:
        return Said(images, f"names {len(names)} files, and not which of them this is")
    return Said(images)


def _image(attributes: Mapping[str, str]) -> Image:
    """The image of a Pixels element.

    Raises:
        KeyError: it lacks what every one has.
        ValueError: or that is no number.
    """
    order = attributes["DimensionOrder"]
    if sorted(order) != sorted("XY" + PLANES):
        raise ValueError(f"DimensionOrder is {order!r}")
    sizes = {axis: int(attributes[f"Size{axis}"]) for axis in PLANES}
    if min(sizes.values()) < 1:
        raise ValueError("a size is none")
    image = Image(order, sizes, bits=number(attributes.get("SignificantBits")))
    for axis in "XYZ":
        size = float(attributes.get(f"PhysicalSize{axis}", "nan"))
        if math.isfinite(size) and size > 0:
            image.size[axis] = size
            image.units[axis] = attributes.get(f"PhysicalSize{axis}Unit", "µm")
    return image


def _whole(text: str | None, missing: int) -> int:
    """A whole number that is not negative.

    Raises:
        ValueError: it is none.
    """
    number = missing if text is None else int(text)
    if number < 0:
        raise ValueError(f"{number} is negative")
    return number
