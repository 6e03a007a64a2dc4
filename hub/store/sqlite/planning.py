"""How a search is answered: which criterion leads, and in which way its scans are put in order. Pure.

Ways:

- ``PAGED``: no order was asked for. The lead's scans one after another, each in the order of its index; a page stops
  where it is full.
- ``DATED``: newest first by the type's primary date, from scans that stand in that order already or are short enough to
  be sorted; merged.
- ``SORTED``: by the index of the parameter to sort by, from one end; the criteria filter.
- ``COLLECTED``: all matches, sorted in memory; at most ``MOST_COLLECTED``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from hub.contracts.errors import Unsupported
from hub.fhir.search import SearchQuery, SortKey
from hub.fhir.search_params import primary_date

from .atoms import Clause, Presence, ReferenceAtom
from .criteria import parameters_of, patient_parameter
from .schema import TYPE_NUMBERS

MOST_COLLECTED = 20_000
MOST_MERGED = 64
"""Scans that are merged; more are collected."""
MOST_PATIENTS = 64

LISTING = -1
IDS = -2
"""Leads that are no criterion: all resources of the type; the ids that were asked for."""
_PROBES = (64, 1_024, MOST_COLLECTED + 1)
"""Criteria are counted up to these, until one turns out to be the most selective."""
FEW = 16
"""A criterion that matches no more leads without a look at the rest: to count them would cost more than to check."""
_PATIENT = TYPE_NUMBERS["Patient"]
_SORTABLE = {"date": "dat", "string": "str", "quantity": "qty", "number": "qty"}


class Way(IntEnum):
    PAGED = 0
    DATED = 1
    SORTED = 2
    COLLECTED = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """``lead`` is the number of a clause, LISTING or IDS. ``patient``: the clause to whose Patients its scans are
    narrowed."""

    lead: int
    way: Way
    patient: int | None = None


@dataclass(frozen=True, slots=True)
class Costs:
    """What the planner asks of the store. ``matches``: index rows of a clause (narrowed to the Patients of another if
    that is given), counted up to a number. ``dated``: how many scans give them in the order of their primary date, None
    where the index has another order."""

    matches: Callable[[int, int | None, int], int]
    dated: Callable[[int, int | None], int | None]


def plan(query: SearchQuery, clauses: Sequence[Clause | Presence], costs: Costs) -> Plan:
    """Raises Unsupported (422, too-costly) for an order that no index has and too many matches."""
    if query.ids is not None:
        return Plan(IDS, Way.COLLECTED)
    lead, patient = _lead(query, clauses, costs)
    sort = query.sort
    if lead == LISTING:
        if not sort:
            return Plan(LISTING, Way.PAGED)
        return Plan(LISTING, Way.SORTED if sort_index(sort) else Way.COLLECTED)
    newest_first = _newest_first(query)
    if not sort or newest_first:
        scans = costs.dated(lead, patient)
        if scans is not None and scans <= MOST_MERGED:
            return Plan(lead, Way.DATED, patient)
    if not sort:
        return Plan(lead, Way.PAGED, patient)
    if costs.matches(lead, patient, MOST_COLLECTED + 1) <= MOST_COLLECTED:
        clause = clauses[lead]
        sortable = newest_first and isinstance(clause, Clause) and clause.exact and len(clause.atoms) <= MOST_MERGED
        return Plan(lead, Way.DATED if sortable else Way.COLLECTED, patient)
    if sort_index(sort):
        return Plan(LISTING, Way.SORTED)
    raise too_many(MOST_COLLECTED)


def too_many(most: int) -> Unsupported:
    """HTTP 422."""
    return Unsupported(
        f"More than {most} resources match, and no index has them in the order asked for.",
        where="_sort",
        remedy="Narrow the search, sort by one date, string or number, or leave _sort out.",
        issue_code="too-costly",
    )


def sort_index(sort: Sequence[SortKey]) -> str | None:
    """The index table that has resources in this order: dat, str, qty; None where there is none."""
    if len(sort) != 1:
        return None
    key = sort[0]
    if key.param is None:
        return "dat" if key.code == "_lastUpdated" else None
    return None if key.param.union_of else _SORTABLE.get(key.param.kind)


def _lead(query: SearchQuery, clauses: Sequence[Clause | Presence], costs: Costs) -> tuple[int, int | None]:
    """(lead, clause that narrows it to Patients)."""
    leading = [number for number, clause in enumerate(clauses) if isinstance(clause, Clause) and clause.leads]
    if not leading:
        return LISTING, None
    if len(leading) == 1:
        return leading[0], None
    subject = patient_parameter(query.type)
    patient = next((number for number in leading if is_about_patients(clauses[number], subject)), None)
    narrowed = {number: patient if number != patient and _has_tokens(clauses[number]) else None for number in leading}
    leading.sort(key=lambda number: narrowed[number] is None)
    best = leading[0]
    for limit in _PROBES:
        fewest = limit
        for number in leading:
            found = costs.matches(number, narrowed[number], limit)
            if found < fewest:
                fewest, best = found, number
                if found <= FEW:
                    return best, narrowed[best]
        if fewest < limit:
            break
    return best, narrowed[best]


def is_about_patients(clause: Clause | Presence, subject: int | None) -> bool:
    """Whether it names Patients as the one subject of resources, so that ``tok.pat`` and patient_owner know them."""
    return (
        subject is not None
        and isinstance(clause, Clause)
        and 0 < len(clause.atoms) <= MOST_PATIENTS
        and all(
            isinstance(atom, ReferenceAtom) and atom.parameter == subject and atom.kind == _PATIENT
            for atom in clause.atoms
        )
    )


def _has_tokens(clause: Clause | Presence) -> bool:
    return isinstance(clause, Clause) and all(atom.key[0] == 0 for atom in clause.atoms)


def _newest_first(query: SearchQuery) -> bool:
    if len(query.sort) != 1 or not query.sort[0].descending or query.sort[0].param is None:
        return False
    primary = primary_date(query.type)
    return primary is not None and parameters_of(query.sort[0].param) == (primary.stored_as,)
