"""A Scope in the store's numbers: which index rows a search may scan, and whether one row may be read.

Rows that a ``platform`` client sent for others are shared with that client when they are written, so that
``Scope.sender`` is a grantee like any organization.
"""

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hub.contracts.caller import Scope

from .schema import CLIENT, ORGANIZATION, TYPE_NUMBERS

PartyNumber = Callable[[int, str], int | None]
"""(kind, name) to ``party.n``; None where nothing was ever stored for it."""


@dataclass(frozen=True, slots=True)
class Visible:
    """``owners`` None: every organization. ``branches`` are the values of ``owner`` in index rows that may be scanned,
    in this order; None: all that are positive. ``patients``: rids of Patients whose compartment may be read besides.
    """

    owners: frozenset[int] | None
    grantees: frozenset[int] = frozenset()
    branches: tuple[int, ...] | None = None
    patients: frozenset[int] | None = None

    @property
    def everything(self) -> bool:
        return self.owners is None


ALL = Visible(None)


def owned_by(owner: int) -> Visible:
    """What an organization owns, without what is shared with it."""
    return Visible(frozenset({owner}), branches=(owner,))


def visible(scope: Scope, party: PartyNumber, patients: Callable[[Scope], Iterable[int] | None]) -> Visible:
    """``patients``: rids of the Patients that the scope names, None where it names none."""
    if scope.owners is None:
        return ALL
    owners = {n for name in scope.owners if (n := party(ORGANIZATION, name)) is not None}
    grantees = set(owners)
    if scope.sender is not None and (client := party(CLIENT, scope.sender)) is not None:
        grantees.add(client)
    rids = patients(scope)
    branches = None if rids is not None else (*sorted(owners), *(-n for n in sorted(grantees)))
    return Visible(frozenset(owners), frozenset(grantees), branches, None if rids is None else frozenset(rids))


def may_read(connection: sqlite3.Connection, scope: Visible, rid: int, owner: int, patient_rid: int) -> bool:
    if scope.owners is None or owner in scope.owners:
        return True
    if scope.patients is not None and (patient_rid in scope.patients or rid in scope.patients):
        return True
    return bool(scope.grantees) and any(n in scope.grantees for n in grantees_of(connection, rid))


def grantees_of(connection: sqlite3.Connection, rid: int) -> list[int]:
    return [n for (n,) in connection.execute("SELECT party FROM share WHERE rid = ?", (rid,))]


def patients_of(connection: sqlite3.Connection, scope: Scope) -> list[int] | None:
    """The Patients that ``scope.patients`` names, and those linked to ``scope.person`` where the identity room keeps
    its links in this store."""
    if scope.patients is None and scope.person is None:
        return None
    ids = set(scope.patients or ())
    if scope.person is not None and _has_links(connection):
        rows = connection.execute("SELECT patient_id FROM identity_link WHERE person_id = ?", (scope.person,))
        ids.update(patient_id for (patient_id,) in rows)
    find = "SELECT rid FROM res WHERE type = ? AND id = ?"
    number = TYPE_NUMBERS["Patient"]
    return [rid for one in sorted(ids) for (rid,) in connection.execute(find, (number, one))]


def _has_links(connection: sqlite3.Connection) -> bool:
    rows = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'identity_link'")
    return rows.fetchone() is not None
