"""Running a network on images of any size."""

import functools
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import skimage.measure
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation import machine
from segmentation.answers import Labels, Mask, Polygons, Probability, Table
from segmentation.depth import Range
from segmentation.errors import OutOfMemory, OutOfTime, PayloadTooLarge
from segmentation.images import Images, from_array
from segmentation.networks import openvino, tensorflow, unet
from segmentation.networks.conversion import convert, readers
from segmentation.networks.conversion.load import of_keras
from segmentation.networks.network import Geometry, Source
from segmentation.networks.tune import Computing
from segmentation.running.deadline import Deadline
from segmentation.running.plan import TilePlan
from segmentation.running.predict import predict
from segmentation.running.segmenter import load, prepare
from segmentation.spec import ModelSpec
from support import tiny_models
from support.sources import straight

EMBEDDED = Path(__file__).resolve().parents[2] / "models" / "unet-membrane"
SIZES = [(1, 1), (1, 200), (15, 15), (16, 16), (17, 17), (37, 101), (64, 64), (130, 70)]


def picture(height, width, channels=1, dtype=np.uint8):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (1, height, width, channels)).astype(dtype)


def segmenter_of(model, **plan):
    """Of a Keras model."""
    return prepare(openvino.network(of_keras(model), "float32", None), ModelSpec(), **plan)


def network_of(path):
    """Of an artifact, converted in this process."""
    conversion = convert.convert(readers.read(path, path.parent), path.name)
    source = Source(**vars(conversion.description), graph=conversion.graph)
    return openvino.network(source, "float32", None)


def probabilities(segmenter, pixels, **options):
    """(N, H, W, C) -> (N, H, W, K)."""
    images = from_array(pixels).for_channels(segmenter.network.channels)
    answer = Probability(classes=segmenter.network.classes)
    return predict(segmenter, images, answer, **options).values


@pytest.mark.parametrize("fixed", [(None, None), (32, 48)])
def test_any_size(fixed):
    tile_size = None if fixed[0] else 64
    segmenter = segmenter_of(tiny_models.identity(fixed), tile_size=tile_size, tile_overlap=16)
    for size in SIZES:
        pixels = picture(*size)
        np.testing.assert_allclose(probabilities(segmenter, pixels), pixels / 255, rtol=1e-5)


def test_a_stack_is_as_its_images():
    segmenter = segmenter_of(tiny_models.identity((32, 32)), batch_size=3)
    pixels = np.concatenate([picture(40, 50), 255 - picture(40, 50)])
    expected = np.concatenate([probabilities(segmenter, image[None]) for image in pixels])
    np.testing.assert_allclose(probabilities(segmenter, pixels), expected, atol=1e-6)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_fixed_batch_size(batch):
    segmenter = segmenter_of(tiny_models.identity((32, 48), batch))
    pixels = np.concatenate([picture(40, 50)] * 2)
    np.testing.assert_allclose(probabilities(segmenter, pixels), pixels / 255, rtol=1e-5)


def deep_model():
    """Two levels of pooling; a pixel sees 11 others to each side at most."""
    keras.utils.set_random_seed(1)
    image = keras.Input((None, None, 1))
    x = image
    for _ in range(2):
        x = keras.layers.Conv2D(3, 3, padding="same", activation="relu")(x)
        x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.UpSampling2D(4)(keras.layers.Conv2D(3, 3, padding="same")(x))
    return keras.Model(image, keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x))


@functools.cache
def deep_network():
    return openvino.network(of_keras(deep_model()), "float32", None)


@pytest.mark.parametrize("size", [(200, 150), (97, 233), (128, 65)])
@pytest.mark.parametrize("plan", [{"tile_overlap": 40}, {}])
@pytest.mark.parametrize("tile", [96, 112])
def test_tiles_give_what_the_whole_image_gives(size, plan, tile):
    """With an overlap of twice the reach; where the reach is short, that is the default."""
    pixels = picture(*size)
    whole = probabilities(prepare(deep_network(), ModelSpec()), pixels)
    segmenter = prepare(deep_network(), ModelSpec(), tile_size=tile, **plan)
    np.testing.assert_allclose(probabilities(segmenter, pixels), whole, atol=1e-5)


def test_the_geometry_is_that_of_the_network():
    assert deep_network().geometry == Geometry(4, 11)
    assert segmenter_of(tiny_models.identity()).network.geometry == Geometry(1, 0)


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "uint16", "int32", "int64", "float16", "float64"]
)
def test_any_numbers(dtype):
    pixels = np.eye(20, dtype=dtype)
    images = Images(pixels, Range(0, 2), "HW")
    values = predict(segmenter_of(tiny_models.identity()), images, Probability()).values
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values[0, ..., 0], pixels * 0.5)


def test_progress_is_told():
    calls = []
    segmenter = segmenter_of(tiny_models.identity(), tile_size=16, tile_overlap=0, batch_size=3)
    probabilities(
        segmenter, picture(32, 32), progress=lambda done, total: calls.append((done, total))
    )
    assert calls == [(0, 4), (3, 4), (4, 4)]


def test_an_answer_is_made_of_every_tile():
    segmenter = segmenter_of(tiny_models.identity(), tile_size=16, tile_overlap=0)
    pixels = picture(40, 40)
    prediction = predict(segmenter, from_array(pixels).for_channels(1), Mask())
    assert prediction.values.dtype == np.uint8
    assert prediction.tiles == 9
    np.testing.assert_array_equal(prediction.values[0] > 0, pixels[0, ..., 0] > 127)


@pytest.mark.parametrize("minimum", [1, 9])
@pytest.mark.parametrize("answer", [Labels, Table, Polygons])
def test_objects_are_those_of_the_whole_image(answer, minimum):
    """However the image was cut, and in each image of a stack by itself."""
    segmenter = segmenter_of(tiny_models.identity(), tile_size=16, tile_overlap=0)
    pixels = np.random.default_rng(0).choice([0, 255], (2, 70, 50, 1), p=[0.65, 0.35])
    images = from_array(pixels.astype(np.uint8)).for_channels(1)
    made = predict(segmenter, images, answer(minimum=minimum))
    assert made.tiles == 40
    for image, values in zip(pixels[..., 0], made.values, strict=True):
        labels = skimage.measure.label(image)
        kept = np.where((np.bincount(labels.ravel()) >= minimum)[labels], image, 0)
        expected = skimage.measure.label(kept) if answer is Labels else kept
        np.testing.assert_array_equal(values, expected)


def test_memory_for_finding_objects_is_asked_for(monkeypatch):
    segmenter = segmenter_of(tiny_models.identity(), tile_size=64, tile_overlap=0)
    images = from_array(picture(512, 512)).for_channels(1)
    segmenter = replace(segmenter, budget=replace(segmenter.budget, bytes_per_pixel=0))
    monkeypatch.setattr(machine, "available_memory", lambda: 2 * 512 * 512)
    assert predict(segmenter, images, Mask()).values.any()
    for answer in (Labels(), Table(), Polygons(), Mask(minimum=2)):
        with pytest.raises(OutOfMemory, match=r"1×512×512 pixels need [12] MB more memory"):
            predict(segmenter, images, answer)


@pytest.mark.parametrize(("classes", "megabytes"), [(1, 8), (2, 16), (3, 3)])
def test_memory_of_flips_and_turns_is_weighed(monkeypatch, classes, megabytes):
    segmenter = segmenter_of(tiny_models.left_neighbour(classes=classes), tile_size=512)
    images = from_array(picture(512, 512)).for_channels(1)
    segmenter = replace(segmenter, budget=replace(segmenter.budget, bytes_per_pixel=0))
    monkeypatch.setattr(machine, "available_memory", lambda: 2 * 512 * 512)
    answer = Mask(classes=classes)
    assert predict(segmenter, images, answer).values.shape == (1, 512, 512)
    with pytest.raises(OutOfMemory, match=f"pixels need {megabytes} MB more memory"):
        predict(segmenter, images, answer, augment=8)


def test_what_would_take_too_long_is_refused_at_once():
    segmenter = segmenter_of(tiny_models.identity(), tile_size=16, tile_overlap=0)
    assert segmenter.budget.seconds_per_pixel > 0
    slow = replace(segmenter, budget=replace(segmenter.budget, seconds_per_pixel=0.01))
    images = from_array(picture(32, 32)).for_channels(1)
    deadline = Deadline(10.0)
    with pytest.raises(PayloadTooLarge, match="about 10 s"):
        predict(slow, images, Mask(), deadline=deadline)
    with pytest.raises(PayloadTooLarge, match="about 82 s"):
        predict(slow, images, Mask(), augment=8, deadline=deadline)


def test_what_takes_too_long_is_given_up_at_the_next_tile():
    segmenter = segmenter_of(tiny_models.identity(), tile_size=16, tile_overlap=0, batch_size=1)
    done = []
    with pytest.raises(OutOfTime, match="with 1 of 4 tiles done"):
        predict(
            segmenter,
            from_array(picture(32, 32)).for_channels(1),
            Mask(),
            progress=lambda *tiles: done.append(tiles),
            deadline=Deadline(-1.0, limit=60.0),
        )
    assert done == [(0, 4), (1, 4)]


def test_an_answer_for_another_number_of_classes_is_refused():
    images = from_array(picture(8, 8)).for_channels(1)
    with pytest.raises(ValueError, match="is not for the 5 classes"):
        predict(segmenter_of(tiny_models.five_classes()), images, Mask())


@pytest.mark.parametrize(
    ("size", "fixed", "expected"),
    [
        ((32, 32), (None, None), 0.4),  # each neighbour twice
        ((32, 48), (None, None), 0.4),
        ((32, 48), (32, 48), 0.2),  # no quarter turns: of the left and the right one
    ],
)
def test_augment_is_the_upper_median_of_flips_and_turns(size, fixed, expected):
    """Of a network that gives each pixel the value of its left neighbour."""
    pixels = np.zeros((1, *size, 1), np.float32)
    for (row, column), value in {(0, -1): 0.1, (0, 1): 0.2, (-1, 0): 0.4, (1, 0): 0.9}.items():
        pixels[0, 16 + row, 16 + column] = value
    segmenter = segmenter_of(tiny_models.left_neighbour(fixed))
    assert probabilities(segmenter, pixels)[0, 16, 16, 0] == pytest.approx(0.1)
    values = probabilities(segmenter, pixels, augment=8)
    assert values[0, 16, 16, 0] == pytest.approx(expected)


def test_augment_is_the_mean_of_more_than_two_classes():
    """Their medians would not add up to 1."""
    pixels = picture(32, 32) / np.float32(255)
    segmenter = segmenter_of(tiny_models.left_neighbour(classes=3))
    values = probabilities(segmenter, pixels, augment=8)
    np.testing.assert_allclose(values.sum(axis=-1), 1, atol=1e-6)
    plain = probabilities(segmenter, pixels)[:, 1:-1, 1:-1]
    left = pixels[:, 1:-1, :-2], pixels[:, 1:-1, 2:], pixels[:, :-2, 1:-1], pixels[:, 2:, 1:-1]
    odds = [np.exp(value * np.arange(3)) for value in left]
    softmax = [odd / odd.sum(axis=-1, keepdims=True) for odd in odds]
    np.testing.assert_allclose(plain, softmax[0], atol=1e-5)
    np.testing.assert_allclose(values[:, 1:-1, 1:-1], np.mean(softmax, axis=0), atol=1e-5)


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_augment_sees_a_turned_image_as_the_image(classes):
    pixels = picture(32, 48)
    segmenter = segmenter_of(tiny_models.left_neighbour(classes=classes))
    values = probabilities(segmenter, pixels, augment=8)
    turned = probabilities(segmenter, np.rot90(pixels, axes=(1, 2)), augment=8)
    np.testing.assert_allclose(turned, np.rot90(values, axes=(1, 2)), atol=1e-6)
    np.testing.assert_allclose(values.sum(axis=-1), 1 if classes > 1 else values[..., 0], atol=1e-6)


@pytest.mark.parametrize("engine", [openvino, tensorflow])
def test_memory_that_runs_out_is_said(monkeypatch, engine):
    network = engine.network(of_keras(tiny_models.identity()), "float32", None)
    segmenter = prepare(network, ModelSpec())

    def fail(network, images):
        if engine is openvino:
            raise RuntimeError("Exception from src/inference: std::bad_alloc")
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating a tensor")

    monkeypatch.setattr(type(network), "_run", fail)
    with pytest.raises(OutOfMemory, match=r"1 images of 8×9 need more memory"):
        probabilities(segmenter, picture(8, 9))


def test_memory_that_was_given_back_is_taken_again():
    segmenter, pixels = prepare(deep_network(), ModelSpec()), picture(97, 233)
    before = probabilities(segmenter, pixels)
    segmenter.network.rest()
    np.testing.assert_array_equal(probabilities(segmenter, pixels), before)


# --- exactness


EXACT = 2 * 123  # the U-Net's reach, to both sides


@pytest.fixture(scope="module")
def random_unet():
    """Random weights, and images in one piece up to 2048×2048."""
    keras.utils.set_random_seed(3)
    return segmenter_of(unet.build(filters=2), tile_size=2048)


def difference(whole, size, tile, network=None):
    """Between tiled and untiled probabilities, at most; the tiled ones of another network."""
    network = network or whole.network
    assert 2 * network.geometry.reach == EXACT
    tiled = replace(whole, network=network, plan=TilePlan.of(network, tile, EXACT))
    image = picture(*size)
    assert len(tiled.plan.tiles(*image.shape[:3])) > 1 == len(whole.plan.tiles(*image.shape[:3]))
    return np.abs(probabilities(tiled, image) - probabilities(whole, image)).max()


@pytest.mark.parametrize("tile", [272, 400, 512])
@pytest.mark.parametrize(
    "size",
    [(1, 601), (17, 1001), (513, 513), (601, 300), (777, 515), (640, 529), (533, 1), (1001, 37)],
)
def test_an_overlap_of_twice_the_reach_is_exact(random_unet, size, tile):
    assert difference(random_unet, size, tile) < 1e-3


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 700), st.integers(513, 700), st.sampled_from([272, 384, 512]), st.booleans())
def test_an_overlap_of_twice_the_reach_is_exact_for_any_size(
    random_unet, short, long, tile, turned
):
    size = (long, short) if turned else (short, long)
    assert difference(random_unet, size, tile) < 1e-3


@pytest.mark.parametrize("weights", ["random", "embedded"])
def test_a_large_section_is_exact(weights):
    """Tiles through the graph, the whole through the Keras model as it is."""
    keras.utils.set_random_seed(4)
    embedded = EMBEDDED / "unet-membrane.keras"
    model = keras.saving.load_model(embedded) if weights == "embedded" else unet.build(filters=16)
    source = of_keras(model)
    exact = tensorflow.network(source, "float32", None)
    whole = prepare(exact, ModelSpec(), tile_size=2048)
    network = openvino.network(source, "float32", None)
    assert difference(whole, (1537, 1023), 512, network) < 1e-3


def test_a_saved_model_is_exact(random_unet, tmp_path):
    keras.utils.set_random_seed(3)  # as that of ``random_unet``
    unet.build(filters=2).export(tmp_path, verbose=False)
    assert difference(random_unet, (777, 515), 400, network_of(tmp_path)) < 1e-3


@pytest.mark.filterwarnings(r"ignore:\s+Warning.*tf\.lite\.Interpreter is deprecated:UserWarning")
def test_a_model_of_tensorflow_lite_is_exact(tmp_path):
    keras.utils.set_random_seed(1)
    chain = [keras.layers.Conv2D(3, 5, padding="same"), keras.layers.MaxPooling2D(4)]
    chain += [keras.layers.Conv2DTranspose(1, 4, 4, activation="sigmoid")]
    model = straight(*chain)
    model.export(tmp_path / "exported", verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "exported"))
    path = tmp_path / "model.tflite"
    path.write_bytes(converter.convert())
    network = network_of(path)
    tiled = prepare(network, ModelSpec(), tile_size=96, tile_overlap=2 * network.geometry.reach)
    whole = segmenter_of(model)
    pixels = picture(200, 304)
    np.testing.assert_allclose(
        probabilities(tiled, pixels), probabilities(whole, pixels), atol=1e-3
    )


def test_nothing_is_traced_after_the_warm_up():
    """A traced function runs its Python code once for each trace."""
    model, traces = deep_model(), []

    def counted(images, training):
        traces.append(images.shape)
        return model(images, training=training)

    source = replace(of_keras(model), load=lambda: counted)
    network = tensorflow.network(source, "float32", None)
    segmenter = prepare(network, ModelSpec(), tile_size=64)
    before = len(traces)
    for size in SIZES:
        probabilities(segmenter, picture(*size))
        probabilities(segmenter, np.concatenate([picture(*size)] * 3))
    assert len(traces) == before > 0


def test_what_is_loaded_is_frozen_and_ready():
    segmenter = load(EMBEDDED, computing=Computing(precision="float32"))
    assert (segmenter.network.name, segmenter.network.classes) == ("unet-membrane.keras", 1)
    assert segmenter.spec.class_names == ("membrane", "cell")
    assert segmenter.budget.bytes_per_pixel > 0
    for name in ("network", "plan", "budget", "spec"):
        with pytest.raises(AttributeError):
            setattr(segmenter, name, None)
