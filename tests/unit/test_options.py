import pytest

from segmentation.answers import ANSWERS
from segmentation.errors import RequestError
from segmentation.wire.options import Options, parse


@pytest.mark.parametrize("text", [None, "", "  ", ","])
def test_nothing_asked(text):
    assert parse(text) == Options()


def test_all_keys():
    assert parse("output=overlay, threshold = 0.25 ,augment=8") == Options("overlay", 0.25, 8)


@pytest.mark.parametrize(
    ("text", "channels"),
    [
        ("channel=2", (2,)),
        ("channels=0,2", (0, 2)),
        ("channels=0, 2, output=mask", (0, 2)),
        ("output=mask, channels=3", (3,)),
    ],
)
def test_channels(text, channels):
    assert parse(text) == Options(channels=channels)


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
        ("threshold=0.5, 2", "'2' is unknown"),
        ("channel=-1", "channel is '-1'; channels are whole numbers, counted from 0"),
        ("channel=", "channel is ''"),
        ("channels=red", "channels is 'red'"),
        (f"channel={'9' * 5000}", "channels are whole numbers"),
        ("channels=0,-1", "channels is '0,-1'"),
        ("channel=0,1", "send channels=0,1"),
        ("channel=0, channels=0,1", "comes twice"),
        (f"channels={','.join('0' * 17)}", "17 channels; at most 16"),
    ],
)
def test_the_rest_is_refused(text, message):
    with pytest.raises(RequestError, match=message):
        parse(text)
