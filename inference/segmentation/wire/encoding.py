"""From predictions to the bytes of an answer, in the format that the client likes best."""

from functools import lru_cache

from ..answers import ANSWERS, Content, Mask, Prediction
from ..channels import times
from ..errors import NotAcceptable
from . import media_types
from .formats import BY_MEDIA_TYPE, OFFERS, canonical
from .media_types import MediaRange

KEPT = 16  # Accept headers whose meaning is kept: a client sends the same one each time


def encode(prediction: Prediction, accept: str | None) -> tuple[bytes, str]:
    """Encode a prediction in the format that the client likes best.

    Args:
        prediction: what to answer.
        accept: an Accept header; None, empty or ``*/*`` answers in kind.

    Returns:
        The body and its media type.

    Raises:
        NotAcceptable: nothing that the client accepts can hold this answer.
        OutOfMemory: it needs more than is left.
    """
    media_type = _negotiate(prediction, accept or media_types.ANY)
    return BY_MEDIA_TYPE[media_type].encode(prediction), media_type


def is_known(accept: str) -> bool:
    """Whether an Accept header allows any of the formats of answers."""
    return media_types.choose(_ranges(accept), list(BY_MEDIA_TYPE)) is not None


@lru_cache(KEPT)
def output_of(accept: str | None) -> str:
    """The name of the answer to a client that asks for none by name.

    It is the mask, unless what the client likes best holds another answer alone, as GeoJSON does.

    Args:
        accept: an Accept header, or None.
    """
    offers = sorted(BY_MEDIA_TYPE.values(), key=lambda offer: Content.ARRAY not in offer.contents)
    chosen = media_types.choose(_ranges(accept or ""), [offer.media_type for offer in offers])
    contents = BY_MEDIA_TYPE[chosen].contents if chosen else {Content.ARRAY}
    if Content.ARRAY in contents:
        return Mask.name
    return next(name for name, answer in ANSWERS.items() if answer.content in contents)


def _negotiate(prediction: Prediction, accept: str) -> str:
    """The media type of the answer."""
    wanted = _ranges(accept)
    offers = _offers(prediction)
    possible = [name for name in offers if BY_MEDIA_TYPE[name].holds(prediction)]
    chosen = media_types.choose(wanted, possible)
    if chosen:
        return chosen
    came = f"Accept is {accept!r}"
    if media_types.choose(wanted, offers):
        answer = f"the {prediction.answer.name} of {times(prediction.values.shape)}"
        came += f", which cannot hold {answer} ({_limits(prediction, wanted)})"
    raise NotAcceptable(f"{came}; this answer can be given as {', '.join(possible)}; accept one")


def _ranges(accept: str) -> list[MediaRange]:
    return [
        element._replace(name=canonical(element.name))
        for element in media_types.parse_accept(accept)
    ]


def _offers(prediction: Prediction) -> list[str]:
    """All media types, the request's own first, then what is usual for such an answer."""
    content = prediction.answer.content
    usual_first = sorted(OFFERS, key=lambda offer: offer.usual_for is not content)
    offers = [offer.media_type for offer in usual_first]
    sent = BY_MEDIA_TYPE.get(prediction.images.media_type)
    if sent is not None:
        offers.remove(sent.in_kind)
        offers.insert(0, sent.in_kind)
    return offers


def _limits(prediction: Prediction, wanted: list[MediaRange]) -> str:
    """What formats cannot hold, in words."""
    content = prediction.answer.content
    if content in (Content.FEATURES, Content.TABLE):
        holding = [offer.name for offer in OFFERS if content in offer.contents]
        return f"{content.value} are held by {' and '.join(holding)} alone"
    pictures_first = sorted(BY_MEDIA_TYPE.values(), key=lambda offer: not offer.picture)
    one_plane = [offer.name for offer in pictures_first if not offer.many_planes]
    drawn = [f"{name}s" for name, kind in ANSWERS.items() if kind.content is Content.PICTURE]
    limits = [f"one plane in {', '.join(one_plane)}", f"{', '.join(drawn)} in pictures"]
    dtype = prediction.values.dtype
    narrow = [offer.name for offer in OFFERS if not offer.holds_numbers(dtype)]
    if narrow and content is Content.ARRAY:
        limits.append(f"no {8 * dtype.itemsize}-bit numbers in {', '.join(narrow)}")
    for offer in OFFERS:
        if Content.ARRAY not in offer.contents and media_types.choose(wanted, [offer.media_type]):
            names = (name for name, kind in ANSWERS.items() if kind.content in offer.contents)
            limits.append(f"{offer.name} holds output={' or '.join(names)} alone")
    return "; ".join(limits)
