"""Tiles, overlaps and memory, of networks that are only described."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from segmentation import machine
from segmentation.answers import Mask, Preview, Probability
from segmentation.errors import OutOfMemory, SettingsError
from segmentation.images import from_array
from segmentation.networks.network import Geometry
from segmentation.running.budget import Budget
from segmentation.running.plan import TilePlan, check_tile_size, default_overlap
from segmentation.running.predict import predict
from segmentation.running.segmenter import prepare
from segmentation.spec import ModelSpec
from segmentation.spec_entries import Sizes

POINTWISE = Geometry(stride=1, reach=0)


@dataclass(frozen=True)
class Copy:
    """A network that gives back what it gets."""

    name: str = "copy"
    channels: int = 1
    height: int | None = None
    width: int | None = None
    classes: int = 1
    batch: int | None = None
    geometry: Geometry = POINTWISE

    def run(self, images):
        return np.repeat(images, self.classes, axis=-1)


UNET = replace(Copy(), geometry=Geometry(16, 123))


# --- overlaps


@pytest.mark.parametrize(
    ("reach", "overlap"),
    [(0, 0), (17, 34), (64, 128), (123, 128), (128, 128), (311, 622), (None, 128)],
)
def test_the_overlap_follows_the_reach(reach, overlap):
    assert default_overlap(Geometry(16, reach)) == overlap


@pytest.mark.parametrize(
    ("reach", "margin"), [(17, 17), (123, 64), (220, 220), (311, 252), (None, 64)]
)
def test_margins_of_free_networks(reach, margin):
    plan = TilePlan.of(replace(Copy(), geometry=Geometry(16, reach)))
    assert plan.rows.margin == plan.columns.margin == margin


def test_tiles_too_small_for_a_far_reach_are_logged(caplog):
    far = replace(Copy(), geometry=Geometry(16, 311))
    prepare(far, ModelSpec())
    assert "copy looks 311 pixels far, and tiles of 1024 overlap by 504" in caplog.text
    caplog.clear()
    prepare(far, ModelSpec(), tile_size=1260)
    prepare(UNET, ModelSpec())
    assert not caplog.messages


def test_sizes_that_the_spec_allows():
    """Multiples of both strides, no smaller than it says; what it does not trust is not kept."""
    plan = TilePlan.of(replace(Copy(), geometry=Geometry(4, 10)), sizes=Sizes(48, 6, 30))
    assert (plan.rows.stride, plan.rows.margin) == (12, 30)
    assert plan.tile(5, 50) == (48, 60)
    assert plan.tile(1500, 1)[0] % 12 == 0


def test_one_size_that_the_spec_allows():
    plan = TilePlan.of(replace(Copy(), geometry=Geometry(16, 10)), sizes=Sizes(64, 0))
    assert (plan.tile(5, 500), plan.rows.fixed) == ((64, 64), 64)
    impossible = TilePlan.of(replace(Copy(), geometry=Geometry(16, 10)), sizes=Sizes(65, 0))
    assert impossible.rows.fixed is None


def test_a_fixed_size_overlaps_whatever_its_stride():
    network = Copy(height=64, width=128, geometry=Geometry(64, 100))
    plan = TilePlan.of(network)
    assert (plan.rows.margin, plan.columns.margin) == (15, 31)
    rows = plan.rows.spans(200)
    assert all(span.keep_end - span.keep_start <= 64 - 15 for span in rows)
    assert rows[-1].keep_end == 200


@pytest.mark.parametrize("overlap", [64, 1000])
def test_an_overlap_that_leaves_nothing_of_a_tile_is_refused(overlap):
    with pytest.raises(SettingsError, match=f"`tile_overlap` is {overlap}.*at most 48"):
        TilePlan.of(UNET, tile_size=64, tile_overlap=overlap)


def test_a_tile_size_that_the_network_does_not_take_is_refused():
    with pytest.raises(SettingsError, match=r"`tile_size` is 64; .* 32×48 only"):
        check_tile_size(64, Copy(height=32, width=48))


# --- tiles


def test_tiles_cover_every_pixel_of_every_image_once():
    plan = TilePlan.of(UNET, tile_size=64, tile_overlap=32)
    covered = np.zeros((2, 200, 150), int)
    for tile in plan.tiles(*covered.shape):
        ones = np.ones(tile.size, int)
        before = covered.copy()
        tile.keep_in(covered, ones + before.max())
        kept = covered != before
        assert not (kept & (before > 0)).any()
    assert (covered > 0).all()


def test_tiles_are_counted():
    plan = TilePlan.of(Copy(), tile_size=64, tile_overlap=0)
    assert len(plan.tiles(3, 128, 65)) == 3 * 2 * 2


def test_no_network_runs_for_a_preview():
    class Idle(Copy):
        def run(self, images):
            raise AssertionError("the network runs")

    segmenter = replace(prepare(Copy(), ModelSpec(), tile_size=32), network=Idle())
    images = from_array(np.full((40, 70), 7, np.uint8), axes="HW").for_channels(1)
    made = predict(segmenter, images, Preview())
    assert (made.values == 7).all()
    assert made.tiles == len(segmenter.plan.tiles(1, 40, 70)) > 1
    assert made.seconds == segmenter.budget.seconds(segmenter.plan.tiles(1, 40, 70))


@pytest.mark.parametrize(("batch_size", "batches"), [(None, [64, 16]), (10, [10] * 8)])
def test_small_tiles_go_through_the_network_together(batch_size, batches):
    plan = TilePlan.of(Copy(height=64, width=64), tile_overlap=0, batch_size=batch_size)
    tiles = plan.tiles(5, 256, 256)
    assert [len(batch) for batch in plan.batches(tiles)] == batches


def test_a_fixed_batch_size_is_the_number_of_tiles_at_a_time():
    plan = TilePlan.of(Copy(batch=3), tile_size=512, tile_overlap=0)
    assert [len(batch) for batch in plan.batches(plan.tiles(1, 1024, 1024))] == [3, 1]


def test_memory_is_measured_of_as_many_images_as_the_network_takes():
    assert Budget.measured(Copy(batch=3), (64, 32)).measured_pixels == 3 * 64 * 32


# --- memory


@pytest.fixture
def memory(monkeypatch):
    """Sets how much memory is left, and how much the warm-up takes: 100 bytes a pixel."""

    def set_memory(left, resident=0):
        monkeypatch.setattr(machine, "available_memory", lambda: left)
        monkeypatch.setattr(machine, "resident_memory", lambda: resident)
        monkeypatch.setattr(machine.MemoryGrowth, "bytes", 100 * 512 * 512)
        monkeypatch.setattr(machine.MemoryGrowth, "__enter__", lambda growth: growth)
        monkeypatch.setattr(machine.MemoryGrowth, "__exit__", lambda *_: None)

    return set_memory


@pytest.mark.parametrize(
    ("left", "workers", "side"),
    [
        (10**9, 1, 1024),  # more than enough
        (100_000_000, 1, 873),  # 512² and 50,000,000 / 100 more pixels
        (100_000_000, 2, 715),
        (0, 1, 512),  # what the warm-up took, the next run takes again
    ],
)
def test_tiles_fit_the_memory(memory, left, workers, side):
    memory(left)
    plan = prepare(Copy(), ModelSpec(), workers=workers).plan
    assert (plan.rows.largest, plan.columns.largest) == (side, side)


def test_a_tile_size_that_is_asked_for_holds(memory):
    memory(left=0)
    assert prepare(Copy(), ModelSpec(), tile_size=2048).plan.rows.largest == 2048


def check(budget, side, answer, plan=None):
    images = from_array(np.zeros((side, side), np.uint8)).for_channels(1)
    plan = plan or TilePlan.of(Copy(), tile_size=2048)
    [batch, *_] = plan.batches(plan.tiles(1, side, side))
    budget.check(images, batch, answer)


BUDGET = Budget(bytes_per_pixel=100.0, resting_bytes=0, measured_pixels=512**2)


def test_a_request_that_does_not_fit_is_refused_in_time(memory):
    memory(left=200_000_000)
    with pytest.raises(OutOfMemory, match="1×2048×2048 pixels need 404 MB more memory; 190 MB"):
        check(BUDGET, 2048, Mask())
    check(BUDGET, 1024, Mask())


def test_what_earlier_runs_took_is_taken_again(memory):
    memory(left=200_000_000, resident=404 << 20)
    check(BUDGET, 2048, Mask())


def test_probabilities_take_more_than_a_mask(memory):
    memory(left=1_000_000)
    budget = replace(BUDGET, bytes_per_pixel=0.0)
    check(budget, 512, Mask(classes=5))
    with pytest.raises(OutOfMemory, match="1×512×512 pixels need 5 MB more memory"):
        check(budget, 512, Probability(classes=5))


def test_a_spec_of_another_number_of_classes_is_logged(caplog):
    prepare(Copy(), ModelSpec(class_names=("background", "cell")))
    assert not caplog.messages
    prepare(Copy(), ModelSpec(class_names=("background", "cell", "nucleus")))
    assert "model.json names 3 classes, and copy has 2" in caplog.text


def test_an_image_in_one_piece_may_have_any_size_where_the_network_takes_it():
    plan = TilePlan.of(replace(Copy(), geometry=Geometry(16, 123, any_size=True)))
    assert plan.tile(97, 1021) == (97, 1021)
    assert plan.tile(3, 40) == (16, 40)
    assert plan.tile(97, 1400)[1] % 16 == 0
    of_step = TilePlan.of(
        replace(Copy(), geometry=Geometry(16, 123, any_size=True)), sizes=Sizes(64, 32)
    )
    assert of_step.tile(97, 131) == (128, 160)
