"""The model of a worker, made ready to run as the settings say."""

import logging
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from segmentation import artifacts, machine
from segmentation.errors import ModelError
from segmentation.images import Images
from segmentation.networks import calling
from segmentation.networks.conversion.load import of_keras
from segmentation.networks.hardware import FLOAT32
from segmentation.networks.network import Source
from segmentation.networks.sharing import Turns
from segmentation.networks.tune import Beside, Computing
from segmentation.running import called, reproduction
from segmentation.running.segmenter import Segmenter, TileSettings, make
from segmentation.spec import ModelSpec
from serving.settings import Settings

logger = logging.getLogger(__name__)

COMPUTING = "computing.lock"  # in the server's folder


def is_called(model: Any) -> bool:
    """Whether what ``model_fn`` returned is run as it is, and not converted."""
    return not isinstance(model, Segmenter) and not calling.is_keras(model)


class ServedModels:
    """Makes models ready: that of a folder, or what the user's ``model_fn`` returned.

    Attributes:
        spec: of the model, with what the layers of its network told; None before it is ready.
    """

    def __init__(self, settings: Settings):
        self._settings = settings
        self._user_model: Any = None  # of the user's model_fn, and what was made of it:
        self._user_segmenters: dict[tuple[int, ...], Segmenter] = {}  # by channels
        self._read: dict[str | Path | None, ModelSpec] = {}  # by model directory
        self.spec: ModelSpec | None = None
        self._beside = self._computing_beside()

    def busy(self) -> AbstractContextManager[object]:
        """Answer a request within the block, which other workers of this server see."""
        return self._beside.turns.busy() if self._beside else nullcontext()

    def load(self, model_dir: str) -> Segmenter:
        """The artifact of a folder, ready to run.

        Raises:
            ModelError: there is none, there are several, or it cannot be served.
        """
        settings = self._settings
        source = artifacts.load(model_dir, settings.model_filename, settings.cache_dir)
        spec = self.spec_of(model_dir)
        if settings.check_test:
            exact = make(source, spec, Computing(settings.engine, FLOAT32), **self._tiles)
            found = reproduction.check(exact, model_dir)
            logger.info(
                "%s", found or f"{source.name}: nothing is published that it must reproduce"
            )
        return self._made(source, spec)

    def ready(
        self,
        model: Any,
        model_dir: str | Path | None,
        images: Images | None = None,
        chosen: Sequence[int] | None = None,
    ) -> Segmenter:
        """What was made of a model; the user's ``model_fn`` may return one that is not ready.

        Args:
            images: of the request, and which of their channels it chooses: for a model that does
                not say how many it takes.
        """
        if isinstance(model, Segmenter):
            return model
        if self._user_model is not model:
            self._user_model, self._user_segmenters = model, {}
        channels = () if calling.is_keras(model) else called.channels_for(model, images, chosen)
        if channels not in self._user_segmenters:
            self._user_segmenters[channels] = self._made_of_users(model, channels, model_dir)
        return self._user_segmenters[channels]

    def _made_of_users(
        self, model: Any, channels: tuple[int, ...], model_dir: str | Path | None
    ) -> Segmenter:
        """A model of the user, ready for images of so many channels; () of a Keras model."""
        spec = self.spec_of(model_dir)
        if not channels:
            return self._made(of_keras(model, ports=spec.ports), spec)
        try:
            return called.make(model, channels, spec, **self._tiles)
        except ModelError:
            for other in self._user_segmenters.values():  # which says what it takes
                return other
            raise

    def spec_of(self, model_dir: str | Path | None) -> ModelSpec:
        """What the model means; the defaults outside of a server.

        Raises:
            ModelError: its ``model.json`` is malformed.
        """
        if model_dir not in self._read:
            spec = ModelSpec.read(model_dir) if model_dir else ModelSpec()
            threshold = self._settings.threshold
            spec = spec if threshold is None else replace(spec, threshold=threshold)
            self._read[model_dir] = spec
        return self._read[model_dir]

    def _computing_beside(self) -> Beside | None:
        """How a worker computes while others of this server do."""
        cpus = machine.available_cpus()
        alone = self._settings.threads or cpus
        threads = machine.share_of_cpus(cpus, self._settings.workers or 1, alone)
        if threads == alone:
            return None
        return Beside(threads, Turns(Path(tempfile.gettempdir(), COMPUTING)))

    def _made(self, source: Source, spec: ModelSpec) -> Segmenter:
        settings = self._settings
        computing = Computing(settings.engine, settings.precision, settings.threads, self._beside)
        segmenter = make(source, spec, computing, **self._tiles)
        self.spec = segmenter.spec
        return segmenter

    @property
    def _tiles(self) -> TileSettings:
        settings = self._settings
        return {
            "tile_size": settings.tile_size,
            "tile_overlap": settings.tile_overlap,
            "batch_size": settings.batch_size,
            "workers": settings.workers or 1,
        }
