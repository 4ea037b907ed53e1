"""Pre- and postprocessing of bioimage.io in the terms of ``model.json``.

bioimage.io's steps are of the values that a file stores, those of ``preprocessing.py`` of
intensities: what makes stored values of intensities comes first.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ModelError
from .document import is_number, numbers, shown
from .tensors import BATCH, CHANNEL, IMAGE, Operation, Tensor

Entry = dict[str, Any]  # {"id": …, "kwargs": {…}}, as in model.json
EPS = 1e-6
# what is the same for any scale of the values
OF_ANY_SCALE = ("zero_mean_unit_variance", "scale_range")
REMEDY = (
    "say in model.json beside it what is to be done instead, as docs/models.md lists it, or do it "
    "in code/inference.py"
)


@dataclass(frozen=True)
class Levels:
    """The stored values that are black and white.

    Attributes:
        black, white: of them.
        certain: whether the description, or the type, says so.
    """

    black: float = 0.0
    white: float = 1.0
    certain: bool = True


@dataclass(frozen=True)
class Ending:
    """What is done to what a network gives.

    Attributes:
        activation: "sigmoid", "softmax" or None.
        threshold: 0–1, where it is made binary; else None.
    """

    activation: str | None = None
    threshold: float | None = None


def preprocessing(tensor: Tensor, levels: Levels) -> tuple[list[Entry], list[str]]:
    """The steps from intensities to what the network takes, and what was assumed, for the log.

    Args:
        levels: of the values that the input stores.

    Raises:
        ModelError: one of them cannot be done here.
    """
    notes: list[str] = []
    if not levels.certain and not _is_of_any_scale(tensor):
        notes.append(
            f"input {tensor.name} is {tensor.data_type}, and its range is not declared: intensity "
            f"1, white, is taken to be stored as {levels.white:g}; data.range (0.4: data_range) "
            'would say it, or "preprocessing" in model.json'
        )
    gain, offset = levels.white - levels.black, levels.black
    entries = [] if (gain, offset) == (1, 0) else [_linear(gain, offset)]
    changed = False  # whether they are still the stored values
    for operation in (*tensor.operations, *_implied(tensor)):
        step = BEFORE.get(operation.id)
        if step is None:
            raise ModelError(
                f"{operation.place} is not done here; known are {', '.join(BEFORE)}; {REMEDY}"
            )
        made = list(step(operation, tensor, notes))
        if operation.id == "ensure_dtype" and not changed:
            continue  # whole numbers, which are stored, stay what they are
        entries += made
        changed = changed or bool(made)
    return entries, notes


def postprocessing(tensor: Tensor) -> Ending:
    """What makes the published output of what the network gives.

    Raises:
        ModelError: a step cannot be done here.
    """
    activation, threshold = None, None
    for operation in tensor.operations:
        kwargs, place = operation.kwargs, operation.place
        if threshold is not None and operation.id != "ensure_dtype":
            raise ModelError(f"{place} follows the threshold; nothing does here; {REMEDY}")
        if operation.id in ("sigmoid", "softmax"):
            _check(operation, "axis")
            if activation or kwargs.get("axis", CHANNEL) != CHANNEL:
                raise ModelError(f"{place} must be the only one, over the channels; {REMEDY}")
            activation = operation.id
        elif operation.id == "binarize":
            threshold = _threshold(operation)
        elif operation.id == "ensure_dtype":
            _check_dtype(operation, activation is not None and threshold is None)
        elif operation.id != "scale_linear" or not _is_identity(operation):
            raise ModelError(
                f"{place} is not done here; known are sigmoid, softmax, binarize; {REMEDY}"
            )
    if activation and threshold is None and not tensor.is_float:
        _refuse_truncation(f"output {tensor.name}, {tensor.data_type},")
    return Ending(activation, threshold)


def _is_of_any_scale(tensor: Tensor) -> bool:
    known = [step.id for step in tensor.operations if step.id != "ensure_dtype"]
    if not known or known[0] not in OF_ANY_SCALE:
        return False
    first = next(step for step in tensor.operations if step.id == known[0])
    return first.kwargs.get("mode") != "fixed" and "mean" not in first.kwargs


def _implied(tensor: Tensor) -> Iterator[Operation]:
    """Format 0.5 ends with the type of the input, unless another end is described."""
    ids = [operation.id for operation in tensor.operations]
    if not tensor.is_float and not tensor.is_old and ids and ids[-1] != "ensure_dtype":
        kwargs = {"dtype": tensor.data_type}
        yield Operation("ensure_dtype", kwargs, f"the type of input {tensor.name}")


def _linear(gain: Any, offset: Any) -> Entry:
    return {"id": "scale_linear", "kwargs": {"gain": gain, "offset": offset}}


def _scale_linear(step: Operation, tensor: Tensor, _: list[str]) -> Iterator[Entry]:
    _check(step, "gain", "offset", "axis", "axes")
    gain, offset = step.kwargs.get("gain", 1.0), step.kwargs.get("offset", 0.0)
    _check_numbers(step, tensor, gain=gain, offset=offset)
    yield _linear(gain, offset)


def _fixed(step: Operation, tensor: Tensor, _: list[str]) -> Iterator[Entry]:
    _check(step, "mean", "std", "axis", "axes", "eps", "mode")
    mean: Any = step.kwargs.get("mean")
    std: Any = step.kwargs.get("std")
    _check_numbers(step, tensor, mean=mean, std=std)
    if min(std if isinstance(std, list) else [std]) <= 0:
        raise ModelError(f"{step.place}: std is {shown(std)}; it is above 0")
    if "mode" in step.kwargs or tensor.is_old:
        eps = _number(step, "eps", EPS)
        std = [one + eps for one in std] if isinstance(std, list) else std + eps
    kwargs = {"mean": mean, "std": std}
    yield {"id": "fixed_zero_mean_unit_variance", "kwargs": kwargs}


def _zero_mean(step: Operation, tensor: Tensor, notes: list[str]) -> Iterator[Entry]:
    if tensor.is_old and step.kwargs.get("mode", "fixed") == "fixed":
        yield from _fixed(step, tensor, notes)
        return
    _check(step, "axes", "eps", "mode")
    kwargs = {"axes": _axes(step, tensor, notes), "eps": _number(step, "eps", EPS)}
    yield {"id": "zero_mean_unit_variance", "kwargs": kwargs}


def _scale_range(step: Operation, tensor: Tensor, notes: list[str]) -> Iterator[Entry]:
    _check(step, "axes", "eps", "mode", "min_percentile", "max_percentile", "reference_tensor")
    reference = step.kwargs.get("reference_tensor")
    if reference not in (None, tensor.name) or (reference and step is not tensor.operations[0]):
        raise ModelError(
            f"{step.place}: percentiles of {shown(reference)} are not known here; {REMEDY}"
        )
    percentiles = {
        "min_percentile": _number(step, "min_percentile", 0.0),
        "max_percentile": _number(step, "max_percentile", 100.0),
    }
    low, high = percentiles.values()
    if not 0 <= low < high <= 100:
        raise ModelError(
            f"{step.place}: percentiles are {low} and {high}; they rise, from 0 to 100"
        )
    kwargs = percentiles | {"axes": _axes(step, tensor, notes), "eps": _number(step, "eps", EPS)}
    yield {"id": "scale_range", "kwargs": kwargs}


def _clip(step: Operation, *_: Any) -> Iterator[Entry]:
    limits = {key: value for key, value in step.kwargs.items() if value is not None}
    if set(limits) - {"min", "max"} or not limits:
        raise ModelError(
            f"{step.place} has {', '.join(limits) or 'nothing'}; limits are min and max here, not "
            f"percentiles; {REMEDY}"
        )
    yield {"id": "clip", "kwargs": {key: _number(step, key, 0.0) for key in limits}}


def _ensure_dtype(step: Operation, *_: Any) -> Iterator[Entry]:
    _check_dtype(step, False)
    if not step.kwargs["dtype"].startswith("float"):
        yield {"id": "ensure_dtype", "kwargs": {"dtype": step.kwargs["dtype"]}}


BEFORE: Mapping[str, Callable[[Operation, Tensor, list[str]], Iterator[Entry]]] = {
    "scale_linear": _scale_linear,
    "fixed_zero_mean_unit_variance": _fixed,
    "zero_mean_unit_variance": _zero_mean,
    "scale_range": _scale_range,
    "clip": _clip,
    "ensure_dtype": _ensure_dtype,
}


def _axes(step: Operation, tensor: Tensor, notes: list[str]) -> str:
    """The axes that are taken together: "xyc" or "xy"."""
    axes = step.kwargs.get("axes")
    mode = step.kwargs.get("mode", "per_sample")
    if mode not in ("per_sample", "per_dataset"):
        raise ModelError(f"{step.place}: mode is {shown(mode)}; known are per_sample, per_dataset")
    if mode == "per_dataset" or BATCH in (axes or ""):
        notes.append(f"{step.place} is of a whole dataset, and done for each image by itself")
    axes = tensor.axes if axes is None else axes
    if not set(IMAGE) <= set(axes):
        raise ModelError(f"{step.place} is over {axes!r}, not over images; {REMEDY}")
    return "xyc" if CHANNEL in axes or CHANNEL not in tensor.axes else "xy"


def _check(step: Operation, *known: str) -> None:
    """Refuse arguments that would be passed over."""
    for key in step.kwargs:
        if key not in known:
            raise ModelError(f"{step.place} has {shown(key)}; known are {', '.join(known)}")


def _check_numbers(step: Operation, tensor: Tensor, **values: Any) -> None:
    """Numbers, or one for each channel."""
    lists = [value for value in values.values() if isinstance(value, list)]
    for name, value in values.items():
        if not is_number(value) and not (isinstance(value, list) and value and numbers(value)):
            raise ModelError(f"{step.place}: {name} is {shown(value)}; it is a number, or several")
    axes = step.kwargs.get("axes")
    along = step.kwargs.get("axis", CHANNEL if axes is None or CHANNEL not in axes else "")
    several = any(len(value) > 1 for value in lists)
    if several and (along != CHANNEL or CHANNEL not in tensor.axes):
        raise ModelError(f"{step.place} has a number for each of another axis; {REMEDY}")


def _number(step: Operation, key: str, default: float) -> float:
    value: Any = step.kwargs.get(key, default)
    value = default if value is None else value
    if not is_number(value):
        raise ModelError(f"{step.place}: {key} is {shown(value)}, and no number")
    return float(value)


def _threshold(step: Operation) -> float:
    _check(step, "threshold", "axis")
    value: Any = step.kwargs.get("threshold")
    several = numbers(value)
    if several and len(set(several)) == 1:
        value = several[0]
    if not is_number(value) or not 0 <= value <= 1:
        raise ModelError(
            f"{step.place}: the threshold is {shown(value)}; it is one of probabilities, 0–1, for "
            f'all classes here; {REMEDY}: "threshold" and "postprocessing"'
        )
    return float(value)


def _check_dtype(step: Operation, of_probabilities: bool) -> None:
    _check(step, "dtype")
    dtype = step.kwargs.get("dtype")
    known = ("float", "int", "uint", "bool")
    if not isinstance(dtype, str) or dtype.rstrip("0123456789") not in known:
        raise ModelError(f"{step.place}: dtype is {shown(dtype)}; it is as float32")
    if of_probabilities and not dtype.startswith("float"):
        _refuse_truncation(step.place)


def _refuse_truncation(place: str) -> None:
    raise ModelError(f"{place} makes whole numbers of probabilities, 0 of nearly all; {REMEDY}")


def _is_identity(step: Operation) -> bool:
    flat = [step.kwargs.get("gain", 1.0), step.kwargs.get("offset", 0.0)]
    gains, offsets = (value if isinstance(value, list) else [value] for value in flat)
    return _all_are(gains, 1) and _all_are(offsets, 0)


def _all_are(values: Sequence[Any], number: float) -> bool:
    return all(is_number(value) and value == number for value in values)
