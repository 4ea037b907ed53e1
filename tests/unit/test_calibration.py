"""The size of a pixel in micrometers, by the names that files give units."""

import pytest

from segmentation.calibration import UNKNOWN, Calibration


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("µm", 1), ("μm", 1), ("um", 1), ("Micron", 1), ("nm", 1e-3), ("mm", 1e3), ("inch", 25_400)],
)
def test_pixel_size(unit, factor):
    found = Calibration(x=2.0, y=3.0, unit=unit).pixel_size
    assert found == pytest.approx((3 * factor, 2 * factor))


@pytest.mark.parametrize(
    ("size", "unit"), [(1 / 72, "inch"), (1 / 300, "inch"), (1 / 3780, "m"), (2.54 / 96, "cm")]
)
def test_dots_per_inch_are_no_size_of_a_sample(size, unit):
    assert Calibration(x=size, y=size, unit=unit).pixel_size is None


@pytest.mark.parametrize(
    "calibration",
    [UNKNOWN, Calibration(x=1, y=1), Calibration(x=1, unit="µm"), Calibration(x=1, y=1, unit="el")],
)
def test_nothing_is_guessed(calibration):
    assert calibration.pixel_size is None
