"""The private parts of TensorFlow that we stand on. An upgrade that changes one fails here."""

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from segmentation.networks import saved_model


def test_the_registry_says_which_operations_have_effects():
    assert op_def_registry.get("WriteFile").is_stateful
    assert not op_def_registry.get("Conv2D").is_stateful


def test_the_registry_knows_nothing_of_other_operations():
    assert op_def_registry.get("NoSuchOperation") is None


@pytest.mark.parametrize(
    "name", sorted(saved_model.STATEFUL_ALLOWED | saved_model.STATELESS_REFUSED)
)
def test_the_operations_that_are_named_exist(name):
    """A renamed one would be let through, or refused, by mistake."""
    assert op_def_registry.get(name) is not None


def test_a_saved_model_lists_its_functions_and_its_objects(tmp_path):
    module = tf.Module()
    module.run = tf.function(lambda x: x + 1, input_signature=[tf.TensorSpec((None,), tf.float32)])
    tf.saved_model.save(module, str(tmp_path))
    content = saved_model_pb2.SavedModel.FromString((tmp_path / "saved_model.pb").read_bytes())
    [graph] = content.meta_graphs
    assert graph.object_graph_def.nodes
    assert graph.object_graph_def.concrete_functions
    assert graph.graph_def.library.function


def test_a_signature_tells_its_inputs_and_outputs(tmp_path):
    module = tf.Module()
    module.run = tf.function(
        lambda image: {"mask": image + 1}, input_signature=[tf.TensorSpec((None,), tf.float32)]
    )
    tf.saved_model.save(module, str(tmp_path))
    signature = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    assert list(signature.structured_input_signature[1]) == ["image"]
    assert list(signature.structured_outputs) == ["mask"]


def test_memory_that_runs_out_has_an_error_of_its_own():
    assert issubclass(tf.errors.ResourceExhaustedError, tf.errors.OpError)
