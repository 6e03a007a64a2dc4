"""``_include`` and ``_revinclude`` (R4 search.html#include)."""

import sqlite3
from collections.abc import Callable, Sequence

from hub.contracts.store import Stored
from hub.fhir.search import SearchQuery

from .criteria import parameters_of
from .names import Names
from .reading import facts_of, rows_of, stored_of
from .schema import DELETED, TYPE_NAMES
from .visible import Visible, may_read

MOST_INCLUDED = 1_000
"""Resources added to one page, of all includes together."""


def included(
    connection: sqlite3.Connection,
    names: Names,
    query: SearchQuery,
    scope: Visible,
    sees_type: Callable[[str], bool],
    matches: Sequence[tuple[int, Stored]],
) -> list[Stored]:
    """What the includes of a query add to its matches, each once, none of the matches again, all of it readable."""
    if not matches or not (query.includes or query.revincludes):
        return []
    rids = dict.fromkeys(_targets(connection, query, [rid for rid, _ in matches]))
    for rid, _ in matches:
        rids.pop(rid, None)
        _add_sources(connection, query, scope, rid, rids)
    for rid, _ in matches:
        rids.pop(rid, None)
    wanted = list(rids)
    found: list[Stored] = []
    for at in range(0, len(wanted), MOST_INCLUDED):
        rows = rows_of(connection, wanted[at : at + MOST_INCLUDED])
        for rid in wanted[at : at + MOST_INCLUDED]:
            row = rows.get(rid)
            if row is None or row[5] == DELETED or not sees_type(TYPE_NAMES[row[1]]):
                continue
            if may_read(connection, scope, rid, row[6], row[8]):
                found.append(stored_of(row, names))
                if len(found) == MOST_INCLUDED:
                    return found
    return found


def _targets(connection: sqlite3.Connection, query: SearchQuery, rids: Sequence[int]) -> list[int]:
    if not query.includes:
        return []
    wanted = [
        (set(parameters_of(include.param)), _types(include.target_type, include.param.target_restriction))
        for include in query.includes
    ]
    facts = facts_of(connection, rids)
    return [
        target
        for rid in rids
        if rid in facts
        for parameters, types in wanted
        for parameter, kind, target in facts[rid].links
        if kind and parameter in parameters and (types is None or TYPE_NAMES[kind] in types)
    ]


def _types(stated: str | None, restriction: frozenset[str] | None) -> frozenset[str] | None:
    return restriction if stated is None else frozenset({stated})


def _add_sources(
    connection: sqlite3.Connection, query: SearchQuery, scope: Visible, rid: int, found: dict[int, None]
) -> None:
    """Rids of what refers to ``rid``, until there are too many of all."""
    owners = "owner > 0" if scope.branches is None else f"owner IN ({','.join('?' * len(scope.branches))})"
    for include in query.revincludes:
        for parameter in parameters_of(include.param):
            rows = connection.execute(
                f"SELECT rid FROM ref WHERE p = ? AND tgt = ? AND {owners} LIMIT ?",  # noqa: S608 - numbers alone
                (parameter, rid, *(scope.branches or ()), MOST_INCLUDED + 1),
            )
            for (source,) in rows:
                if len(found) > 2 * MOST_INCLUDED:
                    return
                found[source] = None
