"""What a network was trained on, by what its first batch normalisation remembers."""

import keras
import numpy as np
import pytest
import tf_keras
from keras import layers

from models.lib import synthetic
from segmentation.errors import ModelError
from segmentation.images import from_array
from segmentation.networks import trained
from segmentation.networks.conversion import load
from segmentation.networks.network import Seen
from segmentation.preprocessing import Preprocessing
from segmentation.running.segmenter import make
from segmentation.spec import ModelSpec

SECTIONS = [synthetic.section(seed, (128, 128))[0] for seed in range(4)]
X = np.stack(SECTIONS)[..., None].astype(np.float32) / 255
KINDS = {
    "0–1": lambda x: x,
    "dark": lambda x: x / 4,
    "bright": lambda x: 0.7 + 0.3 * x,
    "−1…1, dark": lambda x: x / 2 - 1,
    "0–255": lambda x: 255 * x,
    "standardised": lambda x: (x - x.mean()) / x.std(),
}
USUAL = ("0–1", "dark", "bright")


def network(library, images, frozen=False, first=(), activation=None, share=1.0):
    """With a normalisation that remembers these images.

    Args:
        share: of what it remembers that is of training.
    """
    keras.utils.set_random_seed(3)
    make = library.layers
    image = x = library.Input((None, None, images.shape[-1]))
    for layer in first:
        x = layer(x)
    x = make.Conv2D(16, 3, padding="same", activation=activation, bias_initializer="normal")(x)
    before = library.Model(image, x)
    norm = make.BatchNormalization(trainable=not frozen)
    x = make.ReLU()(norm(x))
    model = library.Model(image, make.Conv2D(1, 1, activation="sigmoid")(x))
    values = np.asarray(before(images))
    mean, variance = values.mean((0, 1, 2)), values.var((0, 1, 2))
    learned = [np.linspace(0.5, 2, 16), np.linspace(-1, 1, 16)]
    norm.set_weights([*learned, share * mean, share * variance + 1 - share])
    return model


def seen(model):
    return load.of_keras(model).ends.seen


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", [None, "relu"])
def test_other_images_than_intensities_are_told(kind, activation):
    found = seen(network(keras, KINDS[kind](X), activation=activation))
    assert (found is None) is (kind in USUAL)


@pytest.mark.parametrize("kind", USUAL)
def test_a_short_training_is_no_other_one(kind):
    assert seen(network(keras, KINDS[kind](X), share=0.3)) is None


def test_mean_and_deviation():
    found = seen(network(keras, 255 * X))
    assert found.mean == pytest.approx(255 * X.mean(), rel=0.3)
    assert 20 < found.deviation < 120  # the real one is 41


@pytest.mark.parametrize("white", [255, 65535])
def test_a_first_layer_that_divides_wants_more(white):
    """It is given 0–255, and should have been trained on these."""
    model = network(keras, white * X, first=[layers.Rescaling(1 / 255)])
    assert (seen(model) is None) is (white == 255)


def test_colors():
    shifts = np.array([0.485, 0.456, 0.4060]), np.array([0.229, 0.224, 0.225])
    colored = X * [0.9, 0.6, 0.8]
    assert seen(network(keras, colored.astype(np.float32))) is None
    normalised = ((colored - shifts[0]) / shifts[1]).astype(np.float32)
    assert seen(network(keras, normalised))


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("kind", ["keras", "keras 2", "export", "saved by keras 2"])
def test_every_source_tells_unless_it_is_frozen(kind, frozen, tmp_path):
    """A frozen layer remembers the images of whoever trained it."""
    library = tf_keras if "2" in kind else keras
    model = network(library, 255 * X, frozen)
    path = tmp_path / "model.keras"
    if kind in ("export", "saved by keras 2"):
        path = tmp_path / "model"
        (model.export if kind == "export" else model.save)(str(path))
    else:
        model.save(path)
    assert (load.load(path).ends.seen is None) is frozen


def test_weights_that_were_never_trained_tell_nothing():
    image = keras.Input((None, None, 1))
    x = layers.BatchNormalization()(layers.Conv2D(16, 3, padding="same")(image))
    assert seen(keras.Model(image, layers.Conv2D(1, 1, activation="sigmoid")(x))) is None


def test_statistics_of_no_images_tell_nothing():
    """Random ones are not what any images would give."""
    model = network(keras, X)
    norm = model.layers[2]
    rng = np.random.default_rng(0)
    norm.set_weights([*norm.get_weights()[:2], 9 * rng.normal(size=16), rng.uniform(4, 99, 16)])
    assert seen(model) is None


def test_it_is_refused_until_model_json_says_it():
    source = load.of_keras(network(keras, 255 * X))
    images = from_array(SECTIONS[0]).for_channels(1)
    with pytest.raises(ModelError, match=r"not trained on intensities of 0–1.* \{\"gain\": 255\}"):
        make(source, ModelSpec()).preprocessing.fitted(images)
    assert make(source, ModelSpec(preprocessing=Preprocessing())).preprocessing.fitted(images)


@pytest.mark.parametrize(
    ("found", "channels", "likeliest"),
    [
        (Seen(0.1, 0.4), 1, trained.SIGNED),
        (Seen(0.1, 1.1), 1, trained.STANDARDISED),
        (Seen(120.0, 60.0), 3, [{"id": "scale_linear", "kwargs": {"gain": 255}}]),
        (Seen(900.0, 300.0), 1, [{"id": "scale_linear", "kwargs": {"gain": 255}}]),
    ],
)
def test_what_is_suggested(found, channels, likeliest):
    first, *others = trained.suggestions(found, channels)
    assert first == likeliest
    assert (trained.IMAGENET in others) is (channels == 3 and found.mean < 1)
