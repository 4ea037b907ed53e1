"""The choice of engine and precision: made once, when a network is made, and logged here.

An engine is a module of this package that has the functions of ``Engine``; whoever adds one writes
its file and a line in ENGINES.
"""

import importlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..errors import ModelError, SettingsError
from ..preprocessing import NOTHING, Preprocessing
from . import hardware, probe, values
from .hardware import FLOAT32
from .meaning import Meaning
from .network import Network, Source, try_out
from .sharing import Sharing, Turns

logger = logging.getLogger(__name__)

# modules of this package: the first that takes a source makes the network
ENGINES = ("openvino", "tensorflow")
ON_GPU = ("tensorflow",)  # these come first where there is a GPU
AUTO = "auto"
RANDOM = "Random"  # in the names of operations that TensorFlow draws numbers with
AGREEMENT = 0.999  # of a picture's pixels, for 16 bits in place of 32
MEAN_DIFFERENCE = 0.01  # of its probabilities, at most


class Engine(Protocol):
    """What makes networks of sources, in one way of computing."""

    # whether each network has threads of its own; else they are those of the process
    HAS_OWN_THREADS: bool

    def takes(self, source: Source) -> bool:
        """Whether the engine can run this source at all."""

    def network(self, source: Source, precision: str, threads: int | None) -> Network:
        """The source, ready to run.

        Args:
            precision: "float32", or another one.
            threads: at most; None: as many as there are CPUs.

        Raises:
            ValueError: it cannot be run in that precision; the message says why.
            ModelError: it cannot be run at all.
        """

    def fastest_precision(self) -> str:
        """What the engine computes fastest in on this machine."""


@dataclass(frozen=True)
class Beside:
    """How a process computes while others of the same server do.

    Attributes:
        threads: of each, at most.
        turns: by which they know of each other.
    """

    threads: int
    turns: Turns


@dataclass(frozen=True)
class Computing:
    """How networks are to be run.

    Attributes:
        engine: one of ENGINES, or "auto": the fastest on this machine that can run a source.
        precision: "float32", "bfloat16", "float16", "int8" (where a graph was prepared in it), or
            "auto": the fastest one of 16 bits or more in which the masks of a drawn picture stay
            the same.
        threads: at most; None: as many as there are CPUs.
        beside: while another process answers a request; None: as if it did not.
    """

    engine: str = AUTO
    precision: str = AUTO
    threads: int | None = None
    beside: Beside | None = None


def tune(
    source: Source,
    computing: Computing | None = None,
    threshold: float = 0.5,
    meaning: Meaning | None = None,
) -> Network:
    """Make the fastest network that gives the same as the source.

    Args:
        source: a loaded artifact.
        computing: how it is to be run.
        threshold: of the masks that are compared.
        meaning: of its numbers; None: it takes intensities and gives probabilities.

    Raises:
        ModelError: the source fails, or its output is no probability per pixel.
        SettingsError: it cannot be run as these arguments want it.
    """
    meaning = meaning or Meaning()
    name, engine = _engine_for(source, (computing or Computing()).engine)
    trial = _Trial(source, computing or Computing(), threshold, meaning, name, engine)
    network = trial.fastest()
    values.check(network, source.ends, meaning)
    if RANDOM in source.unconverted:
        values.check_repeats(network, meaning)
    return values.watched(network, source.description, meaning)


@dataclass(frozen=True)
class _Trial:
    """A source, and how it may be run."""

    source: Source
    computing: Computing
    threshold: float
    meaning: Meaning
    name: str
    engine: Engine

    def fastest(self) -> Network:
        precision, alone = self._in_fastest_precision()
        beside = self.computing.beside
        if beside is None or not self.engine.HAS_OWN_THREADS:
            return alone
        return Sharing(
            **(self.source.description | {"classes": alone.classes}),
            alone=alone,
            beside=self._network(precision, beside.threads),
            turns=beside.turns,
        )

    def _network(self, precision: str, threads: int | None) -> Network:
        network = self.engine.network(self.source, precision, threads)
        return self.meaning.around(network, self.source.description)

    def _in_fastest_precision(self) -> tuple[str, Network]:
        wanted, threads = self.computing.precision, self.computing.threads
        if wanted == AUTO:
            wanted = self.engine.fastest_precision()
        exact = self._network(FLOAT32, threads)
        if wanted == FLOAT32:
            logger.info("computing in float32 by %s", self.name)
            return FLOAT32, exact
        required = self.computing.precision == wanted  # by the setting
        try:
            rounded = self._network(wanted, threads)
            same, comparison = self._compare(rounded, exact)
        except (ValueError, ModelError) as exc:
            if required:
                raise SettingsError(
                    f"`precision` is {wanted}, in which {self.source.name} cannot be run: {exc}; "
                    "leave the setting out"
                ) from exc
            same, comparison = False, str(exc)
        if same or required:
            logger.info("computing in %s by %s: %s", wanted, self.name, comparison)
            return wanted, rounded
        logger.info("computing in float32 by %s, not in %s: %s", self.name, wanted, comparison)
        return FLOAT32, exact

    def _compare(self, rounded: Network, exact: Network) -> tuple[bool, str]:
        """Whether two networks give the same, and a sentence about it."""
        picture, expected = _telling_picture(exact, self.threshold, self.meaning.preprocessing)
        given = try_out(rounded, picture, "a picture of cells")
        share = probe.agreement(given, expected, self.threshold)
        difference = float(np.abs(given - expected).mean())
        sentence = (
            f"masks agree with those in float32 on {share:.2%} of a picture of cells, and "
            f"probabilities differ by {difference:.1g} in the mean"
        )
        return share >= AGREEMENT and difference <= MEAN_DIFFERENCE, sentence


def _engine_for(source: Source, wanted: str) -> tuple[str, Engine]:
    for name in _order(wanted):
        engine: Any = importlib.import_module(f".{name}", __package__)
        if engine.takes(source):
            return name, engine
    why = f": {source.unconverted}" if source.unconverted else ""
    if wanted == AUTO:
        raise ModelError(
            f"none of {', '.join(ENGINES)} can run {source.name}{why}; bring the model that it was "
            "made of, or an export of that in float32, or call it in code/inference.py"
        )
    raise SettingsError(
        f"`engine` is {wanted}, which cannot run {source.name}{why}; leave the setting out"
    )


def _order(wanted: str) -> Iterator[str]:
    """The engines to try."""
    if wanted != AUTO:
        yield wanted
        return
    first = ON_GPU if hardware.has_gpu() else ()
    yield from first
    yield from (name for name in ENGINES if name not in first)


def _telling_picture(
    exact: Network, threshold: float, preprocessing: Preprocessing = NOTHING
) -> tuple[np.ndarray, np.ndarray]:
    """A picture on which more than one class occurs, if any of those drawn is one; and what the
    network gives for it.
    """
    tried = []
    for drawn in probe.pictures_for(exact):
        picture = preprocessing.of_intensities(drawn)
        expected = try_out(exact, picture, "a picture of cells")
        tried.append((picture, expected))
        if probe.has_several_classes(expected, threshold):
            return tried[-1]
    return tried[0]
