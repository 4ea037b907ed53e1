"""The parts of Pillow that we stand on, beside its documented ones."""

from PIL import TiffImagePlugin

from segmentation.wire.pictures import Tiff


def test_the_signatures_of_tiff_are_those_that_pillow_reads():
    assert set(TiffImagePlugin.PREFIXES) == set(Tiff.signatures)
