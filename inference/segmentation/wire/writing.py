"""JSON of many objects, which need not all exist at once."""

from collections.abc import Iterable
from typing import Any

import orjson


def array_of(objects: Iterable[Any]) -> bytearray:
    """A JSON array of objects, each written as soon as it is made; of numpy's arrays, too.

    The text grows in one piece: orjson's own pieces take four kilobytes each, however short.
    """
    text = bytearray(b"[")
    for one in objects:
        text += orjson.dumps(one, option=orjson.OPT_SERIALIZE_NUMPY)
        text += b","
    if len(text) > 1:
        del text[-1]
    text += b"]"
    return text
