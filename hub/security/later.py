"""Collects small rows and writes them together, a moment later, in one commit.

Reads must not wait for a disk: what they leave behind (an audit row, a counted refusal) is gathered here and written
by one thread of the process, started when the first row comes (so after any fork).
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Busy
from hub.contracts.store import CommitView, ResourceWriter
from hub.telemetry import events, metrics

T = TypeVar("T")

LARGEST_GROUP = 2_000
"""Rows of one commit, so that a commit stays well below 50 ms."""
MOST_WAITING = 100_000
"""Rows kept in memory while the store cannot be written; beyond it ``add`` refuses."""
RETRY_SECONDS = 1.0

NOT_WRITTEN = events.declare("later.failed", "error", ("error",), "Gathered rows could not be written; tried again.")
FAILED = metrics.describe("hub_later_rows_failed_total", "Tries to write gathered rows that failed and are repeated.")


class Later(Generic[T]):
    """Rows in the order they came, each written exactly once while the process lives.

    On disk at most ``delay_seconds`` and one commit after ``add``. Promised by ``close``: everything added before it is
    on disk when it returns, or it raises. A kill -9 loses what is younger than the delay."""

    def __init__(
        self, writer: ResourceWriter, write: Callable[[CommitView, Sequence[T]], None], *, delay_seconds: float
    ) -> None:
        self._writer = writer
        self._write = write
        self._delay_seconds = delay_seconds
        self._thread: threading.Thread | None = None
        self._reset()

    def add(self, row: T) -> None:
        """Raises Busy when too much waits: what cannot be written down must not happen."""
        if self._pid != os.getpid():
            self._reset()
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                raise Busy("The audit trail cannot be written.", remedy="Wait until the store takes writes again.")
            self._waiting.append(row)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="later", daemon=True)
                self._thread.start()
        self._wake.set()

    def flush(self) -> None:
        """Write what waits, now. Blocks for a commit; raises what the store raised, keeping the rows."""
        if self._pid != os.getpid():
            self._reset()
        with self._writing:
            while True:
                with self._lock:
                    group = self._waiting[:LARGEST_GROUP]
                if not group:
                    return
                self._writer.act(lambda view, rows=group: self._write(view, rows), WRITER).result()  # type: ignore[misc]
                with self._lock:
                    del self._waiting[: len(group)]

    def close(self) -> None:
        self._closed.set()
        self._wake.set()
        self.flush()

    def _reset(self) -> None:
        # In a forked child the parent's rows are the parent's to write, and its thread does not exist.
        self._pid = os.getpid()
        self._waiting: list[T] = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread = None

    def _run(self) -> None:
        while not self._closed.is_set():
            self._wake.wait()
            self._closed.wait(self._delay_seconds)
            self._wake.clear()
            try:
                self.flush()
            except Exception as failure:
                # Whatever the store says, the rows are kept and tried again; an operator sees count and line.
                metrics.count(FAILED)
                NOT_WRITTEN.log(error=type(failure).__name__)
                self._wake.set()
                time.sleep(RETRY_SECONDS)


WRITER = Caller("hub", Role.SERVICE, "hub")
