"""The choice of engine, precision and layers: made once, when a network is made, and logged here.

An engine is a module of this package that has the functions of ``Engine``; whoever adds one writes
its file and a line in ENGINES.
"""

import importlib
import logging
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from ..errors import ModelError, SettingsError
from . import probe
from .hardware import FLOAT32
from .network import Network, Source, round_up, try_out

logger = logging.getLogger(__name__)

# module of this package; the first that takes a source makes the network
ENGINES = ("tensorflow",)
AUTO = "auto"
AGREEMENT = 0.999  # of the probe's pixels, for 16 bits in place of 32
TOLERANCE = 1e-3  # of the probe's probabilities, for other layers in float32


class Engine(Protocol):
    """What makes networks of sources, in one way of computing."""

    def takes(self, source: Source) -> bool:
        """Whether the engine can run this source at all."""

    def reference(self, source: Source) -> Network:
        """The source as it is, in float32, for one or two runs: quick to make, slow to run."""

    def plain(self, source: Source) -> Network:
        """The source as it is, in float32."""

    def faster(self, source: Source, precision: str) -> Network:
        """A network that computes the same, faster.

        Raises:
            ValueError: there is no faster one of this source; the message says why.
        """

    def fastest_precision(self) -> str:
        """What the engine computes fastest in on this machine."""


def tune(source: Source, precision: str = AUTO, threshold: float = 0.5) -> Network:
    """Make the fastest network that gives the same as the source.

    Args:
        source: a loaded artifact.
        precision: "float32", "bfloat16", "float16", or "auto": the fastest one in which the masks
            of a drawn picture stay the same.
        threshold: of these masks.

    Raises:
        ModelError: the source fails, or its output is no probability per pixel.
        SettingsError: it cannot be run in the precision that is asked for.
    """
    engine = _engine_for(source)
    reference = engine.reference(source)
    picture = probe.picture(*_probe_size(reference), source.channels)
    expected = try_out(reference, picture, "a picture of cells")
    for wanted in _precisions(precision, engine):
        required = precision == wanted and wanted != FLOAT32  # by the setting
        try:
            network = engine.faster(source, wanted)
            values = try_out(network, picture, "a picture of cells")
        except (ValueError, ModelError) as exc:
            if required:
                raise SettingsError(
                    f"`precision` is {wanted}, in which {source.name} cannot be run: {exc}; "
                    "leave the setting out"
                ) from exc
            _log_refusal(wanted, str(exc))
            continue
        same, comparison = _compare(values, expected, wanted, threshold)
        if same or required:
            logger.info("computing in %s: %s", wanted, comparison)
            return network
        _log_refusal(wanted, comparison)
    return engine.plain(source)


def _engine_for(source: Source) -> Engine:
    for name in ENGINES:
        engine: Any = importlib.import_module(f".{name}", __package__)
        if engine.takes(source):
            return engine
    raise ModelError(f"no engine can run {source.name}; there are {', '.join(ENGINES)}")


def _precisions(setting: str, engine: Engine) -> Iterator[str]:
    """What to try, in this order."""
    first = engine.fastest_precision() if setting == AUTO else setting
    yield first
    if first != FLOAT32:
        yield FLOAT32


def _probe_size(network: Network) -> tuple[int, int]:
    free = round_up(probe.SIDE, network.geometry.stride)
    return network.height or free, network.width or free


def _compare(
    values: np.ndarray, expected: np.ndarray, precision: str, threshold: float
) -> tuple[bool, str]:
    """Whether two networks give the same of the probe, and a sentence about it."""
    if precision == FLOAT32:
        most = np.abs(values - expected).max()
        sentence = f"merged layers change a probe image's probabilities by {most:.2g} at most"
        return np.allclose(values, expected, rtol=TOLERANCE, atol=TOLERANCE), sentence
    share = probe.agreement(values, expected, threshold)
    sentence = f"its masks agree with those in float32 on {share:.2%} of a probe image"
    return share >= AGREEMENT, sentence


def _log_refusal(precision: str, reason: str) -> None:
    if precision == FLOAT32:
        logger.info("its layers stay as they are: %s", reason)
    else:
        logger.info("not computing in %s: %s", precision, reason)
