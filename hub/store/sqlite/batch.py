"""What one commit will change, gathered before a row is written.

Submissions of a group see one another's changes here; one that is refused is taken back by ``undo`` without touching
its neighbours. The rows are written once, sorted, by ``flush``.
"""

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from . import records
from .absence import CLAIM, TOKEN, absent
from .facts import TokenKey
from .names import Names, ResourceKey, key_of
from .prepared import Content, Prepared
from .records import Record, Version
from .schema import DELETED, ORGANIZATION
from .visible import grantees_of

Mark = tuple[int, int]


class Batch:
    """Over an open write transaction. ``ts``: the milliseconds of everything in this commit, greater than those of
    every commit before, whatever the clock says."""

    def __init__(self, connection: sqlite3.Connection, names: Names, now_ms: int) -> None:
        self.connection = connection
        self.names = names
        row = connection.execute("SELECT seq, ts FROM chg ORDER BY seq DESC LIMIT 1").fetchone() or (0, 0)
        self.seq: int = row[0]
        self.ts: int = max(now_ms, row[1] + 1)
        self._last_rid: int = max(
            rid or 0
            for table in ("res", "awaited")
            for (rid,) in connection.execute(f"SELECT max(rid) FROM {table}")  # noqa: S608
        )
        self.records: dict[int, Record] = {}
        self.awaited: dict[ResourceKey, int] = {}
        """Targets of references that are not here. Some may have come since, in the same group."""
        self.arrived: list[int] = []
        """Rids that were awaited and belong to a resource now."""
        self.claims: dict[tuple[int, int, int, int], int] = {}
        self._by_key: dict[ResourceKey, Record] = {}
        self._targets: dict[str, tuple[int, int]] = {}
        self._tokens: dict[tuple[int, int], list[tuple[int, Record]]] = {}
        self._unread: list[Record] = []
        self._no_token: set[tuple[int, ...]] = set()
        self._no_claim: set[tuple[int, ...]] = set()
        self._trail: list[tuple[str, Any]] = []

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.ts / 1000, UTC)

    # Reading

    def record(self, key: ResourceKey) -> Record | None:
        """As the group stands; None where it never existed."""
        known = self._by_key.get(key)
        if known is None:
            known = records.load(self.connection, self.names, *key)
            if known is not None:
                self._keep(known)
        return known

    def record_of(self, rid: int) -> Record | None:
        known = self.records.get(rid)
        if known is None:
            known = records.load_rid(self.connection, self.names, rid)
            if known is not None:
                self._keep(known)
        return known

    def grantees(self, record: Record) -> set[int]:
        """Parties it is shared with, before and now."""
        before = grantees_of(self.connection, record.rid) if record.base else []
        return {*before, *record.grants}

    def foresee(self, works: Iterable[Prepared]) -> None:
        """Ask at once what the submissions of the group will ask one by one: which identifiers nobody has yet."""
        tokens: list[tuple[int, int]] = []
        claims: list[tuple[int, ...]] = []
        for prepared in works:
            tokens += [one.token[:2] for one in prepared.conditions.values() if one.token is not None]
            for item in prepared.items:
                owner = self.names.party(ORGANIZATION, item.owner) if item.claim is not None else None
                if item.claim is not None and owner is not None:
                    claims.append((owner, *item.claim))
        self._no_token = absent(self.connection, TOKEN, tokens)
        self._no_claim = absent(self.connection, CLAIM, claims)

    def nobody_has(self, token: tuple[int, int, int | None]) -> bool:
        """Whether it is certain that no resource has a token, on disk or in the group."""
        if token[:2] not in self._no_token:
            return False
        self._read_tokens()
        return token[:2] not in self._tokens

    def claimed(self, owner: int, token: TokenKey) -> int | None:
        """The rid that holds an identifier on disk."""
        if (owner, *token) in self._no_claim:
            return None
        sql = "SELECT rid FROM claim WHERE owner = ? AND p = ? AND h = ? AND sys = ?"
        row = self.connection.execute(sql, (owner, *token)).fetchone()
        return None if row is None else int(row[0])

    def with_token(self, parameter: int, code: int, system: int | None, owner: int | None, limit: int) -> list[Record]:
        """Live resources that have a token; ``system`` None: any; ``owner`` None: anybody's."""
        self._read_tokens()
        found: dict[int, Record] = {}
        for sys, record in self._tokens.get((parameter, code), ()):
            fits = (system is None or sys == system) and (owner is None or record.owner == owner)
            if fits and record.rid in self.records and _has(record, (parameter, code, sys)):
                found[record.rid] = record
        if (parameter, code) in self._no_token:
            return list(found.values())[:limit]
        sql = _WITH_TOKEN[system is not None, owner is not None]
        values = [parameter, code, *([] if system is None else [system]), *([] if owner is None else [owner])]
        for (rid,) in self.connection.execute(sql, [*values, limit + len(self.records)]).fetchall():
            known = self.records.get(rid)
            if known is None:
                known = self.record_of(rid)
            elif known.versions:
                continue
            if known is not None:
                found[rid] = known
        return list(found.values())[:limit]

    def _read_tokens(self) -> None:
        for record in self._unread:
            for version in record.versions:
                if version.content is not None:
                    for parameter, code, system in version.content.keys.tokens:
                        self._tokens.setdefault((parameter, code), []).append((system, record))
        self._unread.clear()

    # Changing

    def create(self, key: ResourceKey, owner: int, owner_name: str, *, fresh: bool) -> Record:
        """A new resource, without a version yet. ``fresh``: its id was made by the hub, so nobody waits for it."""
        rid = None if fresh else self._awaited_rid(key)
        if rid is None:
            self._last_rid = rid = self._last_rid + 1
        else:
            self.arrived.append(rid)
            self._trail.append(("arrived", rid))
        record = Record(rid, key[0], key[1], owner, owner_name)
        self._keep(record)
        self._trail.append(("record", record))
        return record

    def add_version(self, record: Record, method: int, sender: int, content: Content | None) -> Version:
        """The next version of a resource; a deletion where ``content`` is None."""
        self.seq += 1
        links: list[tuple[int, int, int]] = []
        patient_rid, patient = record.patient_rid, None
        if content is not None:
            links = [(parameter, *self.target(text)) for parameter, text in content.references]
            if len(links) > 1:
                links = list(dict.fromkeys(links))
            patient_rid, patient = 0, None
            if content.patient is not None and content.patient.startswith("Patient/"):
                kind, rid = self.target(content.patient)
                if kind:
                    patient_rid, patient = rid, content.patient[8:]
        elif patient_rid:
            patient = self.names.patient_id(patient_rid) or self._patient_id(patient_rid)
        version = Version(record.version + 1, self.seq, method, sender, patient_rid, patient, content, links)
        record.versions.append(version)
        self._unread.append(record)
        self._trail.append(("version", record))
        return version

    def delete(self, record: Record, sender: int) -> Version:
        return self.add_version(record, DELETED, sender, None)

    def target(self, reference: str) -> tuple[int, int]:
        """(type number, rid) of what a reference names, awaited from now on if it is not here."""
        target = self._targets.get(reference)
        if target is None:
            key = key_of(reference)
            known = self._by_key.get(key)
            rid = known.rid if known is not None else self._awaited_rid(key)
            if rid is None:
                self._last_rid = rid = self._last_rid + 1
                self.awaited[key] = rid
                self._trail.append(("awaited", key))
            target = self._targets[reference] = (key[0], rid)
        return target

    def claim(self, owner: int, token: TokenKey, rid: int) -> None:
        self.claims[owner, *token] = rid
        self._trail.append(("claim", (owner, *token)))

    def share(self, record: Record, party: int) -> None:
        if party != record.owner and party not in record.grants and party not in self.grantees(record):
            record.grants.append(party)
            self._trail.append(("grant", record))

    def _awaited_rid(self, key: ResourceKey) -> int | None:
        """The rid given to what is not among the records of this group."""
        return self.awaited.get(key) or self.names.rid(key)

    def _keep(self, record: Record) -> None:
        self.records[record.rid] = record
        self._by_key[record.type_number, record.id] = record

    def _patient_id(self, rid: int) -> str | None:
        record = self.records.get(rid)
        return record.id if record else None

    # Taking back

    def mark(self) -> Mark:
        return len(self._trail), self.seq

    def undo(self, mark: Mark) -> None:
        """Take back everything since ``mark``."""
        length, self.seq = mark
        self._targets.clear()
        while len(self._trail) > length:
            what, one = self._trail.pop()
            match what:
                case "version":
                    one.versions.pop()
                case "grant":
                    one.grants.pop()
                case "record":
                    del self.records[one.rid], self._by_key[one.type_number, one.id]
                case "awaited":
                    self.awaited.pop(one, None)
                case "claim":
                    self.claims.pop(one, None)
                case _:
                    self.arrived.remove(one)

    def flushed(self) -> None:
        """Everything gathered is in the tables now."""
        for record in self.records.values():
            self.names.learn((record.type_number, record.id), record.rid)
        for kept in (
            self.records,
            self.awaited,
            self.arrived,
            self.claims,
            self._by_key,
            self._targets,
            self._tokens,
            self._unread,
            self._no_token,
            self._no_claim,
        ):
            kept.clear()
        self._trail.clear()


_WITH_TOKEN = {
    (True, True): "SELECT DISTINCT rid FROM tok WHERE p = ? AND h = ? AND sys = ? AND owner = ? LIMIT ?",
    (True, False): "SELECT DISTINCT rid FROM tok WHERE p = ? AND h = ? AND sys = ? AND owner > 0 LIMIT ?",
    (False, True): "SELECT DISTINCT rid FROM tok WHERE p = ? AND h = ? AND owner = ? LIMIT ?",
    (False, False): "SELECT DISTINCT rid FROM tok WHERE p = ? AND h = ? AND owner > 0 LIMIT ?",
}
"""By whether the system and the owner are given."""


def _has(record: Record, token: TokenKey) -> bool:
    return token in record.keys.tokens
