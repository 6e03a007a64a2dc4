"""Resources counted by owner and month."""

import sqlite3
from bisect import bisect_right
from collections import Counter

from hub.contracts.search import Activity, Months

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
