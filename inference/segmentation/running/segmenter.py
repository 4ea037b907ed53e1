"""A network with all that serving it needs, made once and frozen."""

import logging
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict, Unpack

from .. import artifacts
from ..networks import meaning
from ..networks.form import LAST_OF_SEVERAL, MOST_LIKELY
from ..networks.network import Network, Source
from ..networks.tune import Computing, tune
from ..preprocessing import NOTHING, Preprocessing
from ..spec import ModelSpec
from ..spec_entries import Sizes
from .budget import Budget
from .plan import TILE_SIZE, TilePlan, check_tile_size, default_overlap

logger = logging.getLogger(__name__)

MEASURED_SIDE = 512
MIN_TILE_SIZE = 256  # smaller tiles are mostly overlap


@dataclass(frozen=True)
class Segmenter:
    """What segments images; ``predict`` runs it.

    Attributes:
        network: tuned for this machine.
        plan: how images are cut for it.
        budget: what it costs in memory.
        spec: what the model means.
        preprocessing: of intensities, before the network.
        remark: what each answer is to say of what was assumed of the model; "" where that is
            nothing.
    """

    network: Network
    plan: TilePlan
    budget: Budget
    spec: ModelSpec
    preprocessing: Preprocessing = NOTHING
    remark: str = ""


class TileSettings(TypedDict, total=False):
    """What ``prepare`` can be told about tiles; each is optional."""

    tile_size: int | None
    tile_overlap: int | None
    batch_size: int | None
    workers: int


def load(
    model_dir: str | Path,
    filename: str | None = None,
    computing: Computing | None = None,
    **tiles: Unpack[TileSettings],
) -> Segmenter:
    """Load the model of a directory, and make it ready to run.

    Args:
        filename: which of several artifacts to take, relative to ``model_dir``.
        computing, tiles: as of ``make``.

    Raises:
        ModelError: the directory holds no model that can be served.
        SettingsError: the model cannot be run as these arguments want it.
    """
    source = artifacts.load(model_dir, filename)
    return make(source, ModelSpec.read(model_dir), computing, **tiles)


def make(
    source: Source,
    spec: ModelSpec,
    computing: Computing | None = None,
    **tiles: Unpack[TileSettings],
) -> Segmenter:
    """Make a loaded artifact ready to run.

    Args:
        computing: as of ``tune``.
        tiles: as of ``prepare``.

    Raises:
        ModelError: the source fails, or its output is no probability per pixel.
        SettingsError: it cannot be run as these arguments want it.
    """
    found = meaning.of(source, spec)
    if source.int8 is not None and source.int8_for != str(found.preprocessing):
        logger.warning(
            "%s: its graph in int8 was calibrated on images of another preprocessing, and is not "
            "used: prepare it again",
            source.name,
        )
        source = replace(source, int8=None)
    network = tune(source, computing, spec.threshold, found)
    sizes = _sizes(source, spec.sizes)
    spec = replace(spec, multilabel=found.multilabel, sizes=sizes)
    prepared = prepare(network, spec, **tiles)
    remarks = [
        found.remark,
        *(f"{source.name}: {said}" for said in source.assumed if _is_told(said)),
    ]
    remark = "; ".join(filter(None, remarks))
    return replace(prepared, preprocessing=found.preprocessing, remark=remark)


def _is_told(assumed: str) -> bool:
    """Whether answers say what was assumed of an artifact, besides the log."""
    return LAST_OF_SEVERAL in assumed or MOST_LIKELY in assumed


def _sizes(source: Source, told: Sizes) -> Sizes:
    """The sizes that a spec allows, of images without the border that is mirrored around them."""
    border = source.form.border if source.form else 0
    least = max(0, told.least - 2 * border)
    if told.step and least % told.step:
        logger.warning(
            "%s: sizes of %d and multiples of %d more are no multiples of anything; it is given "
            "multiples of %d, as its layers allow",
            source.name,
            told.least,
            told.step,
            source.geometry.stride,
        )
        told = replace(told, step=None)
    # what is mirrored is not what lies there
    return replace(told, least=least, halo=max(told.halo, border))


def prepare(
    network: Network,
    spec: ModelSpec,
    *,
    tile_size: int | None = None,
    tile_overlap: int | None = None,
    batch_size: int | None = None,
    workers: int = 1,
) -> Segmenter:
    """Measure a network, and plan its tiles.

    Args:
        tile_size, tile_overlap, batch_size: as of ``TilePlan.of``; the tile size is by default what
            half of the free memory suffices for, at most TILE_SIZE pixels.
        workers: how many processes share the memory.

    Raises:
        ModelError: the network fails, or its output is no probability per pixel.
        SettingsError: the network cannot be run with these tiles.
    """
    if tile_size is not None:
        check_tile_size(tile_size, network)
    plan = TilePlan.of(network, tile_size or TILE_SIZE, tile_overlap, batch_size, spec.sizes)
    budget = Budget.measured(network, plan.tile(MEASURED_SIDE, MEASURED_SIDE))
    if tile_size is None:
        side = _affordable_side(network, budget, tile_overlap, workers)
        if side < TILE_SIZE:
            plan = TilePlan.of(network, side, tile_overlap, batch_size, spec.sizes)
    if tile_overlap is None:
        _warn_of_seams(network, plan)
    _warn_of_classes(network, spec)
    pace = 1e-6 / max(budget.seconds_per_pixel, 1e-9)
    logger.info("%s computes %.2f megapixels a second", network.name, pace)
    return Segmenter(network, plan, budget, spec)


def _affordable_side(
    network: Network, budget: Budget, tile_overlap: int | None, workers: int
) -> int:
    """The side of the largest square tile that the memory suffices for, in pixels."""
    stride = network.geometry.stride
    side = math.isqrt(budget.affordable_pixels(workers)) // stride * stride
    least = MIN_TILE_SIZE
    if tile_overlap is not None:
        least = max(least, 2 * (tile_overlap // 2) + stride)
    return max(side, least)


def _warn_of_seams(network: Network, plan: TilePlan) -> None:
    """Tiles of a network that looks far would need to be larger than the memory is for."""
    if network.geometry.everywhere:
        logger.warning(
            "%s looks at the whole image, as networks do that normalise over it, or enlarge by its "
            "corners (align_corners): images larger than %d×%d are cut into tiles, each of which "
            "sees itself alone (`tile_size`)",
            network.name,
            plan.rows.largest,
            plan.columns.largest,
        )
        return
    if network.geometry.reach is None and plan.rows.fixed is None:
        logger.warning(
            "how far %s looks is not known: images larger than %d×%d are cut into tiles, whose "
            "seams may show (`tile_size`, `tile_overlap`)",
            network.name,
            plan.rows.largest,
            plan.columns.largest,
        )
        return
    wanted = default_overlap(network.geometry)
    for axis in (plan.rows, plan.columns):
        if axis.fixed is None and 2 * axis.margin < wanted:
            logger.warning(
                "%s looks %s pixels far, and tiles of %d overlap by %d: seams may show in larger "
                "images; `tile_size` %d would hide them",
                network.name,
                network.geometry.reach,
                axis.largest,
                2 * axis.margin,
                2 * wanted + axis.stride,
            )
            return


def _warn_of_classes(network: Network, spec: ModelSpec) -> None:
    """Background has no probability of its own where there is one, or where classes may overlap."""
    overlapping = network.classes == 1 or spec.multilabel
    known, wanted = len(spec.class_names), network.classes + bool(overlapping)
    if known and known != wanted:
        logger.warning(
            "model.json names %d classes, and %s has %d, background included; the others have no "
            "name, and colours of ours",
            known,
            network.name,
            wanted,
        )
