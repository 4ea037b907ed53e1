import dataclasses

import pytest

from segmentation.errors import SettingsError
from serving.contract import GONE, LOAD_ERRORS
from serving.settings import MODEL_DIR, Settings, named


def test_defaults():
    settings = Settings.from_environment({"PATH": "/bin", "UNET_THRESHOLD": ""})
    assert settings == Settings()
    assert settings.max_pixels == 256_000_000


def test_values_are_read():
    settings = Settings.from_environment({"UNET_THRESHOLD": "0.3", "UNET_MAX_PIXELS": "1000"})
    assert (settings.threshold, settings.max_pixels) == (0.3, 1000)


@pytest.mark.parametrize(("text", "value"), [("true", True), ("True", True), ("false", False)])
def test_truths(text, value):
    assert Settings.from_environment({"UNET_CHECK_TEST": text}).check_test is value


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("True", True), ("yes", True), ("1", True), ("0", False)]
)
def test_many_models_are_asked_for(text, value):
    assert Settings.from_environment({"SAGEMAKER_MULTI_MODEL": text}).multi_model is value


def test_origins():
    settings = Settings.from_environment({"UNET_CORS_ORIGIN": "https://Lab.example, http://b:80"})
    assert settings.cors_origin == ("https://lab.example", "http://b:80")
    assert Settings.from_environment({"UNET_CORS_ORIGIN": "*"}).cors_origin == ("*",)


@pytest.mark.parametrize(("text", "level"), [("debug", 10), ("ERROR", 40), ("35", 35), ("0", 0)])
def test_log_levels(text, level):
    assert Settings.from_environment({"SAGEMAKER_CONTAINER_LOG_LEVEL": text}).log_level == level


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("UNET_THRESHOLD", "1.5", "a number from 0 to 1"),
        ("UNET_THRESHOLD", "nan", "a number from 0 to 1"),
        ("UNET_THRESHOLD", "0_1", "a number from 0 to 1"),
        ("UNET_THRESHOLD", "half", "a number from 0 to 1"),
        ("UNET_MAX_PIXELS", "0", "a whole number of at least 1"),
        ("UNET_MAX_PIXELS", "1e6", "a whole number of at least 1"),
        ("UNET_CHECK_TEST", "on", "true or false, yes or no, 1 or 0"),
        (
            "UNET_CORS_ORIGIN",
            "https://lab.example/",
            "origins such as https://lab.example:8443, without a path, separated by commas, or * "
            "for all",
        ),
        ("UNET_PRECISION", "int4", "one of auto, float32, bfloat16, float16, int8"),
        (
            "SAGEMAKER_CONTAINER_LOG_LEVEL",
            "LOUD",
            "DEBUG, INFO, WARNING, ERROR, CRITICAL, or a number as in Python's logging",
        ),
        (
            "SAGEMAKER_CONTAINER_LOG_LEVEL",
            "NOTSET",
            "DEBUG, INFO, WARNING, ERROR, CRITICAL, or a number as in Python's logging",
        ),
        ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "-1", "a whole number from 1 to 2046"),
        ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "3000", "a whole number from 1 to 2046"),
        ("SAGEMAKER_BIND_TO_PORT", "65536", "a whole number from 1 to 65535"),
        ("SAGEMAKER_MULTI_MODEL", "maybe", "true or false, yes or no, 1 or 0"),
        ("SAGEMAKER_MODEL_SERVER_TIMEOUT", "0.5", "a whole number from 1 to 100000"),
        (
            "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS",
            "a minute",
            "a whole number from 1 to 10000000",
        ),
        ("SAGEMAKER_STARTUP_TIMEOUT", "0", "a whole number of at least 1"),
        ("SAGEMAKER_STARTUP_TIMEOUT", "9" * 5000, "a whole number of at least 1"),
        ("SAGEMAKER_MODEL_SERVER_WORKERS", "٣", "a whole number from 1 to 1000"),
        ("SAGEMAKER_MODEL_SERVER_WORKERS", "1_0", "a whole number from 1 to 1000"),
        ("SAGEMAKER_MODEL_SERVER_WORKERS", "100000", "a whole number from 1 to 1000"),
        ("MMS_JOB_QUEUE_SIZE", "0", "a whole number from 1 to 1000000"),
        ("MMS_JOB_QUEUE_SIZE", "99999999999", "a whole number from 1 to 1000000"),
    ],
)
def test_impossible_values_are_refused(name, value, expected):
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environment({name: value})
    assert str(refusal.value) == f"{name} is {value!r}; it must be {expected}"


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("UNET_TRESHOLD", "UNET_THRESHOLD"), ("UNET_MODELDIR", "UNET_MODEL_DIR")],
)
def test_a_misspelt_name_is_refused(misspelt, meant):
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environment({misspelt: "0.5"})
    message = f"{misspelt} is no setting of this server; did you mean {meant}?"
    assert str(refusal.value) == message


def test_a_name_like_no_other_is_refused_with_all_that_are_known():
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environment({"UNET_1234567": "1"})
    message, _, names = str(refusal.value).partition("known: ")
    assert message == "UNET_1234567 is no setting of this server; "
    assert len(names.split(", ")) == len(dataclasses.fields(Settings)) + 1
    assert MODEL_DIR in names.split(", ")


@pytest.mark.parametrize("name", [MODEL_DIR, LOAD_ERRORS, GONE])
def test_variables_that_are_no_settings_are_let_through(name):
    assert Settings.from_environment({name: "/anywhere"}) == Settings()


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().threshold = 1


def test_messages_name_the_variable_of_a_field():
    message = "image has 900 pixels; this server takes 256 (`max_pixels`); set `tile_size` = `0`"
    assert named(message) == (
        "image has 900 pixels; this server takes 256 (UNET_MAX_PIXELS); set UNET_TILE_SIZE = `0`"
    )


def test_messages_keep_other_words_in_backticks():
    message = "set `instances`, `max_pixel`, ` max_pixels ` or max_pixels, and `workers"
    assert named(message) == message
