"""When a request is given up, looked at between its tiles: its time is over, or its client gone."""

import time
from collections.abc import Callable

from ..errors import ClientGone, OutOfTime, PayloadTooLarge

REMEDY = (
    "send a smaller image or fewer pages, use an asynchronous endpoint or a batch transform, or "
    "raise the limit"
)


class Deadline:
    """The end of a request's time.

    Args:
        seconds: that are left of it; None: as many as it takes.
        limit: of all requests, for messages.
        gone: whether nobody waits for the answer any more; None: somebody does.
    """

    def __init__(
        self,
        seconds: float | None = None,
        limit: float | None = None,
        gone: Callable[[], bool] | None = None,
    ):
        self._gone = gone
        self._limit = seconds if limit is None else limit
        self._end = None if seconds is None else time.monotonic() + seconds

    def check_estimate(self, seconds: float) -> None:
        """Refuse in time what would be given up in the middle.

        Args:
            seconds: that the request will take, as far as that is known.

        Raises:
            PayloadTooLarge: they are more than any request may take.
            ClientGone: nobody waits for the answer.
        """
        self._check_client("before it was begun")
        if self._limit is not None and seconds > self._limit:
            raise PayloadTooLarge(
                f"request would take about {seconds:.0f} s; requests may take {self._limit:g} s "
                f"(`request_seconds`); {REMEDY}"
            )

    def check(self, done: int, total: int) -> None:
        """Give up a request whose time is over.

        Args:
            done, total: of its tiles.

        Raises:
            OutOfTime: it is, and not all of them are done.
            ClientGone: nobody waits for the answer, and not all of them are done.
        """
        if done < total:
            self._check_client(f"with {done} of {total} tiles done")
        if self._end is not None and done < total and time.monotonic() > self._end:
            raise OutOfTime(
                f"request was given up with {done} of {total} tiles done: requests may take "
                f"{self._limit:g} s (`request_seconds`), and the server is busy; {REMEDY}"
            )

    def _check_client(self, when: str) -> None:
        if self._gone and self._gone():
            raise ClientGone(f"request was given up {when}: its client has gone")
