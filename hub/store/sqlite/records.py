"""Resources as an open group of submissions sees and changes them, before a row is written."""

import sqlite3
from dataclasses import dataclass, field
from typing import Any

from hub.contracts.store import Stored

from . import bodies
from .facts import NOTHING, Keys, unpack_keys, unpack_links
from .names import Names
from .prepared import Content
from .schema import DELETED, METHODS, TYPE_NAMES


@dataclass(slots=True, eq=False)
class Base:
    """The version on disk when the group began."""

    version: int
    ts: int
    method: int
    sender: int
    patient_rid: int
    sort_date: int
    packed_keys: bytes | None
    packed_links: bytes | None
    sum: bytes | None
    body: bytes | None

    @property
    def keys(self) -> Keys:
        return unpack_keys(self.packed_keys)

    @property
    def links(self) -> list[tuple[int, int, int]]:
        return unpack_links(self.packed_links)


@dataclass(slots=True, eq=False)
class Version:
    """A version that the group adds. ``content`` is None when it is a deletion."""

    version: int
    seq: int
    method: int
    sender: int
    patient_rid: int
    patient: str | None
    content: Content | None
    links: list[tuple[int, int, int]] = field(default_factory=list)
    whole: bytes = b""
    """The body with its head, once somebody asked for it."""


@dataclass(slots=True, eq=False)
class Record:
    """One resource in the group. ``base`` is None for a new one. ``grants``: parties that may read it from now on."""

    rid: int
    type_number: int
    id: str
    owner: int
    owner_name: str
    base: Base | None = None
    versions: list[Version] = field(default_factory=list)
    grants: list[int] = field(default_factory=list)

    @property
    def type(self) -> str:
        return TYPE_NAMES[self.type_number]

    @property
    def version(self) -> int:
        """0 where it does not exist yet."""
        if self.versions:
            return self.versions[-1].version
        return self.base.version if self.base else 0

    @property
    def deleted(self) -> bool:
        if self.versions:
            return self.versions[-1].content is None
        return self.base is not None and self.base.method == DELETED

    @property
    def patient_rid(self) -> int:
        if self.versions:
            return self.versions[-1].patient_rid
        return self.base.patient_rid if self.base else 0

    @property
    def sum(self) -> bytes | None:
        if self.versions:
            content = self.versions[-1].content
            return content.sum if content else None
        return self.base.sum if self.base else None

    @property
    def keys(self) -> Keys:
        if self.versions:
            content = self.versions[-1].content
            return content.keys if content else NOTHING
        return self.base.keys if self.base else NOTHING

    def body(self, ts: int) -> bytes:
        """The whole current body; ``ts`` is the time of the group."""
        if self.versions:
            last = self.versions[-1]
            if not last.whole and last.content is not None:
                head = bodies.head(self.type, self.id, last.version, bodies.instant(ts))
                last.whole = head + last.content.tail
            return last.whole
        if self.base is None or self.base.body is None:
            return b""
        start = bodies.head(self.type, self.id, self.base.version, bodies.instant(self.base.ts))
        return start + bodies.unpack(self.base.body)

    def updated(self, ts: int) -> str:
        return bodies.instant(ts if self.versions or self.base is None else self.base.ts)

    def stored(self, ts: int, names: Names) -> Stored:
        last = self.versions[-1] if self.versions else self.base
        assert last is not None  # noqa: S101 - a record has a version
        return Stored(
            self.type,
            self.id,
            last.version,
            self.updated(ts),
            self.body(ts),
            self.owner_name,
            names.party_name(last.sender),
            last.patient if isinstance(last, Version) else names.patient_id(last.patient_rid),
            self.deleted,
            METHODS[last.method],
        )


_COLUMNS = "r.rid, r.type, r.id, r.owner, r.ver, r.ts, r.method, r.sender, r.pat, r.sd, r.keys, r.links, r.sum, r.body"
_LOAD = f"SELECT {_COLUMNS} FROM res AS r WHERE r.type = ? AND r.id = ?"  # noqa: S608 - constants
_LOAD_RID = f"SELECT {_COLUMNS} FROM res AS r WHERE r.rid = ?"  # noqa: S608 - constants


def load(connection: sqlite3.Connection, names: Names, type_number: int, resource_id: str) -> Record | None:
    """The record on disk; None where there is none."""
    row = connection.execute(_LOAD, (type_number, resource_id)).fetchone()
    return None if row is None else _record(row, names)


def load_rid(connection: sqlite3.Connection, names: Names, rid: int) -> Record | None:
    row = connection.execute(_LOAD_RID, (rid,)).fetchone()
    return None if row is None else _record(row, names)


def _record(row: tuple[Any, ...], names: Names) -> Record:
    return Record(row[0], row[1], row[2], row[3], names.party_name(row[3]), Base(*row[4:]))
