"""Reads of committed snapshots: by id, by version, history, the change log (R4 http.html#read, #vread, #history)."""

import os
import threading
import weakref
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hub.contracts.caller import Scope
from hub.contracts.errors import Gone, NotFound
from hub.contracts.store import Change, Stored

from .connections import open_reader
from .names import Names
from .reading import COLUMNS, Row, stored_of
from .schema import DELETED, TYPE_NAMES, TYPE_NUMBERS
from .visible import ALL, Visible, may_read, patients_of, visible

_BY_ID = f"SELECT {COLUMNS} FROM res AS r WHERE r.type = ? AND r.id = ?"  # noqa: S608 - constants
_HISTORY = (
    "SELECT h.rid, r.type, r.id, h.ver, h.ts, h.method, r.owner, h.sender, r.pat, h.body"
    " FROM hist AS h CROSS JOIN res AS r ON r.rid = h.rid WHERE h.rid = ?"
)
_CHANGES = (
    "SELECT c.seq, r.type, r.id, c.ver, c.method, r.owner, c.sender, r.pat, c.ts"
    " FROM chg AS c CROSS JOIN res AS r ON r.rid = c.rid WHERE c.seq > ? ORDER BY c.seq LIMIT ?"
)


_inherited: list[object] = []
"""Connections opened before a fork, which a child must neither use nor close: they share the parent's files."""


class View:
    """A reading connection with what it has learned of names. For one thread, with which it ends."""

    def __init__(self, path: Path) -> None:
        self.connection = open_reader(path)
        self.names = Names(self.connection)
        self._pid = os.getpid()

    def close(self) -> None:
        if self._pid == os.getpid():
            self.connection.close()
        else:
            _inherited.append(self.connection)

    __del__ = close

    def visible(self, scope: Scope) -> Visible:
        if scope.owners is None:
            return ALL
        return visible(scope, self.names.party, lambda asked: patients_of(self.connection, asked))

    def row(self, resource_type: str, resource_id: str, scope: Scope) -> Row:
        """The current row, deleted or not. Raises NotFound for what is not there or outside the scope."""
        number = TYPE_NUMBERS.get(resource_type)
        if number is not None and scope.sees_type(resource_type):
            row: Row | None = self.connection.execute(_BY_ID, (number, resource_id)).fetchone()
            if row is not None and (
                scope.owners is None or may_read(self.connection, self.visible(scope), row[0], row[6], row[8])
            ):
                return row
        raise NotFound("There is no such resource.", where=resource_type, remedy="Check the id.")

    def read(self, resource_type: str, resource_id: str, scope: Scope) -> Stored:
        row = self.row(resource_type, resource_id, scope)
        if row[5] == DELETED:
            raise _gone(resource_type)
        return stored_of(row, self.names)

    def read_version(self, resource_type: str, resource_id: str, version: int, scope: Scope) -> Stored:
        row = self.row(resource_type, resource_id, scope)
        if row[3] != version:
            row = self.connection.execute(f"{_HISTORY} AND h.ver = ?", (row[0], version)).fetchone()
            if row is None:
                raise NotFound("There is no such version.", where=resource_type, remedy="See the history.")
        if row[5] == DELETED:
            raise _gone(resource_type)
        return stored_of(row, self.names)

    def history(
        self, resource_type: str, resource_id: str, scope: Scope, *, count: int, before_version: int | None
    ) -> Sequence[Stored]:
        row = self.row(resource_type, resource_id, scope)
        before = row[3] + 1 if before_version is None else before_version
        rows = [row] if row[3] < before else []
        older = f"{_HISTORY} AND h.ver < ? ORDER BY h.ver DESC LIMIT ?"
        rows += self.connection.execute(older, (row[0], before, max(0, count - len(rows)))).fetchall()
        return [stored_of(row, self.names) for row in rows[:count]]

    def changes_since(self, sequence: int, limit: int) -> Sequence[Change]:
        names = self.names
        return [
            Change(
                seq, TYPE_NAMES[kind], resource_id, version, method == DELETED, names.party_name(owner),
                names.party_name(sender), names.patient_id(patient), datetime.fromtimestamp(ts / 1000, UTC),
            )
            for seq, kind, resource_id, version, method, owner, sender, patient, ts in self.connection.execute(
                _CHANGES, (sequence, limit)
            )
        ]  # fmt: skip

    def last_sequence(self) -> int:
        return self.connection.execute("SELECT max(seq) FROM chg").fetchone()[0] or 0

    def side_rows(self, sql: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, parameters).fetchall()


def _gone(resource_type: str) -> Gone:
    return Gone("The resource was deleted.", where=resource_type, remedy="Its versions are in its history.")


class Views:
    """A view for each thread of this process, opened when it first reads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._local = threading.local()
        self._all: weakref.WeakSet[View] = weakref.WeakSet()
        self._lock = threading.Lock()

    def get(self) -> View:
        if self._pid != os.getpid():  # the lock may have been held when the parent forked
            _inherited.extend(self._all)
            self._reset()
        view: View | None = getattr(self._local, "view", None)
        if view is None:
            view = View(self._path)
            self._local.view = view
            with self._lock:
                self._all.add(view)
        return view

    def close(self) -> None:
        """Close every connection of this process; the next read opens a new one."""
        for view in list(self._all):
            view.close()
        self._reset()
