"""Which of many keys no row has, asked in few statements.

Most of what is new is looked for and not found: the identifiers of a message with fifty results, say. Each statement
costs as much as the lookup itself, and lets go of the interpreter lock.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from functools import cache

TOKEN = ("tok", ("p", "h"))
CLAIM = ("claim", ("owner", "p", "h", "sys"))
"""A table and the first columns of its key."""
_AT_ONCE = 64

Table = tuple[str, tuple[str, ...]]


def absent(connection: sqlite3.Connection, table: Table, keys: Iterable[Sequence[int]]) -> set[tuple[int, ...]]:
    """Those of ``keys`` that no row of the table begins with, as the open transaction sees it."""
    missing = {tuple(key) for key in keys}
    asked = sorted(missing)
    for start in range(0, len(asked), _AT_ONCE):
        some = asked[start : start + _AT_ONCE]
        found = connection.execute(_statement(table, len(some)), [number for key in some for number in key]).fetchall()
        missing.difference_update(found)
    return missing


@cache
def _statement(table: Table, count: int) -> str:
    name, columns = table
    wanted = ",".join(f"v.column{at}" for at in range(1, len(columns) + 1))
    values = ",".join([f"({','.join('?' * len(columns))})"] * count)
    same = " AND ".join(f"t.{column} = v.column{at}" for at, column in enumerate(columns, 1))
    return f"SELECT {wanted} FROM (VALUES {values}) AS v WHERE EXISTS (SELECT 1 FROM {name} AS t WHERE {same})"  # noqa: S608
