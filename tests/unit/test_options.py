import pytest

from segmentation.answers import ANSWERS
from segmentation.errors import RequestError
from segmentation.wire.options import Options, parse


@pytest.mark.parametrize("text", [None, "", "  ", ","])
def test_nothing_asked(text):
    assert parse(text) == Options()


def test_all_keys():
    assert parse("output=overlay, threshold = 0.25 ,augment=8") == Options("overlay", 0.25, 8)


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_can_be_asked_for(name):
    assert parse(f"output={name}").output == name


def test_a_wrong_output_is_answered_with_all_right_ones():
    with pytest.raises(RequestError) as caught:
        parse("output=everything")
    expected = "output is 'everything'; it must be one of mask, probability, overlay"
    assert str(caught.value) == expected


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
