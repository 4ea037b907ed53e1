"""Which formats there are. Every list of formats in the project is made of this table."""

from .arrays import Npy, Npz
from .format import Format
from .pictures import AnyPicture, Jpeg, Png
from .text import Csv, Json, JsonLines
from .tiff import Tiff

FORMATS: tuple[Format, ...] = (
    Json(),
    JsonLines(),
    Csv(),
    Npy(),
    Npz(),
    Png(),
    Jpeg(),
    Tiff(),
)  # in the order in which messages list them

OFFERS = tuple(sorted(FORMATS, key=lambda format: format.place))

ANY_PICTURE = AnyPicture([format for format in FORMATS if format.picture])

BY_MEDIA_TYPE = {format.media_type: format for format in FORMATS}

# what requests can be read by: the formats, and the type that leaves open which picture it is
READERS: dict[str, Format | AnyPicture] = {**BY_MEDIA_TYPE, ANY_PICTURE.media_type: ANY_PICTURE}

_ALIASES = {alias: format.media_type for format in FORMATS for alias in format.aliases}


def canonical(media_type: str) -> str:
    """A lower-case media type, or the one that it is an alias of."""
    return _ALIASES.get(media_type, media_type)
