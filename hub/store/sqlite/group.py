"""One commit of many submissions: begin, apply each, write the rows, fsync, answer."""

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.contracts.caller import Caller
from hub.contracts.errors import ExchangeError
from hub.contracts.store import Reaction
from hub.telemetry import events

from . import faults
from .applying import Action, Applier
from .batch import Batch
from .connections import open_writer
from .flushing import Flusher
from .names import Names
from .prepared import Prepared
from .preparing import Preparer
from .turnstile import Turnstile

STUMBLED = events.declare("store.stumbled", "error", ("error",), "One submission failed by a mistake of the hub's own.")


@dataclass(slots=True, eq=False)
class Work:
    """What waits for a commit: a prepared submission, or a room's action."""

    prepared: Prepared | None = None
    action: Action | None = None
    caller: Caller | None = None
    future: "Future[Any]" = field(default_factory=Future)

    @property
    def size(self) -> int:
        return self.prepared.size if self.prepared is not None else 1


class Committer:
    """The writing connection of a process, for one thread."""

    def __init__(self, path: Path, turnstile: Turnstile, preparer: Preparer, reactions: Sequence[Reaction]) -> None:
        self._turnstile = turnstile
        self._preparer = preparer
        self._reactions = reactions
        self._connection = open_writer(path)
        self._names = Names(self._connection)
        self._flusher = Flusher(self._connection)

    def commit(self, works: Sequence[Work]) -> float:
        """Resolve the future of each, after the fsync; gives the seconds that the file was locked. Raises what lost
        them all; then no future is resolved."""
        with self._turnstile.turn():
            started = time.perf_counter()
            results = self._transaction(works)
            seconds = time.perf_counter() - started
        for work, result in zip(works, results, strict=True):
            if isinstance(result, ExchangeError):
                work.future.set_exception(result)
            else:
                work.future.set_result(result)
        return seconds

    def _transaction(self, works: Sequence[Work]) -> list[object]:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            batch = Batch(connection, self._names, time.time_ns() // 1_000_000)
            batch.foresee(work.prepared for work in works if work.prepared is not None)
            applier = Applier(batch, self._flusher, self._preparer, self._reactions)
            results = [self._one(applier, work) for work in works]
            self._flusher.flush(batch)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._names.forget()
            self._flusher.forget()
            raise
        return results

    def _one(self, applier: Applier, work: Work) -> object:
        """Its result, or the refusal of this one alone."""
        try:
            if work.prepared is not None:
                return applier.submission(work.prepared)
            assert work.action is not None and work.caller is not None  # noqa: S101 - one of the two is set
            return applier.action(work.action, work.caller)
        except ExchangeError as refusal:
            return refusal
        except Exception as error:
            if faults.concerns_all(error) or not self._connection.in_transaction:
                raise
            STUMBLED.log(error=type(error).__name__)
            return faults.explained(error)

    def close(self) -> None:
        self._connection.close()
