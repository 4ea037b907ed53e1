"""How the headers Content-Type and Accept are read (RFC 9110).

The constants name media types for code that means one of them. Which formats there are, and what
else clients call them, say the formats themselves: see ``formats.FORMATS``.
"""

from collections.abc import Sequence
from email.message import Message
from typing import NamedTuple

JSON = "application/json"
JSONLINES = "application/jsonlines"
CSV = "text/csv"
NPY = "application/x-npy"
NPZ = "application/x-npz"
PNG = "image/png"
JPEG = "image/jpeg"
TIFF = "image/tiff"
GEOJSON = "application/geo+json"
ANY_IMAGE = "application/x-image"  # the body's first bytes tell which
# pictures that are read, and not answered in
WEBP = "image/webp"
BMP = "image/bmp"
GIF = "image/gif"
JPEG_2000 = "image/jp2"
JPEG_LS = "image/jls"
JPEG_XL = "image/jxl"
AVIF = "image/avif"
FORM = "multipart/form-data"  # which holds a file
URL_ENCODED = "application/x-www-form-urlencoded"  # what curl sends unless another is named

ANY = "*/*"
# types that say nothing of what the body is; none at all is another
UNTOLD = {"", "application/octet-stream", "binary/octet-stream", "image/*", URL_ENCODED, ANY}
# ranges as some clients write them; java.net.HttpURLConnection sends the asterisk
RANGES = {ANY_IMAGE: "image/*", "*": ANY}


class MediaRange(NamedTuple):
    """One element of an Accept header: ``type/subtype``, either part possibly ``*``."""

    name: str
    q: float

    def matches(self, media_type: str) -> bool:
        return self.name in (media_type, media_type.split("/")[0] + "/*", ANY)

    @property
    def specificity(self) -> int:
        return 2 - self.name.count("*")


def parse(header: str) -> tuple[str, dict[str, str]]:
    """Split ``type/subtype; key=value`` into its lower-case name and its parameters."""
    message = Message()
    message["content-type"] = header.replace("\n", " ").replace("\r", " ")
    # get_content_type() would turn what it cannot parse into text/plain
    name = header.split(";")[0].strip().lower()
    pairs = message.get_params(failobj=[])[1:]
    return name, {key.lower(): str(value) for key, value in pairs}


def parse_accept(header: str) -> list[MediaRange]:
    """Parse an Accept header, in its own order; elements that are no media range are left out."""
    ranges = []
    for element in header.split(","):
        name, parameters = parse(element)
        name = RANGES.get(name, name)
        try:
            q = float(parameters.get("q", "1"))
        except ValueError:
            continue
        if name.count("/") == 1 and 0 <= q <= 1:
            ranges.append(MediaRange(name, q))
    return ranges


def choose(accept: Sequence[MediaRange], offers: Sequence[str]) -> str | None:
    """The offer that the client likes best; None where it accepts none of them.

    The most specific range that matches an offer gives its weight. Among equal weights the range
    that the client names first wins, then the first offer.
    """
    best, best_rank = None, (0.0, 0)
    for offer in offers:
        matching = [(r.specificity, -i, r.q) for i, r in enumerate(accept) if r.matches(offer)]
        if matching:
            _, order, q = max(matching)
            if q > 0 and (best is None or (q, order) > best_rank):
                best, best_rank = offer, (q, order)
    return best
