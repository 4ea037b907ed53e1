"""What a client is told beside its answer, in headers of the answer.

``Warning`` is HTTP's own header for that (RFC 7234, section 5.5). SageMaker hands on no header of a
container but the one for custom attributes, which therefore says the same:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

from collections.abc import Sequence
from typing import Any

from serving.headers import CUSTOM_ATTRIBUTES

LONGEST = 1024  # characters of custom attributes
MISCELLANEOUS = "199 -"  # the code of warnings in words, and no name of the server
PLAIN = str.maketrans({"–": "-", "—": "-", "×": "x", "…": "...", "µ": "u", '"': "'", "\\": "/"})


def add(context: Any, assumed: Sequence[str], axes: str = "") -> None:
    """Put headers into the answer to the request of MMS's ``context``.

    Args:
        assumed: sentences about what had to be assumed; without any there is no warning.
        axes: of the answer's stack, outermost first, such as "TZYX"; "" where none is told.
    """
    attributes = [f"axes={axes}"] if axes else []
    if assumed:
        text = "; ".join(assumed).translate(PLAIN).encode("ascii", "replace").decode()
        text = " ".join(text.split())
        context.set_response_header(0, "Warning", f'{MISCELLANEOUS} "{text}"')
        attributes.append(f'warning="{text}"')
    if attributes:
        context.set_response_header(0, CUSTOM_ATTRIBUTES, ", ".join(attributes)[:LONGEST])
