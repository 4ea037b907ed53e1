"""The descriptions of bioimage.io packages: what is read of them, and what is refused."""

import copy
import hashlib
import json
import stat
import zipfile

import numpy as np
import pytest
import yaml

from segmentation import artifacts
from segmentation.bioimageio import bundle, document, package
from segmentation.errors import ModelError
from segmentation.preprocessing import (
    Clip,
    EnsureDtype,
    FixedZeroMeanUnitVariance,
    Preprocessing,
    ScaleLinear,
    ScaleRange,
    ZeroMeanUnitVariance,
)
from segmentation.spec import ModelSpec
from segmentation.spec_entries import Ports, Sizes

OLD = {
    "format_version": "0.4.10",
    "type": "model",
    "name": "cells",
    "inputs": [
        {
            "name": "raw",
            "axes": "bcyx",
            "data_type": "uint8",
            "shape": {"min": [1, 1, 32, 32], "step": [0, 0, 16, 16]},
            "preprocessing": [
                {"name": "scale_range", "kwargs": {"mode": "per_sample", "axes": "xy"}},
            ],
        }
    ],
    "outputs": [
        {
            "name": "mask",
            "axes": "bcyx",
            "data_type": "float32",
            "shape": {
                "reference_tensor": "raw",
                "scale": [1, 1, 1, 1],
                "offset": [0, 0, 0, 0],
            },
            "halo": [0, 0, 8, 8],
            "postprocessing": [{"name": "sigmoid"}],
        }
    ],
    "weights": {"onnx": {"source": "weights.onnx"}},
}
SIDE = {"size": {"min": 32, "step": 16}}
NEW = {
    "format_version": "0.5.4",
    "type": "model",
    "name": "cells",
    "inputs": [
        {
            "id": "raw",
            "axes": [
                {"type": "batch"},
                {"type": "space", "id": "y", **SIDE},
                {"type": "space", "id": "x", **SIDE},
                {"type": "channel", "channel_names": ["dapi"]},
            ],
            "data": {"type": "uint8"},
            "preprocessing": [
                {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}},
                {"id": "zero_mean_unit_variance", "kwargs": {"axes": ["y", "x"], "eps": 1e-5}},
                {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}},
            ],
        }
    ],
    "outputs": [
        {
            "id": "mask",
            "axes": [
                {"type": "batch"},
                {"type": "space", "id": "y", "size": {"tensor_id": "raw", "axis_id": "y"}},
                {"type": "space", "id": "x", "size": {"tensor_id": "raw", "axis_id": "x"}},
                {"type": "channel", "channel_names": ["nucleus"]},
            ],
            "data": {"type": "float32"},
        }
    ],
    "weights": {"keras_hdf5": {"source": "weights.h5", "tensorflow_version": "2.15"}},
}


@pytest.fixture(autouse=True)
def _said_again():
    package._warn_once.cache_clear()


@pytest.fixture
def write(tmp_path):
    """Write a description with changes, {"inputs.0.name": "x"}, and return its folder."""

    def change(base=OLD, changes=None, name="rdf.yaml"):
        entries = copy.deepcopy(base)
        for place, value in (changes or {}).items():
            *keys, last = [int(key) if key.isdigit() else key for key in place.split(".")]
            target = entries
            for key in keys:
                target = target[key]
            target[last] = value
        (tmp_path / name).write_text(yaml.safe_dump(entries))
        return tmp_path

    return change


def steps(directory):
    return ModelSpec.read(directory).preprocessing.steps


def before(*entries):
    return {"inputs.0.preprocessing": [*entries]}


def after(*entries):
    return {"outputs.0.postprocessing": [*entries]}


# --- what is read


def test_format_0_4(write):
    spec = ModelSpec.read(write())
    white = ScaleLinear(gain=255.0, offset=0.0)
    assert spec == ModelSpec(
        preprocessing=Preprocessing((white, ScaleRange(0.0, 100.0, "xy", 1e-6))),
        postprocessing=("sigmoid",),
        ports=Ports(axes="bcyx", output=0),
        sizes=Sizes(32, 16, 8),
    )


@pytest.mark.parametrize("name", ["rdf.yaml", "bioimageio.yaml"])
def test_format_0_5(write, name):
    spec = ModelSpec.read(write(NEW, name=name))
    white = ScaleLinear(gain=255.0, offset=0.0)
    assert spec == ModelSpec(
        class_names=("background", "nucleus"),
        preprocessing=Preprocessing((white, ZeroMeanUnitVariance("xy", 1e-5))),
        postprocessing=(),
        ports=Ports(axes="byxc", output=0),
        sizes=Sizes(32, 16),
    )


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ({"inputs.0.shape": [1, 1, 64, 64]}, Sizes(64, 0, 8)),
        ({"inputs.0.shape": [1, 1, 64, 96]}, Sizes(0, None, 8)),
        ({"inputs.0.shape": {"min": [1, 1, 36, 52], "step": [0, 0, 8, 12]}}, Sizes(52, 24, 8)),
        ({"outputs.0.halo": [0, 0, 4, 24]}, Sizes(32, 16, 24)),
    ],
)
def test_sizes_of_format_0_4(write, changes, sizes):
    assert ModelSpec.read(write(OLD, changes)).sizes == sizes


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ({"inputs.0.axes.1.size": 128, "inputs.0.axes.2.size": 128}, Sizes(128, 0)),
        ({"outputs.0.axes.1.halo": 12}, Sizes(32, 16, 12)),
    ],
)
def test_sizes_of_format_0_5(write, changes, sizes):
    assert ModelSpec.read(write(NEW, changes)).sizes == sizes


def test_without_a_description_nothing_changes(tmp_path):
    assert package.read(tmp_path) is None
    assert ModelSpec.read(tmp_path) == ModelSpec()


@pytest.mark.parametrize(
    ("shape", "channels"),
    [
        ([1, 3, 32, 32], 3),
        ({"min": [1, 2, 32, 32], "step": [0, 0, 16, 16]}, 2),
        ({"reference_tensor": "raw", "scale": [1, 1, 1, 1], "offset": [0, 0, 0, 0]}, 1),
        ({"reference_tensor": "raw", "scale": [1, None, 1, 1], "offset": [0, 2, 0, 0]}, 4),
        ({"reference_tensor": "raw", "scale": [1], "offset": [0]}, 1),
    ],
)
def test_channels_of_0_4(write, shape, channels):
    _, given = package.read(write(OLD, {"outputs.0.shape": shape}))._output(None)
    assert given.channels == channels


def test_model_json_replaces_entries(write):
    directory = write()
    (directory / "model.json").write_text('{"threshold": 0.3, "postprocessing": []}')
    spec = ModelSpec.read(directory)
    assert (spec.threshold, spec.postprocessing) == (0.3, ())
    assert spec.ports.axes == "bcyx"
    assert spec.preprocessing.steps


@pytest.mark.parametrize(
    ("changes", "said", "expected"),
    [
        (
            {"inputs.0.preprocessing": [{"name": "sigmoid"}]},
            {"preprocessing": []},
            {"preprocessing": Preprocessing(())},
        ),
        (
            {"outputs.0.postprocessing": [{"name": "scale_mean_variance"}]},
            {"postprocessing": [{"id": "softmax"}]},
            {"postprocessing": ("softmax",)},
        ),
        (
            {"inputs.0.axes": "bcxy"},
            {"input": {"axes": "bcyx"}},
            {"ports": Ports(axes="bcyx", output=0)},
        ),
    ],
)
def test_model_json_says_what_to_do_instead(write, changes, said, expected):
    directory = write(OLD, changes)
    with pytest.raises(ModelError, match=r"model\.json"):
        ModelSpec.read(directory)
    (directory / "model.json").write_text(json.dumps(said))
    spec = ModelSpec.read(directory)
    assert {key: getattr(spec, key) for key in expected} == expected


# --- numbers


@pytest.mark.parametrize(("kind", "white"), [("uint8", 255.0), ("uint16", 65535.0)])
def test_stored_values_come_first(write, kind, white):
    gain = {"name": "scale_linear", "kwargs": {"gain": 0.5, "offset": -1.0}}
    found = steps(write(OLD, {"inputs.0.data_type": kind, **before(gain)}))
    assert found == (ScaleLinear(white, 0.0), ScaleLinear(0.5, -1.0))


def with_test(write, array, **changes):
    """A package of a float32 input, with that test tensor."""
    directory = write(
        OLD,
        {
            "inputs.0.data_type": "float32",
            "test_inputs": ["in.npy"],
            **before({"name": "clip", "kwargs": {"min": 0, "max": 9}}),
            **{f"inputs.0.{key}": value for key, value in changes.items()},
        },
    )
    np.save(directory / "in.npy", array)
    return directory


@pytest.mark.parametrize(
    ("array", "declared", "white", "warns"),
    [
        (np.full((1, 1, 2, 2), 0.5, "f4"), None, 1.0, True),
        (np.full((1, 1, 2, 2), 200, "f4"), None, 255.0, True),
        (np.full((1, 1, 2, 2), 4000, "f4"), None, 65535.0, True),
        (np.full((1, 1, 2, 2), -3, "f4"), None, 1.0, True),
        (np.full((1, 1, 2, 2), 200, "u1"), None, 255.0, False),
        (np.full((1, 1, 2, 2), 200, "u2"), [0, 1], 65535.0, False),
        (np.full((1, 1, 2, 2), 200, "f4"), [0, 255], 255.0, False),
        (np.full((1, 1, 2, 2), 200, "f4"), [0, 4095], 4095.0, False),
        (np.full((1, 1, 2, 2), 200, "f4"), [0, 1], 255.0, True),  # of what follows the steps
        (np.full((1, 1, 2, 2), 200, "f4"), [float("-inf"), float("inf")], 255.0, True),
    ],
)
def test_floats_are_told_by_range_and_test(write, caplog, array, declared, white, warns):
    first, *_ = steps(with_test(write, array, **({"data_range": declared} if declared else {})))
    assert first == (Clip(0, 9) if white == 1 else ScaleLinear(white, 0.0))
    assert ("is taken to be stored as" in caplog.text) is warns


def test_a_declared_range_may_start_anywhere(write):
    array = np.zeros((1, 1, 2, 2), "f4")
    first, *_ = steps(with_test(write, array, data_range=[-1, 1]))
    assert first == ScaleLinear(2.0, -1.0)


def test_steps_of_any_scale_need_no_range(write, caplog):
    step = {"name": "zero_mean_unit_variance", "kwargs": {"mode": "per_sample", "axes": "cyx"}}
    found = steps(write(OLD, {"inputs.0.data_type": "float32", **before(step)}))
    assert found == (ZeroMeanUnitVariance("xyc", 1e-6),)
    assert not caplog.text


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({"mode": "fixed", "axes": "yx", "mean": 3, "std": 2, "eps": 0.1}, (3, 2.1)),
        ({"axes": "yx", "mean": [3], "std": [2], "eps": 0.1}, ([3], [2.1])),
    ],
)
def test_fixed_numbers_of_0_4(write, kwargs, expected):
    found = steps(write(OLD, before({"name": "zero_mean_unit_variance", "kwargs": kwargs})))
    assert found[1:] == (FixedZeroMeanUnitVariance(*expected),)


def test_a_number_for_each_channel(write):
    kwargs = {"mean": [1.0, 2.0], "std": [3.0, 4.0], "axis": "channel"}
    step = {"id": "fixed_zero_mean_unit_variance", "kwargs": kwargs}
    found = steps(write(NEW, {"inputs.0.data": {"type": "float32"}, **before(step)}))
    assert found == (FixedZeroMeanUnitVariance([1.0, 2.0], [3.0, 4.0]),)


def test_a_whole_dataset_is_said_to_be_one_image(write, caplog):
    step = {"id": "zero_mean_unit_variance", "kwargs": {"axes": ["batch", "x", "y"]}}
    assert steps(write(NEW, before(step)))[1] == ZeroMeanUnitVariance("xy")
    assert "of a whole dataset, and done for each image by itself" in caplog.text


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [(["uint8"], ()), (["float32"], ()), (["float32", "clip", "uint8"], (EnsureDtype("uint8"),))],
)
def test_types(write, kinds, expected):
    """Whole numbers stay what they are; what is made of them may be cut off."""
    clip = {"id": "clip", "kwargs": {"min": 0.0, "max": 9.5}}
    given = [
        clip if kind == "clip" else {"id": "ensure_dtype", "kwargs": {"dtype": kind}}
        for kind in kinds
    ]
    assert steps(write(NEW, before(*given)))[1 + ("clip" in kinds) :] == expected


def test_format_0_5_ends_with_the_type_of_the_input(write):
    found = steps(write(NEW, before({"id": "clip", "kwargs": {"max": 9.5}})))
    assert found == (ScaleLinear(255.0, 0.0), Clip(max=9.5), EnsureDtype("uint8"))


def test_cutting_off():
    whole = Preprocessing((ScaleLinear(10.0), EnsureDtype("uint8")))
    values = whole.of_intensities(np.array([[[[0.16], [-1], [99]]]], np.float32))
    assert values.ravel().tolist() == [1, 0, 255]


# --- ends


def test_a_threshold(write):
    binarize = {"name": "binarize", "kwargs": {"threshold": 0.3}}
    spec = ModelSpec.read(write(OLD, after({"name": "sigmoid"}, binarize)))
    assert (spec.threshold, spec.postprocessing, spec.multilabel) == (0.3, ("sigmoid",), None)


def test_several_channels_that_are_judged_by_themselves_overlap(write):
    axes = [
        *NEW["outputs"][0]["axes"][:3],
        {"type": "channel", "channel_names": ["nucleus", "border"]},
    ]
    spec = ModelSpec.read(write(NEW, {"outputs.0.axes": axes, **after({"id": "sigmoid"})}))
    assert (spec.multilabel, spec.class_names) == (True, ("background", "nucleus", "border"))
    spec = ModelSpec.read(write(NEW, {"outputs.0.axes": axes, **after({"id": "softmax"})}))
    assert (spec.multilabel, spec.postprocessing) == (None, ("softmax",))
    assert spec.class_names == ("nucleus", "border")
    spec = ModelSpec.read(write(NEW, {"outputs.0.axes": axes}))
    assert (spec.multilabel, spec.class_names) == (None, ())


def test_several_channels_of_0_4(write):
    shape = {"reference_tensor": "raw", "scale": [1, None, 1, 1], "offset": [0, 1.5, 0, 0]}
    assert ModelSpec.read(write(OLD, {"outputs.0.shape": shape})).multilabel is True


def test_what_changes_nothing_is_passed_over(write):
    same = {"id": "scale_linear", "kwargs": {"gain": 1.0, "offset": 0.0}}
    floats = {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}}
    spec = ModelSpec.read(write(NEW, after({"id": "sigmoid"}, same, floats)))
    assert spec.postprocessing == ("sigmoid",)


TWO = [{"name": "scores", "axes": "bc", "data_type": "float32", "shape": [1, 2]}, *OLD["outputs"]]


@pytest.mark.parametrize(("kind", "port"), [("onnx", 1), ("tensorflow_saved_model_bundle", "mask")])
def test_the_output_that_is_an_image(write, caplog, kind, port):
    weights = {kind: {"source": "weights.onnx"}}
    spec = ModelSpec.read(write(OLD, {"outputs": TWO, "weights": weights}))
    assert spec.ports.output == port
    assert "outputs are scores (bc), mask (bcyx); mask is taken" in caplog.text


BOTH = {
    "onnx": {"source": "weights.onnx"},
    "tensorflow_saved_model_bundle": {"source": "weights.zip"},
}


def test_the_output_must_be_said_where_weights_know_it_differently(write):
    """`model_filename` may name either of them."""
    directory = write(OLD, {"outputs": TWO, "weights": BOTH})
    with pytest.raises(ModelError, match=r'^rdf\.yaml: .*"output": "mask", or 1, in model\.json'):
        ModelSpec.read(directory)
    (directory / "model.json").write_text('{"output": "mask"}')
    assert ModelSpec.read(directory).ports.output == "mask"


def test_the_only_output_is_taken_of_any_weights(write):
    assert ModelSpec.read(write(OLD, {"weights": BOTH})).ports.output is None


def test_model_json_names_another_output(write):
    directory = write(OLD, {"outputs": [{**OLD["outputs"][0], "name": "other"}, *TWO[1:]]})
    (directory / "model.json").write_text('{"output": "mask"}')
    assert ModelSpec.read(directory).ports.output == "mask"
    (directory / "model.json").write_text('{"output": "nothing"}')
    with pytest.raises(ModelError, match="takes 'nothing'"):
        ModelSpec.read(directory)


# --- what is refused


@pytest.mark.parametrize(
    ("base", "changes", "message"),
    [
        (OLD, {"format_version": "0.3.6"}, "is of format_version '0.3.6'.*update-format"),
        (OLD, {"format_version": 0.4}, "is of format_version 0.4"),
        (OLD, {"type": "dataset"}, "describes 'dataset', and no model"),
        (OLD, {"inputs": []}, r"inputs is \[\]"),
        (OLD, {"inputs": ["raw"]}, r"inputs\[0\] is 'raw'"),
        (OLD, {"inputs": [*OLD["inputs"] * 2]}, "inputs are raw, raw; a model takes one image"),
        (OLD, {"inputs.0.axes": "bczyx", "inputs.0.shape": [1] * 5}, "two dimensions: bcyx"),
        (OLD, {"inputs.0.axes": "bcxy"}, 'say so: "input": {"axes": "bcyx"} in model.json'),
        (OLD, {"inputs.0.axes": ["b"]}, 'format 0.4 writes them as "bcyx"'),
        (OLD, {"inputs.0.shape": [1, 2]}, "a length for each of 'bcyx'"),
        (OLD, {"outputs.0.axes": "bi", "outputs.0.halo": None}, r"outputs are mask \(bi\)"),
        (NEW, {"inputs.0.axes": "byxc"}, "format 0.5 has a list of mappings"),
        (NEW, {"inputs.0.axes": [{"type": "depth"}]}, "has the type 'depth'"),
        (OLD, before({"name": "sigmoid"}), r"preprocessing\[0\] \(sigmoid\) is not done here"),
        (OLD, before({"name": "binarize", "kwargs": {"threshold": 1}}), "binarize.*model.json"),
        (OLD, before({"id": "clip"}), "it has 'name', and kwargs"),
        (OLD, before({"name": "clip", "kwargs": {"min": 0, "top": 1}}), "has min, top"),
        (NEW, before({"id": "clip", "kwargs": {"max_percentile": 99}}), "not percentiles"),
        (OLD, before({"name": "scale_linear", "kwargs": {"gain": "2"}}), "gain is '2'"),
        (OLD, before({"name": "scale_linear", "kwargs": {"gian": 2}}), "has 'gian'; known are"),
        (
            OLD,
            before({"name": "scale_linear", "kwargs": {"gain": [1, 2], "axes": "cx"}}),
            "for each of another axis",
        ),
        (
            OLD,
            before(
                {
                    "name": "scale_range",
                    "kwargs": {"mode": "per_sample", "axes": "xy", "reference_tensor": "other"},
                }
            ),
            "percentiles of 'other' are not known",
        ),
        (
            OLD,
            before({"name": "scale_range", "kwargs": {"axes": "c", "mode": "per_sample"}}),
            "not over images",
        ),
        (
            NEW,
            before({"id": "scale_range", "kwargs": {"min_percentile": 60, "max_percentile": 5}}),
            "they rise",
        ),
        (
            NEW,
            before({"id": "fixed_zero_mean_unit_variance", "kwargs": {"mean": 1, "std": 0}}),
            "std is 0; it is above 0",
        ),
        (NEW, before({"id": "ensure_dtype", "kwargs": {"dtype": "complex64"}}), "dtype is"),
        (OLD, after({"name": "scale_mean_variance"}), "scale_mean_variance.*is not done here"),
        (OLD, after({"name": "scale_linear", "kwargs": {"gain": 2}}), "is not done here"),
        (OLD, after({"name": "sigmoid"}, {"name": "sigmoid"}), "must be the only one"),
        (NEW, after({"id": "softmax", "kwargs": {"axis": "x"}}), "over the channels"),
        (OLD, after({"name": "binarize", "kwargs": {"threshold": 3}}), "threshold is 3"),
        (
            NEW,
            after({"id": "sigmoid"}, {"id": "ensure_dtype", "kwargs": {"dtype": "uint8"}}),
            "makes whole numbers of probabilities",
        ),
        (NEW, after({"id": "custom", "callable": "run", "source": "x.py"}), "is not done here"),
    ],
)
def test_what_cannot_be_served_is_refused(write, base, changes, message):
    with pytest.raises(ModelError, match=r"^rdf\.yaml.*" + message):
        ModelSpec.read(write(base, changes))


def test_a_test_that_does_not_fit_is_refused(write):
    with pytest.raises(ModelError, match=r"in\.npy is no array of finite numbers"):
        ModelSpec.read(with_test(write, np.zeros((1, 2, 2), "f4")))


def test_a_test_is_never_unpickled(write):
    array = np.empty((1, 1, 1, 1), object)
    with pytest.raises(ModelError, match=r"in\.npy cannot be read"):
        ModelSpec.read(with_test(write, array))


@pytest.mark.parametrize("header", [b"{'descr': ", b"  1\n 2\n", b"(("])
def test_a_test_with_a_malformed_header_is_refused(write, header):
    """numpy parses it as Python, and raises whatever that raises."""
    directory = with_test(write, np.zeros((1, 1, 2, 2), "f4"))
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
    (directory / "in.npy").write_bytes(start + header)
    with pytest.raises(ModelError, match=r"in\.npy cannot be read"):
        ModelSpec.read(directory)


def published(write, *, taken=True, given=True):
    """A package that names test tensors, of which only the input came with it."""
    changes = {"test_inputs": ["in.npy"] if taken else [], "test_outputs": ["out.npy"] * given}
    directory = write(OLD, changes)
    np.save(directory / "in.npy", np.zeros((1, 1, 2, 2), "u1"))
    return package.read(directory)


def test_no_test_is_none(write):
    assert published(write, taken=False, given=False).test() is None


@pytest.mark.parametrize("ends", [{}, {"given": False}, {"taken": False}])
def test_a_test_that_is_not_whole_is_refused(write, ends):
    with pytest.raises(ModelError, match=r"the test tensor of (mask|raw) is not in the package"):
        published(write, **ends).test()


# --- YAML


def test_yaml_is_read_by_its_core_schema():
    content = b"a: 1e-06\nb: 012\nc: yes\nd: 2020-13-45\ne: [.inf, ~, true, 0x1f]\n"
    assert document.parse(content) == {
        "a": 1e-06,
        "b": 12,
        "c": "yes",
        "d": "2020-13-45",
        "e": [float("inf"), None, True, 31],
    }


@pytest.mark.parametrize(
    "content",
    [
        b"a: !!python/object/apply:os.system [ls]",
        b"a: !!python/name:os.system",
        b"a: !!binary aGk=",
        b"a: !!set {x}",
        b"a: 1\na: 2",
        b"[a]: 1",
        b"? {a: 1}\n: 2",
        b"a: [",
        b"a: *nothing",
        b"\xff\xfe",
        b"- a",
        b"",
        b"[" * 100_000,
        b"- " * 100_000,
        b"{a: " * 50_000,
        b"a: " + b"[" * document.MAX_DEPTH + b"]" * document.MAX_DEPTH,
        b"a: " + b"9" * 5000,
        b"a: 1\n---\nb: 2",
    ],
)
def test_hostile_yaml_is_refused(content):
    with pytest.raises(ModelError, match=r"^rdf\.yaml.*save it again with bioimageio\.spec"):
        document.parse(content)


def test_merge_keys_merge_nothing():
    """They could make a file of a few bytes as large as the memory."""
    content = "a0: &a0 {k: v}\n" + "".join(
        f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12)
    )
    assert document.parse(content.encode())["a1"].keys() == {"<<"}


def test_what_is_named_a_million_times_is_not_written_out(write):
    """Of a bomb, a message shows the beginning."""
    directory = write()
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    rest = yaml.safe_dump({key: value for key, value in OLD.items() if key != "inputs"})
    for place in ("inputs: *a11", "inputs: [{name: *a11}]", "inputs: [{axes: *a11, name: x}]"):
        (directory / "rdf.yaml").write_text(f"{bomb}{rest}{place}\n")
        with pytest.raises(ModelError) as refusal:
            ModelSpec.read(directory)
        assert len(str(refusal.value)) < 1000


def test_libyaml_reads_it():
    """The parser in Python takes seconds for as much as a description may have."""
    assert issubclass(document._Loader, yaml.CSafeLoader)


def test_a_description_is_parsed_once(write, monkeypatch):
    directory = write()
    described = package.read(directory).described
    monkeypatch.delattr(yaml, "load")
    assert package.read(directory).described is described
    monkeypatch.undo()
    write(OLD, {"name": "other"})
    assert package.read(directory).described["name"] == "other"


def test_a_description_that_is_too_large_is_not_read(write):
    path = write() / "rdf.yaml"
    with path.open("ab") as file:
        file.truncate(document.MAX_BYTES + 1)
    with pytest.raises(ModelError, match="it may have 262,144"):
        ModelSpec.read(path.parent)


def test_a_folder_in_its_place(tmp_path):
    (tmp_path / "rdf.yaml").mkdir()
    with pytest.raises(ModelError, match="no regular file"):
        ModelSpec.read(tmp_path)


def test_two_descriptions(write):
    write(name="bioimageio.yaml")
    with pytest.raises(ModelError, match=r"rdf\.yaml and bioimageio\.yaml; a package has one"):
        ModelSpec.read(write())


# --- weights


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def test_the_preferred_weights(write):
    weights = {
        "keras_hdf5": {"source": "weights.h5"},
        "onnx": {"source": "weights.onnx", "sha256": sha256(b"onnx")},
        "pytorch_state_dict": {"source": "weights.pt"},
    }
    directory = write(OLD, {"weights": weights})
    (directory / "weights.onnx").write_bytes(b"onnx")
    (directory / "weights.h5").write_bytes(b"keras")
    assert artifacts.find(directory) == directory / "weights.onnx"
    assert artifacts.find(directory, "weights.h5") == directory / "weights.h5"
    with pytest.raises(ModelError, match=r"`model_filename`.*weights\.onnx, weights\.h5"):
        artifacts.find(directory, "weights.pt")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("weights.onnx", "weights is 'weights.onnx'"),
        ({}, "weights are of no format"),
        (
            {"pytorch_state_dict": {"source": "w.pt"}},
            r"of pytorch_state_dict, which runs code.*export the network to ONNX \(torch\.onnx",
        ),
        ({"onnx": {"source": 7}}, "it names a file"),
        ({"onnx": {"source": "w.onnx", "sha256": "abc"}}, "it has 64 hexadecimal digits"),
        ({"onnx": {"source": "../w.onnx"}}, "lies outside of the package"),
        ({"onnx": {"source": "/etc/passwd"}}, "lies outside of the package"),
        ({"onnx": {"source": "https://example.org/w.onnx"}}, "nothing is fetched here"),
        ({"onnx": {"source": "w.onnx"}}, "'w.onnx' is not in the package"),
        ({"onnx": {"source": "rdf.yaml"}}, r"its name ends in \.onnx"),
        (
            {"onnx": {"source": "there.onnx", "sha256": "0" * 64}},
            "has sha256 .* and not 000.*fetch the package again",
        ),
        (
            {
                "onnx": {
                    "source": "there.onnx",
                    "external_data": {"source": "there.data", "sha256": "0" * 64},
                }
            },
            "there.data has sha256",
        ),
    ],
)
def test_weights_that_cannot_be_served_are_refused(write, weights, message):
    directory = write(OLD, {"weights": weights})
    (directory / "there.onnx").write_bytes(b"onnx")
    (directory / "there.data").write_bytes(b"data")
    with pytest.raises(ModelError, match=r"^rdf\.yaml: .*" + message):
        artifacts.find(directory)


# --- zips of SavedModels

KIND = "tensorflow_saved_model_bundle"
FILES = {"saved_model.pb": b"graph", "variables/variables.index": b"weights"}


@pytest.fixture
def zipped(write, monkeypatch, tmp_path_factory):
    """A package with a zip of these files, and the zip."""
    monkeypatch.setattr(bundle.tempfile, "tempdir", str(tmp_path_factory.mktemp("tmp")))

    def make(files, **options):
        directory = write(OLD, {"weights": {KIND: {"source": "w.zip"}}})
        with zipfile.ZipFile(directory / "w.zip", "w", **options) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return directory

    return make


@pytest.mark.parametrize("prefix", ["", "model/", "a/b/"])
def test_a_zip_is_unpacked(zipped, prefix):
    directory = zipped({prefix + name: content for name, content in FILES.items()})
    folder = artifacts.find(directory)
    assert (folder / "saved_model.pb").read_bytes() == b"graph"
    assert (folder / "variables" / "variables.index").read_bytes() == b"weights"
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert artifacts.find(directory) == folder  # and not once more
    assert sorted(path.name for path in directory.iterdir()) == ["rdf.yaml", "w.zip"]


def test_a_zip_is_unpacked_beside_it_once_and_for_all(zipped):
    directory = zipped(FILES)
    package.unpack_beside(directory)
    assert artifacts.find(directory) == directory / "w"
    assert package.unpack_beside(directory) is None
    (directory / "w.zip").unlink()  # as it is packed
    assert artifacts.find(directory) == directory / "w"
    zipped({**FILES, "saved_model.pb": b"another"})
    assert artifacts.find(directory) != directory / "w"
    package.unpack_beside(directory)
    assert (artifacts.find(directory) / "saved_model.pb").read_bytes() == b"another"


def test_a_zip_is_verified_before_and_after_it_is_unpacked_beside(zipped, write):
    directory = zipped(FILES)
    right = sha256((directory / "w.zip").read_bytes())

    def declare(digest):
        return write(OLD, {"weights": {KIND: {"source": "w.zip", "sha256": digest}}})

    declare("0" * 64)
    with pytest.raises(ModelError, match=r"^rdf\.yaml: w\.zip has sha256 .* and not 000"):
        package.unpack_beside(directory)
    assert not (directory / "w").exists()
    declare(right)
    package.unpack_beside(directory)
    assert artifacts.find(directory) == directory / "w"
    declare("0" * 64)
    with pytest.raises(ModelError, match=r"w\.zip has sha256"):
        artifacts.find(directory)
    (directory / "w.zip").unlink()
    with pytest.raises(ModelError, match=r"'w\.zip' is not in the package"):
        artifacts.find(directory)
    declare(right)
    assert artifacts.find(directory) == directory / "w"


def test_what_was_unpacked_of_another_zip_is_not_served(zipped, write):
    directory = zipped(FILES)
    package.unpack_beside(directory)
    zipped({**FILES, "saved_model.pb": b"another"})
    right = sha256((directory / "w.zip").read_bytes())
    write(OLD, {"weights": {KIND: {"source": "w.zip", "sha256": right}}})
    assert (artifacts.find(directory) / "saved_model.pb").read_bytes() == b"another"


def test_nothing_of_ones_own_is_overwritten(zipped):
    directory = zipped(FILES)
    (directory / "w").mkdir()
    with pytest.raises(ModelError, match=r"w is in the place"):
        package.unpack_beside(directory)


def test_only_what_a_saved_model_is_read_from_is_unpacked(zipped):
    others = {"../evil": b"", "/evil": b"", "assets/x": b"", "variables/../../evil": b""}
    folder = artifacts.find(zipped({**FILES, **others}))
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert found == ["bundle.sha256", "saved_model.pb", "variables/variables.index"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds 0 of saved_model.pb"),
        ({"a/saved_model.pb": b"", "b/saved_model.pb": b""}, "holds 2 of saved_model.pb"),
        ({f"{n}": b"" for n in range(bundle.MAX_ENTRIES + 1)}, "holds 10,001 files"),
    ],
)
def test_zips_of_something_else_are_refused(zipped, files, message):
    with pytest.raises(ModelError, match=message):
        artifacts.find(zipped(files))


def test_a_bomb_is_refused(zipped, tmp_path_factory):
    bomb = {**FILES, "variables/variables.data-0": b"\0" * (bundle.LEAST_BYTES + 1)}
    with pytest.raises(ModelError, match="unpack to more than 67,108,864 bytes"):
        artifacts.find(zipped(bomb, compression=zipfile.ZIP_DEFLATED))
    assert not list(bundle._own_folder().iterdir())


def test_a_link_is_refused(zipped):
    directory = zipped(FILES)
    link = zipfile.ZipInfo("variables/variables.data-0")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(directory / "w.zip", "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ModelError, match="is a link"):
        artifacts.find(directory)


@pytest.mark.parametrize("cut", [0, 10, -30])
def test_a_broken_zip_is_refused(zipped, cut):
    directory = zipped(FILES)
    content = (directory / "w.zip").read_bytes()
    (directory / "w.zip").write_bytes(content[:cut])
    with pytest.raises(ModelError, match=r"w\.zip cannot be unpacked"):
        artifacts.find(directory)


def test_broken_content_is_refused(zipped):
    directory = zipped(FILES)
    content = (directory / "w.zip").read_bytes()
    (directory / "w.zip").write_bytes(content.replace(b"graph", b"grabh"))
    with pytest.raises(ModelError, match=r"w\.zip cannot be unpacked: Bad CRC"):
        artifacts.find(directory)


def test_a_folder_that_others_can_write_to_is_not_unpacked_to(zipped):
    directory = zipped(FILES)
    bundle._own_folder().chmod(0o777)
    with pytest.raises(ModelError, match="belongs to somebody else"):
        artifacts.find(directory)
