"""Kinds of files that people bring and that are not read, told by how they begin: so that the
sender hears which it is, and what to do.
"""

import re

BEGINS = {
    b"\x89HDF\r\n\x1a\n": "HDF5",
    b"SIMPLE  =": "FITS",
    b"\x76\x2f\x31\x01": "OpenEXR",
    b"#?R": "Radiance HDR",
    b"8BPS": "a file of Photoshop",
    b"ZISRAWFILE": "CZI, of Zeiss",
    b"\xda\xce\xbe\x0a": "ND2, of Nikon",
    b"\x70\0\0\0": "LIF, of Leica",
    b"\0\0\0\3": "DM3, of Gatan",
    b"\0\0\0\4": "DM4, of Gatan",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "OIB, ZVI or another compound file",
    b"NRRD": "NRRD",
    b"ObjectType": "MetaImage",
    b"MATLAB": "a file of MATLAB",
    b"RIFF": "AVI, or another kind of RIFF",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"PK\x03\x04": "a ZIP",
    b"II\xbc": "JPEG XR",
    b"\0\0\1\0": "an icon",
    b"%PDF": "PDF",
    b"\x1f\x8b": "gzip",
}
WITHIN = {
    128: (b"DICM", "DICOM"),
    208: (b"MAP ", "MRC"),
    344: (b"n+1\0", "NIfTI"),
}  # by their place
NETPBM = re.compile(rb"P[1-7Ff][\s]")
HEIF = (b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1")
SVG = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<svg[\s>]")
BEGINNING = 1024  # bytes


def advice(body: bytes | bytearray | str) -> str:
    """What such a file is, and what to do with it; "" where it is none of these."""
    begin = bytes(b"" if isinstance(body, str) else body[:BEGINNING])
    name = _name(begin)
    if not name:
        return ""
    if name == "gzip":
        return "it is gzip; undo that, or send it with Content-Encoding: gzip"
    return (
        f"it looks like {name}, which is not read; save the image as a TIFF or a PNG, for example "
        "with Fiji, or send application/x-npy"
    )


def _name(begin: bytes) -> str:
    for place, (mark, name) in WITHIN.items():
        if begin.startswith(mark, place):
            return name
    for mark, name in BEGINS.items():
        if begin.startswith(mark):
            return name
    if NETPBM.match(begin):
        return "PBM, PGM, PPM, PAM or PFM"
    if begin[4:8] == b"ftyp" and begin[8:12] in HEIF:
        return "HEIC"
    return "SVG" if SVG.match(begin) else ""
