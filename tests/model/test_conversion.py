"""Graphs that were made before: beside their artifact, or in a cache folder; and the process that
makes them.
"""

import json
import logging
import os
import threading

import numpy as np
import pytest

from segmentation import artifacts, machine
from segmentation.errors import ModelError, OutOfMemory
from segmentation.networks import openvino
from segmentation.networks.conversion import load, sandbox, store
from support import bad_artifacts, tiny_models

pytestmark = pytest.mark.child

MATRIX = np.array([[0.25, 0.5]], np.float32)  # of a model of one channel and two classes


@pytest.fixture
def model_dir(tmp_path):
    """With a model of ONNX, for which the converting process needs a second, not many."""
    folder = tmp_path / "model"
    folder.mkdir()
    write(folder)
    return folder


def write(folder, matrix=MATRIX):
    bad_artifacts.onnx(folder / "model.onnx", matrix, channels_first=False)


@pytest.fixture
def children(monkeypatch):
    """The processes that were started: a list that grows."""
    started = []
    original = sandbox.run

    def run(module, *arguments):
        started.append(module)
        return original(module, *arguments)

    monkeypatch.setattr(sandbox, "run", run)
    return started


def answer(source):
    image = np.ones((1, 4, 4, 1), np.float32)
    return openvino.network(source, "float32", None).run(image)[0, 0, 0].tolist()


# --- beside the artifact


def test_a_prepared_graph_is_taken(model_dir, children, caplog):
    caplog.set_level(logging.INFO)
    converted = artifacts.load(model_dir)
    assert artifacts.prepare(model_dir) == model_dir / "model.onnx.graph"
    children.clear()
    prepared = artifacts.load(model_dir)
    assert (prepared.description, answer(prepared)) == (converted.description, [0.25, 0.5])
    assert not children
    assert "model.onnx: its graph comes prepared" in caplog.text


def test_what_is_prepared_is_not_prepared_again(model_dir, children):
    artifacts.prepare(model_dir)
    artifacts.prepare(model_dir)
    assert len(children) == 1
    assert sorted(path.name for path in model_dir.iterdir()) == ["model.onnx", "model.onnx.graph"]


@pytest.mark.parametrize("folder", [".", "exported", "exported/1"])
def test_the_graph_of_a_saved_model_is_no_second_model(folder, tmp_path):
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / folder / "saved_model.pb").touch()
    path = artifacts.find(tmp_path)
    store.beside(path).mkdir()
    assert artifacts.find(tmp_path) == path
    assert store.beside(path).is_relative_to(tmp_path)


def test_the_graph_of_another_artifact_is_not_taken(model_dir, children, caplog):
    artifacts.prepare(model_dir)
    write(model_dir, 2 * MATRIX)
    assert answer(artifacts.load(model_dir)) == [0.5, 1]
    assert len(children) == 2
    assert "model.onnx: model.onnx.graph does not fit, and is not used" in caplog.text


def test_the_graph_of_other_versions_is_not_taken(model_dir, monkeypatch, children, caplog):
    artifacts.prepare(model_dir)
    monkeypatch.setattr(store, "_versions", lambda: "openvino 1")
    assert answer(artifacts.load(model_dir)) == [0.25, 0.5]
    assert len(children) == 2
    assert "does not fit" in caplog.text


def test_the_graph_of_other_weights_is_not_taken(model_dir):
    """Weights of ONNX may lie in a file of their own."""
    bad_artifacts.onnx(model_dir / "model.onnx", MATRIX, False, "weights.data")
    (model_dir / "weights.data").write_bytes(MATRIX.tobytes())
    artifacts.prepare(model_dir)
    (model_dir / "weights.data").write_bytes((2 * MATRIX).tobytes())
    assert answer(artifacts.load(model_dir)) == [0.5, 1]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("graph.json", lambda known: "{"),
        ("graph.json", lambda known: "[" * 50_000),
        ("graph.json", lambda known: known.replace('"stride": 1', '"stride": 0')),
        ("graph.json", lambda known: known.replace('"reach": 0', '"reach": "far"')),
        ("graph.json", lambda known: known.replace('"geometry"', '"geometries"')),
        ("graph.xml", lambda known: known[:100]),
        ("graph.bin", lambda known: ""),
    ],
)
def test_a_broken_graph_is_a_clear_error(name, change, tmp_path, children):
    model_dir = tiny_models.save(tiny_models.identity(), tmp_path)
    file = model_dir / "model.keras.graph" / name
    known = "" if name == "graph.bin" else file.read_text()
    assert change(known) != known or name == "graph.bin"
    file.write_text(change(known))
    with pytest.raises(ModelError, match=r"model\.keras\.graph.*; prepare the model again, or rem"):
        artifacts.load(model_dir)
    assert not children


def test_a_graph_that_takes_too_much_memory_is_refused(tmp_path, monkeypatch):
    model_dir = tiny_models.save(tiny_models.identity(), tmp_path)
    monkeypatch.setattr(store, "LARGEST_TENSOR", 256 * 256 * 4 - 1)
    with pytest.raises(ModelError, match=r"tensors has 262,144 bytes for an image of \(256, 256\)"):
        artifacts.load(model_dir)


# --- in a cache


def test_a_graph_is_made_once(model_dir, tmp_path, children, caplog):
    caplog.set_level(logging.INFO)
    cache = tmp_path / "new" / "cache"
    first, second = artifacts.load(model_dir, cache=cache), artifacts.load(model_dir, cache=cache)
    assert answer(first) == answer(second) == [0.25, 0.5]
    assert first.description == second.description
    assert len(children) == 1
    assert "model.onnx: its graph was made before" in caplog.text
    assert cache.stat().st_mode & 0o777 == 0o700
    assert sorted(cache.iterdir()) == [
        cache / store.digest(model_dir / "model.onnx"),
        cache / "lock",
    ]


def test_two_workers_at_once_make_one_graph(model_dir, tmp_path, children):
    answers = []

    def work():
        answers.append(answer(artifacts.load(model_dir, cache=tmp_path / "cache")))

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert answers == [[0.25, 0.5]] * 2
    assert len(children) == 1


@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_cache_that_others_can_write_to_is_not_used(mode, model_dir, tmp_path, children, caplog):
    cache = tmp_path / "cache"
    artifacts.load(model_dir, cache=cache)
    cache.chmod(mode)
    assert answer(artifacts.load(model_dir, cache=cache)) == [0.25, 0.5]
    assert len(children) == 2
    assert f"graphs are not kept in {cache}, which others can write to" in caplog.text


def test_a_cache_that_cannot_be_made_is_not_used(model_dir, tmp_path, caplog):
    (tmp_path / "file").touch()
    assert answer(artifacts.load(model_dir, cache=tmp_path / "file" / "cache")) == [0.25, 0.5]
    assert "graphs are not kept:" in caplog.text


def test_what_was_not_used_for_longest_goes_when_the_cache_is_full(
    model_dir, tmp_path, monkeypatch, children
):
    cache = tmp_path / "cache"
    digests = []
    for factor in (1, 2, 3):
        write(model_dir, factor * MATRIX)
        digests.append(store.digest(model_dir / "model.onnx"))
        if factor == 3:
            size = sum(file.stat().st_size for file in (cache / digests[0]).iterdir())
            monkeypatch.setattr(store, "CACHE_BYTES", int(2.5 * size))
            for age, digest in ((100, digests[1]), (200, digests[0])):
                used = os.stat(cache).st_mtime - age
                os.utime(cache / digest, (used, used))
            write(model_dir, MATRIX)
            artifacts.load(model_dir, cache=cache)  # the older one is used
            write(model_dir, 3 * MATRIX)
        artifacts.load(model_dir, cache=cache)
    assert len(children) == 3
    assert {path.name for path in cache.iterdir()} == {"lock", digests[0], digests[2]}


# --- the process


def test_what_cannot_be_converted_is_not_kept(model_dir, tmp_path):
    (model_dir / "model.onnx").write_bytes(b"no protocol buffer")
    with pytest.raises(ModelError, match=r"model\.onnx cannot be loaded: .*it must be a \.keras"):
        artifacts.load(model_dir, cache=tmp_path / "cache")
    with pytest.raises(ModelError, match=r"model\.onnx cannot be loaded"):
        artifacts.prepare(model_dir)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]
    assert [path.name for path in model_dir.iterdir()] == ["model.onnx"]


def test_without_memory_it_is_not_tried(model_dir, monkeypatch, children):
    monkeypatch.setattr(machine, "available_memory", lambda: 600 << 20)
    with pytest.raises(OutOfMemory, match=r"needs about 700 MB of memory; 600 MB are left; bring"):
        artifacts.load(model_dir)
    assert not children


@pytest.mark.parametrize(("memory", "error"), [(700, OutOfMemory), (1 << 20, ModelError)])
def test_who_is_to_blame_for_want_of_memory(memory, error, tmp_path, monkeypatch):
    """The artifact, if it needs more than one of its size may; the machine, if it has less."""
    (tmp_path / "written").mkdir()
    bad_artifacts.of_unwritten_weights(tmp_path / "model.weights.h5")
    monkeypatch.setattr(machine, "available_memory", lambda: (memory << 20) + (1 << 16))
    with pytest.raises(error, match=r"needs more than .* MB of memory to be converted"):
        artifacts.load(tmp_path)


def test_what_a_child_prints_goes_to_the_log(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    limits = sandbox.Limits(memory=1 << 30, file=1 << 20)
    assert sandbox.run("this", [], tmp_path, limits) == 0  # a module of Python that prints
    assert "Beautiful is better than ugly." in caplog.messages


def test_a_graph_is_kept_with_what_is_known_of_it(tmp_path):
    folder = tiny_models.save(tiny_models.mean_of_rgb(), tmp_path) / "model.keras.graph"
    known = json.loads((folder / "graph.json").read_text())
    assert known["digest"] == store.digest(tmp_path / "model.keras")
    assert known["description"]["channels"] == 3
    assert "openvino 20" in known["versions"]
    assert load.load(tmp_path / "model.keras").geometry.reach == 0
