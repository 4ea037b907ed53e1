"""Artifacts that want more than to be read, and what becomes of whoever reads them."""

import contextlib
import functools
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import keras
import numpy as np
import psutil
import pytest

from segmentation import artifacts, machine
from segmentation.errors import ModelError, OutOfMemory
from segmentation.networks.conversion import keras_files, load, sandbox
from support import bad_artifacts, tiny_models
from support.deep_folders import deep_in
from support.serving import until

# Keras warns who saves or loads such models
pytestmark = [
    pytest.mark.child,
    pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`"),
    pytest.mark.filterwarnings("ignore:Skipping nested container"),
]

# --- memory and time


@pytest.mark.parametrize(
    ("write", "name", "why"),
    [
        ("of_long_configuration", "model.keras", "config.json of 314,572,800 bytes; it may have"),
        ("of_many_filters", "model.keras", r"needs more than 1,\d* MB of memory"),
        ("of_many_filters", "model.h5", r"needs more than 1,\d* MB of memory"),
        ("of_unwritten_weights", "model.weights.h5", r"needs more than 1,\d* MB of memory"),
    ],
)
def test_what_takes_too_much_memory_is_refused_and_costs_this_process_none(
    write, name, why, tmp_path
):
    getattr(bad_artifacts, write)(tmp_path / name)
    assert (tmp_path / name).stat().st_size < 500_000
    with machine.MemoryGrowth() as growth, pytest.raises(ModelError, match=f"{name} .*{why}"):
        artifacts.load(tmp_path)
    assert growth.bytes < 100 << 20


def test_what_takes_too_long_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(sandbox, "Limits", functools.partial(sandbox.Limits, cpu_seconds=3))
    bad_artifacts.onnx_without_end(tmp_path / "model.onnx")
    with pytest.raises(ModelError, match=r"model\.onnx .*takes more than 3 s of CPU time"):
        artifacts.load(tmp_path)


# --- the child


@pytest.fixture
def command_line(tmp_path):
    """Of a child that never ends by itself."""
    (tmp_path / "graph").mkdir()
    bad_artifacts.onnx_without_end(tmp_path / "model.onnx")
    return [str(tmp_path / "model.onnx"), str(tmp_path / "graph"), "digest", "{}"]


def child_of(process, command_line):
    """The process of such a child; None: it does not run."""
    for child in process.children():
        with contextlib.suppress(psutil.Error):  # it has just ended
            if command_line[0] in child.cmdline():
                return child
    return None


def run(command_line, seconds=600):
    """Why it ended."""
    limits = sandbox.Limits(memory=1 << 30, file=1 << 20, seconds=seconds)
    folder = Path(command_line[1]).parent
    return sandbox.what_ended(sandbox.run(load.CHILD, command_line, folder, limits), limits)


@contextlib.contextmanager
def running(command_line):
    """Its process; and a list in which why it ended will stand."""
    ends: list[str] = []
    thread = threading.Thread(target=lambda: ends.append(run(command_line)))
    thread.start()
    try:
        until(lambda: child_of(psutil.Process(), command_line))
        process = child_of(psutil.Process(), command_line)
        yield process, ends
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):  # it was killed before
            process.kill()
        thread.join()


def test_a_child_that_takes_too_long_is_ended(command_line):
    assert run(command_line, seconds=1).startswith("takes longer than 1 s")


def test_a_child_that_is_killed_ends_alone(command_line):
    with running(command_line) as (process, ends):
        process.kill()
        until(lambda: ends)
    assert "ended for want of memory" in ends[0]


def test_a_child_is_told_nothing_of_the_environment(monkeypatch, command_line):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with running(command_line) as (process, _):
        known = process.environ()
    assert known["TMPDIR"] == known["HOME"] == str(Path(command_line[1]).parent)
    assert not [name for name in known if name.startswith(("AWS", "UNET", "SAGEMAKER", "PYTEST"))]


PARENT = f"""
import sys
from pathlib import Path
from segmentation.networks.conversion import sandbox
limits = sandbox.Limits(memory=1 << 30, file=1 << 20)
sandbox.run("{load.CHILD}", sys.argv[1:], Path(sys.argv[2]).parent, limits)
"""


def test_a_child_ends_with_its_parent(command_line):
    program = [sys.executable, "-c", PARENT, *command_line]
    with subprocess.Popen(program, env={"PYTHONPATH": str(sandbox.PACKAGES)}) as parent:
        try:
            until(lambda: child_of(psutil.Process(parent.pid), command_line))
            orphan = child_of(psutil.Process(parent.pid), command_line)
            until(lambda: orphan.rlimit(psutil.RLIMIT_CORE) == (0, 0))  # its limits are set
        finally:
            parent.kill()
    # a system whose first process waits for no orphans keeps them as zombies
    until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE)


# --- code


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_code_in_an_artifact_is_refused(name, tmp_path):
    bad_artifacts.lambda_model().save(tmp_path / name)
    with pytest.raises(ModelError, match=r"Lambda layer, which holds code.*; replace it"):
        keras_files.load(tmp_path / name)


def hide(config):
    """The names that are refused, spelt so that no search of the text finds them."""
    config = config.replace('"Lambda"', r'"\u004cambda"')
    return config.replace('"__lambda__"', r'"\u005f_lambda__"')


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_lambda_of_another_spelling_is_refused(name, tmp_path):
    bad_artifacts.with_configuration(tmp_path / name, bad_artifacts.lambda_model(), hide)
    with pytest.raises(ModelError, match=r"Lambda layer, which holds code.*; replace it"):
        keras_files.load(tmp_path / name)


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_keras_refuses_what_we_would_overlook(name, tmp_path, monkeypatch):
    """Our own check looks for names; Keras's safe mode must hold where it finds none."""
    monkeypatch.setattr(keras_files, "_refuse_lambda", lambda *_: None)
    bad_artifacts.lambda_model().save(tmp_path / name)
    with pytest.raises((ValueError, TypeError), match=r"(?i)lambda.*unsafe|safe_mode|deserializ"):
        keras_files.load(tmp_path / name)


# --- files of others


POINTERS = ["external_link", "external_data", "virtual_data"]


@pytest.fixture
def secret(tmp_path):
    """A file outside of the model directory, with the weights that artifacts are to point to."""
    path = tmp_path / "outside" / "secret.h5"
    path.parent.mkdir()
    tiny_models.identity().save_weights(path.with_suffix(".weights.h5"))
    return path.with_suffix(".weights.h5").rename(path)


@pytest.mark.parametrize("point", POINTERS)
@pytest.mark.parametrize("name", ["model.h5", "model.weights.h5"])
def test_hdf5_that_points_into_another_file_is_refused(point, name, secret, tmp_path):
    with h5py.File(tmp_path / name, "w") as file:
        getattr(bad_artifacts, point)(file, "layers/conv2d/vars/0", secret)
    with pytest.raises(ModelError, match=r"from another file; an artifact is one file; save"):
        keras_files.load(tmp_path / name)


@pytest.mark.parametrize("point", POINTERS)
def test_a_keras_file_whose_weights_point_into_another_file_is_refused_by_keras(
    point, secret, tmp_path
):
    def change(weights):
        buffer = io.BytesIO(weights)
        with h5py.File(buffer, "r+") as file:
            getattr(bad_artifacts, point)(file, "layers/conv2d/vars/0", secret)
        return buffer.getvalue()

    tiny_models.identity().save(tmp_path / "model.keras")
    bad_artifacts.replace_in_zip(tmp_path / "model.keras", "model.weights.h5", change)
    with pytest.raises(ValueError, match="could not be loaded"):
        keras_files.load(tmp_path / "model.keras")


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_vocabulary_in_another_file_is_refused_by_keras(name, tmp_path):
    """It would become a part of the graph, and the graph would answer what stands in it."""
    image = keras.Input((None, None, 1), dtype="int64")
    model = keras.Model(image, keras.layers.IntegerLookup(vocabulary=[1, 2])(image))
    (tmp_path / "words").write_text("1\n2\n")

    def point(config):
        known = json.loads(config)
        known["config"]["layers"][1]["config"]["vocabulary"] = str(tmp_path / "words")
        return json.dumps(known)

    bad_artifacts.with_configuration(tmp_path / name, model, point)
    with pytest.raises((ValueError, TypeError), match="file outside of the model archive"):
        keras_files.load(tmp_path / name)


@pytest.mark.parametrize("location", ["../secret", "/{}/secret", "in/../../secret", "link"])
def test_onnx_that_points_out_of_its_folder_is_refused(location, tmp_path):
    (tmp_path / "secret").write_bytes(np.zeros(6, np.float32).tobytes())
    model_dir = tmp_path / "model"
    (model_dir / "in").mkdir(parents=True)
    (model_dir / "link").symlink_to("../secret")
    location = location.format(tmp_path)
    bad_artifacts.onnx(model_dir / "model.onnx", np.zeros((3, 2), np.float32), True, location)
    with pytest.raises(ModelError, match="outside the base directory"):
        artifacts.load(model_dir)


@pytest.mark.parametrize("name", ["model.keras", "code", "exported/variables/variables.index"])
def test_symbolic_links_out_of_the_model_directory_are_refused(name, tmp_path):
    (tmp_path / "secret").mkdir()
    link = tmp_path / "model" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "secret")
    with pytest.raises(ModelError, match=rf"{name} is a symbolic link.*; put the file itself"):
        artifacts.check_files(tmp_path / "model")


def test_a_directory_of_more_files_than_a_model_has_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "MOST_FILES", 2)
    for number in range(3):
        (tmp_path / f"{number}").touch()
    with pytest.raises(ModelError, match=r"more than 2 files and .*; it must be the directory"):
        artifacts.check_files(tmp_path)


@pytest.mark.parametrize("circle", [["a"], ["b", "a"]])
def test_symbolic_links_in_a_circle_are_refused(circle, tmp_path):
    for name, target in zip(circle, [*circle[1:], circle[0]], strict=True):
        (tmp_path / name).symlink_to(target)
    with pytest.raises(ModelError, match=r"is a symbolic link that leads .* or nowhere; an"):
        artifacts.check_files(tmp_path)


def test_folders_deep_in_each_other_are_refused(tmp_path):
    with (
        deep_in(tmp_path),
        pytest.raises(ModelError, match="or 50 folders in each other; it must be the dir"),
    ):
        artifacts.check_files(tmp_path)


@pytest.mark.parametrize("name", [b"gr\xf6\xdfe", b"a\n{}", b"\x1b[31m"])
def test_names_that_are_no_text_are_refused(name, tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    with pytest.raises(ModelError, match="must be in UTF-8, without control") as refusal:
        artifacts.check_files(tmp_path)
    assert ascii(os.fsdecode(name)) in str(refusal.value)
    with pytest.raises(ModelError) as none:
        artifacts.find(tmp_path)
    assert str(none.value).endswith(f"found: {os.fsdecode(name)!a}")


def test_what_is_not_loaded_needs_no_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "available_memory", lambda: 300 << 20)
    (tmp_path / "model.keras").write_bytes(bytes(1000))
    (tmp_path / "README.md").touch()
    os.truncate(tmp_path / "README.md", 500 << 30)
    artifacts.check_memory(tmp_path)
    (tmp_path / "code").mkdir()  # which may load it
    with pytest.raises(OutOfMemory, match="MB are left; unload another one"):
        artifacts.check_memory(tmp_path)


def test_symbolic_links_in_the_model_directory_are_followed(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "latest").symlink_to("1")
    artifacts.check_files(tmp_path)
