"""The environment variables that set up the server: names, units, defaults, and what they may be.

They are read once, at start-up, into a frozen ``Settings``; an impossible value stops the start
with a message that names the variable, its value and what was expected.
"""

import difflib
import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from segmentation.errors import SettingsError
from serving.contract import GONE, LOAD_ERRORS, PROGRESS
from serving.environment import PYTHON_PATH

MEGABYTE = 1024 * 1024  # the unit of SageMaker's payload limits
MODEL_DIR = "UNET_MODEL_DIR"  # a folder with a model; ``launch.plan`` reads it
DIGITS = re.compile("[0-9]{1,18}")  # which Java reads, too: Python takes those of other scripts


@dataclass(frozen=True)
class Kind:
    """What the text of a variable may be.

    Attributes:
        expectation: completes "it must be …".
        parse: the value that a text stands for; raises ValueError where the text is impossible.
    """

    expectation: str
    parse: Callable[[str], Any]


def _whole_number(minimum: int, maximum: int | None = None) -> Kind:
    def parse(text: str) -> int:
        if not DIGITS.fullmatch(text):
            raise ValueError
        value = int(text)
        if value < minimum or (maximum is not None and value > maximum):
            raise ValueError
        return value

    span = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
    return Kind(f"a whole number {span}", parse)


def _number(minimum: float, maximum: float) -> Kind:
    def parse(text: str) -> float:
        value = float(text)
        if not minimum <= value <= maximum or "_" in text or not text.isascii():
            raise ValueError
        return value

    return Kind(f"a number from {minimum:g} to {maximum:g}", parse)


def _choice(*names: str) -> Kind:
    def parse(text: str) -> str:
        if text not in names:
            raise ValueError
        return text

    return Kind("one of " + ", ".join(names), parse)


def _parse_log_level(text: str) -> int:
    name = text.upper()
    levels = logging.getLevelNamesMapping()
    if name in levels and name != "NOTSET":  # which is no level to log at
        return levels[name]
    return int(text)


LOG_LEVEL = Kind(
    "DEBUG, INFO, WARNING, ERROR, CRITICAL, or a number as in Python's logging", _parse_log_level
)
TEXT = Kind("a text", str)


TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _parse_truth(text: str) -> bool:
    if text.lower() not in TRUTHS:
        raise ValueError
    return TRUTHS[text.lower()]


TRUTH = Kind("true or false, yes or no, 1 or 0", _parse_truth)


def _parse_origins(text: str) -> tuple[str, ...]:
    origins = tuple(text.lower().replace(",", " ").split())
    if not all(re.fullmatch(r"\*|null|https?://[^/?#@,\s\\\"]+", origin) for origin in origins):
        raise ValueError
    return origins


ORIGINS = Kind(
    "origins such as https://lab.example:8443, without a path, separated by commas, or * for all",
    _parse_origins,
)


@dataclass(frozen=True)
class Variable:
    """The environment variable that a field of ``Settings`` is read from."""

    name: str
    kind: Kind


def _variable(name: str, kind: Kind, default: Any = None) -> Any:
    return field(default=default, metadata={"variable": Variable(name, kind)})


@dataclass(frozen=True)
class Settings:
    """What the environment sets. None means: not set, the part that uses it decides."""

    model_filename: str | None = _variable("UNET_MODEL_FILENAME", TEXT)
    threshold: float | None = _variable("UNET_THRESHOLD", _number(0, 1))
    max_pixels: int = _variable("UNET_MAX_PIXELS", _whole_number(1), 256_000_000)
    tile_size: int | None = _variable("UNET_TILE_SIZE", _whole_number(16))  # pixels
    tile_overlap: int | None = _variable("UNET_TILE_OVERLAP", _whole_number(0))  # pixels
    batch_size: int | None = _variable("UNET_BATCH_SIZE", _whole_number(1))
    engine: str = _variable("UNET_ENGINE", _choice("auto", "openvino", "tensorflow"), "auto")
    precision: str = _variable(
        "UNET_PRECISION", _choice("auto", "float32", "bfloat16", "float16", "int8"), "auto"
    )
    threads: int | None = _variable("UNET_THREADS", _whole_number(1))  # of each worker
    check_test: bool = _variable("UNET_CHECK_TEST", TRUTH, False)  # of a bioimage.io package
    cache_dir: str | None = _variable("UNET_CACHE_DIR", TEXT)  # of converted models
    user: str | None = _variable("UNET_USER", TEXT)  # that the server becomes if it is root
    page: bool = _variable("UNET_PAGE", TRUTH, True)  # for browsers, at /
    # whose scripts may call the server beside those of its own page, in small letters
    cors_origin: tuple[str, ...] = _variable("UNET_CORS_ORIGIN", ORIGINS, ())
    metrics: str | None = _variable("UNET_METRICS", _choice("emf"))
    # None: as long as it takes; the server sets it to a little less than its own time-out
    request_seconds: float | None = _variable("UNET_REQUEST_SECONDS", _number(0.001, 86_400))
    drain_seconds: float = _variable("UNET_DRAIN_SECONDS", _number(0, 3600), 25.0)
    default_accept: str | None = _variable("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", TEXT)
    log_level: int = _variable("SAGEMAKER_CONTAINER_LOG_LEVEL", LOG_LEVEL, logging.INFO)
    # of which Java holds a body in one array; headers come with an answer
    max_payload_mb: int = _variable("SAGEMAKER_MAX_PAYLOAD_IN_MB", _whole_number(1, 2046), 100)
    workers: int | None = _variable("SAGEMAKER_MODEL_SERVER_WORKERS", _whole_number(1, 1000))
    # of requests that wait; MMS reads it itself
    queue: int | None = _variable("MMS_JOB_QUEUE_SIZE", _whole_number(1, 1_000_000))
    multi_model: bool = _variable("SAGEMAKER_MULTI_MODEL", TRUTH, False)
    port: int | None = _variable("SAGEMAKER_BIND_TO_PORT", _whole_number(1, 65535))
    address: str | None = _variable("MMS_INFERENCE_ADDRESS", TEXT)
    timeout_seconds: int | None = _variable(
        "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS", _whole_number(1, 10_000_000)
    )
    timeout_minutes: int | None = _variable(
        "SAGEMAKER_MODEL_SERVER_TIMEOUT", _whole_number(1, 100_000)
    )
    startup_seconds: int | None = _variable("SAGEMAKER_STARTUP_TIMEOUT", _whole_number(1))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the variables; empty ones count as not set.

        Raises:
            SettingsError: a value is impossible, or a name that begins with UNET_ is unknown.
        """
        _refuse_unknown(environment)
        values = {}
        for setting in fields(cls):
            variable = _variable_of(setting)
            text = environment.get(variable.name, "").strip()
            if text:
                values[setting.name] = _parse(variable, text)
        return cls(**values)


def stripped(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that are set, the settings among them as they are read: without blanks."""
    settings = set(_NAMES.values())
    texts = {
        name: value.strip() if name in settings else value for name, value in environment.items()
    }
    return {name: text for name, text in texts.items() if text}


def named(message: str) -> str:
    """Replace each field of ``Settings`` that stands in backticks by its environment variable.

    The errors of ``segmentation``, which knows no environment variables, name a setting by its
    field: "this server takes 256 (`max_pixels`)". Other words in backticks are left alone.
    """
    return re.sub(r"`(\w+)`", lambda match: _NAMES.get(match[1], match[0]), message)


def _variable_of(setting: Field) -> Variable:
    return setting.metadata["variable"]


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    known = {MODEL_DIR, *_NAMES.values()}
    for name in sorted(environment):
        # the server itself sets these, for its processes: they are no names to suggest
        own = name in (GONE, LOAD_ERRORS, PROGRESS, PYTHON_PATH)
        if name.startswith("UNET_") and name not in known and not own:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(known))}"
            raise SettingsError(f"{name} is no setting of this server; {hint}")


def _parse(variable: Variable, text: str) -> Any:
    try:
        return variable.kind.parse(text)
    except ValueError as exc:
        raise SettingsError(
            f"{variable.name} is {text!r}; it must be {variable.kind.expectation}"
        ) from exc


_NAMES = {setting.name: _variable_of(setting).name for setting in fields(Settings)}
