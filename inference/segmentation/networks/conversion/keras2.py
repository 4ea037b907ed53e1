"""What Keras 2 wrote, and whether Keras 2 may load it.

Keras 3 loads little of it, and some of that it computes otherwise: its hard_sigmoid is another
function. ``tf_keras`` is Keras 2 for newer versions of TensorFlow
(https://github.com/keras-team/tf-keras). It imports any module that an artifact names, and calls
any function of TensorFlow; so that these names are judged before it sees them.
"""

import builtins
from collections.abc import Iterator
from typing import Any

from ...errors import ModelError
from . import known_layers

# a layer of one of these classes calls the function of TensorFlow that it names
CALLS = ("TFOpLambda", "SlicingOpLambda")
# the functions that compute and do nothing else: all of these groups, and some
PURE_GROUPS = ("__operators__", "image", "linalg", "math", "nn", "signal")
PURE = frozenset(
    "abs add cast clip_by_value concat cos divide exp expand_dims eye fill gather "
    "gather_nd identity linspace matmul maximum minimum multiply negative norm one_hot ones "
    "ones_like pad pow range rank realdiv reduce_all reduce_any reduce_max reduce_mean reduce_min "
    "reduce_prod reduce_sum repeat reshape reverse roll round shape sigmoid sign sin size slice "
    "split sqrt square squeeze stack stop_gradient strided_slice subtract tanh tensordot tile "
    "transpose truediv unstack where zeros zeros_like".split()
)
# modules that hold its own layers, and what these are made of
OWN = ("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras")
PARTS = frozenset(
    "activations applications constraints engine initializers layers mixed_precision models "
    "regularizers".split()
)
REMEDY = "export the model as a SavedModel, or build it in code/inference.py"


def wrote(version: str) -> bool:
    """Whether a version of Keras, as "2.15.0", is one of Keras 2."""
    return version.startswith(("1.", "2."))


def judge(config: Any, name: str) -> None:
    """Refuse the description of a network that names what only its maker has, or may do anything.

    Args:
        config: as its JSON has it.
        name: of the artifact.

    Raises:
        ModelError: it does.
    """
    for entry in _entries(config):
        kind = entry.get("class_name")
        if kind in CALLS:
            _judge_call(entry, name)
        elif "lambda" in str(kind).lower():
            raise ModelError(f"{name} has a layer {kind!r}, which holds code; {REMEDY}")
        if kind == "function" and hasattr(builtins, str(entry.get("config"))):
            raise ModelError(f"{name} names Python's own {entry['config']!r}; {REMEDY}")
        module = entry.get("module")
        if module is not None and not _may_come_from(str(module), kind):
            what = (
                entry.get("registered_name") or entry.get("config") if kind == "function" else kind
            )
            raise ModelError(
                f"{name} has {what!r} of {module}, whose code is not in it; layers and functions "
                f"of Keras are served; {REMEDY}"
            )


def _judge_call(entry: dict[str, Any], name: str) -> None:
    config = entry.get("config")
    function = config.get("function") if isinstance(config, dict) else None
    group, _, rest = str(function).removeprefix("compat.v1.").rpartition(".")
    pure = rest in PURE if not group else group in PURE_GROUPS
    if not pure:
        layer = config.get("name") if isinstance(config, dict) else None
        raise ModelError(
            f"{name}: the layer {layer!r} calls tf.{function}, which is none of the functions that "
            f"only compute; {REMEDY}"
        )


def _may_come_from(module: str, kind: Any) -> bool:
    return module == "builtins" or _is_own(module) or known_layers.is_known(kind, module)


def _is_own(module: str) -> bool:
    for package in OWN:
        if module == package:
            return True
        if module.startswith(f"{package}."):
            inner = module.removeprefix(f"{package}.").removeprefix("src.")
            return inner.split(".")[0] in PARTS
    return False


def _entries(config: Any) -> Iterator[dict[str, Any]]:
    """All objects in it, but for what is of training alone."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting += [inner for key, inner in value.items() if key != "compile_config"]
        elif isinstance(value, list):
            waiting += value
