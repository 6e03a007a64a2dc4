"""What every ResourceStore promises of search: criteria, order, pages, totals, includes."""

from typing import Any

import pytest

from hub.contracts.caller import EVERYTHING, Scope
from hub.contracts.errors import Incorrect
from tests.contracts.resource_stores import BAIHE, OWN, QINGSHAN, County, Json, delete, observation, patient, update

LOINC = "http://loinc.org"


def person(id: str, family: str, given: str, birth: str | None = None, **more: Any) -> Json:
    birth_date = {"birthDate": birth} if birth else {}
    return patient(id, id=id, name=[{"family": family, "given": [given]}], **birth_date, **more)


def measured(id: str, subject: str, code: str, at: str | None, value: float | None = None, **more: Any) -> Json:
    made = observation(f"Patient/{subject}", id=id, code={"coding": [{"system": LOINC, "code": code}]}, **more)
    if at:
        made["effectiveDateTime"] = at
    if value is not None:
        made["valueQuantity"] = {"value": value, "unit": "g/L", "system": "http://unitsofmeasure.org", "code": "g/L"}
    return made


@pytest.fixture
def ward(county: County) -> County:
    people = [
        person("p1", "王", "小明", "1950-01-31", gender="male", active=True),
        person("p2", "王", "芳", "1980-06-15", gender="female"),
        person("p3", "Müller", "Anna", "1980-07-01", gender="female", active=False),
        person("p4", "李", "伟"),
    ]
    results = [
        measured("o1", "p1", "718-7", "2024-01-01T08:00:00+08:00", 120.0),
        measured("o2", "p1", "718-7", "2024-03-01T08:00:00+08:00", 131.5),
        measured("o3", "p1", "718-7", "2024-02-01", 99.0, status="preliminary"),
        measured("o4", "p1", "6690-2", "2024-02-01T10:00:00Z", 5.4),
        measured("o5", "p2", "718-7", "2024-02-15T10:00:00Z", 140.0),
        measured("o6", "p2", "6690-2", None),
    ]
    county.submit(*(update(one) for one in people), *(update(one) for one in results))
    return county


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Patient?identifier=https://example.org/his|p1", "p1"),
        ("Patient?identifier=p1", "p1"),
        ("Patient?identifier=|p1", ""),
        ("Patient?identifier=p1,p3", "p1 p3"),
        ("Patient?identifier=https://example.org/his|", "p1 p2 p3 p4"),
        ("Patient?gender=female", "p2 p3"),
        ("Patient?gender=female&active=false", "p3"),
        ("Patient?gender:not=female", "p1 p4"),
        ("Patient?gender:missing=true", "p4"),
        ("Patient?gender:missing=false", "p1 p2 p3"),
        ("Patient?name=王", "p1 p2"),
        ("Patient?name=王小", "p1"),
        ("Patient?name=mul", "p3"),
        ("Patient?name:exact=Müller", "p3"),
        ("Patient?name:exact=muller", ""),
        ("Patient?name=王,李", "p1 p2 p4"),
        ("Patient?name=王&name=芳", "p2"),
        ("Patient?family=王&given=芳", "p2"),
        ("Patient?birthdate=1980", "p2 p3"),
        ("Patient?birthdate=1980-06", "p2"),
        ("Patient?birthdate=ge1980-07", "p3"),
        ("Patient?birthdate=gt1980-06-15", "p3"),
        ("Patient?birthdate=lt1980-06-15", "p1"),
        ("Patient?birthdate=le1980-06-15", "p1 p2"),
        ("Patient?birthdate=ne1980", "p1"),
        ("Patient?birthdate=1950,1980-07-01", "p1 p3"),
        ("Patient?birthdate=gt1940&birthdate=lt1960", "p1"),
        ("Patient?birthdate:missing=true", "p4"),
        ("Patient?_id=p1,p4,p9", "p1 p4"),
        ("Patient?_id=p1&gender=female", ""),
        ("Patient?_lastUpdated=gt2020-01-01", "p1 p2 p3 p4"),
        ("Patient?_lastUpdated=lt2020-01-01", ""),
        ("Observation?patient=p1", "o1 o2 o3 o4"),
        ("Observation?patient=Patient/p1", "o1 o2 o3 o4"),
        ("Observation?subject=Patient/p1,Patient/p2", "o1 o2 o3 o4 o5 o6"),
        ("Observation?subject=p2", "o5 o6"),
        ("Observation?subject:Patient=p2", "o5 o6"),
        ("Observation?patient=nobody", ""),
        ("Observation?patient=p1&code=http://loinc.org|718-7", "o1 o2 o3"),
        ("Observation?patient=p1&code=718-7&status=final", "o1 o2"),
        ("Observation?patient=p1&code=718-7&date=ge2024-02-01", "o2 o3"),
        ("Observation?patient=p1,p2&code=718-7,6690-2&date=2024-02", "o3 o4 o5"),
        ("Observation?code=718-7", "o1 o2 o3 o5"),
        ("Observation?code=http://loinc.org|718-7,http://loinc.org|6690-2", "o1 o2 o3 o4 o5 o6"),
        ("Observation?code=http://other|718-7", ""),
        ("Observation?combo-code=718-7&patient=p2", "o5"),
        ("Observation?value-quantity=120", "o1"),
        ("Observation?value-quantity=131.5|http://unitsofmeasure.org|g/L", "o2"),
        ("Observation?value-quantity=131.5|http://unitsofmeasure.org|mg", ""),
        ("Observation?value-quantity=131.5||g/L", "o2"),
        ("Observation?value-quantity=132", "o2"),
        ("Observation?value-quantity=gt120", "o2 o5"),
        ("Observation?value-quantity=ge120&value-quantity=lt140", "o1 o2"),
        ("Observation?value-quantity=le5.4", "o4"),
        ("Observation?value-quantity=ne120", "o2 o3 o4 o5"),
        ("Observation?value-quantity:missing=true", "o6"),
        ("Observation?patient.identifier=p2", "o5 o6"),
        ("Observation?subject:Patient.name=王", "o1 o2 o3 o4 o5 o6"),
        ("Observation?subject:Patient.name=王&subject:Patient.gender=female", "o5 o6"),
        ("Observation?patient.name=nobody", ""),
        ("Observation?date=2024-02-01", "o3 o4"),
        ("Observation?date=sa2024-02-01", "o2 o5"),
        ("Observation?date=eb2024-02-01", "o1"),
        ("Observation?subject:missing=true", ""),
        ("Patient?_has:Observation:patient:code=6690-2", "p1 p2"),
        ("Patient?_has:Observation:subject:value-quantity=gt130&gender=female", "p2"),
        ("Patient?_has:Observation:patient:code=718-7&_has:Observation:patient:status=preliminary", "p1"),
        ("Patient?_has:Observation:patient:patient.gender=female", "p2"),
        ("Patient?_has:Observation:patient:code=none", ""),
        ("Patient?_content=小明", "p1"),
        ("Patient?_content=王,李&gender:missing=true", "p4"),
        ("Patient?_content=müller 1980", "p3"),
        ("Patient?_content=MULLER ann", ""),
        ("Patient?_content=MULLER anna", "p3"),
        ("Patient?_text=王", ""),
    ],
)
def test_a_search_finds_exactly_these(ward: County, text: str, expected: str) -> None:
    for scope in (EVERYTHING, OWN["qingshan"]):
        assert sorted(ward.ids(text, scope)) == expected.split()
        assert ward.total(text, scope) == len(expected.split())
    assert ward.ids(text, OWN["baihe"]) == []
    assert ward.total(text, OWN["baihe"]) == 0
    small = f"{text}&_count=1"
    assert sorted(ward.ids(small)) == expected.split()
    assert sorted(ward.ids(small, OWN["qingshan"])) == expected.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Observation?patient=p1&_sort=-date", "o2 o4 o3 o1"),
        ("Observation?patient=p1&_sort=date", "o1 o3 o4 o2"),
        ("Observation?patient=p1", "o2 o4 o3 o1"),
        ("Observation?patient=p1,p2&code=718-7&_sort=-date", "o2 o5 o3 o1"),
        ("Observation?code=718-7&_sort=-date", "o2 o5 o3 o1"),
        ("Observation?_sort=-date", "o2 o5 o4 o3 o1 o6"),
        ("Observation?_sort=date", "o1 o3 o4 o5 o2 o6"),
        ("Observation?status=final&_sort=-date", "o2 o5 o4 o1 o6"),
        ("Patient?_sort=birthdate", "p1 p2 p3 p4"),
        ("Patient?_sort=-birthdate", "p3 p2 p1 p4"),
        ("Patient?gender=female&_sort=-birthdate", "p3 p2"),
        ("Patient?_sort=family,-given", "p3 p4 p2 p1"),
        ("Patient?_sort=-_id", "p4 p3 p2 p1"),
        ("Patient?_sort=gender,_id", "p2 p3 p1 p4"),
        ("Patient?_sort=_lastUpdated", "p1 p2 p3 p4"),
        ("Patient?_sort=-_lastUpdated", "p4 p3 p2 p1"),
        ("Patient?name=王&_sort=-given", "p2 p1"),
        ("Observation?_sort=value-quantity", "o4 o3 o1 o2 o5 o6"),
        ("Observation?_sort=-value-quantity", "o5 o2 o1 o3 o4 o6"),
        ("Observation?_sort=subject,-value-quantity", "o2 o1 o3 o4 o5 o6"),
        ("Observation?_sort=status&_content=final", "o1 o2 o4 o5 o6"),
        ("Observation?_sort=-status,status", "o3 o6 o5 o4 o2 o1"),
        ("Patient?_has:Observation:patient:status=final&_sort=-birthdate", "p2 p1"),
    ],
)
def test_results_come_in_the_order_asked_for_on_any_page_size(ward: County, text: str, expected: str) -> None:
    for scope in (EVERYTHING, OWN["qingshan"]):
        for count in (1, 2, 50):
            assert ward.ids(f"{text}&_count={count}", scope) == expected.split()


def test_a_page_holds_count_and_its_total_counts_all(ward: County) -> None:
    page = ward.search("Observation?code=718-7&_count=3&_total=accurate")
    assert (len(page.matches), page.total, page.next is not None) == (3, 4, True)
    last = ward.search("Observation?code=718-7&_count=3", after=page.next)
    assert (len(last.matches), last.total, last.next) == (1, None, None)
    assert ward.search("Observation?code=718-7&_count=4").next is None


def test_what_is_created_meanwhile_does_not_slip_into_later_pages(ward: County) -> None:
    for text in (
        "Observation?code=718-7&_count=2",
        "Observation?code=718-7&_sort=date&_count=2",
        "Observation?_count=2",
    ):
        page = ward.search(text)
        seen = [match.id for match in page.matches]
        new = ward.create(observation("Patient/p9", effectiveDateTime="2030-01-01"))
        while page.next is not None:
            page = ward.search(text, after=page.next)
            seen += [match.id for match in page.matches]
        assert new.id not in seen
        assert len(seen) == len(set(seen))
        assert new.id in ward.ids(text)


def test_a_cursor_of_another_search_or_a_broken_one_is_refused(ward: County) -> None:
    cursor = ward.search("Observation?code=718-7&_count=1").next
    for after in (cursor, "AAAA", "?", ""):
        with pytest.raises(Incorrect) as refusal:
            ward.search("Observation?code=6690-2&_count=1", after=after)
        assert refusal.value.http_status == 400


def test_a_resource_that_matches_in_several_ways_comes_once(county: County) -> None:
    names = [{"family": "Wang", "given": ["Wang", "Wanda"]}, {"text": "Wang Wanda"}]
    identifiers = [{"system": f"https://example.org/{number}", "value": "1"} for number in range(3)]
    for number in range(5):
        county.one(update(patient("1", id=f"p{number}", name=names, identifier=identifiers)))
    for text in ("Patient?name=wa", "Patient?name=wa,wan,wang", "Patient?identifier=1", "Patient?identifier=1,1"):
        for count in (1, 2, 50):
            assert sorted(county.ids(f"{text}&_count={count}")) == [f"p{number}" for number in range(5)]
        assert county.total(text) == 5


def test_an_updated_resource_is_found_by_what_it_says_now(ward: County) -> None:
    ward.one(update(person("p1", "赵", "强", "1999-09-09", gender="female")))
    assert ward.ids("Patient?name=王小明") == []
    assert ward.ids("Patient?name=赵") == ["p1"]
    assert ward.ids("Patient?birthdate=1950-01-31") == []
    assert ward.ids("Patient?_lastUpdated=gt2020&name=赵") == ["p1"]
    ward.one(update(measured("o1", "p2", "6690-2", "2025-05-05", 1.0)))
    assert "o1" not in ward.ids("Observation?patient=p1")
    assert ward.ids("Observation?patient=p2&code=6690-2&date=2025") == ["o1"]
    assert ward.ids("Observation?value-quantity=120") == []
    ward.one(delete("Observation/o1"))
    assert ward.ids("Observation?patient=p2&date=2025") == []
    assert ward.total("Observation?") == 5


def test_references_find_their_target_whichever_came_first(county: County) -> None:
    early = county.create(observation("Patient/late"))
    assert county.ids("Observation?patient=late") == [early.id]
    assert county.ids("Observation?patient.identifier=1") == []
    county.one(update(patient("1", id="late")))
    after = county.create(observation("Patient/late"))
    assert sorted(county.ids("Observation?patient=late")) == [early.id, after.id]
    assert sorted(county.ids("Observation?patient.identifier=1")) == [early.id, after.id]
    elsewhere = county.create(observation("https://other.example/fhir/Patient/7"))
    assert county.ids("Observation?subject=https://other.example/fhir/Patient/7") == [elsewhere.id]
    assert county.ids("Observation?patient=7") == []


def test_includes_add_what_matches_refer_to_and_what_refers_to_them(ward: County) -> None:
    page = ward.search("Observation?_id=o1,o2,o5&_include=Observation:subject")
    assert sorted(one.reference for one in page.included) == ["Patient/p1", "Patient/p2"]
    page = ward.search("Observation?_id=o1&_include=Observation:patient:Patient&_include=Observation:encounter")
    assert [one.reference for one in page.included] == ["Patient/p1"]
    page = ward.search("Patient?_id=p2&_revinclude=Observation:patient")
    assert sorted(one.id for one in page.included) == ["o5", "o6"]
    page = ward.search("Patient?_count=1&_sort=_id&_revinclude=Observation:subject")
    assert sorted(one.id for one in page.included) == ["o1", "o2", "o3", "o4"]
    ward.one(delete("Patient/p1"))
    assert ward.search("Observation?_id=o1&_include=Observation:subject").included == []


def test_a_county_wide_search_goes_over_all_organizations(county: County) -> None:
    ids = []
    for number in range(6):
        by = (QINGSHAN, BAIHE)[number % 2]
        made = person(f"p{number}", f"Wang{number}", "A", f"19{70 + number}-01-01")
        ids.append(county.one(update(made), by=by).id)
    for text in ("Patient?name=wang", "Patient?birthdate=gt1900", "Patient?", "Patient?_sort=birthdate"):
        for count in (1, 2, 4, 50):
            assert sorted(county.ids(f"{text}&_count={count}")) == ids
            assert sorted(county.ids(f"{text}&_count={count}", OWN["baihe"])) == ids[1::2]
    assert county.ids("Patient?_sort=-birthdate&_count=2") == ids[::-1]
    both = Scope(owners=frozenset({"qingshan", "baihe"}))
    assert county.ids("Patient?_sort=-birthdate&_count=2", both) == ids[::-1]


def test_many_results_are_paged_without_a_gap(county: County) -> None:
    for batch in range(4):
        county.submit(
            *(
                update(measured(f"o{batch}-{n}", f"p{n % 3}", "718-7", f"2024-01-{n % 28 + 1:02d}", float(n)))
                for n in range(60)
            ),
            by=(QINGSHAN, BAIHE)[batch % 2],
        )
    for text in (
        "Observation?code=718-7",
        "Observation?code=718-7&_sort=-date",
        "Observation?patient=p1",
        "Observation?patient=p1,p2&code=718-7&_sort=-date",
        "Observation?_sort=value-quantity",
        "Observation?value-quantity=ge0",
        "Observation?date=2024-01",
        "Observation?",
    ):
        whole = county.ids(f"{text}&_count=1000")
        assert len(whole) == len(set(whole)) == county.total(text)
        assert county.ids(f"{text}&_count=7") == whole
        own = county.ids(f"{text}&_count=11", OWN["baihe"])
        assert sorted(own) == sorted(one for one in whole if one.startswith(("o1-", "o3-")))
