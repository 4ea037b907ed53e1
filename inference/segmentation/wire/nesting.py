"""What the text of a JSON becomes when it is parsed, told by its brackets and commas."""

import numpy as np

from .. import machine
from ..errors import OutOfMemory, RequestError

MAX_DEPTH = 5  # of lists; images have four axes, and what has one more is told its axes
PART = 1 << 20  # bytes that are looked at together
PER_LIST = 160  # bytes of memory, of orjson's own tree and of Python's objects
PER_OBJECT = 320
PER_VALUE = 80
PER_QUOTE = 60  # of which a text has two
SMALL = 1 << 20  # bytes of text that may become whatever they will


def check(text: bytes | bytearray | str) -> None:
    """Refuse a JSON that takes too much to be parsed; its values are not looked at.

    Raises:
        RequestError: lists within lists within lists.
        OutOfMemory: the memory that is left would not hold it.
    """
    if isinstance(text, str):
        text = text.encode()
    if _is_deeper(text):
        raise RequestError(
            f"JSON has lists that are nested more than {MAX_DEPTH} deep; images are H×W, H×W×C, "
            "N×H×W or N×H×W×C; send one of these"
        )
    if len(text) <= SMALL:
        return
    lists, objects, values, quotes = map(text.count, (b"[", b"{", b",", b'"'))
    needed = PER_LIST * lists + PER_OBJECT * objects + PER_VALUE * values + PER_QUOTE * quotes
    left = machine.available_memory()
    if needed > left:
        raise OutOfMemory(
            f"JSON of {values + 1:,} values needs about {needed >> 20:,} MB of memory; "
            f"{left >> 20:,} MB are left; send application/x-npy or image/png, which need a tenth, "
            "or give the server more"
        )


def _is_deeper(text: bytes | bytearray) -> bool:
    depth = 0
    for start in range(0, len(text), PART):
        part = np.frombuffer(text, np.uint8, min(PART, len(text) - start), start)
        brackets = part[(part | 6) == 0x5F]  # [ and ], and \ and two others between
        steps = (brackets == ord("[")).astype(np.int8) - (brackets == ord("]"))
        depths = depth + np.cumsum(steps, dtype=np.int64)
        if len(depths):
            if depths.max() > MAX_DEPTH:
                return True
            depth = int(depths[-1])
    return False
