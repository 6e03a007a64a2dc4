"""A search from query to page (R4 search.html)."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from hub.contracts.caller import Scope
from hub.contracts.errors import Incorrect
from hub.contracts.store import Page, Stored
from hub.fhir.search import Criterion, Has, SearchQuery, Total
from hub.fhir.search_params import compartment_params

from . import cursor as cursors
from .atoms import Clause, Presence, ReferenceAtom, Row, TokenAtom
from .candidates import Candidates, Found
from .criteria import clauses_of, parameters_of
from .full_text import holding
from .including import included
from .limits import Deadline, time_limit
from .names import Names
from .ordering import behind, collected, sorted_by_index
from .planning import IDS, LISTING, MOST_COLLECTED, Costs, Plan, Way, plan, too_many
from .prepared import Condition
from .reading import facts_of, rows_of, stored_of
from .schema import TYPE_NUMBERS
from .visible import Visible, may_read, patients_of, visible

MOST_SYSTEMS = 100
"""Systems of one code that are looked up apart; a code with more is filtered, not looked up."""


def search(connection: sqlite3.Connection, names: Names, query: SearchQuery, scope: Scope, after: str | None) -> Page:
    """Within one snapshot."""
    if not scope.sees_type(query.type):
        return Page((), total=0 if query.summary_count or query.total is Total.ACCURATE else None)
    connection.execute("BEGIN")
    try:
        with time_limit(connection) as deadline:
            numbers = visible(scope, names.party, lambda asked: patients_of(connection, asked))
            return _Search(connection, names, query, numbers, deadline, scope.sees_type).page(after, scope)
    finally:
        connection.execute("COMMIT")


def gather(connection: sqlite3.Connection, names: Names, query: SearchQuery, scope: Scope, ids: Sequence[str]) -> Page:
    """The resources with these ids, in this order, as they stand now, with what the query includes."""
    connection.execute("BEGIN")
    try:
        numbers = visible(scope, names.party, lambda one: patients_of(connection, one))
        kind = TYPE_NUMBERS[query.type]
        rids = (
            [rid for one in ids if (rid := names.rid((kind, one))) is not None] if scope.sees_type(query.type) else []
        )
        rows = rows_of(connection, rids)
        matches = [
            (rid, stored_of(row, names))
            for rid in rids
            if (row := rows.get(rid)) is not None
            and row[9] is not None
            and may_read(connection, numbers, rid, row[6], row[8])
        ]
        extra = included(connection, names, query, numbers, scope.sees_type, matches)
        return Page([stored for _, stored in matches], extra)
    finally:
        connection.execute("COMMIT")


def find_ids(connection: sqlite3.Connection, names: Names, query: SearchQuery, scope: Visible) -> tuple[str, ...]:
    """At most two ids of resources that match, inside whatever transaction is open."""
    with time_limit(connection) as deadline:
        matches = _Search(connection, names, replace(query, sort=()), scope, deadline, lambda _: True).rids(2)
        return tuple(row[2] for row in rows_of(connection, matches).values())


_MEETING = "SELECT DISTINCT r.id, r.rid, r.owner, r.pat FROM tok AS t CROSS JOIN res AS r ON r.rid = t.rid"
_MOST_READABLE = 100


def meeting(connection: sqlite3.Connection, names: Names, condition: Condition, scope: Visible) -> tuple[str, ...]:
    """At most two ids of resources that meet a condition."""
    if condition.token is None:
        assert condition.query is not None  # noqa: S101 - one of the two is set
        return find_ids(connection, names, condition.query, scope)
    parameter, code, system = condition.token
    where = "t.p = ? AND t.h = ?" + ("" if system is None else " AND t.sys = ?")
    values = [parameter, code, *([] if system is None else [system])]
    if scope.branches is not None and len(scope.branches) == 1:
        sql = f"{_MEETING} WHERE {where} AND t.owner = ? LIMIT 2"
        return tuple(row[0] for row in connection.execute(sql, [*values, scope.branches[0]]))
    sql = f"{_MEETING} WHERE {where} AND t.owner > 0 LIMIT ?"
    rows = connection.execute(sql, [*values, _MOST_READABLE]).fetchall()
    return tuple(row[0] for row in rows if may_read(connection, scope, *row[1:]))[:2]


class _Search:
    def __init__(
        self,
        connection: sqlite3.Connection,
        names: Names,
        query: SearchQuery,
        scope: Visible,
        deadline: Deadline,
        sees_type: Callable[[str], bool],
    ) -> None:
        self._connection = connection
        self._names = names
        self._scope = scope
        self._deadline = deadline
        self._sees_type = sees_type
        self._query = query = self._with_referred(query) if query.has else query
        clauses = [self._expanded(clause) for clause in clauses_of(query, names, self._chain)]
        if scope.patients is not None and not scope.owners and not scope.grantees:
            clauses += self._compartment(scope.patients)
        self._clauses = clauses
        self._candidates = Candidates(connection, names, query.type, clauses, scope, deadline, query.count)
        self._nothing = any(isinstance(one, Clause) and not one.atoms and not one.negated for one in clauses)

    def page(self, after: str | None, scope: Scope) -> Page:
        query = self._query
        total = self._total() if query.summary_count or query.total is Total.ACCURATE else None
        if query.summary_count or self._nothing:
            return Page((), total=total)
        cursor = None if after is None else cursors.read(after, query)
        chosen = self._plan() if cursor is None else self._resumed(cursor.plan)
        start: Found | None = None if cursor is None else (tuple(cursor.place), tuple(cursor.row))
        found = self._ways(chosen, start)
        if cursor is not None:  # the first page is of one snapshot: nothing in it is newer
            ceiling = cursor.ceiling
            found = (one for one in found if one[1][-1] <= ceiling)
        page = list(islice(found, query.count + 1))
        more = len(page) > query.count
        page = page[: query.count]
        following = None
        if more and page:
            following = cursors.write(query, chosen, self._newest() if cursor is None else cursor.ceiling, *page[-1])
        matches = self._stored([row[-1] for _, row in page])
        extra = included(self._connection, self._names, query, self._scope, self._sees_type, matches)
        return Page([stored for _, stored in matches], extra, following, total)

    def rids(self, most: int) -> list[int]:
        """The first matches."""
        if self._nothing:
            return []
        return [row[-1] for _, row in islice(self._ways(self._plan(), None), most)]

    def all_rids(self) -> list[int]:
        """Every match. Raises Unsupported (too-costly) for more than MOST_COLLECTED."""
        rids = self.rids(MOST_COLLECTED + 1)
        if len(rids) > MOST_COLLECTED:
            raise too_many(MOST_COLLECTED)
        return rids

    def _ways(self, chosen: Plan, start: Found | None) -> Iterator[Found]:
        found = self._in_order(chosen, start)
        if not self._query.texts and not self._query.people:
            return found
        return holding(self._connection, self._names, self._query, found, self._deadline)

    def _in_order(self, chosen: Plan, start: Found | None) -> Iterator[Found]:
        candidates, query = self._candidates, self._query
        match chosen.way:
            case Way.PAGED:
                return candidates.paged(chosen, start)
            case Way.DATED:
                rows = candidates.merged(candidates.dated(chosen), start[1] if start else None, descending=True)
                return (((), row) for row in candidates.checked(rows, chosen.lead))
            case Way.SORTED:
                return sorted_by_index(candidates, query, start)
            case _:
                rids = self._asked() if chosen.lead == IDS else candidates.rids(chosen)
                matches = collected(candidates, query, rids, chosen.lead)
                rest = behind(matches, query.sort, start[1]) if start else matches
                return (((), (*values, rid)) for values, rid in rest)

    def _asked(self) -> Iterator[int]:
        """Live resources with the ids asked for, as far as they may be read."""
        number = TYPE_NUMBERS[self._query.type]
        rids = [rid for one in sorted(self._query.ids or ()) if (rid := self._names.rid((number, one))) is not None]
        return iter([row[0] for row in rows_of(self._connection, rids).values() if self._readable(row)])

    def _readable(self, row: Row) -> bool:
        return row[9] is not None and may_read(self._connection, self._scope, row[0], row[6], row[8])

    def _plan(self) -> Plan:
        return plan(self._query, self._clauses, Costs(self._matches, self._dated))

    def _resumed(self, chosen: Plan) -> Plan:
        if not (chosen.lead in (IDS, LISTING) or 0 <= chosen.lead < len(self._clauses)):
            raise Incorrect("The cursor does not belong to this search.", http_status=400)
        return chosen

    def _matches(self, number: int, patient: int | None, most: int) -> int:
        counted = 0
        for scan in self._candidates.scans(Plan(number, Way.PAGED, patient), apart=False, alone=True):
            counted += self._connection.execute(*scan.count(most - counted)).fetchone()[0]
            if counted >= most:
                break
        return counted

    def _dated(self, number: int, patient: int | None) -> int | None:
        return self._candidates.date_order(Plan(number, Way.DATED, patient))

    def _total(self) -> int:
        if self._nothing:
            return 0
        if self._query.texts or self._query.people:
            chosen = replace(self._plan(), way=Way.COLLECTED if self._query.ids is not None else Way.PAGED)
            return sum(1 for _ in self._ways(chosen, None))
        if self._query.ids is not None:
            return len(collected(self._candidates, replace(self._query, sort=()), self._asked(), IDS))
        chosen = plan(replace(self._query, sort=()), self._clauses, Costs(self._matches, self._dated))
        chosen = Plan(chosen.lead, Way.PAGED, chosen.patient)
        lead = None if chosen.lead == LISTING else self._clauses[chosen.lead]
        others = self._candidates.others(chosen.lead)
        plain = not others and self._scope.patients is None and len(self._scope.branches or ()) < 3
        if plain and (lead is None or (isinstance(lead, Clause) and not lead.may_repeat)):
            scans = self._candidates.scans(chosen, apart=False)
            return sum(self._connection.execute(*scan.count(1 << 62)).fetchone()[0] for scan in scans)
        seen: set[int] = set()
        rows = ((rid,) for rid in self._candidates.rids(chosen))
        for row in self._candidates.checked(rows, chosen.lead):
            seen.add(row[-1])
        return len(seen)

    def _newest(self) -> int:
        return self._connection.execute("SELECT max(rid) FROM res").fetchone()[0] or 0

    def _stored(self, rids: list[int]) -> list[tuple[int, Stored]]:
        rows = self._candidates.rows
        missing = [rid for rid in rids if rid not in rows]
        if missing:
            rows = {**rows, **rows_of(self._connection, missing)}
        return [(rid, stored_of(rows[rid], self._names)) for rid in rids if rid in rows]

    def _chain(self, criterion: Criterion) -> list[tuple[int, int]]:
        found: dict[tuple[int, int], None] = {}
        for link in criterion.chain:
            if self._sees_type(link.param.type):
                inner = SearchQuery(link.param.type, (link,))
                search = _Search(self._connection, self._names, inner, self._scope, self._deadline, self._sees_type)
                kind = TYPE_NUMBERS[link.param.type]
                found.update(dict.fromkeys((kind, rid) for rid in search.all_rids()))
        return list(found)

    def _with_referred(self, query: SearchQuery) -> SearchQuery:
        """``_has`` as the ids of what is referred to."""
        ids = query.ids
        for has in query.has:
            found: set[str] = set()
            if self._sees_type(has.param.type):
                inner = SearchQuery(has.param.type, (has.criterion,))
                search = _Search(self._connection, self._names, inner, self._scope, self._deadline, self._sees_type)
                rids = search.all_rids()
                for at in range(0, len(rids), 1_024):
                    found |= self._targets(query.type, has, rids[at : at + 1_024])
                    self._deadline.check()
            ids = frozenset(found if ids is None else ids & found)
        return replace(query, ids=ids, has=())

    def _targets(self, resource_type: str, has: Has, rids: list[int]) -> set[str]:
        """Ids of resources of the type searched."""
        number, parameters = TYPE_NUMBERS[resource_type], set(parameters_of(has.param))
        links = [link for facts in facts_of(self._connection, rids).values() for link in facts.links]
        keys = {target for parameter, kind, target in links if kind == number and parameter in parameters}
        return {key[1] for rid in keys if (key := self._names.key(rid)) is not None}

    def _expanded(self, clause: Clause | Presence) -> Clause | Presence:
        """Codes without a system as the systems that there are, so that each can be looked up."""
        if isinstance(clause, Presence) or clause.negated:
            return clause
        if not any(
            isinstance(atom, TokenAtom) and atom.code is not None and atom.system is None for atom in clause.atoms
        ):
            return clause
        atoms = [
            one
            for atom in clause.atoms
            for one in (self._systems(atom) if isinstance(atom, TokenAtom) and atom.system is None else [atom])
        ]
        return Clause(tuple(sorted(dict.fromkeys(atoms), key=lambda atom: atom.key)))

    def _systems(self, atom: TokenAtom) -> list[TokenAtom]:
        if atom.code is None:
            return [atom]
        found: list[TokenAtom] = []
        system = -1
        sql = "SELECT sys FROM tok WHERE p = ? AND h = ? AND sys > ? ORDER BY sys LIMIT 1"
        while (row := self._connection.execute(sql, (atom.parameter, atom.code, system)).fetchone()) is not None:
            system = row[0]
            found.append(TokenAtom(atom.parameter, atom.code, system))
            if len(found) > MOST_SYSTEMS:
                return [atom]
        return found

    def _compartment(self, patients: frozenset[int]) -> list[Clause]:
        """For a scope of Patients alone: what narrows a search to them from the start."""
        params = {param.stored_as for param in compartment_params(self._query.type)}
        if self._query.type == "Patient" or not params:
            return []
        number = TYPE_NUMBERS["Patient"]
        atoms = [ReferenceAtom(parameter, rid, number) for parameter in sorted(params) for rid in sorted(patients)]
        return [Clause(tuple(sorted(atoms, key=lambda atom: atom.key)))]
