"""Bringing blobs to rest, for ever and beside everything else: a thread that looks, and a few that carry."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, islice

from hub.contracts.errors import Busy
from hub.telemetry import metrics
from hub.telemetry.events import declare

from .settling_store import SettlingBlobStore

AWAY = declare("blobs.away", "warning", ("what",), "Blobs wait in the data folder until the shelf is back.")
BACK = declare("blobs.back", "info", (), "The shelf is back; what waited comes to rest.")
NOT_SETTLED = declare("blobs.not_settled", "error", ("blob", "error"), "A blob stays in the data folder.")
WAITING = metrics.describe("hub_blobs_waiting", "Blobs that wait in the data folder for their place at rest.")
SETTLED = metrics.describe("hub_blobs_settled_total", "Blobs that came to rest.")
REACHABLE = metrics.describe("hub_blobs_shelf_reachable", "1 where the shelf answered last time, else 0.")

CARRIERS = 4
BATCH = 256
_IDLE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_FAILED_SECONDS = 60.0
_COUNT_EVERY_SECONDS = 10.0
_DRAIN_SECONDS = 5.0
_GENTLE = 10
"""How far carriers stand back in the scheduler: packing must not slow a receiver."""


class Settling:
    """To be started in one process of a hub. With ``emptied``, everything is brought back from the shelf instead, and
    this is called when nothing is left there."""

    def __init__(
        self,
        store: SettlingBlobStore,
        *,
        emptied: Callable[[], None] | None = None,
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:
        self._store = store
        self._emptied = emptied
        self._move = store.settle if emptied is None else store.bring_back
        self._idle_seconds = self._pause_seconds = idle_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="blobs-settling", daemon=True)
        self._away = self._give_up = False
        self._not_before: dict[str, float] = {}
        """Monotonic time by key, of blobs that failed for their own sake."""
        self._count_at = 0.0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Waits a moment for what is being carried; cut short, it is carried again at the next start."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_DRAIN_SECONDS)

    def _run(self) -> None:
        with ThreadPoolExecutor(CARRIERS, "blobs-carrier", initializer=_stand_back) as carriers:
            while not self._stopping.is_set():
                try:
                    moved = self._round(carriers)
                except Busy as away:
                    self._tell(away)
                    moved = 0
                except Exception as failure:  # of the disk; the thread goes on
                    NOT_SETTLED.log(blob="", error=type(failure).__name__)
                    moved = 0
                if not moved:
                    self._stopping.wait(self._pause_seconds)

    def _round(self, carriers: Executor) -> int:
        """Carry what waits, at most a batch; how many came to rest."""
        now, self._give_up = time.monotonic(), False
        batch = list(islice((key for key in self._all() if self._is_due(key, now)), BATCH))
        if now >= self._count_at:
            metrics.gauge(WAITING, sum(1 for _ in self._store.waiting()))
            self._store.cache.trim()
            self._count_at = now + _COUNT_EVERY_SECONDS
        done = 0
        if self._away and batch:  # one asks whether the shelf is back
            done = self._carry(batch.pop(0))
            if not done:
                self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE_SECONDS)
                return 0
        done += sum(carriers.map(self._carry, batch))
        if done:
            metrics.count(SETTLED, done)
        return done

    def _all(self) -> Iterator[str]:
        """Never one blob twice: two at a time would be at odds."""
        deleted = dict.fromkeys(self._store.deleted())
        if self._emptied is None:
            yield from chain(deleted, (key for key in self._store.waiting() if key not in deleted))
            return
        some = deleted | dict.fromkeys(islice(self._store.shelf.stored(), BATCH))
        yield from some
        if not some:
            self._emptied()

    def _is_due(self, key: str, now: float) -> bool:
        return self._not_before.get(key, 0.0) <= now

    def _carry(self, key: str) -> bool:
        if self._stopping.is_set() or self._give_up:
            return False
        try:
            self._move(key)
        except Busy as away:
            self._give_up = True
            self._tell(away)
            return False
        except Exception as failure:
            self._not_before[key] = time.monotonic() + _FAILED_SECONDS
            NOT_SETTLED.log(blob=key, error=type(failure).__name__)
            return False
        self._not_before.pop(key, None)
        self._tell(None)
        return True

    def _tell(self, away: Busy | None) -> None:
        if away is not None and not self._away:
            AWAY.log(what=away.what)
        elif away is None and self._away:
            BACK.log()
        self._away = away is not None
        metrics.gauge(REACHABLE, not self._away)
        if away is None:
            self._pause_seconds = self._idle_seconds


def _stand_back() -> None:
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _GENTLE)
