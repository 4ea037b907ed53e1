import pytest

from segmentation import depth
from segmentation.answers import ANSWERS
from segmentation.errors import RequestError
from segmentation.wire.options import Options, parse


@pytest.mark.parametrize("text", [None, "", "  ", ","])
def test_nothing_asked(text):
    assert parse(text) == Options()


def test_all_keys():
    assert parse("output=overlay, threshold = 0.25 ,augment=8") == Options("overlay", 0.25, 8)
    assert parse("minimum=20, range=100:4095") == Options(minimum=20, range=depth.parse("100:4095"))


@pytest.mark.parametrize(
    "attributes",
    ["c000b4f9-df62-4c85-a0bf-7c525f9104a4", "trace=7, Root=1-57", "colour=red", "2"],
)
def test_what_is_for_others_is_let_be(attributes):
    assert parse(attributes) == Options()
    assert parse(f"{attributes}, output=overlay").output == "overlay"


def test_the_header_wins_over_the_address_and_that_over_the_body():
    body = {"threshold": 0.1, "augment": 8, "output": "probability"}
    found = parse("threshold=0.3", "threshold=0.2&output=overlay", body)
    assert found == Options("overlay", 0.3, 8)


def test_values_in_a_body_may_be_numbers_and_lists():
    found = parse(parameters={"channels": [0, 2], "range": [100, 4095.0], "minimum": 5.0})
    assert found == Options(channels=(0, 2), range=depth.parse("100:4095"), minimum=5)
    assert parse(query="channels=0,2&range=1%25:99.8%25") == Options(
        channels=(0, 2), range=depth.parse("1%:99.8%")
    )


@pytest.mark.parametrize(
    ("query", "parameters", "message"),
    [
        ("treshold=0.5", {}, "query parameter 'treshold' is unknown; did you mean threshold"),
        ("colour=red", {}, "query parameter 'colour' is unknown; known are output"),
        ("output", {}, "output is ''"),
        ("", {"colour": "red"}, "parameter 'colour' is unknown"),
        ("", {"threshold": None}, "parameter 'threshold' must be a text, a number, or several"),
        ("", {"output": {"a": 1}}, "must be a text, a number, or several"),
        ("", {"output": "a" * 201}, "parameter 'output' has 201 characters"),
        ("", {"a" * 999: 1}, "'a{50}' has 999 characters"),
        ("output=mask&output=overlay", {}, "query parameter output comes twice"),
    ],
)
def test_the_address_and_the_body_hold_nothing_else(query, parameters, message):
    with pytest.raises(RequestError, match=message):
        parse(None, query, parameters)


@pytest.mark.parametrize(
    ("text", "channels"),
    [
        ("channel=2", (2,)),
        ("channels=0,2", (0, 2)),
        ("channels=0, 2, augment=1", (0, 2)),
        ("augment=1, channels=3", (3,)),
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
    expected = f"output is 'everything'; it must be one of {', '.join(ANSWERS)}"
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("output", "'output' is unknown; did you mean output"),
        ("output=", "output is ''"),
        ("output:overlay", "did you mean output"),
        ("treshold=0.4", "'treshold=0.4' is unknown; did you mean threshold"),
        ("Output=mask", "did you mean output"),
        ("thresh=0.4", "did you mean threshold"),
        ("minimum=-1", "minimum is '-1'"),
        (f"minimum={'9' * 23}", "a whole number of at most 9 digits: minimum=20"),
        ("channel=99999999999999999", "whole numbers, counted from 0, of at most 9 digits"),
        ("range=1e308:1.7e308", "values are from -3.4e38 to 3.4e38"),
        ("range=0", "black must be below white"),
        ("range=100, 4095", "range is '100,4095'; range is white, black:white"),
        ("range=1%, 99.8%", "range is '1%,99"),
        ("output=Mask", "output is 'Mask'"),
        ("threshold=1.01", "threshold is '1.01'"),
        ("threshold=nan", "threshold is 'nan'"),
        ("threshold=0_1", "threshold is '0_1'"),
        ("threshold=", "threshold is ''"),
        ("augment=2", "augment is '2'"),
        ("threshold=0.5, threshold=0.6", "comes twice"),
        ("channel=-1", "channel is '-1'; channels are whole numbers, counted from 0"),
        ("channel=", "channel is ''"),
        ("channels=red", "channels is 'red'"),
        (f"channel={'9' * 5000}", "has 5,000 characters"),
        (f"channel={'9' * 50}", "channels are whole numbers"),
        ("channels=0,-1", "channels is '0,-1'"),
        ("channel=0,1", "send channels=0,1"),
        ("channel=0, channels=0,1", "comes twice"),
        (f"channels={','.join('0' * 17)}", "17 channels; at most 16"),
    ],
)
def test_the_rest_is_refused(text, message):
    with pytest.raises(RequestError, match=message):
        parse(text)
