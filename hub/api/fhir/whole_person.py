"""A search by one source Patient reaches all Patients of the same person, as far as the asker may read them.

``patient=A`` becomes ``patient=A,B,C``. Asked with a Patient that the caller may not read, nothing is added: otherwise
the answer would tell that somebody else's Patient and one's own are the same person. The regional Patient stands for
its sources, where the caller may read one of them.
"""

from collections.abc import Iterable
from dataclasses import replace

from hub.contracts.caller import Scope
from hub.contracts.errors import ExchangeError
from hub.contracts.persons import Persons, person_of_regional
from hub.contracts.store import ResourceReader
from hub.fhir.search import Criterion, ReferenceValue, SearchQuery, Value

MOST_CHAINED = 100
"""Patients found by a chain (``patient.identifier=…``) that are followed to their persons; a chain that finds more
means names or dates of many people, and is answered as it stands."""


def reach_whole_person(
    query: SearchQuery, base: str, persons: Persons | None, store: ResourceReader, scope: Scope
) -> SearchQuery:
    """The query with every reference to a Patient widened to that person's Patients, and with references below ``base``
    made relative."""
    criteria = tuple(_widened(one, base, persons, store, scope) for one in query.criteria)
    if all(new is old for new, old in zip(criteria, query.criteria, strict=True)):
        return query
    return replace(query, criteria=criteria)


def _widened(
    criterion: Criterion, base: str, persons: Persons | None, store: ResourceReader, scope: Scope
) -> Criterion:
    if criterion.param.kind != "reference":
        return criterion
    if criterion.chain:
        return criterion if persons is None else _chain_widened(criterion, persons, store, scope)
    values: list[Value] = []
    for written in criterion.values:
        value = _relative(written, base)
        values.append(value)
        if persons is not None and isinstance(value, ReferenceValue) and "Patient" in criterion.param.targets:
            values.extend(_others(value, persons, store, scope))
    return criterion if tuple(values) == criterion.values else replace(criterion, values=_distinct(values))


def _others(value: ReferenceValue, persons: Persons, store: ResourceReader, scope: Scope) -> list[Value]:
    if value.id is None or value.type not in (None, "Patient"):
        return []
    sources = persons.sources(value.id)
    if person_of_regional(value.id) is not None:
        may = any(_may_read(source, store, scope) for source in sources)
    else:
        may = len(sources) > 1 and _may_read(value.id, store, scope)
    if not may:
        return []
    return [_patient(source) for source in sources if source != value.id]


def _may_read(patient_id: str, store: ResourceReader, scope: Scope) -> bool:
    if scope.owners is None:
        return True
    try:
        store.read("Patient", patient_id, scope)
    except ExchangeError:
        return False
    return True


def _chain_widened(criterion: Criterion, persons: Persons, store: ResourceReader, scope: Scope) -> Criterion:
    if any(link.param.type != "Patient" for link in criterion.chain):
        return criterion
    found: dict[str, None] = {}
    for link in criterion.chain:
        page = store.search(SearchQuery("Patient", (link,), count=MOST_CHAINED), scope)
        if page.next is not None:
            return criterion
        found.update(dict.fromkeys(match.id for match in page.matches))
    everyone = dict(found)
    for patient in found:
        everyone.update(dict.fromkeys(persons.sources(patient)))
    if len(everyone) == len(found):
        return criterion
    return replace(criterion, chain=(), values=tuple(_patient(patient) for patient in everyone))


def _relative(value: Value, base: str) -> Value:
    if isinstance(value, ReferenceValue) and value.target.startswith(f"{base}/"):
        stated, _, resource_id = value.target[len(base) + 1 :].partition("/")
        resource_id = resource_id.partition("/_history/")[0]
        if resource_id and "/" not in resource_id:
            return ReferenceValue(f"{stated}/{resource_id}", stated, resource_id)
    return value


def _patient(patient_id: str) -> ReferenceValue:
    return ReferenceValue(f"Patient/{patient_id}", "Patient", patient_id)


def _distinct(values: Iterable[Value]) -> tuple[Value, ...]:
    return tuple(dict.fromkeys(values))
