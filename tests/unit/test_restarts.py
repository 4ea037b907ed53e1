"""How often a server is started again."""

import signal

from serving.restarts import MOST, SECONDS, Restarts, in_words


def test_a_server_that_ends_too_often_is_given_up():
    moments = iter([0.0, 1.0, 2.0, 3.0, SECONDS])
    restarts = Restarts(moments.__next__)
    assert [restarts.another() for _ in range(MOST)] == [True, True, True, True, False]


def test_ends_are_forgotten():
    moments = iter([0.0, 1.0, 2.0, 3.0, SECONDS + 0.5, SECONDS + 0.6])
    restarts = Restarts(moments.__next__)
    assert [restarts.another() for _ in range(MOST)] == [True] * MOST
    assert not restarts.another()


def test_how_a_process_ended():
    assert in_words(3) == "it ended with status 3"
    assert in_words(-signal.SIGKILL) == "it was ended by SIGKILL"
    assert in_words(-64) in ("it was ended by SIGRTMAX", "it was ended by signal 64")
