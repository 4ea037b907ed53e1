import pytest
from sagemaker_inference.errors import BaseInferenceToolkitError

from segmentation import errors
from serving.statuses import load_error, request_error

ANSWERS = {
    errors.RequestError: (400, "BadRequest"),
    errors.NotAcceptable: (406, "NotAcceptable"),
    errors.PayloadTooLarge: (413, "PayloadTooLarge"),
    errors.UnsupportedMediaType: (415, "UnsupportedMediaType"),
    errors.OutOfMemory: (507, "InsufficientStorage"),
    errors.ClientGone: (499, "ClientGone"),
    errors.OutOfTime: (503, "OutOfTime"),
    errors.SettingsError: (500, "SettingsError"),
    errors.ModelError: (500, "ModelError"),
    errors.ConfigurationError: (500, "InternalServerError"),
    errors.SegmentationError: (500, "InternalServerError"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_each_error_has_its_status(kind):
    code, name = ANSWERS[kind]
    answer = {"code": code, "type": name, "message": "too much; send less"}
    assert request_error(kind("too much; send less"), "7") == answer
    assert load_error(kind("too much; send less")) == answer


def test_every_class_of_errors_is_listed_above():
    classes = {value for value in vars(errors).values() if isinstance(value, type)}
    assert set(ANSWERS) == classes


def test_an_error_of_a_derived_class_has_the_status_of_its_base():
    class TooBright(errors.RequestError):
        pass

    assert request_error(TooBright("white"), "7")["code"] == 400


def test_settings_are_named_by_their_variables():
    error = errors.PayloadTooLarge("at most 256 (`max_pixels`)")
    assert request_error(error, "7")["message"] == "at most 256 (UNET_MAX_PIXELS)"
    assert load_error(error)["message"] == "at most 256 (UNET_MAX_PIXELS)"


def test_a_request_that_is_too_large_for_the_memory():
    assert request_error(MemoryError(), "7") == {
        "code": 507,
        "type": "InsufficientStorage",
        "message": "request needs more memory than there is; send a smaller image",
    }


def test_a_body_that_is_not_utf_8():
    with pytest.raises(UnicodeDecodeError) as raised:
        b"\xff".decode()
    answer = request_error(raised.value, "7")
    assert (answer["code"], answer["type"]) == (400, "BadRequest")
    assert answer["message"].startswith("body is not UTF-8: 'utf-8' codec can't decode byte 0xff")
    assert answer["message"].endswith("; send text in UTF-8")


def test_an_error_of_the_users_hooks_keeps_its_status_and_words():
    class Teapot(BaseInferenceToolkitError):
        pass

    answer = request_error(Teapot(418, "short and `max_pixels`", "I'm a teapot"), "7")
    assert answer == {"code": 418, "type": "Teapot", "message": "short and `max_pixels`"}


def test_an_unknown_error_tells_the_client_nothing_but_the_request_id():
    assert request_error(KeyError("secret"), "7") == {
        "code": 500,
        "type": "InternalServerError",
        "message": "request 7 failed by a fault of the server; its log tells more",
    }


def test_a_model_that_is_too_large_for_the_memory():
    assert load_error(MemoryError()) == {
        "code": 507,
        "type": "InsufficientStorage",
        "message": "the model needs more memory than there is",
    }


def test_why_a_model_was_not_loaded_is_one_line():
    assert load_error(ValueError("first\n   second")) == {
        "code": 500,
        "type": "InternalServerError",
        "message": "ValueError: first second",
    }


def test_a_foreign_errors_words_in_backticks_are_its_own():
    assert load_error(ValueError("`batch_size`"))["message"] == "ValueError: `batch_size`"
