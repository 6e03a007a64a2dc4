"""The one thread of a process that writes: it takes what waits, commits it as one group, and only then answers.

One fsync serves everybody who waited for it. A group ends at a number of resources that follows what disk and machine
can do in ``GROUP_SECONDS``, so that no other process waits longer than that for its turn.
"""

import os
import queue
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from hub.contracts.errors import ExchangeError, Fault
from hub.contracts.store import Reaction
from hub.telemetry import events

from . import faults
from .group import Committer, Work
from .preparing import Preparer
from .turnstile import Turnstile

GROUP_SECONDS = 0.05
LEAST, MOST = 200, 4_000
"""Resources of a group. One larger submission is a group of its own."""
SWITCH_SECONDS = 0.001
"""How long another thread may keep the interpreter while the writer, the file locked, waits for it."""

FAILED = events.declare("store.failed", "error", ("error", "code"), "A group of submissions could not be committed.")


class Writer:
    """Opens its connection and starts its thread with the first work, so after any fork."""

    def __init__(self, path: Path, preparer: Preparer, reactions: Sequence[Reaction]) -> None:
        self._path = path
        self._preparer = preparer
        self._reactions = reactions
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._refusal: ExchangeError | None = None
        self._most = LEAST * 4
        self.pid = os.getpid()

    def put(self, work: Work) -> "Future[Any]":
        with self._starting:
            if self._refusal is None:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
                    self._thread.start()
                self._queue.put(work)
                return work.future
        work.future.set_exception(self._refusal)
        return work.future

    def close(self) -> None:
        """Commit what waits, then stop. Work that comes later is refused."""
        with self._starting:
            if self._refusal is None:
                self._refusal = Fault("The store is closed.", remedy="Start the hub again.")
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join()

    def _run(self) -> None:
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_SECONDS))
        turnstile = Turnstile(self._path)
        committer: Committer | None = None
        broken = False
        last = False
        while not last:
            taken, last = self._take()
            works = [work for work in taken if work.future.set_running_or_notify_cancel()]
            if not works:
                continue
            try:
                if broken:
                    raise faults.broken()
                committer = committer or Committer(self._path, turnstile, self._preparer, self._reactions)
                self._learn(sum(work.size for work in works), committer.commit(works))
            except BaseException as error:
                broken = broken or faults.is_damaging(error)
                FAILED.log(error=type(error).__name__, code=getattr(error, "sqlite_errorname", None))
                for work in works:
                    if not work.future.done():
                        work.future.set_exception(faults.explained(error))
        if committer is not None:
            committer.close()
        turnstile.close()

    def _take(self) -> tuple[list[Work], bool]:
        """What waits, up to a group; and whether the writer is to stop."""
        taken: list[Work] = []
        size = 0
        work = self._queue.get()
        while work is not None:
            taken.append(work)
            size += work.size
            if size >= self._most:
                return taken, False
            try:
                work = self._queue.get_nowait()
            except queue.Empty:
                return taken, False
        return taken, True

    def _learn(self, size: int, seconds: float) -> None:
        """Follow the machine slowly, so that one slow commit does not shrink the groups."""
        if size >= LEAST:
            wanted = int(size * GROUP_SECONDS / max(seconds, 1e-6))
            self._most = max(LEAST, min(MOST, (3 * self._most + wanted) // 4))
