"""The functions of ``code/inference.py``: whether they can be called, and how they are.

They replace stages of a request, which the toolkit's Transformer holds by these names in private
attributes; ``upstream.check_transformer`` looks whether it does. The toolkit calls each by the
number of its parameters alone, and finds out at the first request whether that fits:
https://github.com/aws/sagemaker-inference-toolkit/blob/master/src/sagemaker_inference/transformer.py
"""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from sagemaker_inference.errors import BaseInferenceToolkitError, UnsupportedFormatError

from segmentation.errors import ModelError, SegmentationError

FILE = "code/inference.py"
TAKES = {
    "pre_model_fn": ("model_dir",),
    "model_fn": ("model_dir",),
    "model_warmup_fn": ("model_dir", "model"),
    "input_fn": ("body", "content_type"),
    "predict_fn": ("data", "model"),
    "output_fn": ("prediction", "accept"),
    "transform_fn": ("model", "body", "content_type", "accept"),
}
STAGES = ("input_fn", "predict_fn", "output_fn", "transform_fn")  # of a request
LAST = ("output_fn", "transform_fn")
CONTEXT = "context"
# what MMS makes bytes of
BODIES = (bytes, bytearray, str, dict, list, int, float)

Functions = Mapping[str, Callable]


def of_user(transformer: Any, handler: Any) -> dict[str, Callable]:
    """The functions of the user among those of the toolkit's Transformer, by their names.

    Raises:
        ModelError: one of them cannot be called as it will be.
    """
    ours = {"transform_fn": transformer._default_transform_fn}
    ours |= {name: getattr(handler, f"default_{name}", None) for name in TAKES if name not in ours}
    functions = {name: getattr(transformer, f"_{name}") for name in TAKES}
    found = {name: one for name, one in functions.items() if one is not None and one != ours[name]}
    for name, function in found.items():
        _check(name, function)
    return found


def _check(name: str, function: Any) -> None:
    wanted = f"{name}({', '.join(TAKES[name])}), and may take the {CONTEXT} as well"
    if not callable(function) or inspect.iscoroutinefunction(function):
        kind = "a coroutine" if callable(function) else f"{function!r:.80}"
        raise ModelError(f"{name} of {FILE} is {kind}; it must be a function {wanted}")
    try:
        _arguments(function, TAKES[name], None)
    except TypeError as exc:
        signature = inspect.signature(function)
        raise ModelError(f"{name} of {FILE} takes {signature}; it must be {wanted}") from exc


def call(name: str, function: Callable, given: tuple[Any, ...], context: Any) -> Any:
    """Call a function of the user.

    Args:
        name: one of TAKES.
        given: as TAKES lists them.
        context: of the request.

    Raises:
        ModelError: a stage of a request failed, or returned what nothing can be made of.
    """
    positional, named = _arguments(function, given, context)
    if name not in STAGES:
        return function(*positional, **named)
    try:
        result = function(*positional, **named)
    except (SegmentationError, BaseInferenceToolkitError, UnsupportedFormatError, MemoryError):
        raise
    except Exception as exc:
        raise ModelError(
            f"{name} of {FILE} failed with {type(exc).__name__}; the log of the server has the "
            "trace; mend the function, or send what it takes"
        ) from exc
    body = result[0] if isinstance(result, tuple) and name in LAST and result else result
    if body is None or (name in LAST and not isinstance(body, BODIES)):
        wanted = "a body, bytes or text, and its media type" if name in LAST else "a value"
        raise ModelError(f"{name} of {FILE} returned {_kind(result)}; it must return {wanted}")
    return result


def _kind(result: Any) -> str:
    if isinstance(result, tuple):
        return f"({', '.join(map(_kind, result))})"
    return "nothing" if result is None else f"a {type(result).__name__}"


def _arguments(
    function: Callable, given: tuple[Any, ...], context: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What a function is called with: the context where it has a parameter of that name, or one
    more than the others that has no default.

    Raises:
        TypeError: it cannot be called so.
    """
    try:
        signature = inspect.signature(function)
    except ValueError:  # of functions in C
        return given, {}
    parameter = signature.parameters.get(CONTEXT)
    if parameter and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        signature.bind(*given, **{CONTEXT: context})
        return given, {CONTEXT: context}
    try:
        signature.bind(*given)
    except TypeError:
        signature.bind(*given, context)
        return (*given, context), {}
    return given, {}


def unused(model_dir: Path) -> Iterator[str]:
    """What code lies there and is not used, in sentences for the log."""
    module = sys.modules.get("inference") if (model_dir / FILE).exists() else None
    if (model_dir / "inference.py").exists():
        yield f"inference.py lies beside the model and is not used; move it to {FILE}"
    files = sorted(file.name for file in (model_dir / "code").glob("*.py"))
    if files and module is None:
        yield f"code/ has {', '.join(files)} and no inference.py, whose functions alone are used"
    if module is None:
        return
    own = [name for name, value in vars(module).items() if _is_own(value, module)]
    if not any(hasattr(module, name) for name in TAKES):
        found = ", ".join(own) or "no function"
        yield f"{FILE} has none of {', '.join(TAKES)}, and is not used; it has {found}"


def _is_own(value: Any, module: ModuleType) -> bool:
    return inspect.isroutine(value) and value.__module__ == module.__name__
