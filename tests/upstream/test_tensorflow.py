"""The private parts of TensorFlow that we stand on. An upgrade that changes one fails here."""

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from segmentation.networks.conversion.allowed_operations import ALLOWED

# they read or write files, run Python, or run a graph that is hidden in a string
WITH_EFFECTS = """DatasetFromGraph DebugIdentity DebugIdentityV2 EagerPyFunc GenerateVocabRemapping
    ImmutableConst LoadAndRemapMatrix MatchingFiles MergeV2Checkpoints PrintV2 PyFunc
    PyFuncStateless ReadFile RestoreV2 SaveV2 WholeFileReaderV2 WriteFile""".split()


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_the_operations_that_are_allowed_exist(name):
    """A renamed one would be refused by mistake."""
    assert op_def_registry.get(name) is not None


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_what_is_allowed_has_no_text(name):
    operation = op_def_registry.get(name)
    types = {argument.type for argument in (*operation.input_arg, *operation.output_arg)}
    assert tf.string.as_datatype_enum not in types


@pytest.mark.parametrize("name", WITH_EFFECTS)
def test_what_has_effects_is_not_allowed(name):
    assert op_def_registry.get(name) is not None
    assert name not in ALLOWED


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
