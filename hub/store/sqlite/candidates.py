"""Candidates of a search, from the scans of its lead, checked against the rest of it."""

import heapq
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from .absorbing import absorbed
from .atoms import Clause, Presence, ReferenceAtom, Row
from .criteria import patient_parameter
from .facts import Facts
from .limits import Deadline
from .names import Names
from .planning import LISTING, Plan, is_about_patients
from .reading import facts_of, whole_of
from .scans import Scan, dated_scans, listing, scans_of
from .schema import TYPE_NUMBERS
from .visible import Visible, grantees_of

Found = tuple[Row, Row]
"""(key of the scan, row in it); the last of the row is the rid."""
FIRST_CHUNK, LARGEST_CHUNK = 64, 1_024


@dataclass(slots=True)
class Candidates:
    """The scans of one search and the checks on what they give. Every resource that passes is in ``scope``."""

    connection: sqlite3.Connection
    names: Names
    type: str
    clauses: Sequence[Clause | Presence]
    scope: Visible
    deadline: Deadline
    wanted: int = 0
    """How many resources the page takes: no more candidates are read whole."""
    rows: dict[int, Row] = field(default_factory=dict)
    """Candidates that were read whole while they were checked, as ``reading.rows_of`` gives them."""
    _pairs: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    _absorbed: dict[int, tuple[str, list[int], frozenset[int]]] = field(default_factory=dict)

    # Scans

    def owners(self, *, apart: bool) -> list[int] | None:
        """Values of ``owner`` to scan; None for all organizations where they need not be told apart."""
        if self.scope.branches is not None:
            return list(self.scope.branches)
        return self.names.organizations() if apart else None

    def scans(self, plan: Plan, *, apart: bool, alone: bool = False) -> Iterator[Scan]:
        """``alone``: without what its scans can check of the other clauses."""
        if plan.lead == LISTING:
            yield from listing(TYPE_NUMBERS[self.type], self.owners(apart=apart), apart=apart)
            return
        owners = self.owners(apart=apart and not self._clause(plan.lead).exact)
        pairs = None if plan.patient is None else self.pairs(plan.patient)
        condition, values, _ = ("", (), None) if alone else self.absorbed(plan.lead)
        for number, atom in enumerate(self._clause(plan.lead).atoms):
            for scan in scans_of(number, atom, owners, pairs, apart=apart):
                yield scan.also(condition, values)

    def dated(self, plan: Plan) -> Iterator[Scan]:
        clause = self._clause(plan.lead)
        owners = self.owners(apart=False)
        pairs = None
        if plan.patient is not None:
            pairs = self.pairs(plan.patient)
        elif is_about_patients(clause, patient_parameter(self.type)):
            pairs = self.pairs(plan.lead)
        condition, values, _ = self.absorbed(plan.lead)
        for number, atom in enumerate(clause.atoms):
            for scan in dated_scans(number, atom, owners, pairs):
                yield scan.also(condition, values)

    def date_order(self, plan: Plan) -> int | None:
        """How many scans ``dated`` makes, None where the index does not have them in that order."""
        clause = self._clause(plan.lead)
        if not clause.exact:
            return None
        if plan.patient is None and not is_about_patients(clause, patient_parameter(self.type)):
            by_owner = self.scope.branches is not None
            if not by_owner or not all(isinstance(atom, ReferenceAtom) for atom in clause.atoms):
                return None
        return sum(1 for _ in self.dated(plan))

    def pairs(self, number: int) -> list[tuple[int, int]]:
        """(owner, Patient) for the Patients of a clause and those who hold something of them."""
        known = self._pairs.get(number)
        if known is None:
            known = self._pairs[number] = []
            branches = self.scope.branches
            for patient in (atom.target for atom in self._clause(number).atoms if isinstance(atom, ReferenceAtom)):
                for (owner,) in self.connection.execute("SELECT owner FROM patient_owner WHERE pat = ?", (patient,)):
                    if owner in branches if branches is not None else owner > 0:
                        known.append((owner, patient))
        return known

    def _clause(self, number: int) -> Clause:
        clause = self.clauses[number]
        assert isinstance(clause, Clause)  # noqa: S101 - a lead is one
        return clause

    # Ways through them

    def paged(self, plan: Plan, after: Found | None) -> Iterator[Found]:
        """One scan after the other, from behind ``after``; each match once, whatever page it falls on."""
        lead = None if plan.lead == LISTING else self._clause(plan.lead)
        started = after is None
        for scan in self.scans(plan, apart=True):
            row = None
            if not started:
                if after is None or scan.key != after[0]:
                    continue
                started, row = True, after[1]
            rows = self.connection.execute(*scan.sql(row))
            for chunk in chunks(rows, self.deadline):
                yield from self._page_chunk(plan, lead, scan, chunk)

    def _page_chunk(self, plan: Plan, lead: Clause | None, scan: Scan, chunk: list[Row]) -> Iterator[Found]:
        once = lead is not None and lead.may_repeat
        branches = self.scope.branches is not None and len(self.scope.branches) > 2
        others = self.others(plan.lead)
        if not (once or others or branches or self.scope.patients is not None):
            yield from ((scan.key, row) for row in chunk)
            return
        facts = self._facts([row[-1] for row in chunk])
        for row in chunk:
            one = facts.get(row[-1])
            if one is None or (scan.holds is not None and not scan.holds(row)):
                continue
            if once and lead is not None:
                place = lead.first(one)
                if place is None or place != (scan.key[0], scan.key[1], row[: scan.width]):
                    continue
            if branches and not self._is_first_branch(one, scan.key):
                continue
            if self.passes(one, others):
                yield scan.key, row

    def merged(self, scans: Iterable[Scan], after: Row | None, *, descending: bool) -> Iterator[Row]:
        """Rows of all scans in one order, equal ones once."""
        streams = [self.connection.execute(*scan.sql(after, descending=descending)) for scan in scans]
        last: Row | None = None
        for row in heapq.merge(*streams, reverse=descending) if len(streams) != 1 else streams[0]:
            if row != last:
                last = row
                yield row

    def checked(
        self, rows: Iterable[Row], skip: int | None, also: Callable[[Facts, Row], bool] | None = None
    ) -> Iterator[Row]:
        """Those of the rows that meet every clause but ``skip`` (and ``also``)."""
        others = self.others(skip)
        needed = bool(others) or also is not None or self.scope.patients is not None
        for chunk in chunks(rows, self.deadline):
            if not needed:
                yield from chunk
                continue
            facts = self._facts([row[-1] for row in chunk])
            for row in chunk:
                one = facts.get(row[-1])
                if one is not None and self.passes(one, others) and (also is None or also(one, row)):
                    yield row

    def rids(self, plan: Plan) -> Iterator[int]:
        """Rids of the lead's rows, in no order and perhaps more than once; what ``holds`` refuses left out."""
        for scan in self.scans(plan, apart=False):
            for row in self.connection.execute(*scan.rids()):
                if scan.holds is None or scan.holds(row):
                    yield row[-1]

    # Checks

    def others(self, skip: int | None) -> list[Clause | Presence]:
        """The clauses that a candidate must still meet. The lead is one of them where its scans are wider."""
        checked = self.absorbed(skip)[2] if skip is not None and skip >= 0 else ()
        return [
            clause
            for number, clause in enumerate(self.clauses)
            if number not in checked and (number != skip or (isinstance(clause, Clause) and not clause.exact))
        ]

    def absorbed(self, lead: int) -> tuple[str, list[int], frozenset[int]]:
        """What the scans of a lead check of the other clauses, see ``absorbing``."""
        known = self._absorbed.get(lead)
        if known is None:
            about_patients = is_about_patients(self.clauses[lead], patient_parameter(self.type))
            known = self._absorbed[lead] = absorbed(self.clauses, lead, names_patients=about_patients)
        return known

    def passes(self, facts: Facts, clauses: Sequence[Clause | Presence]) -> bool:
        scope = self.scope
        if scope.patients is not None and not (
            facts.patient_rid in scope.patients
            or facts.rid in scope.patients
            or (scope.owners is not None and facts.owner in scope.owners)
            or (scope.grantees and not scope.grantees.isdisjoint(grantees_of(self.connection, facts.rid)))
        ):
            return False
        return all(clause.holds(facts) for clause in clauses)

    def _facts(self, rids: list[int]) -> dict[int, Facts]:
        """What few enough candidates for one page are checked by, their bodies kept beside: one look instead of two."""
        if len(rids) > self.wanted:
            return facts_of(self.connection, rids)
        facts, rows = whole_of(self.connection, rids)
        self.rows |= rows
        return facts

    def _is_first_branch(self, facts: Facts, key: Row) -> bool:
        """A resource that can be seen for several reasons counts under the first of them. Scans end their keys with the
        owner, or with owner and Patient."""
        scope = self.scope
        assert scope.owners is not None and scope.branches is not None  # noqa: S101
        reasons = [facts.owner] if facts.owner in scope.owners else []
        reasons += [-n for n in grantees_of(self.connection, facts.rid) if n in scope.grantees]
        first = min(reasons, key=scope.branches.index)
        return bool(key[2] == first)


def chunks(rows: Iterable[Row], deadline: Deadline) -> Iterator[list[Row]]:
    """Growing lists of rows, so that a page is had quickly and a long way is gone in strides."""
    size = FIRST_CHUNK
    chunk: list[Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) >= size:
            yield chunk
            deadline.check()
            chunk, size = [], min(size * 4, LARGEST_CHUNK)
    if chunk:
        yield chunk
