"""Everything that can be wrong with the body of a request."""

import os

import numpy as np

from segmentation.wire.media_types import ANY_IMAGE, CSV, JPEG, JSON, JSONLINES, NPY, NPZ, PNG, TIFF
from support import bodies
from support.bodies import GRAY, RGB, STACK

MAX_PIXELS = 10_000


class Trap:
    """Leaves a trace where it is unpickled."""

    def __reduce__(self):
        return os.putenv, ("UNPICKLED", "yes")


PICKLE = bodies.npy(np.array([[Trap()]], dtype=object), allow_pickle=True)
RECORDS = bodies.npy(np.zeros((2, 2), [("a", "u1"), ("b", "u1")]))
GOOD_PNG = bodies.png(GRAY)
GOOD_NPY = bodies.npy(GRAY)
GOOD_NPZ = bodies.npz(GRAY)

# body, content type, status, a word of the message
BAD = {
    "no content type": (b"1,2", None, 415, "Content-Type is missing"),
    "unknown type": (b"x", "application/pdf", 415, "image/png"),
    "form": (b"a=1", "application/x-www-form-urlencoded", 415, "Content-Type is"),
    "malformed type": (b"x", ";;", 415, "Content-Type is"),
    "empty json": (b"", JSON, 400, "body is empty"),
    "empty png": (b"", PNG, 400, "body is empty"),
    "json cut": (b"[[1, 2], [3", JSON, 400, "not JSON"),
    "json text": (b"hello", JSON, 400, "not JSON"),
    "json NaN": (b"[[NaN]]", JSON, 400, "not JSON"),
    "json not utf-8": (b'[["\xff"]]', JSON, 400, "UTF-8"),
    "json ragged": (b"[[1,2],[3]]", JSON, 400, "ragged"),
    "json strings": (b'[["1","2"]]', JSON, 400, "no number"),
    "json null": (b"[[1,null]]", JSON, 400, "no number"),
    "json booleans": (b"[[true,false]]", JSON, 400, "no number"),
    "json number": (b"7", JSON, 400, "0 axes"),
    "json row": (b"[1,2,3]", JSON, 400, "1 axis"),
    "json five axes": (b"[[[[[1]]]]]", JSON, 400, "5 axes"),
    "json empty list": (b"[]", JSON, 400, "is empty; send at least one image"),
    "json empty rows": (b"[[],[]]", JSON, 400, "empty"),
    "json other key": (b'{"inputs": [[1]]}', JSON, 400, "instances"),
    "json negative": (b"[[-1]]", JSON, 400, "-1"),
    "json too bright": (b"[[256]]", JSON, 400, "256"),
    "json huge number": (b"[[1e300]]", JSON, 400, "1e+300"),
    "json nested deeply": (b"[" * 5000 + b"]" * 5000, JSON, 400, "JSON"),
    "json too many pixels": (bodies.json_array(np.zeros((101, 100), int)), JSON, 413, "10,100"),
    "jsonlines blank": (b"\n\n", JSONLINES, 400, "no line"),
    "jsonlines sizes": (b"[[1]]\n[[1,2]]\n", JSONLINES, 400, "line 2"),
    "jsonlines cut": (b"[[1]]\n[[1", JSONLINES, 400, "line 2"),
    "jsonlines stack": (b"[[[[1]]]]\n", JSONLINES, 400, "line 1"),
    "csv header": (b"a,b\n1,2", CSV, 400, "CSV"),
    "csv ragged": (b"1,2\n3", CSV, 400, "CSV"),
    "csv gap": (b"1,,2", CSV, 400, "CSV"),
    "csv nan": (b"1,nan", CSV, 400, "nan"),
    "csv inf": (b"1,inf", CSV, 400, "inf"),
    "csv too bright": (b"1,256", CSV, 400, "256"),
    "csv blank": (b" \n \n", CSV, 400, "no row"),
    "csv utf-16": ("1,2".encode("utf-16"), CSV, 400, "UTF-8"),
    "npy pickle": (PICKLE, NPY, 400, "pickle"),
    "npz pickle": (bodies.npz(np.array([[Trap()]], object)), NPZ, 400, "pickle"),
    "npy records": (RECORDS, NPY, 400, "structured_to_unstructured"),
    "npy cut": (GOOD_NPY[:-1], NPY, 400, "cut"),
    "npy cut header": (GOOD_NPY[:20], NPY, 400, "header"),
    "npy tail": (GOOD_NPY + b"x", NPY, 400, "more than"),
    "npy text": (b"not numpy at all", NPY, 400, "header"),
    "npy int64": (bodies.npy(GRAY.astype(np.int64)), NPY, 400, "64 signed bits"),
    "npy complex": (bodies.npy(GRAY.astype(complex)), NPY, 400, "complex"),
    "npy strings": (bodies.npy(GRAY.astype(str)), NPY, 400, "<U"),
    "npy float 0-255": (bodies.npy(GRAY.astype(np.float32)), NPY, 400, "238"),
    "npy NaN": (bodies.npy(np.array([[np.nan]])), NPY, 400, "nan"),
    "npy scalar": (bodies.npy(np.array(1.0)), NPY, 400, "0 axes"),
    "npy empty": (bodies.npy(np.zeros((0, 5), np.uint8)), NPY, 400, "empty"),
    "npy bomb": (GOOD_NPY.replace(b"(3, 5)", b"(9999, 9999)")[:128], NPY, 413, "99,980,001"),
    "npz text": (b"PK but no zip", NPZ, 400, "NPZ"),
    "npz cut": (GOOD_NPZ[:-30], NPZ, 400, "NPZ"),
    "npz two arrays": (bodies.npz(GRAY, GRAY), NPZ, 400, "arr_0"),
    "npz none": (bodies.npz(), NPZ, 400, "NPZ"),
    "png cut": (GOOD_PNG[:-26], PNG, 400, "cannot be decoded"),
    "png header only": (GOOD_PNG[:10], PNG, 400, "PNG"),
    "png is jpeg": (bodies.jpeg(GRAY), PNG, 400, "no PNG"),
    "image is text": (b"hello world", ANY_IMAGE, 400, "hello wo"),
    "image is pdf": (b"%PDF-1.7", ANY_IMAGE, 400, "%PDF-1.7"),
    "gif cut": (bodies.picture(GRAY, "GIF")[:-8], ANY_IMAGE, 400, "image/gif"),
    "jpeg cut": (bodies.jpeg(GRAY)[:-200], JPEG, 400, "image/jpeg"),
    "tiff cut": (bodies.tiff(STACK)[:100], TIFF, 400, "cut"),
    "tiff of 32-bit integers": (bodies.tiff(GRAY.astype(np.int32)), TIFF, 400, "32"),
    "tiff float 0-255": (bodies.tiff(GRAY.astype(np.float32)), TIFF, 400, "238"),
    "png bomb": (bodies.png_of_claimed_size(30_000, 30_000), PNG, 413, "900,000,000"),
    "png transparent": (bodies.png(np.dstack([RGB, GRAY])), PNG, 400, "4 channels"),
}
