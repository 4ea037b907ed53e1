"""The private parts of Keras that we stand on. An upgrade that changes one fails here, by name.

``networks/geometry.py`` and ``networks/merging.py`` read the graph of a model. Where they cannot,
the server still answers, but slower, and with tiles that overlap by a guess.
"""

import keras
import pytest
from keras import layers


@pytest.fixture(scope="module")
def model():
    image = keras.Input((None, None, 1), name="image")
    x = layers.Conv2D(2, 3, padding="same", name="convolution")(image)
    return keras.Model(image, layers.BatchNormalization(name="norm")(x))


def test_a_tensor_knows_the_layer_that_made_it(model):
    layer, node, index = model.outputs[0]._keras_history
    assert (layer, node, index) == (model.get_layer("norm"), 0, 0)


def test_a_layer_knows_what_it_was_called_with(model):
    convolution, norm = model.get_layer("convolution"), model.get_layer("norm")
    [tensor] = norm._inbound_nodes[0].input_tensors
    assert tensor._keras_history[0] is convolution


def test_a_model_knows_its_nodes(model):
    nodes = [node for level in model._nodes_by_depth.values() for node in level]
    assert {node.operation.name for node in nodes} == {"image", "convolution", "norm"}


def test_a_node_knows_its_tensors(model):
    [node] = model._nodes_by_depth[0]
    assert [id(tensor) for tensor in node.outputs] == [id(model.outputs[0])]
    assert len(node.input_tensors) == 1


def test_a_sequential_model_has_a_functional_one():
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(2, 3)])
    assert model._functional._nodes_by_depth


def test_an_operation_is_a_layer_without_weights():
    image = keras.Input((None, None, 1))
    operation, _, _ = (image * 2)._keras_history
    assert type(operation).__name__ == "Multiply"
    assert not isinstance(operation, layers.Layer)


def test_a_model_can_be_taken_for_not_compiled(model):
    model.compile("adam", "mse")
    model.compiled = False
    assert not model.compiled


def test_clone_model_lets_each_layer_be_replaced(model):
    seen = []
    copy = keras.models.clone_model(
        model, clone_function=lambda layer: seen.append(layer.name) or layer, recursive=True
    )
    assert {"convolution", "norm"} <= set(seen)
    assert copy.get_layer("norm") is model.get_layer("norm")


def test_a_normalisation_derives_what_it_computes_with():
    assert callable(layers.Normalization.finalize_state)


def test_a_layer_of_an_activation_is_no_function():
    """``merging`` leaves alone what may look at more than one pixel."""
    convolution = layers.Conv2D(1, 1, activation=layers.PReLU())
    assert isinstance(convolution.activation, layers.Layer)
    assert layers.Conv2D(1, 1).activation is keras.activations.linear
    assert layers.Conv2D(1, 1, activation="relu").activation is keras.activations.relu
