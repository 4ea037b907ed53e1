"""What a client is told beside its answer, in headers of the answer.

``Warning`` is HTTP's own header for that (RFC 7234, section 5.5). SageMaker hands on no header of a
container but the one for custom attributes, which therefore says the same:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from serving.headers import ANSWER, CUSTOM_ATTRIBUTES

LONGEST_DESCRIPTION = 4096  # characters of it: browsers and proxies take 8,000 for all headers
LONGEST = 1024  # characters of a header; more of custom attributes SageMaker does not take
MISCELLANEOUS = "199 -"  # the code of warnings in words, and no name of the server
PLAIN = str.maketrans({"–": "-", "—": "-", "×": "x", "…": "...", "µ": "u", '"': "'", "\\": "/"})


def add(context: Any, assumed: Sequence[str], axes: str = "") -> None:
    """Put headers into the answer to the request of MMS's ``context``.

    Args:
        assumed: sentences about what had to be assumed; without any there is no warning.
        axes: of the answer's stack, outermost first, such as "TZYX"; "" where none is told.
    """
    attributes = [f"axes={_plain(axes)}"] if axes else []
    if assumed:
        text = _plain("; ".join(assumed))
        context.set_response_header(0, "Warning", f'{MISCELLANEOUS} "{text[:LONGEST]}"')
        room = LONGEST - len(", ".join(attributes)) - len(', warning=""')
        attributes.append(f'warning="{text[:room]}"')
    if attributes:
        context.set_response_header(0, CUSTOM_ATTRIBUTES, ", ".join(attributes))


def describe(context: Any, description: Mapping[str, Any]) -> None:
    """Put into the answer what it was made of and how; names of classes only where they fit."""
    text = json.dumps(description, separators=(",", ":"))
    if len(text) > LONGEST_DESCRIPTION:
        text = json.dumps({**description, "classes": []}, separators=(",", ":"))
    context.set_response_header(0, ANSWER, text)


def _plain(text: str) -> str:
    """The text in one line of visible ASCII, all that a header may hold."""
    known = text.translate(PLAIN).encode("ascii", "replace").decode()
    return " ".join("".join(letter if letter.isprintable() else " " for letter in known).split())
