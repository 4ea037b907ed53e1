"""``model.json``: what is read, and what is refused."""

import json
import os

import pytest

from segmentation.errors import ModelError
from segmentation.preprocessing import Preprocessing, ScaleLinear, ZeroMeanUnitVariance
from segmentation.spec import MAX_BYTES, ModelSpec
from segmentation.spec_entries import Sizes

CLASSES = [{"name": "membrane", "color": "#000000"}, {"name": "cell", "color": "#ffd400"}]


def parse(content):
    return ModelSpec.parse(content if isinstance(content, bytes) else json.dumps(content).encode())


def test_without_a_file_the_defaults_hold(tmp_path):
    assert ModelSpec.read(tmp_path) == ModelSpec(0.5, (), ())


def test_everything_that_can_be_said(tmp_path):
    (tmp_path / "model.json").write_text(json.dumps({"threshold": 0.25, "classes": CLASSES}))
    expected = ModelSpec(0.25, ("membrane", "cell"), ("#000000", "#ffd400"))
    assert ModelSpec.read(tmp_path) == expected


def test_each_entry_is_optional():
    assert parse({}) == ModelSpec()
    assert parse({"threshold": None}) == ModelSpec()
    assert parse({"threshold": 1}).threshold == 1.0
    assert parse({"classes": [{"name": "cell"}]}).class_colors == ()


def test_steps_before_and_after_the_network():
    spec = parse(
        {
            "preprocessing": [
                {"id": "scale_linear", "kwargs": {"gain": 2, "offset": -1}},
                {"id": "zero_mean_unit_variance"},
            ],
            "postprocessing": [{"id": "softmax", "kwargs": {"axis": "channel"}}],
        }
    )
    steps = (ScaleLinear(gain=2, offset=-1), ZeroMeanUnitVariance())
    assert spec.preprocessing == Preprocessing(steps)
    assert spec.postprocessing == ("softmax",)


def test_no_steps_are_not_the_same_as_no_word_about_them():
    assert (parse({}).preprocessing, parse({}).postprocessing) == (None, None)
    spec = parse({"preprocessing": [], "postprocessing": []})
    assert (spec.preprocessing, spec.postprocessing) == (Preprocessing(), ())


def test_sizes_of_tiles():
    assert parse({"tiles": {"min": 64, "step": 16, "halo": 32}}).sizes == Sizes(64, 16, 32)
    assert parse({"tiles": {"halo": 8}}).sizes == Sizes(halo=8)


@pytest.mark.parametrize("tiles", [{"min": -1}, {"step": 1.5}, {"halo": True}, {"min": 5000}])
def test_sizes_of_tiles_are_pixels(tiles):
    with pytest.raises(ModelError, match=r"of tiles is .*; it is 0 to 4,096 pixels"):
        parse({"tiles": tiles})


def test_a_byte_order_mark_is_read_over():
    assert parse(b'\xef\xbb\xbf{"threshold": 0.25}').threshold == 0.25


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff{}",
        b"[" * 100_000,
        b'{"threshold": NaN}',
        b'{"threshold": 0.1, "threshold": 0.9}',
        [],
        "text",
        {"threshold": 2},
        {"preprocessing": "scale_linear"},
        {"preprocessing": [{"id": "scale_lineal"}]},
        {"preprocessing": [{"id": "scale_linear", "kwargs": {"factor": 2}}]},
        {"preprocessing": [{"id": "scale_linear", "kwargs": [2]}]},
        {"preprocessing": [{"id": "scale_linear", "kwargs": {"gain": "2"}}]},
        {"preprocessing": [{"id": "fixed_zero_mean_unit_variance"}]},
        {"preprocessing": [{"name": "scale_linear"}]},
        {"postprocessing": [{"id": "argmax"}]},
        {"postprocessing": [{"id": "sigmoid"}, {"id": "softmax"}]},
        {"postprocessing": [{"id": "softmax", "kwargs": {"axis": "x"}}]},
        {"threshold": -0.1},
        {"threshold": "half"},
        {"threshold": True},
        {"classes": "cell"},
        {"classes": ["cell"]},
        {"classes": [{"color": "#ffd400"}]},
        {"classes": [{"name": 7}]},
        {"classes": [{"name": "cell", "color": "yellow"}]},
        {"classes": [{"name": "cell", "color": 7}]},
        {"classes": [{"name": "cell", "color": "#ffd400"}, {"name": "nucleus"}]},
    ],
)
def test_what_is_malformed_is_refused(content):
    with pytest.raises(ModelError, match=r"model\.json.*it is \{\"threshold\": 0–1"):
        parse(content)


def steps(name, **kwargs):
    return {"preprocessing": [{"id": name, "kwargs": kwargs}]}


def test_a_key_that_comes_twice_is_named():
    with pytest.raises(ModelError, match="'threshold' comes twice"):
        ModelSpec.parse(b'{"threshold": 0.3, "threshold": 0.4}')


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ({"treshold": 0.3}, "unknown key 'treshold'; did you mean 'threshold'"),
        ({"classes": [{"name": "cell", "colour": "#ffd400"}]}, "class 0 .* did you mean 'color'"),
        ({"author": "me"}, "unknown key 'author'; known are threshold, classes"),
        (steps("scale_linear", gian=2), "scale_linear of preprocessing .* did you mean 'gain'"),
        (steps("fixed_zero_mean_unit_variance", mean=1), r"preprocessing needs .*'std'"),
    ],
)
def test_unknown_keys_are_refused_with_a_hint(content, hint):
    with pytest.raises(ModelError, match=hint):
        parse(content)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with open(tmp_path / "model.json", "wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ModelError, match="1,000,001 bytes; it may have 1,000,000"):
        ModelSpec.read(tmp_path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "model.json")
    with pytest.raises(ModelError, match="no regular file"):
        ModelSpec.read(tmp_path)


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "model.json").mkdir()
    with pytest.raises(ModelError, match="no regular file"):
        ModelSpec.read(tmp_path)


def test_a_link_to_nowhere_is_refused(tmp_path):
    (tmp_path / "model.json").symlink_to("model.json")
    with pytest.raises(ModelError, match=r"model\.json cannot be read: Too many levels"):
        ModelSpec.read(tmp_path)
