"""FHIR R4 search over HTTP: bundles, links, paging, one person's records, what is refused."""

from typing import Any
from urllib.parse import quote

import pytest

from hub.contracts.codes import RESIDENT_ID
from tests.conformance.fhir_hub import FhirHub, issue, observation, patient

NUMBER = "990101199003070012"


def _resident(**elements: Any) -> dict[str, Any]:
    return patient(identifier=[{"system": RESIDENT_ID, "value": _valid(NUMBER)}], **elements)


def _valid(number: str) -> str:
    """The number with its check digit (GB 11643-1999)."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(weight * int(digit) for weight, digit in zip(weights, number[:17], strict=True))
    return number[:17] + "10X98765432"[total % 11]


def test_a_searchset_links_to_itself_and_carries_the_stored_bytes(hub: FhirHub) -> None:
    made = hub.create(patient())
    hub.ask("POST", "Observation", observation(f"Patient/{made['id']}", valueQuantity={"value": 4.5}))
    answer = hub.ask("GET", f"Observation?patient={made['id']}&code=http://loinc.org%7C8867-4&_sort=-date")
    bundle = answer.json()
    assert bundle["type"] == "searchset"
    assert [one["search"]["mode"] for one in bundle["entry"]] == ["match"]
    stored = bundle["entry"][0]
    assert stored["fullUrl"] == f"http://hub.test/fhir/Observation/{stored['resource']['id']}"
    own = next(link["url"] for link in bundle["link"] if link["relation"] == "self")
    assert own.startswith(f"http://hub.test/fhir/Observation?patient={made['id']}&code=")


def test_a_posted_search_is_the_same_search(hub: FhirHub) -> None:
    hub.create(patient())
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = hub.ask("POST", "Patient/_search", f"name={quote('张')}".encode(), headers=form)
    assert len(answer.json()["entry"]) == 1
    both = hub.ask("POST", "Patient/_search?gender=male", f"name={quote('张')}".encode(), headers=form)
    assert "entry" not in both.json()
    wrong = hub.ask("POST", "Patient/_search", b"{}")
    assert wrong.status_code == 415
    issue(wrong)


def test_pages_follow_each_other_without_loss_or_double(hub: FhirHub) -> None:
    made = hub.create(patient())
    for day in range(1, 8):
        hub.create(observation(f"Patient/{made['id']}", effectiveDateTime=f"2026-03-0{day}"))
    url, dates = f"Observation?patient={made['id']}&_sort=-date&_count=3", []
    pages = 0
    while url:
        bundle = hub.ask("GET", url).json()
        dates += [one["resource"]["effectiveDateTime"] for one in bundle["entry"]]
        if pages == 0:
            hub.create(observation(f"Patient/{made['id']}", effectiveDateTime="2026-03-09"))
        pages += 1
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
        url = url.removeprefix("http://hub.test/fhir/")
    assert dates == [f"2026-03-0{day}" for day in range(7, 0, -1)]
    assert pages == 3


@pytest.mark.parametrize("cursor", ["x", "", "AAAA", "%00", "1;2", "[]"])
def test_a_cursor_that_the_hub_did_not_give_is_refused(hub: FhirHub, cursor: str) -> None:
    answer = hub.ask("GET", f"Patient?_cursor={cursor}")
    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        issue(answer)


def test_counts_are_given_when_asked(hub: FhirHub) -> None:
    for _ in range(3):
        hub.create(patient())
    only = hub.ask("GET", "Patient?_summary=count").json()
    assert only["total"] == 3
    assert "entry" not in only
    page = hub.ask("GET", "Patient?_count=1&_total=accurate").json()
    assert (page["total"], len(page["entry"])) == (3, 1)


def test_a_first_page_that_holds_everything_says_how_many_that_is(hub: FhirHub) -> None:
    assert hub.ask("GET", "Patient").json()["total"] == 0
    for _ in range(3):
        hub.create(patient())
    assert hub.ask("GET", "Patient").json()["total"] == 3
    assert "total" not in hub.ask("GET", "Patient?_count=2").json()


def test_included_resources_come_with_their_own_mode(hub: FhirHub) -> None:
    made = hub.create(patient())
    hub.create(observation(f"Patient/{made['id']}"))
    bundle = hub.ask("GET", "Observation?_include=Observation:subject").json()
    assert [(one["resource"]["resourceType"], one["search"]["mode"]) for one in bundle["entry"]] == [
        ("Observation", "match"),
        ("Patient", "include"),
    ]
    reverse = hub.ask("GET", f"Patient?_id={made['id']}&_revinclude=Observation:subject").json()
    assert [one["search"]["mode"] for one in reverse["entry"]] == ["match", "include"]


@pytest.mark.parametrize(
    "query",
    [
        "no-such-parameter=1",
        "birthdate=yesterday",
        "name:below=x",
        "_elements=name",
        "_has:Observation:code:status=final",
        "_sort=nothing",
        "_count=-1",
        "_include=Patient:name",
        "_summary=text",
        "identifier=",
    ],
)
def test_what_is_not_understood_is_refused_by_name(hub: FhirHub, query: str) -> None:
    answer = hub.ask("GET", f"Patient?{query}")
    assert answer.status_code == 400
    assert issue(answer)["expression"]


def test_lenient_handling_leaves_unknown_parameters_out_and_says_so(hub: FhirHub) -> None:
    hub.create(patient())
    answer = hub.ask("GET", "Patient?no-such-parameter=1", headers={"prefer": "handling=lenient"})
    assert answer.status_code == 200
    modes = {one["search"]["mode"]: one["resource"]["resourceType"] for one in answer.json()["entry"]}
    assert modes == {"match": "Patient", "outcome": "OperationOutcome"}
    own = next(link["url"] for link in answer.json()["link"] if link["relation"] == "self")
    assert "no-such-parameter" not in own


def test_a_search_by_one_patient_reaches_all_of_the_person_for_who_may_see_them(hub: FhirHub) -> None:
    one = hub.create(_resident())
    two = hub.create(_resident(), caller="baihe")
    first = hub.create(observation(f"Patient/{one['id']}"))
    second = hub.create(observation(f"Patient/{two['id']}"), caller="baihe")
    everything = sorted([f"Observation/{first['id']}", f"Observation/{second['id']}"])
    token = f"{RESIDENT_ID}|{_valid(NUMBER)}"
    for query in (
        f"patient={one['id']}",
        f"patient=Patient/{two['id']}",
        f"subject=Patient/{one['id']}",
        f"subject={one['id']}",
        f"patient=http://hub.test/fhir/Patient/{one['id']}",
        f"patient.identifier={quote(token)}",
        f"subject:Patient.identifier={quote(token)}",
    ):
        assert sorted(hub.found(f"Observation?{query}", caller="hospital")) == everything, query
    assert hub.found(f"Observation?patient={one['id']}") == [f"Observation/{first['id']}"]
    assert hub.found(f"Observation?patient={two['id']}") == []  # not even that both are one person


def test_the_person_shows_only_the_patients_that_the_asker_may_read(hub: FhirHub) -> None:
    one = hub.create(_resident())
    two = hub.create(_resident(), caller="baihe")
    person = hub.ask("GET", f"Patient/{one['id']}/$person", caller="hospital").json()
    assert person["resourceType"] == "Person"
    assert {link["target"]["reference"] for link in person["link"]} == {f"Patient/{one['id']}", f"Patient/{two['id']}"}
    mine = hub.ask("GET", f"Patient/{one['id']}/$person").json()
    assert mine["id"] == person["id"]
    assert [link["target"]["reference"] for link in mine["link"]] == [f"Patient/{one['id']}"]
    assert hub.ask("GET", f"Patient/{two['id']}/$person").status_code == 404
    assert hub.ask("GET", f"Person/{person['id']}", caller="hospital").json() == person
    assert hub.ask("GET", "Person/none", caller="hospital").status_code == 404
    for query in (f"link=Patient/{one['id']}", f"_id={person['id']}", f"link={two['id']}"):
        assert hub.found(f"Person?{query}", caller="hospital") == [f"Person/{person['id']}"]


def test_nobody_writes_a_person_that_the_hub_keeps(hub: FhirHub) -> None:
    one = hub.create(_resident())
    person = hub.ask("GET", f"Patient/{one['id']}/$person").json()
    assert hub.ask("PUT", f"Person/{person['id']}", person).status_code == 403
    assert hub.ask("DELETE", f"Person/{person['id']}").status_code == 403


def test_a_clinics_search_never_includes_what_is_not_its_own(hub: FhirHub) -> None:
    other = hub.create(patient(), caller="baihe")
    hub.create(observation(f"Patient/{other['id']}"), caller="baihe")
    mine = hub.create(patient(link=[{"other": {"reference": f"Patient/{other['id']}"}, "type": "seealso"}]))
    bundle = hub.ask("GET", f"Patient?_id={mine['id']}&_include=Patient:link&_revinclude=Observation:subject").json()
    assert [one["resource"]["id"] for one in bundle["entry"]] == [mine["id"]]
