"""An archive that fails is left alone for a while, and then asked one question first: by all processes alike, as its
state stands in the index."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from hub.contracts.errors import Busy, ExchangeError
from hub.telemetry.metrics import count

from ..events import ARCHIVE_CLOSED, DISTANT_QUESTIONS
from ..study_index.distant_archives import ArchiveState, DistantArchives
from .line import Unreachable

FAILURES = 3
"""So many in a row, and it is left alone."""
FIRST_SECONDS, LONGEST_SECONDS = 5.0, 300.0
PROBE_SECONDS = 30.0
"""Whoever asks the one question has so long before the next may."""
_NOTED_EVERY_US = 5_000_000


def closed_until_us(failures: int, now_us: int) -> int:
    """Until when an archive is left alone after so many failures in a row; 0 where it is not. Pure."""
    if failures < FAILURES:
        return 0
    seconds = min(FIRST_SECONDS * 2 ** min(failures - FAILURES, 10), LONGEST_SECONDS)
    return now_us + int(seconds * 1e6)


def reachable(state: ArchiveState) -> bool:
    return state.failures < FAILURES


class Breaker:
    def __init__(self, archives: DistantArchives) -> None:
        self._archives = archives

    @contextmanager
    def asking(self, name: str) -> Iterator[None]:
        """Around one question. Raises Busy, and nothing is asked, while the archive is left alone; counts what comes of
        it otherwise."""
        self._enter(name)
        try:
            yield
        except Unreachable as failure:
            self._failed(name, failure)
            raise
        except ExchangeError:
            self._reached(name)
            raise
        else:
            self._reached(name)

    def check(self, name: str) -> None:
        """Raises Busy while the archive is left alone, before anybody waits in line for it."""
        state = self._archives.of(name)
        if not reachable(state) and state.closed_until_us > _now_us():
            raise self._left_alone(name, state.closed_until_us)

    def _enter(self, name: str) -> None:
        state, now_us = self._archives.of(name), _now_us()
        if reachable(state):
            return
        until_us = state.closed_until_us
        if until_us <= now_us and self._archives.probe(name, now_us, now_us + int(PROBE_SECONDS * 1e6)).result():
            return
        raise self._left_alone(name, until_us)

    def _left_alone(self, name: str, until_us: int) -> Busy:
        now_us = _now_us()
        count(DISTANT_QUESTIONS, archive=name, outcome="not-asked")
        seconds = max(1, -(-(until_us - now_us) // 1_000_000)) if until_us > now_us else 1
        return Busy(
            "The archive where these images live cannot be reached now.",
            where=name,
            remedy="Ask again later; see the operations page.",
            retry_after_seconds=int(min(seconds, LONGEST_SECONDS)),
        )

    def _reached(self, name: str) -> None:
        count(DISTANT_QUESTIONS, archive=name, outcome="answered")
        state, now_us = self._archives.of(name), _now_us()
        if state.failures or now_us - (state.reached_us or 0) > _NOTED_EVERY_US:
            self._archives.reached(name, now_us).result()

    def _failed(self, name: str, failure: Unreachable) -> None:
        count(DISTANT_QUESTIONS, archive=name, outcome="failed")
        state, now_us = self._archives.of(name), _now_us()
        until_us = closed_until_us(state.failures + 1, now_us)
        if until_us:
            ARCHIVE_CLOSED.log(archive=name, what=failure.what, failures=state.failures + 1)
            failure.retry_after_seconds = max(1, (until_us - now_us) // 1_000_000)
        self._archives.failed(name, failure.what, now_us, until_us).result()


def _now_us() -> int:
    return time.time_ns() // 1000
