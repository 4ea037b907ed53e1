"""How much of a request is done: lines of the log, and files for clients that ask."""

import json
import logging
from pathlib import Path

import pytest

from segmentation.running import predict
from serving import progress
from serving.contract import PROGRESS


@pytest.fixture
def clock(monkeypatch):
    """Sets the seconds that have passed."""
    now = [0.0]
    monkeypatch.setattr(predict.time, "monotonic", lambda: now[0])

    def set_clock(seconds):
        now[0] = seconds

    return set_clock


def test_a_long_request_is_told_every_few_seconds(clock, caplog):
    caplog.set_level(logging.INFO)
    progress = predict._LogProgress()
    for done, seconds in enumerate([2.0, 4.0, 6.0, 8.0, 10.0, 12.0], start=1):
        clock(seconds)
        progress(done, 9)
    assert caplog.messages == ["3 of 9 tiles done", "6 of 9 tiles done"]


def test_nothing_is_told_of_a_quick_request(clock, caplog):
    caplog.set_level(logging.INFO)
    progress = predict._LogProgress()
    clock(4.9)
    progress(1, 1)
    assert not caplog.messages


VECTOR = json.loads(Path(__file__).with_name("contract.json").read_text())["inference_ids"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(PROGRESS, str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", VECTOR["taken"])
def test_a_file_tells_who_asks(folder, monkeypatch, name):
    monkeypatch.setattr(progress, "SECONDS", 0)
    with progress.told(name) as tell:
        assert not list(folder.iterdir())
        sizes = set()
        for done in (0, 999, 1000):
            tell(done, 1000)
            text = (folder / name).read_bytes()
            assert json.loads(text) == {"tiles_done": done, "tiles": 1000}
            sizes.add(len(text))
        assert len(sizes) == 1, "who reads while it is written sees nothing of the line before"
    assert not list(folder.iterdir())


def test_it_is_not_written_at_every_tile(folder):
    with progress.told("mine") as tell:
        tell(0, 9)
        tell(1, 9)
        assert json.loads((folder / "mine").read_text())["tiles_done"] == 0


def test_a_request_that_fails_leaves_nothing(folder):
    def fail():
        with progress.told("mine") as tell:
            tell(1, 9)
            raise ValueError("no image")

    with pytest.raises(ValueError, match="no image"):
        fail()
    assert not list(folder.iterdir())


@pytest.mark.parametrize("name", [None, *VECTOR["others"]])
def test_what_cannot_name_a_file_is_passed_over(folder, name):
    with progress.told(name) as tell:
        assert tell is None


def test_nobody_is_told_where_there_is_no_server_or_no_disk(tmp_path, monkeypatch):
    monkeypatch.delenv(PROGRESS, raising=False)
    with progress.told("mine") as tell:
        assert tell is None
    monkeypatch.setenv(PROGRESS, str(tmp_path / "none"))
    with progress.told("mine") as tell:
        tell(1, 9)
