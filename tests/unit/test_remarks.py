"""What a client is told beside its answer."""

import json

import pytest
from mms.context import Context, RequestProcessor

from serving import remarks


@pytest.fixture
def context():
    made = Context("model", "/nowhere", None, 1, None, "1")
    made.request_processor = [RequestProcessor({})]
    return made


def headers(context):
    return {name.lower(): value for name, value in context.get_response_headers(0).items()}


def test_nothing_to_say(context):
    remarks.add(context, ())
    assert "warning" not in headers(context)
    assert "x-amzn-sagemaker-custom-attributes" not in headers(context)


def test_what_was_assumed_is_said_in_both_headers(context):
    remarks.add(context, ("white is 65535", "there are 2 series"), "TZYX")
    found = headers(context)
    assert found["warning"] == '199 - "white is 65535; there are 2 series"'
    assert found["x-amzn-sagemaker-custom-attributes"] == (
        'axes=TZYX, warning="white is 65535; there are 2 series"'
    )


def test_a_header_is_one_line_of_ascii(context):
    remarks.add(context, ('5×7 "µm"\r\nSet-Cookie: x', "\u2603\0\ud800"), "\r\nT\ud800YX")
    assert headers(context)["warning"] == "199 - \"5x7 'um' Set-Cookie: x; ? ?\""
    assert headers(context)["x-amzn-sagemaker-custom-attributes"].startswith("axes=T?YX, ")


def test_attributes_are_no_longer_than_sagemaker_takes(context):
    remarks.add(context, ("long" * 1000,), "ZYX")
    attributes = headers(context)["x-amzn-sagemaker-custom-attributes"]
    assert len(attributes) == 1024
    assert attributes.endswith('"')
    assert len(headers(context)["warning"]) < 1100


def test_what_an_answer_was_made_of_is_one_line_of_json(context):
    described = {"threshold": 0.5, "classes": [{"name": "Zelle µ\n", "color": "#ffd400"}]}
    remarks.describe(context, described)
    text = headers(context)["x-unet-answer"]
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == described


def test_names_of_classes_are_left_out_where_they_are_too_long(context):
    remarks.describe(context, {"threshold": 0.5, "classes": [{"name": 5000 * "x"}]})
    assert json.loads(headers(context)["x-unet-answer"]) == {"threshold": 0.5, "classes": []}
