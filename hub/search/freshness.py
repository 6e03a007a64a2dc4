"""How far the index is behind the store, as any process sees it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from hub.contracts.search import IndexedStore, Mark, Months, Tally
from hub.contracts.store import ChangeLog, ResourceReader

from .planner import Condition
from .progress import Progress

BUILDING = "The search index is being built."


class FollowedStore(IndexedStore, ChangeLog, ResourceReader, Protocol):
    """A store that an index follows."""


class Freshness:
    """Reads what the indexer has saved; asks no server."""

    def __init__(
        self, store: FollowedStore, progress: Progress, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._progress = progress
        self._clock = clock

    def asked(self) -> Mark:
        """Everything that is committed now."""
        return self._store.mark()

    def has_seen(self, asked: Mark) -> bool:
        """Whether every change and share up to ``asked`` can be found."""
        live = self._progress.live()
        return live is not None and live.mark.changes >= asked.changes and live.mark.shares >= asked.shares

    def condition(self) -> Condition:
        live = self._progress.live()
        if live is None:
            return Condition(self._progress.word_of_trouble() or BUILDING)
        log = self._store.mark()
        changes, shares = max(0, log.changes - live.mark.changes), max(0, log.shares - live.mark.shares)
        if not changes and not shares:
            return Condition()
        first = self._store.changes_since(live.mark.changes, 1)
        seconds = (self._clock() - first[0].at).total_seconds() if first else 0.0
        return Condition("", changes + shares, max(0.0, seconds))

    def has_tallied(self, tally: Tally, months: Months) -> bool:
        """Whether everything of a tally that happened in these months can be found."""
        live = self._progress.live()
        if live is None:
            return False
        # The few rows behind a number are looked at, not those of the months (a plus keeps SQLite from their index).
        sql = f"SELECT 1 FROM ({tally.rows}) WHERE seq > ? AND +at_us >= ? AND +at_us < ? LIMIT 1"  # noqa: S608
        seen = self._progress.tallied(live.n, tally.kind)
        return not self._store.side_rows(sql, (seen, months[0][1] * 1000, months[-1][2] * 1000))

    def refused(self, resource_type: str) -> int:
        return self._progress.refused_count(resource_type)
