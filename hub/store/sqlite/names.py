"""Names to numbers and back. A number once given is never changed or given again, so whatever was read stays true."""

import sqlite3

from .schema import TYPE_NAMES

ResourceKey = tuple[int, str]
"""(type number, id); (0, URL) for what is no resource of this store."""
_MOST_KEPT = 50_000


class Names:
    """Over one connection, and like it for one thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._parties: dict[tuple[int, str], int] = {}
        self._party_names: dict[int, str] = {}
        self._rids: dict[ResourceKey, int] = {}
        self._keys: dict[int, ResourceKey] = {}

    def forget(self) -> None:
        """After a rollback: what was given in the transaction was not given."""
        self.forget_parties()
        self._rids.clear()
        self._keys.clear()

    def forget_parties(self) -> None:
        """After a part of the transaction was taken back."""
        self._parties.clear()
        self._party_names.clear()

    def party(self, kind: int, name: str) -> int | None:
        known = self._parties.get((kind, name))
        if known is None:
            row = self._connection.execute("SELECT n FROM party WHERE kind = ? AND name = ?", (kind, name)).fetchone()
            if row is None:
                return None
            known = self._parties[kind, name] = row[0]
        return known

    def give_party(self, kind: int, name: str) -> int:
        """The number, given now if there is none. Inside a write transaction alone."""
        known = self.party(kind, name)
        if known is None:
            known = self._connection.execute("INSERT INTO party (kind, name) VALUES (?, ?)", (kind, name)).lastrowid
            assert known is not None  # noqa: S101 - an INSERT has a rowid
            self._parties[kind, name] = known
        return known

    def party_name(self, n: int) -> str:
        known = self._party_names.get(n)
        if known is None:
            row = self._connection.execute("SELECT name FROM party WHERE n = ?", (n,)).fetchone()
            known = self._party_names[n] = row[0] if row else ""
        return known

    def organizations(self) -> list[int]:
        """Numbers of all owners, ascending."""
        return [n for (n,) in self._connection.execute("SELECT n FROM party WHERE kind = 0 ORDER BY n")]

    def rid(self, key: ResourceKey) -> int | None:
        """Also of a target that is awaited."""
        known = self._rids.get(key)
        if known is None:
            find = self._connection.execute
            row = find("SELECT rid FROM res WHERE type = ? AND id = ?", key).fetchone()
            if row is None:
                row = find("SELECT rid FROM awaited WHERE type = ? AND id = ?", key).fetchone()
            if row is None:
                return None
            known = row[0]
            self.learn(key, known)
        return known

    def learn(self, key: ResourceKey, rid: int) -> None:
        if len(self._rids) >= _MOST_KEPT:
            self._rids.clear()
        self._rids[key] = rid

    def key(self, rid: int) -> ResourceKey | None:
        """What a rid stands for."""
        known = self._keys.get(rid)
        if known is None:
            find = self._connection.execute
            row = find("SELECT type, id FROM res WHERE rid = ?", (rid,)).fetchone()
            if row is None:
                row = find("SELECT type, id FROM awaited WHERE rid = ?", (rid,)).fetchone()
            if row is None:
                return None
            known = row
            if len(self._keys) >= _MOST_KEPT:
                self._keys.clear()
            self._keys[rid] = known
        return known

    def patient_id(self, rid: int) -> str | None:
        """Id of the Patient that ``res.pat`` names; None for 0."""
        key = self.key(rid) if rid else None
        return key[1] if key else None


def key_of(reference: str) -> ResourceKey:
    """What a reference in an index row names."""
    kind, slash, resource_id = reference.partition("/")
    if slash and resource_id and "/" not in resource_id and (number := _NUMBERS.get(kind)):
        return number, resource_id
    return 0, reference


_NUMBERS = {name: number for number, name in enumerate(TYPE_NAMES) if name}
