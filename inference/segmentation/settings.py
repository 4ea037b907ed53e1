"""The environment variables that set up the server: names, units, defaults, and what they may be.

They are read once, at start-up, into a frozen ``Settings``; an impossible value stops the start
with a message that names the variable, its value and what was expected.
"""

import difflib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from .errors import SettingsError

MEGABYTE = 1024 * 1024  # the unit of SageMaker's payload limits


def _integer(minimum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if value < minimum:
            raise ValueError
        return value

    parse.__doc__ = f"a whole number of at least {minimum}"
    return parse


def _number(minimum: float, maximum: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = float(text)
        if not minimum <= value <= maximum:
            raise ValueError
        return value

    parse.__doc__ = f"a number from {minimum:g} to {maximum:g}"
    return parse


def _choice(*names: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in names:
            raise ValueError
        return text

    parse.__doc__ = "one of " + ", ".join(names)
    return parse


def _log_level(text: str) -> int:
    """DEBUG, INFO, WARNING, ERROR, CRITICAL, or a number as in Python's logging"""
    if text.isdigit():
        return int(text)
    return logging.getLevelNamesMapping().get(text.upper()) or int(text)


def _text(text: str) -> str:
    """a text"""
    return text


def _variable(name: str, parse: Callable[[str], Any], default: Any = None) -> Any:
    return field(default=default, metadata={"name": name, "parse": parse})


@dataclass(frozen=True)
class Settings:
    """What the environment asks for. None means: not set, the part that uses it decides."""

    model_filename: str | None = _variable("UNET_MODEL_FILENAME", _text)
    threshold: float | None = _variable("UNET_THRESHOLD", _number(0, 1))
    max_pixels: int = _variable("UNET_MAX_PIXELS", _integer(1), 256_000_000)
    tile_size: int | None = _variable("UNET_TILE_SIZE", _integer(16))
    tile_overlap: int | None = _variable("UNET_TILE_OVERLAP", _integer(0))
    batch_size: int | None = _variable("UNET_BATCH_SIZE", _integer(1))
    precision: str = _variable("UNET_PRECISION", _choice("auto", "float32", "bfloat16"), "auto")
    threads: int | None = _variable("UNET_THREADS", _integer(1))
    metrics: str | None = _variable("UNET_METRICS", _choice("emf"))
    drain_seconds: float = _variable("UNET_DRAIN_SECONDS", _number(0, 3600), 25.0)
    default_accept: str | None = _variable("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", _text)
    log_level: int = _variable("SAGEMAKER_CONTAINER_LOG_LEVEL", _log_level, logging.INFO)
    max_payload_mb: int = _variable("SAGEMAKER_MAX_PAYLOAD_IN_MB", _integer(1), 100)
    workers: int = _variable("SAGEMAKER_MODEL_SERVER_WORKERS", _integer(1), 1)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the variables; empty ones count as not set.

        Raises:
            SettingsError: a value is impossible, or a name that begins with UNET_ is unknown.
        """
        _refuse_unknown(environment, {f.metadata["name"] for f in fields(cls)})
        given = {f: environment.get(f.metadata["name"], "").strip() for f in fields(cls)}
        return cls(**{f.name: _parse(f, text) for f, text in given.items() if text})


# read by the entrypoint before it reads the others; and set by it, for its own processes
ENTRYPOINTS = {"UNET_MODEL_DIR", "UNET_LOAD_ERRORS"}


def _refuse_unknown(environment: Mapping[str, str], known: set[str]) -> None:
    for name in sorted(environment):
        if name.startswith("UNET_") and name not in known | ENTRYPOINTS:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(known))}"
            raise SettingsError(f"{name} is no setting of this server; {hint}")


def _parse(variable: Any, text: str) -> Any:
    parse, name = variable.metadata["parse"], variable.metadata["name"]
    try:
        return parse(text)
    except ValueError as exc:
        raise SettingsError(f"{name} is {text!r}; it must be {parse.__doc__}") from exc
