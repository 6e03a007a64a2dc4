"""How far the index is behind the store, as any process sees it."""

from collections.abc import Callable
from datetime import UTC, datetime

from hub.contracts.store import ResourceStore

from .planner import Condition
from .progress import Progress

BUILDING = "The search index is being built."


class Freshness:
    """Reads what the indexer has saved; asks no server."""

    def __init__(
        self, store: ResourceStore, progress: Progress, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._progress = progress
        self._clock = clock

    def last_sequence(self) -> int:
        return self._store.last_sequence()

    def reached(self) -> int:
        """Every change up to this one can be found; 0 where no index is live."""
        live = self._progress.live()
        return live.mark.changes if live else 0

    def condition(self) -> Condition:
        live = self._progress.live()
        if live is None:
            return Condition(self._progress.word_of_trouble() or BUILDING)
        behind = self._store.last_sequence() - live.mark.changes
        if behind <= 0:
            return Condition()
        first = self._store.changes_since(live.mark.changes, 1)
        seconds = (self._clock() - first[0].at).total_seconds() if first else 0.0
        return Condition("", behind, max(0.0, seconds))

    def refused(self, resource_type: str) -> int:
        return self._progress.refused_count(resource_type)
