"""Lines of the log about requests that take long."""

import logging

import pytest

from segmentation.running import predict


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
