import dataclasses

import pytest

from segmentation.errors import SettingsError
from segmentation.settings import Settings


def test_defaults():
    settings = Settings.from_environment({"PATH": "/bin", "UNET_THRESHOLD": ""})
    assert settings == Settings()
    assert settings.max_pixels == 256_000_000


def test_values_are_read():
    settings = Settings.from_environment({"UNET_THRESHOLD": "0.3", "UNET_MAX_PIXELS": "1000"})
    assert (settings.threshold, settings.max_pixels) == (0.3, 1000)


@pytest.mark.parametrize(("text", "level"), [("debug", 10), ("ERROR", 40), ("35", 35)])
def test_log_levels(text, level):
    assert Settings.from_environment({"SAGEMAKER_CONTAINER_LOG_LEVEL": text}).log_level == level


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("UNET_THRESHOLD", "1.5", "a number from 0 to 1"),
        ("UNET_THRESHOLD", "nan", "a number from 0 to 1"),
        ("UNET_THRESHOLD", "half", "a number from 0 to 1"),
        ("UNET_MAX_PIXELS", "0", "a whole number of at least 1"),
        ("UNET_MAX_PIXELS", "1e6", "a whole number of at least 1"),
        ("SAGEMAKER_CONTAINER_LOG_LEVEL", "LOUD", "DEBUG, INFO"),
        ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "-1", "a whole number of at least 1"),
    ],
)
def test_impossible_values_are_refused(name, value, expected):
    with pytest.raises(SettingsError, match=f"{name} is '{value}'; it must be {expected}"):
        Settings.from_environment({name: value})


def test_a_misspelt_name_is_refused():
    with pytest.raises(SettingsError, match="did you mean UNET_THRESHOLD"):
        Settings.from_environment({"UNET_TRESHOLD": "0.5"})


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().threshold = 1
