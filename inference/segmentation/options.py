"""What one request may ask for, by ``X-Amzn-SageMaker-Custom-Attributes: key=value, …``."""

from dataclasses import dataclass

from .errors import RequestError

OUTPUTS = ("mask", "probability", "overlay")
AUGMENTS = ("1", "8")


@dataclass(frozen=True)
class Options:
    """The options of one request.

    Attributes:
        output: "mask", "probability" or "overlay".
        threshold: of the mask, 0–1; None for the server's or the model's own.
        augment: 8 averages the probabilities over the flips and quarter turns, 1 does not.
    """

    output: str = "mask"
    threshold: float | None = None
    augment: int = 1


def parse(attributes: str | None) -> Options:
    """Parse the header's value; missing or empty means the defaults.

    Raises:
        RequestError: an unknown key, an impossible value, or a key that comes twice.
    """
    values: dict[str, object] = {}
    for pair in filter(None, map(str.strip, (attributes or "").split(","))):
        key, _, text = (part.strip() for part in pair.partition("="))
        if key not in PARSERS:
            raise RequestError(
                f"custom attribute {pair!r} is unknown; known are {', '.join(PARSERS)}; send "
                '"key=value, key=value"'
            )
        if key in values:
            raise RequestError(f"custom attribute {key} comes twice; send it once")
        values[key] = PARSERS[key](text)
    return Options(**values)  # type: ignore[arg-type]


def _output(text: str) -> str:
    if text not in OUTPUTS:
        raise RequestError(f"output is {text!r}; it must be one of {', '.join(OUTPUTS)}")
    return text


def _threshold(text: str) -> float:
    try:
        threshold = float(text)
    except ValueError:
        threshold = -1
    if not 0 <= threshold <= 1:
        raise RequestError(f"threshold is {text!r}; it must be a number from 0 to 1")
    return threshold


def _augment(text: str) -> int:
    if text not in AUGMENTS:
        raise RequestError(f"augment is {text!r}; it must be one of {', '.join(AUGMENTS)}")
    return int(text)


PARSERS = {"output": _output, "threshold": _threshold, "augment": _augment}
