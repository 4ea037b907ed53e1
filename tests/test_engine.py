"""Running a model on images of any size."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_models
from segmentation import machine, unet
from segmentation.artifacts import from_network, load
from segmentation.engine import Engine
from segmentation.errors import OutOfMemory, SettingsError

EMBEDDED = Path(__file__).resolve().parent.parent / "models" / "unet-membrane"
SIZES = [(1, 1), (1, 200), (15, 15), (16, 16), (17, 17), (37, 101), (64, 64), (130, 70)]


def picture(height, width, channels=1, dtype=np.uint8):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (1, height, width, channels)).astype(dtype)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fixed", [(None, None), (32, 48)])
def test_any_size(size, fixed):
    tile_size = None if fixed[0] else 64
    engine = Engine(from_network(tiny_models.identity(fixed)), tile_size=tile_size, overlap=16)
    pixels = picture(*size)
    np.testing.assert_allclose(engine.predict(pixels, 1 / 255), pixels / 255, rtol=1e-5)


def test_a_stack_is_as_its_images():
    engine = Engine(from_network(tiny_models.identity((32, 32))), batch_size=3)
    pixels = np.concatenate([picture(40, 50), 255 - picture(40, 50)])
    expected = np.concatenate([engine.predict(image[None], 1 / 255) for image in pixels])
    np.testing.assert_allclose(engine.predict(pixels, 1 / 255), expected, atol=1e-6)


def deep_network():
    """Two levels of pooling; a pixel sees 17 others to each side at most."""
    keras.utils.set_random_seed(1)
    image = keras.Input((None, None, 1))
    x = image
    for _ in range(2):
        x = keras.layers.Conv2D(3, 3, padding="same", activation="relu")(x)
        x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.UpSampling2D(4)(keras.layers.Conv2D(3, 3, padding="same")(x))
    return keras.Model(image, keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x))


@pytest.mark.parametrize("size", [(200, 150), (97, 233), (128, 65)])
@pytest.mark.parametrize("tile", [96, 112])
def test_tiles_give_what_the_whole_image_gives(size, tile):
    model = from_network(deep_network())
    pixels = picture(*size)
    whole = Engine(model).predict(pixels, 1 / 255)
    tiled = Engine(model, tile_size=tile, overlap=40).predict(pixels, 1 / 255)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_the_stride_is_that_of_the_layers():
    assert Engine(from_network(unet.build(1))).stride == 16
    assert Engine(from_network(tiny_models.identity())).stride == 1
    assert Engine(from_network(deep_network())).stride == 4


def test_how_far_it_looks_is_that_of_the_layers():
    assert Engine(from_network(tiny_models.identity())).receptive_field == 0
    assert Engine(from_network(unet.build(1))).receptive_field == 123


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "uint16", "int32", "int64", "float16", "float64"]
)
def test_any_numbers(dtype):
    pixels = np.eye(20, dtype=dtype)[None, ..., None]
    values = Engine(from_network(tiny_models.identity())).predict(pixels, 0.5)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, pixels * 0.5)


@pytest.mark.parametrize(("overlap", "most"), [(64, 48), (1000, 48)])
def test_an_overlap_that_leaves_nothing_of_a_tile_is_refused(overlap, most):
    with pytest.raises(SettingsError, match=f"UNET_TILE_OVERLAP is {overlap}.*at most {most}"):
        Engine(from_network(unet.build(1)), tile_size=64, overlap=overlap)


def test_progress_is_told():
    told = []
    engine = Engine(from_network(tiny_models.identity()), tile_size=16, overlap=0, batch_size=3)
    engine.predict(picture(32, 32), progress=lambda done, total: told.append((done, total)))
    assert told == [(3, 4), (4, 4)]


def test_finish_is_applied_to_every_tile():
    engine = Engine(from_network(tiny_models.identity()), tile_size=16, overlap=0)
    pixels = picture(40, 40)
    mask = engine.predict(pixels, 1 / 255, finish=lambda p: (p[..., 0] > 0.5).astype(np.uint8))
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask[0], pixels[0, ..., 0] > 127)


@pytest.mark.parametrize(
    ("size", "fixed"),
    [((32, 32), (None, None)), ((32, 48), (None, None)), ((32, 48), (32, 48))],
)
def test_augment_averages_over_flips_and_turns(size, fixed):
    """For a network that shifts to the right, the average is symmetric."""
    image = keras.Input((*fixed, 1))
    layer = keras.layers.Conv2D(1, 3, padding="same", use_bias=False)
    model = keras.Model(image, layer(image))
    kernel = np.zeros((3, 3, 1, 1), np.float32)
    kernel[1, 0] = 1
    layer.set_weights([kernel])
    pixels = np.zeros((1, *size, 1), np.uint8)
    pixels[0, 16, 16] = 1
    values = Engine(from_network(model)).predict(pixels, augment=8)[0, 15:18, 15:18, 0]
    beside = [values[1, 0], values[1, 2], values[0, 1], values[2, 1]]
    expected = [0.5, 0.5, 0, 0] if fixed == (32, 48) else [0.25] * 4
    np.testing.assert_allclose(beside, expected, atol=1e-6)


def test_memory_that_runs_out_is_told(monkeypatch):
    engine = Engine(from_network(tiny_models.identity()))

    def fail(batch):
        raise MemoryError

    monkeypatch.setattr(engine, "_run", fail)
    with pytest.raises(OutOfMemory, match=r"1 images of 8×9 need more memory"):
        engine.predict(picture(8, 9))


# --- memory


@pytest.fixture
def memory(monkeypatch):
    """Sets how much memory is left, and how much the warm-up takes."""

    def set_memory(left, growth=100 * 512 * 512):  # 100 bytes a pixel
        monkeypatch.setattr(machine, "available_memory", lambda: left)
        monkeypatch.setattr(machine.MemoryGrowth, "bytes", growth, raising=False)
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
    engine = Engine(from_network(tiny_models.identity()), workers=workers)
    engine.warm_up()
    assert engine._max_tile == (side, side)


def test_a_given_tile_size_holds(memory):
    memory(left=0)
    engine = Engine(from_network(tiny_models.identity()), tile_size=2048)
    engine.warm_up()
    assert engine._max_tile == (2048, 2048)


def test_a_request_that_does_not_fit_is_refused_in_time(memory):
    memory(left=200_000_000)
    engine = Engine(from_network(tiny_models.identity()), tile_size=2048)
    engine.warm_up()
    with pytest.raises(OutOfMemory, match="1×2048×2048 pixels need 391 MB more memory; 190 MB"):
        engine.predict(picture(2048, 2048))
    engine.predict(picture(1024, 1024))


def test_probabilities_take_more_than_a_mask(memory):
    memory(left=1_000_000)
    engine = Engine(from_network(tiny_models.five_classes()))
    engine.warm_up()
    engine.predict(picture(512, 512), finish=lambda values: values[..., 0] > 0.5)
    with pytest.raises(OutOfMemory, match="1×512×512 pixels need 5 MB more memory"):
        engine.predict(picture(512, 512))


def test_tiles_are_counted():
    engine = Engine(from_network(tiny_models.identity()), tile_size=64, overlap=0)
    assert engine.tile_count((3, 128, 65, 1)) == 3 * 2 * 2


def test_a_tile_size_that_the_model_does_not_take_is_refused():
    with pytest.raises(SettingsError, match=r"UNET_TILE_SIZE is 64; .* 32×48 only"):
        Engine(from_network(tiny_models.identity((32, 48))), tile_size=64)


@pytest.mark.parametrize(("given", "batches"), [(None, [64, 16]), (10, [10] * 8)])
def test_small_tiles_go_through_the_network_together(given, batches):
    engine = Engine(from_network(tiny_models.identity((64, 64))), overlap=0, batch_size=given)
    run, seen = engine._run, []
    engine._run = lambda batch: seen.append(len(batch)) or run(batch)
    engine.predict(np.zeros((5, 256, 256, 1), np.uint8))
    assert seen == batches


# --- exactness


EXACT = 2 * 123  # the U-Net's receptive field, to both sides


@pytest.fixture(scope="module")
def random_unet():
    keras.utils.set_random_seed(3)
    return from_network(unet.build(filters=2))


def difference(model, size, tile, faster=False):
    """Between tiled and untiled probabilities, at most; the tiled ones of the faster network."""
    tiled = Engine(model, tile_size=tile, overlap=EXACT)
    assert 2 * tiled.receptive_field == EXACT
    whole = Engine(model, tile_size=2048)
    if faster:
        tiled.warm_up()
    image = picture(*size)
    assert tiled.tile_count(image.shape) > 1 == whole.tile_count(image.shape)
    return np.abs(tiled.predict(image, 1 / 255) - whole.predict(image, 1 / 255)).max()


@pytest.mark.parametrize("tile", [272, 400, 512])
@pytest.mark.parametrize(
    "size",
    [(1, 601), (17, 1001), (513, 513), (601, 300), (777, 515), (640, 529), (533, 1), (1001, 37)],
)
def test_an_overlap_of_the_receptive_field_is_exact(random_unet, size, tile):
    assert difference(random_unet, size, tile) < 1e-3


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 700), st.integers(513, 700), st.sampled_from([272, 384, 512]), st.booleans())
def test_an_overlap_of_the_receptive_field_is_exact_for_any_size(
    random_unet, short, long, tile, turned
):
    size = (long, short) if turned else (short, long)
    assert difference(random_unet, size, tile) < 1e-3


@pytest.mark.parametrize("weights", ["random", "embedded"])
def test_a_large_section_is_exact(weights):
    keras.utils.set_random_seed(4)
    model = load(EMBEDDED) if weights == "embedded" else from_network(unet.build(filters=16))
    assert difference(model, (1537, 1023), 512, faster=True) < 1e-3


def test_nothing_is_traced_after_the_warm_up():
    """A traced function runs its Python code once for each trace."""
    network, traces = deep_network(), []

    def traced(images, training):
        traces.append(images.shape)
        return network(images, training=training)

    engine = Engine(replace(from_network(network), network=traced), tile_size=64)
    engine.warm_up()
    before = len(traces)
    for size in SIZES:
        engine.predict(picture(*size), 1 / 255)
        engine.predict(np.concatenate([picture(*size)] * 3), 1 / 255)
    assert len(traces) == before > 0
