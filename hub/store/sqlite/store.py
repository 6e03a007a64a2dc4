"""``hub.contracts.store.ResourceStore`` on one SQLite file, ``hub.sqlite`` in the data folder."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from hub.contracts.caller import Caller, Scope
from hub.contracts.search import Activity, Counted, Indexed, Mark, Months, Tally
from hub.contracts.store import Change, CheckWrite, CommitView, Page, Reaction, SideTable, Stored
from hub.contracts.submission import Receipt, Submission
from hub.fhir.search import SearchQuery

from . import counting, indexed, receipts, schema, searching, verifying
from .absence import TOKEN, absent
from .connections import open_writer
from .group import Work
from .identifiers import new_id
from .prepared import Condition, Prepared
from .preparing import Preparer
from .reader import View, Views
from .schema import CLIENT, ORGANIZATION
from .turnstile import Turnstile
from .visible import owned_by
from .writer import Writer

FILE = "hub.sqlite"


class SqliteResourceStore:
    """May be made before a fork and used after it: connections and the writing thread are made on first use, by each
    process for itself. Reads and ``prepare`` may be called from any thread.

    Side tables are those of the reactions and ``side_tables``; they are made when the file is first opened."""

    def __init__(
        self, folder: Path, *, reactions: Sequence[Reaction] = (), side_tables: Sequence[SideTable] = ()
    ) -> None:
        self._path = folder / FILE
        self._tables = [*(one.tables for one in reactions if one.tables is not None), *side_tables]
        self._reactions = tuple(reactions)
        self._preparer = Preparer(reactions)
        self._views = Views(self._path)
        self._opening = threading.Lock()
        self._opened_by = 0
        self._writer: Writer | None = None

    # Reading

    def read(self, resource_type: str, resource_id: str, scope: Scope) -> Stored:
        return self._view().read(resource_type, resource_id, scope)

    def read_version(self, resource_type: str, resource_id: str, version: int, scope: Scope) -> Stored:
        return self._view().read_version(resource_type, resource_id, version, scope)

    def history(
        self, resource_type: str, resource_id: str, scope: Scope, *, count: int, before_version: int | None = None
    ) -> Sequence[Stored]:
        return self._view().history(resource_type, resource_id, scope, count=count, before_version=before_version)

    def search(self, query: SearchQuery, scope: Scope, *, after: str | None = None) -> Page:
        view = self._view()
        return searching.search(view.connection, view.names, query, scope, after)

    def gather(self, query: SearchQuery, scope: Scope, ids: Sequence[str]) -> Page:
        view = self._view()
        return searching.gather(view.connection, view.names, query, scope, ids)

    def activity(self, resource_type: str, months: Months, owner: str | None) -> Activity:
        view = self._view()
        return counting.activity(view.connection, view.names, resource_type, months, owner)

    def tallied(self, tally: Tally, months: Months, owner: str | None) -> Activity:
        return counting.tallied(self._view().connection, tally, months, owner)

    # Feeding an index (``hub.contracts.search.IndexedStore``)

    def mark(self) -> Mark:
        return indexed.mark(self._view().connection)

    def touched_since(self, mark: Mark, limit: int) -> tuple[list[int], Mark]:
        return indexed.touched_since(self._view().connection, mark, limit)

    def indexed(self, rids: Sequence[int]) -> list[Indexed]:
        view = self._view()
        return indexed.indexed(view.connection, view.names, rids)

    def live_rids(self, after: int, limit: int) -> list[int]:
        return indexed.live_rids(self._view().connection, after, limit)

    def newest_rid(self) -> int:
        return indexed.newest_rid(self._view().connection)

    def census(self, after: int, to: int) -> Iterator[Counted]:
        return indexed.census(self._view().connection, after, to)

    def rids_of(self, references: Sequence[str]) -> dict[str, int]:
        return indexed.rids_of(self._view().connection, references)

    def side_rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._view().side_rows(sql, parameters)

    def changes_since(self, sequence: int, limit: int) -> Sequence[Change]:
        return self._view().changes_since(sequence, limit)

    def last_sequence(self) -> int:
        return self._view().last_sequence()

    # Writing

    def prepare(
        self,
        submission: Submission,
        *,
        owners: Sequence[str] | None = None,
        check: CheckWrite | None = None,
        own_patients_only: bool = False,
        scope: Scope | None = None,
    ) -> Prepared:
        view = self._view()
        caller = submission.origin.caller
        own = (caller.organization,) * len(submission.entries)
        prepared = Prepared(
            submission, new_id(), own if owners is None else tuple(owners), check, own_patients_only, scope
        )
        client = view.names.party(CLIENT, caller.client)
        prepared.replay = receipts.bound(view.connection, client, submission.origin)
        if prepared.replay is None:
            self._preparer.prepare(prepared, lambda conditions: _answers(view, conditions, scope))
        return prepared

    def submit(self, prepared: Prepared) -> "Future[Receipt]":
        if prepared.replay is not None:
            done: Future[Receipt] = Future()
            done.set_result(prepared.replay)
            return done
        return self._write(Work(prepared))

    def act(self, room_action: Callable[[CommitView], object], caller: Caller) -> "Future[Any]":
        return self._write(Work(action=room_action, caller=caller))

    def verify(self) -> Iterator[str]:
        self._view()
        yield from verifying.verify(self._path)

    def close(self) -> None:
        """Commit what waits and close what this process opened. Using the store again opens it again."""
        with self._opening:
            writer, self._writer = self._writer, None
            self._opened_by = 0
        if writer is not None and writer.pid == os.getpid():
            writer.close()
        self._views.close()

    def _view(self) -> View:
        if self._opened_by != os.getpid():
            self._open()
        return self._views.get()

    def _write(self, work: Work) -> "Future[Any]":
        if self._opened_by != os.getpid():
            self._open()
        writer = self._writer
        if writer is None or writer.pid != os.getpid():
            with self._opening:
                if self._writer is None or self._writer.pid != os.getpid():
                    self._writer = Writer(self._path, self._preparer, self._reactions)
                writer = self._writer
        return writer.put(work)

    def _open(self) -> None:
        """Make the tables, once in a process and by one process at a time."""
        with self._opening:
            if self._opened_by == os.getpid():
                return
            turnstile = Turnstile(self._path)
            with turnstile.turn():
                connection = open_writer(self._path)
                schema.create(connection, self._tables)
                connection.close()
            turnstile.close()
            self._opened_by = os.getpid()


def _answers(view: View, conditions: Sequence[Condition], scope: Scope | None) -> list[tuple[str, ...]]:
    nobody = absent(view.connection, TOKEN, (one.token[:2] for one in conditions if one.token is not None))
    return [
        () if one.token is not None and one.token[:2] in nobody else _meeting(view, one, scope) for one in conditions
    ]


def _meeting(view: View, condition: Condition, scope: Scope | None) -> tuple[str, ...]:
    """What meets a condition in the snapshot; the commit asks again."""
    need = condition.need
    owner = view.names.party(ORGANIZATION, need.owner)
    found = () if owner is None else searching.meeting(view.connection, view.names, condition, owned_by(owner))
    if not found and need.readable and scope is not None and scope.sees_type(need.type):
        found = searching.meeting(view.connection, view.names, condition, view.visible(scope))
    return found
