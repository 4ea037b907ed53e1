"""Files that were put behind each other in one body, as ``cat a.png b.png`` does.

What reads a file stops at its end, and would answer the first of them alone, in silence.
"""

from ..errors import RequestError

PNG, GIF, JPEG = b"\x89PNG\r\n\x1a\n", b"GIF8", b"\xff\xd8\xff"
ZIP, BMP, RIFF = b"PK\x03\x04", b"BM", b"RIFF"
SEVERAL = b"MPF\x00"  # in a JPEG that is to hold several: CIPA DC-007
# the end of one, and the begin of the next
JOINTS = {PNG: b"IEND\xaeB`\x82" + PNG, GIF: b"\x00;" + GIF, JPEG: b"\xff\xd9" + JPEG}
ZIP_END, ZIP_END_SIZE = b"PK\x05\x06", 22  # without a comment


def check_alone(body: bytes | bytearray) -> None:
    """Refuse a body in which a file of the same kind stands behind the first one.

    TIFF, whose parts may lie in any order, and what is damaged are not seen.

    Raises:
        RequestError: there is one.
    """
    if _is_followed(body):
        raise RequestError(
            "body holds a second file of its kind behind the first one; send one file a request, "
            "or several images of one size as a stack: TIFF, NPY, or files in JSON"
        )


def _is_followed(body: bytes | bytearray) -> bool:
    for begin, joint in JOINTS.items():
        if body.startswith(begin):
            return body.find(joint) >= 0 and not (begin == JPEG and SEVERAL in body)
    if body.startswith(ZIP):
        end = body.find(ZIP_END)
        return end >= 0 and body.startswith(ZIP, end + ZIP_END_SIZE)
    if body.startswith(BMP):
        return body.startswith(BMP, max(2, int.from_bytes(body[2:6], "little")))
    if body.startswith(RIFF):
        length = int.from_bytes(body[4:8], "little")
        return body.startswith(RIFF, 8 + length + length % 2)
    return False
