"""The time of a request."""

import pytest

from segmentation.errors import ClientGone, OutOfTime, PayloadTooLarge
from segmentation.running.deadline import Deadline


def test_without_a_limit_it_takes_as_long_as_it_takes():
    deadline = Deadline()
    deadline.check_estimate(1e9)
    deadline.check(0, 1)


def test_what_would_take_too_long_is_refused():
    deadline = Deadline(50.0, limit=60.0)
    deadline.check_estimate(59)
    with pytest.raises(PayloadTooLarge, match=r"about 61 s; requests may take 60 s .`request_sec"):
        deadline.check_estimate(61)


def test_what_takes_too_long_is_given_up():
    deadline = Deadline(-1.0, limit=60.0)
    with pytest.raises(OutOfTime, match="with 3 of 8 tiles done"):
        deadline.check(3, 8)
    deadline.check(8, 8)  # all is done


def test_what_nobody_waits_for_is_given_up():
    left = []
    deadline = Deadline(gone=lambda: bool(left))
    deadline.check(3, 8)
    left.append("the client")
    with pytest.raises(ClientGone, match="with 3 of 8 tiles done: its client has gone"):
        deadline.check(3, 8)
    with pytest.raises(ClientGone, match="before it was begun"):
        deadline.check_estimate(1)
    deadline.check(8, 8)  # all is done
