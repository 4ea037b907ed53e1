import pytest

from segmentation.errors import RequestError
from segmentation.options import Options, parse


@pytest.mark.parametrize("text", [None, "", "  ", ","])
def test_nothing_asked(text):
    assert parse(text) == Options()


def test_all_keys():
    assert parse("output=overlay, threshold = 0.25 ,augment=8") == Options("overlay", 0.25, 8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour=red", "'colour=red' is unknown"),
        ("output", "output is ''"),
        ("output=Mask", "output is 'Mask'"),
        ("threshold=1.01", "threshold is '1.01'"),
        ("threshold=nan", "threshold is 'nan'"),
        ("threshold=", "threshold is ''"),
        ("augment=2", "augment is '2'"),
        ("threshold=0.5, threshold=0.6", "comes twice"),
    ],
)
def test_the_rest_is_refused(text, message):
    with pytest.raises(RequestError, match=message):
        parse(text)
