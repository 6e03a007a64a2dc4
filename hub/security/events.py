"""Security events: what was refused at a door, counted. Nothing of a patient, nothing of a token.

Equal events of one second become one row with a number, and at most ``MOST_KINDS`` different ones wait in a process, so
that a flood costs neither memory nor disk nor anybody else.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from hub.contracts.errors import Busy
from hub.contracts.store import CommitView, ResourceStore
from hub.telemetry import metrics

from .later import Later

MOST_KINDS = 100
OTHERS = "others"
LONGEST_DETAIL = 100

COUNTED = metrics.describe("hub_security_events_total", "Refusals at the doors, by kind.")


@dataclass(slots=True)
class _Counted:
    at_us: int
    kind: str
    detail: str
    n: int = 1


class SecurityEvents:
    """One per process; may be used from any thread."""

    def __init__(self, store: ResourceStore, *, delay_seconds: float = 1.0) -> None:
        self._store = store
        self._later = Later[_Counted](store, self._write, delay_seconds=delay_seconds)
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], _Counted] = {}

    def note(self, kind: str, detail: str) -> None:
        """Count one. ``kind`` is a fixed word (``bad-token``, ``unknown-facility``, ``unknown-ae-title``); ``detail``
        an address or a name that a stranger gave himself, cut short. Returns at once and never raises."""
        metrics.count(COUNTED, kind=kind)
        detail = "".join(char for char in detail if char.isprintable())[:LONGEST_DETAIL]
        with self._lock:
            if len(self._open) >= MOST_KINDS and (kind, detail) not in self._open:
                detail = OTHERS
            counted = self._open.get((kind, detail))
            if counted is not None:
                counted.n += 1
                return
            counted = _Counted(int(time.time() * 1_000_000), kind, detail)
            try:
                self._later.add(counted)
            except Busy:
                return  # the store has been away for long; the metric above still counts
            self._open[(kind, detail)] = counted

    def latest(self, count: int) -> Sequence[tuple[int, str, str, int]]:
        """``(microseconds since 1970, kind, detail, how often)``, newest first."""
        rows = self._store.side_rows(
            "SELECT at_us, kind, detail, n FROM security_event ORDER BY seq DESC LIMIT ?", (count,)
        )
        return [(at_us, kind, detail, n) for at_us, kind, detail, n in rows]

    def flush(self) -> None:
        self._later.flush()

    def close(self) -> None:
        self._later.close()

    def _write(self, view: CommitView, rows: Sequence[_Counted]) -> None:
        with self._lock:
            for row in rows:
                if self._open.get((row.kind, row.detail)) is row:
                    del self._open[(row.kind, row.detail)]
        for row in rows:
            view.execute(
                "INSERT INTO security_event (at_us, kind, detail, n) VALUES (?, ?, ?, ?)",
                (row.at_us, row.kind, row.detail, row.n),
            )
