"""Which formats there are. Every list of formats in the project is made of these tables."""

from .arrays import Npy, Npz
from .csv import Csv
from .format import Format, Reader
from .geojson import GeoJson
from .pictures.avif import Avif
from .pictures.bmp import Bmp
from .pictures.gif import Gif
from .pictures.jpeg import JpegLs
from .pictures.jpeg2000 import Jpeg2000
from .pictures.jpegxl import JpegXl
from .pictures.webp import WebP
from .pictures.written import AnyPicture, Jpeg, Png
from .text import Json, JsonLines
from .tiff.format import Tiff

FORMATS: tuple[Format, ...] = (
    Json(lambda: ALL_READERS),
    JsonLines(),
    Csv(),
    Npy(),
    Npz(),
    Png(),
    Jpeg(),
    Tiff(),
)  # in the order in which messages list them

ONLY_WRITTEN: tuple[Format, ...] = (GeoJson(),)

OFFERS = tuple(sorted((*FORMATS, *ONLY_WRITTEN), key=lambda format: format.place))

BY_MEDIA_TYPE = {format.media_type: format for format in OFFERS}

ONLY_READ: tuple[Reader, ...] = (
    Jpeg2000(),
    JpegLs(),
    JpegXl(),
    WebP(),
    Avif(),
    Gif(),
    Bmp(),
)  # in the same order, after the formats

# what requests can be read by; a format comes before another reader of its type
_READERS: dict[str, Reader] = {
    reader.media_type: reader
    for reader in (*FORMATS, *ONLY_READ)
    if reader in FORMATS or reader.media_type not in BY_MEDIA_TYPE
}
ALL_READERS: tuple[Reader, ...] = tuple(_READERS.values())

ANY_PICTURE = AnyPicture([reader for reader in ALL_READERS if reader.picture])

# and the type that leaves open which picture it is
READERS: dict[str, Reader | AnyPicture] = {**_READERS, ANY_PICTURE.media_type: ANY_PICTURE}

BY_SUFFIX = {suffix: reader for reader in ALL_READERS for suffix in reader.suffixes}

_ALIASES = {
    alias: reader.media_type for reader in (*ALL_READERS, *ONLY_WRITTEN) for alias in reader.aliases
}


def canonical(media_type: str) -> str:
    """A lower-case media type, or the one that it is an alias of."""
    return _ALIASES.get(media_type, media_type)
