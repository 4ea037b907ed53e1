"""A model that a ``model_fn`` of the user returned, made ready to run as it is."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Unpack

from ..errors import ModelError
from ..images import Images
from ..networks import calling, meaning, values
from ..spec import ModelSpec
from .segmenter import Segmenter, TileSettings, prepare

# what else to try where a network does not say how many channels it takes: gray is sent to
# networks of colour, and colour to those of gray
OTHERS = {1: (3,), 3: (1,)}


def channels_for(
    model: Any, images: Images | None, chosen: Sequence[int] | None
) -> tuple[int, ...]:
    """The numbers of channels that a model may take: its own, or as of a request's images.

    Args:
        model: as of ``calling.function_of``.
        images: of the request; None: there is none, and the model must say it.
        chosen: the channels that the request chooses of them; None: all.
    """
    known = calling.channels_of(model)
    if known:
        return (known,)
    assert images, "it is tried out with a request"
    sent = len(chosen) if chosen is not None else images.channels
    return (sent, *OTHERS.get(sent, ()))


def make(
    model: Any, channels: Sequence[int], spec: ModelSpec, **tiles: Unpack[TileSettings]
) -> Segmenter:
    """Make a model ready to run that is called as it is.

    Args:
        channels: that it may take, the likeliest first.
        tiles: as of ``prepare``.

    Raises:
        ModelError: it cannot be called, fails with each of these, or gives no probabilities.
        SettingsError: it cannot be run as these arguments want it.
    """
    first, *others = channels
    try:
        return _made(model, first, spec, **tiles)
    except ModelError:
        for other in others:
            if calling.takes(model, other):
                return _made(model, other, spec, **tiles)
        raise


def _made(model: Any, channels: int, spec: ModelSpec, **tiles: Unpack[TileSettings]) -> Segmenter:
    called = calling.network(model, channels, logits=bool(spec.postprocessing))
    found = meaning.of(called, spec)
    network = found.around(called, called.description)
    values.check(network, called.ends, found)
    segmenter = prepare(network, replace(spec, multilabel=found.multilabel), **tiles)
    return replace(segmenter, preprocessing=found.preprocessing)
