"""How a model takes images and gives probabilities, found by its shapes.

What it gives for an image of one size tells how its output lies: no two of the lengths are equal
by chance.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from ...errors import ModelError
from ...spec_entries import Ports
from ..form import LAST_OF_SEVERAL, MOST_LIKELY, OURS, PIXELS, Form
from .ports import Port

RULE = (
    "a model takes images (N, H, W, C), (N, C, H, W) or (H, W, C), and one of its outputs has "
    "probabilities for each pixel"
)
MAX_CHANNELS = 16  # an axis this short, where three have a known length, is one of channels
FACTORS = range(1, 33)
# what outputs are called that hold no mask: those of training alone, as torchvision's, and others
BESIDE = ("aux", "uncertainty", "var", "depth", "embedding", "feature", "confidence", "attention")
STRIDE = 64  # of the sizes that are tried; the largest that networks in use have
OTHER_SIZES = range(0, STRIDE, 2)  # pixels more than that, for networks that lose their border
SIDES = (6 * STRIDE, 12 * STRIDE)
# multiples of 256 and of 5; of 128 and of 7, as patches of 14 pixels want; of 9, 11 and 13
LARGER_SIDES = ((3840, 7680), (2688, 5376), (2574, 5148))

Shape = tuple[int | None, ...]


# from the shape of the input to those of all outputs; None where the model does not take it
Trial = Callable[[tuple[int, ...]], list[tuple[int, ...]] | None]
Bounded = Callable[[int], bool]


def image_input(inputs: Sequence[Port], ports: Ports, name: str) -> Port:
    """The input that takes an image.

    Raises:
        ModelError: there are several, or none of that name.
    """
    if not inputs:
        raise ModelError(f"{name} has unknown inputs and outputs; {RULE}")
    if len(inputs) > 1:
        raise ModelError(
            f"{name} takes {_listed(inputs)}; a model has one input, the image; {RULE}; bring "
            "another in code/inference.py"
        )
    [port] = inputs
    if ports.input is not None and ports.input != port.name:
        raise ModelError(
            f"model.json: input is called {ports.input!r}, and {name} takes {_listed(inputs)}"
        )
    return port


def find(
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    trial: Trial,
    ports: Ports,
    name: str,
    bounded: Bounded = lambda output: False,
) -> tuple[Form, list[str]]:
    """The form of a model, and what was assumed of it, for the log.

    Args:
        trial: what it gives for images of a size.
        ports: what the spec says of it.
        name: of the artifact.
        bounded: whether an output is known to give probabilities.

    Raises:
        ModelError: it takes no images, or gives nothing for each of their pixels.
    """
    port = image_input(inputs, ports, name)
    taken = ports.axes or _axes_taken(port.shape)
    if not taken or (port.shape and len(taken) != len(port.shape)):
        said = f"; model.json says {ports.axes}" if ports.axes else ""
        raise ModelError(
            f"{name} takes {_listed(inputs)}{said}; {RULE}; bring another in code/inference.py, "
            'or say which axes it has: "input": {"axes": "bcyx"} in model.json'
        )
    _check_channels(taken, port, name)
    wanted = _wanted(outputs, ports, name)
    found = list(_forms(taken, port.shape, trial, wanted))
    if not found:
        raise ModelError(
            f"{name} takes {_listed(inputs)} and gives {_listed(outputs)}: no image of a size that "
            "was tried gives an output of its height and width, of a half to a 32nd of it, or of a "
            f"border less; {RULE}; if it works for the size that it was exported with alone, "
            "export it for that size, or bring another in code/inference.py"
        )
    preference = partial(_preference, outputs, bounded)
    *others, form = sorted(found, key=preference)
    form = replace(form, outputs=len(outputs))
    if len(found) > 1 and (form.factor > 1 or form.border):
        raise ModelError(
            f"{name} gives {_listed(outputs)}, of which several may be it, and none has the "
            'image\'s size; name one in model.json: "output": "…", or its index from 0'
        )
    why = "the only one that has values for each pixel"
    if others:
        alike = any(preference(one)[:-1] == preference(form)[:-1] for one in others)
        why = LAST_OF_SEVERAL if alike else MOST_LIKELY
    return form, list(_assumed(form, outputs, ports, why))


def _preference(outputs: Sequence[Port], bounded: Bounded, form: Form) -> tuple:
    whole, name = form.factor == 1 and not form.border, outputs[form.output].name.lower()
    is_main = not any(word.startswith(BESIDE) for word in re.split("[^a-z]+", name))
    return whole, -form.factor, is_main, bounded(form.output), form.output


def _assumed(form: Form, outputs: Sequence[Port], ports: Ports, why: str) -> Iterator[str]:
    if len(outputs) > 1 and ports.output is None:
        yield (
            f"it gives {_listed(outputs)}, of which {outputs[form.output].name} is taken, {why}; "
            '"output" in model.json names another'
        )
    if form.factor > 1:
        yield (
            f"it gives images of 1/{form.factor} of the size, which are enlarged, bilinearly, "
            "before the mask is made"
        )
    if form.border:
        yield (
            f"it gives images that lack a border; {form.border} pixels around the image are "
            "mirrored for it"
        )


def _wanted(outputs: Sequence[Port], ports: Ports, name: str) -> list[int]:
    """The indices of the outputs that may be taken."""
    if ports.output is None:
        return list(range(len(outputs)))
    if isinstance(ports.output, int):
        if ports.output < len(outputs):
            return [ports.output]
    else:
        for index, port in enumerate(outputs):
            if port.name == ports.output:
                return [index]
    raise ModelError(
        f"model.json: output is {ports.output!r}, and {name} gives {_listed(outputs)}; name one of "
        "these, or its index from 0"
    )


def _axes_taken(shape: Shape) -> str:
    """The axes of an input, "" where its shape does not tell.

    Networks of PyTorch have their channels first: they are told by a second axis of known length
    that is shorter than the last one, or is known where the last one is not.
    """
    if len(shape) == 4:
        return "bcyx" if _is_first(shape[1], shape[3]) else OURS
    if len(shape) == 3:
        if shape[2] is not None and shape[2] <= MAX_CHANNELS:
            return "yxc"
        if shape[0] is not None and shape[0] <= MAX_CHANNELS:
            return "cyx"
        return "byx"
    return "yx" if len(shape) == 2 else ""


def _is_first(second: int | None, last: int | None) -> bool:
    if second is None:
        return False
    return last is None or second < last


def _check_channels(taken: str, port: Port, name: str) -> None:
    if port.shape and "c" in taken and port.shape[taken.index("c")] is None:
        raise ModelError(
            f"{name} takes {_listed([port])}: the number of channels, {taken.index('c')} of its "
            f"axes, must be fixed; {RULE}; export it with that number"
        )


def _listed(ports: Sequence[Port]) -> str:
    return ", ".join(f"{port.name} {_shown(port.shape)}" for port in ports) or "nothing"


def _shown(shape: Shape) -> str:
    return f"({', '.join('?' if length is None else str(length) for length in shape)})"


def _forms(taken: str, shape: Shape, trial: Trial, wanted: Sequence[int]) -> Iterator[Form]:
    """The form of each output that has one, by the first sizes that the model takes."""
    lengths = dict(zip(taken, shape or (None,) * len(taken), strict=True))
    fixed = (lengths["y"], lengths["x"])
    count = lengths.get("b") or 1

    def results(sides: tuple[int, int]) -> list[tuple[int, ...]] | None:
        known = {"b": lengths.get("b"), "c": lengths.get("c")} | dict(zip("yx", sides, strict=True))
        return trial(tuple(known[axis] or 1 for axis in taken))

    least: dict[int, tuple[int, Form, int]] = {}  # of each output: what it loses, and where
    for more, sides in _sizes(fixed):
        given = results(sides) or []
        for index in wanted if given else ():
            form, less = _form_of(given[index], taken, sides, count)
            if form and (index not in least or less < least[index][0]):
                least[index] = less, replace(form, output=index), more
        if any(less == 0 for less, _, _ in least.values()):
            break
    for less, form, more in least.values():
        if not less:
            yield form
        elif fixed != (None, None):
            yield replace(form, border=less // 2)
        else:
            yield _with_border(form, less, more, count, results)


def _sizes(fixed: tuple[int | None, int | None]) -> Iterator[tuple[int, tuple[int, int]]]:
    """Heights and widths to try, and by how much they are more than a multiple of STRIDE."""
    height, width = fixed
    if height and width:
        yield 0, (height, width)
        return
    for more in OTHER_SIZES:
        for rows, columns in (SIDES, *LARGER_SIDES) if not more else (SIDES,):
            yield more, (height or rows + more, width or columns + more)


def _with_border(
    form: Form,
    less: int,
    more: int,
    count: int,
    results: Callable[[tuple[int, int]], list[tuple[int, ...]] | None],
) -> Form:
    """A network that loses pixels is given as many more, in sizes that it takes.

    Args:
        less: by how much its output is shorter.
        more: by how much the sizes that it took are more than SIDES.
        count: of images that it was given.
        results: the shapes that it gives for images of these sides.
    """
    stride = STRIDE
    for smaller in (1, 2, 4, 8, 16, 32):
        sides = (SIDES[0] + more + smaller, SIDES[1] + more + smaller)
        given = results(sides)
        if given and _form_of(given[form.output], form.taken, sides, count)[1] == less:
            stride = smaller
            break
    total = less + (more - less) % stride
    return replace(form, border=total // 2, cropped=(total - less) // 2)


def _form_of(
    result: tuple[int, ...], taken: str, sides: tuple[int, int], count: int
) -> tuple[Form | None, int]:
    """How an output lies, and by how many pixels its sides are shorter.

    Args:
        result: its shape for so many images of these sides.
    """
    height, width = sides
    layouts = sorted(
        _layouts(result, "b" if "b" in taken else "", count),
        key=lambda layout: layout[0] != taken,  # of two that fit, that of the input
    )
    for axes, lengths in layouts:
        if PIXELS in axes:
            if lengths[PIXELS] == height * width:
                return Form(taken=taken, given=axes), 0
            continue
        for factor in FACTORS:
            if (lengths["y"] * factor, lengths["x"] * factor) == sides:
                return Form(taken=taken, given=axes, factor=factor), 0
    for axes, lengths in layouts:
        if PIXELS not in axes:
            less = height - lengths["y"]
            # a border of more than a quarter on each side is none: the image was made smaller
            if less == width - lengths["x"] and less % 2 == 0 and 0 < less < height / 2:
                return Form(taken=taken, given=axes), less
    return None, 0


def _layouts(
    result: tuple[int, ...], batch: str, count: int
) -> Iterator[tuple[str, dict[str, int]]]:
    """The axes that an output may have, and their lengths; of one image it may have no batch."""
    for first in (batch, "") if batch and count == 1 else (batch,):
        for axes in ("yxc", "cyx", "yx", "pc", "cp", "p"):
            if len(first + axes) == len(result):
                lengths = dict(zip(first + axes, result, strict=True))
                if lengths.get("b", count) == count:
                    yield first + axes, lengths
