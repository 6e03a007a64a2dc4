"""How long one search may take."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from hub.contracts.errors import Busy

SEARCH_SECONDS = 5.0
_STEPS = 50_000
"""Steps of SQLite's machine between two looks at the clock, about 2 ms."""


def too_costly() -> Busy:
    """HTTP 503: the search took longer than ``SEARCH_SECONDS``."""
    return Busy(
        f"The search was given up after {SEARCH_SECONDS:g} s.",
        remedy="Narrow it: by patient, identifier, code or date.",
        issue_code="too-costly",
    )


class Deadline:
    def __init__(self, seconds: float = SEARCH_SECONDS) -> None:
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        if time.monotonic() > self._end:
            raise too_costly()

    def passed(self) -> bool:
        return time.monotonic() > self._end


@contextmanager
def time_limit(connection: sqlite3.Connection) -> Iterator[Deadline]:
    """Statements of the connection are interrupted when the time is up; Python code asks the Deadline."""
    deadline = Deadline()
    connection.set_progress_handler(deadline.passed, _STEPS)
    try:
        yield deadline
    except sqlite3.OperationalError as error:
        if deadline.passed() and getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
            raise too_costly() from None
        raise
    finally:
        connection.set_progress_handler(None, 0)
