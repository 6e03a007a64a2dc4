"""Resources, and what happens beside them, counted by organization and month."""

import sqlite3
from bisect import bisect_right
from collections import Counter

from hub.contracts.search import Activity, Months, Tally

from .limits import time_limit
from .names import Names
from .schema import DELETED, ORGANIZATION, TYPE_NUMBERS

_COUNT = "SELECT owner, sd, count(*) FROM res WHERE type = ? AND method <> ? AND sd >= ? AND sd < ?"


def activity(
    connection: sqlite3.Connection, names: Names, resource_type: str, months: Months, owner: str | None
) -> Activity:
    """By the month of the primary date. Raises Busy (too-costly)."""
    sql, values = _COUNT, [TYPE_NUMBERS[resource_type], DELETED, months[0][1], months[-1][2]]
    if owner is not None:
        sql, values = f"{sql} AND owner = ?", [*values, names.party(ORGANIZATION, owner) or -1]
    starts = [start for _, start, _ in months]
    found: Counter[tuple[str, str]] = Counter()
    with time_limit(connection):
        for number, date, count in connection.execute(f"{sql} GROUP BY owner, sd", values):
            found[names.party_name(number), months[bisect_right(starts, date) - 1][0]] += count
    return found


def tallied(connection: sqlite3.Connection, tally: Tally, months: Months, owner: str | None) -> Activity:
    """By the month when it happened. Raises Busy (too-costly)."""
    sql = f"SELECT organization, count(*) FROM ({tally.rows}) WHERE at_us >= ? AND at_us < ?"  # noqa: S608 - constants
    mine: tuple[str, ...] = () if owner is None else (owner,)
    if owner is not None:
        sql = f"{sql} AND organization = ?"
    found: dict[tuple[str, str], int] = {}
    with time_limit(connection):
        for name, start, end in months:
            rows = connection.execute(f"{sql} GROUP BY organization", (start * 1000, end * 1000, *mine))
            found |= {(organization, name): count for organization, count in rows}
    return found
