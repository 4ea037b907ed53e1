"""What a file tells of its images beside their pixels: the size of these, and what its axes mean.

It goes from the file of a request to the file of its answer, so that programs for microscopy show
the mask over the image.
"""

from dataclasses import dataclass

# how many micrometers a unit has, by the names that files give it
MICROMETERS = {
    "nm": 1e-3,
    "nanometer": 1e-3,
    "µm": 1.0,  # the micro sign
    "μm": 1.0,  # the Greek letter
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "mm": 1e3,
    "millimeter": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "inch": 25_400.0,
    "m": 1e6,
    "meter": 1e6,
}

# dots per inch of screens and printers: what programs write who know nothing of a microscope
DOTS_PER_INCH = (72, 96, 144, 150, 200, 240, 300, 600, 1200)
INCH = MICROMETERS["inch"]


@dataclass(frozen=True)
class Calibration:
    """The axes of a stack, and the size of a pixel.

    Attributes:
        stack: the axes that together are the stack of a request, outermost first, with their
            lengths: (("T", 2), ("Z", 6)) of 12 images; empty where the file tells none.
        x, y, z: the size of a pixel, in ``unit``; None where it is not known.
        unit: as the file names it; "" where it is not known.
        program: whose metadata the file has, "imagej" or "ome"; "" of any other.
    """

    stack: tuple[tuple[str, int], ...] = ()
    x: float | None = None
    y: float | None = None
    z: float | None = None
    unit: str = ""
    program: str = ""

    @property
    def micrometers(self) -> tuple[float, float] | None:
        """The height and the width of a pixel, as the file tells them; None where it does not."""
        factor = MICROMETERS.get(self.unit.lower())
        if factor is None or not self.x or not self.y:
            return None
        return self.y * factor, self.x * factor

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """In µm of the sample; None also where it is only that of a screen or a printer."""
        if self.micrometers is None:
            return None
        dots_per_inch = INCH / self.micrometers[1]
        of_print = any(abs(dots_per_inch - dots) < dots / 1000 for dots in DOTS_PER_INCH)
        return None if of_print else self.micrometers


UNKNOWN = Calibration()
