"""Which criterion leads a search, and in which way its order is had."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

import pytest

from hub.contracts.errors import Unsupported
from hub.fhir.search import Criterion, parse
from hub.store.sqlite.atoms import Clause, ReferenceAtom
from hub.store.sqlite.criteria import clauses_of, patient_parameter
from hub.store.sqlite.names import ResourceKey
from hub.store.sqlite.planning import IDS, LISTING, Costs, Plan, Way, plan
from hub.store.sqlite.schema import TYPE_NUMBERS

FEW, MANY = 5, 10**6


class Known:
    """Every resource there is has rid 7."""

    def rid(self, key: ResourceKey) -> int:
        return 7


def no_chain(criterion: Criterion) -> list[tuple[int, int]]:
    return [(TYPE_NUMBERS["Patient"], 7)]


def planned(text: str, rows: Mapping[int, int] | None = None, scans: int | None = 2) -> Plan:
    kind, _, rest = text.partition("?")
    query = parse(kind, parse_qsl(rest))
    clauses = clauses_of(query, Known(), no_chain)  # type: ignore[arg-type]

    def dated(number: int, patient: int | None) -> int | None:
        clause = clauses[number]
        named = isinstance(clause, Clause) and all(isinstance(atom, ReferenceAtom) for atom in clause.atoms)
        return scans if named or patient is not None else None

    costs = Costs(lambda number, patient, most: min((rows or {}).get(number, FEW), most), dated)
    return plan(query, clauses, costs)


CODE = "code=http://loinc.org|1"


@pytest.mark.parametrize(
    ("text", "rows", "expected"),
    [
        ("Patient?_id=a&gender=male", {}, Plan(IDS, Way.COLLECTED)),
        ("Patient?", {}, Plan(LISTING, Way.PAGED)),
        ("Patient?_sort=family", {}, Plan(LISTING, Way.SORTED)),
        ("Patient?_sort=family,given", {}, Plan(LISTING, Way.COLLECTED)),
        ("Patient?identifier=urn:a|1", {}, Plan(0, Way.PAGED)),
        ("Patient?name=a&identifier=urn:a|1", {0: MANY}, Plan(1, Way.PAGED)),
        ("Patient?name=a&identifier=urn:a|1", {1: MANY}, Plan(0, Way.PAGED)),
        ("Patient?gender:not=male", {}, Plan(LISTING, Way.PAGED)),
        ("Patient?gender:missing=true&name=a", {}, Plan(1, Way.PAGED)),
        ("Patient?name=a&_sort=-birthdate", {}, Plan(0, Way.COLLECTED)),
        ("Patient?name=a&_sort=-birthdate", {0: MANY}, Plan(LISTING, Way.SORTED)),
        ("Observation?patient=p", {}, Plan(0, Way.DATED)),
        ("Observation?patient=p&_sort=-date", {0: MANY}, Plan(0, Way.DATED)),
        ("Observation?patient=p&_sort=date", {}, Plan(0, Way.COLLECTED)),
        (f"Observation?patient=p&{CODE}&_sort=-date", {0: 50}, Plan(1, Way.DATED, 0)),
        (f"Observation?patient=p&{CODE}&date=ge2020&_sort=-date", {0: 50, 2: MANY}, Plan(1, Way.DATED, 0)),
        (f"Observation?{CODE}&_sort=-date", {}, Plan(0, Way.DATED)),
        (f"Observation?{CODE}&_sort=date", {}, Plan(0, Way.COLLECTED)),
        (f"Observation?{CODE}&_sort=-date", {0: MANY}, Plan(LISTING, Way.SORTED)),
        (f"Observation?{CODE}&date=2020-01-01", {0: MANY}, Plan(1, Way.PAGED)),
        ("Observation?patient.identifier=5", {}, Plan(0, Way.DATED)),
        ("Task?patient=p&_sort=-authored-on", {}, Plan(0, Way.DATED)),
    ],
)
def test_the_plan_of(text: str, rows: dict[int, int], expected: Plan) -> None:
    assert planned(text, rows) == expected


def test_many_scans_are_not_merged() -> None:
    assert planned("Observation?patient=p", scans=500).way is Way.PAGED
    assert planned("Observation?patient=p&_sort=date", scans=500).way is Way.COLLECTED


def test_an_order_that_nothing_has_is_refused_for_too_many_matches() -> None:
    with pytest.raises(Unsupported):
        planned(f"Observation?{CODE}&_sort=status", {0: MANY})


def test_the_subject_of_a_type_is_known_where_it_is_one_patient() -> None:
    assert patient_parameter("Observation") is not None
    assert patient_parameter("AllergyIntolerance") is not None
    assert patient_parameter("Appointment") is None
    assert patient_parameter("Organization") is None


def test_a_clause_about_a_group_is_none_about_patients() -> None:
    clause = Clause((ReferenceAtom(patient_parameter("Observation") or 0, 7, TYPE_NUMBERS["Group"]),))
    assert clause.leads
    assert planned("Observation?subject=Group/1", scans=500).way is Way.PAGED


def test_what_is_known_to_match_few_leads_without_counting_the_rest() -> None:
    query = parse("Observation", parse_qsl(f"patient=7&{CODE}&date=ge2024"))
    clauses = clauses_of(query, Known(), no_chain)  # type: ignore[arg-type]
    counted: list[int] = []

    def matches(number: int, patient: int | None, most: int) -> int:
        counted.append(number)
        return FEW

    chosen = plan(query, clauses, Costs(matches, lambda number, patient: None))
    assert len(counted) == 1
    assert chosen.lead == counted[0]
    assert chosen.patient not in (None, chosen.lead)
