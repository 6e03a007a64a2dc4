"""Group commit: changes that wait at the same time share one transaction and one fsync.

Processes take turns by a lock file, so that none polls SQLite's own lock and none starves.
"""

import contextlib
import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from hub.contracts.errors import Busy, ExchangeError, Fault

from .connection import open_index

T = TypeVar("T")
MOST_PER_COMMIT = 256


class GroupWriter:
    """Runs changes one after another on one connection, in a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start_lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._process = os.getpid()
        self._waiting: queue.SimpleQueue[tuple[Callable[[sqlite3.Connection], Any], Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._thread: threading.Thread | None = None

    def submit(self, change: Callable[[sqlite3.Connection], T]) -> "Future[T]":
        """``change`` runs inside a transaction; the Future gives its result after the fsync, or the ExchangeError that
        kept it out."""
        if self._process != os.getpid():
            self._start_lock = threading.Lock()
            self._reset()
        if self._thread is None:
            with self._start_lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="dicom-index-writer", daemon=True)
                    self._thread.start()
        future: Future[T] = Future()
        self._waiting.put((change, future))
        return future

    def close(self) -> None:
        """Finish what waits, then stop."""
        if self._process == os.getpid() and self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            while (first := self._waiting.get()) is not None:
                group, last = [first], False
                while len(group) < MOST_PER_COMMIT:
                    try:
                        item = self._waiting.get_nowait()
                    except queue.Empty:
                        break
                    if item is None:
                        last = True
                        break
                    group.append(item)
                try:
                    connection = connection or open_index(self._path)
                    self._commit(connection, lock, group)
                except BaseException as failure:
                    error = _refusal(failure)
                    for _change, future in group:
                        if not future.done():
                            future.set_exception(error)
                if last:
                    return
        finally:
            os.close(lock)
            if connection is not None:
                connection.close()

    def _commit(
        self,
        connection: sqlite3.Connection,
        lock: int,
        group: list[tuple[Callable[[sqlite3.Connection], Any], "Future[Any]"]],
    ) -> None:
        settled: list[tuple[Future[Any], Any, ExchangeError | None]] = []
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                for change, future in group:
                    connection.execute("SAVEPOINT one")
                    try:
                        settled.append((future, change(connection), None))
                    except (ExchangeError, sqlite3.IntegrityError) as failure:
                        connection.execute("ROLLBACK TO one")
                        settled.append((future, None, _refusal(failure)))
                    connection.execute("RELEASE one")
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)
        for future, result, error in settled:
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


def _refusal(failure: BaseException) -> ExchangeError:
    if isinstance(failure, ExchangeError):
        return failure
    if isinstance(failure, (sqlite3.OperationalError, OSError)):
        return Busy("The index of the gateway cannot be written now; nothing was kept.", remedy="Send again later.")
    return Fault("The index of the gateway failed; nothing was kept.", remedy="See the log; send again later.")
