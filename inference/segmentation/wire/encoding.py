"""From predictions to the bytes of an answer, in the format that the client likes best."""

from ..answers import ANSWERS, Prediction
from ..errors import NotAcceptable
from ..images import times
from . import media_types
from .formats import BY_MEDIA_TYPE, FORMATS, OFFERS, canonical


def encode(prediction: Prediction, accept: str | None) -> tuple[bytes, str]:
    """Encode a prediction in the format that the client likes best.

    Args:
        prediction: what to answer.
        accept: an Accept header; None, empty or ``*/*`` answers in kind.

    Returns:
        The body and its media type.

    Raises:
        NotAcceptable: nothing that the client accepts can hold this answer.
    """
    media_type = _negotiate(prediction, accept or media_types.ANY)
    return BY_MEDIA_TYPE[media_type].encode(prediction), media_type


def _negotiate(prediction: Prediction, accept: str) -> str:
    """The media type of the answer."""
    wanted = [
        element._replace(name=canonical(element.name))
        for element in media_types.parse_accept(accept)
    ]
    offers = _offers(prediction)
    possible = [name for name in offers if BY_MEDIA_TYPE[name].holds(prediction)]
    chosen = media_types.choose(wanted, possible)
    if chosen:
        return chosen
    came = f"Accept is {accept!r}"
    if media_types.choose(wanted, offers):
        answer = f"the {prediction.answer.name} of {times(prediction.values.shape)}"
        came += f", which cannot hold {answer} ({_limits(prediction)})"
    raise NotAcceptable(f"{came}; this answer can be given as {', '.join(possible)}; accept one")


def _offers(prediction: Prediction) -> list[str]:
    """All media types, the request's own first."""
    offers = [format.media_type for format in OFFERS]
    sent = BY_MEDIA_TYPE.get(prediction.images.media_type)
    if sent is not None:
        offers.remove(sent.in_kind)
        offers.insert(0, sent.in_kind)
    return offers


def _limits(prediction: Prediction) -> str:
    """What formats cannot hold, in words."""
    pictures_first = sorted(FORMATS, key=lambda format: not format.picture)
    one_plane = [format.name for format in pictures_first if not format.many_planes]
    drawn = [f"{name}s" for name, answer in ANSWERS.items() if answer.pictures_only]
    limits = [f"one plane in {', '.join(one_plane)}", f"{', '.join(drawn)} in pictures"]
    dtype = prediction.values.dtype
    narrow = [format.name for format in FORMATS if not format.holds_numbers(dtype)]
    if narrow and not prediction.answer.pictures_only:
        limits.append(f"no {8 * dtype.itemsize}-bit numbers in {', '.join(narrow)}")
    return "; ".join(limits)
