"""How often a server that ended by itself is started again."""

import collections
import signal
import time
from collections.abc import Callable

MOST = 5  # ends within SECONDS: a server that does no better is given up
SECONDS = 600.0


class Restarts:
    """Counts the ends of a server.

    Args:
        clock: seconds that never go back, whatever happens to the time of day.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._ends: collections.deque[float] = collections.deque(maxlen=MOST)

    def another(self) -> bool:
        """Note an end; whether the server is to be started again."""
        now = self._clock()
        self._ends.append(now)
        return len(self._ends) < MOST or now - self._ends[0] > SECONDS


def in_words(status: int) -> str:
    """How a process ended.

    Args:
        status: its exit status; the negative number of a signal that ended it.
    """
    if status >= 0:
        return f"it ended with status {status}"
    try:
        return f"it was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"it was ended by signal {-status}"
