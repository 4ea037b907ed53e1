import pytest
from mms.context import Context, RequestProcessor

from serving.headers import CUSTOM_ATTRIBUTES, header


def context(headers):
    made = Context("model", "/nowhere", None, 1, None, "1")
    made.request_processor = [RequestProcessor(headers)]
    return made


@pytest.mark.parametrize(
    "name", ["X-Amzn-SageMaker-Custom-Attributes", "x-amzn-sagemaker-custom-attributes"]
)
def test_names_are_read_in_any_case(name):
    assert header(context({"Accept": "*/*", name: "output=mask"}), CUSTOM_ATTRIBUTES) == (
        "output=mask"
    )


def test_a_header_that_did_not_come():
    assert header(context({"Accept": "*/*"}), "content-type") is None


def test_fields_of_a_form_are_no_headers():
    fields = {"accept": {"content-type": "text/plain"}, "Accept": "image/png"}
    assert header(context(fields), "accept") == "image/png"


def test_no_request_has_no_headers():
    assert header(None, "accept") is None
    assert header(Context("model", "/nowhere", None, 1, None, "1"), "accept") is None
