"""``Patient/ID/$everything``: all of one person that the asker may see."""

from typing import Any

import pytest

from tests.conformance.fhir_hub import FhirHub, issue, observation
from tests.conformance.people import regional_of, two_clinics


def everything(hub: FhirHub, patient: str, query: str = "", caller: str = "hospital") -> list[dict[str, Any]]:
    """All entries, following next links."""
    entries, path = [], f"Patient/{patient}/$everything?{query}"
    while path:
        answer = hub.ask("GET", path, caller=caller)
        assert answer.status_code == 200, answer.text
        entries += answer.json().get("entry", [])
        links = {link["relation"]: link["url"] for link in answer.json()["link"]}
        path = links.get("next", "").replace("http://hub.test", "")
    return entries


def references(entries: list[dict[str, Any]], mode: str = "match") -> list[str]:
    return [f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in entries if e["search"]["mode"] == mode]


@pytest.fixture
def chart(hub: FhirHub) -> tuple[FhirHub, dict[str, str]]:
    one, other = two_clinics(hub)
    nurse = hub.create({"resourceType": "Practitioner", "name": [{"text": "李护士"}]})["id"]
    made = {"one": one, "other": other, "nurse": f"Practitioner/{nurse}"}
    for name, clinic, patient, day in (("old", "qingshan", one, "2020-01-02"), ("new", "baihe", other, "2026-03-01")):
        body = observation(f"Patient/{patient}", effectiveDateTime=day, performer=[{"reference": made["nurse"]}])
        made[name] = f"Observation/{hub.create(body, caller=clinic)['id']}"
    visit = {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
             "subject": {"reference": f"Patient/{other}"}, "period": {"start": "2026-03-01"}}  # fmt: skip
    made["visit"] = f"Encounter/{hub.create(visit, caller='baihe')['id']}"
    return hub, made


def test_it_holds_all_sources_and_all_that_lies_with_them(chart: tuple[FhirHub, dict[str, str]]) -> None:
    hub, made = chart
    expected = [f"Patient/{made['one']}", f"Patient/{made['other']}", made["old"], made["new"], made["visit"]]
    for patient in (made["one"], made["other"], regional_of(hub, made["one"])):
        entries = everything(hub, patient)
        assert sorted(references(entries)) == sorted(expected)
        assert references(entries, "include") == [made["nurse"]]


def test_a_clinic_gets_its_own_part(chart: tuple[FhirHub, dict[str, str]]) -> None:
    hub, made = chart
    found = references(everything(hub, made["one"], caller="qingshan"))
    assert found == [f"Patient/{made['one']}", made["old"]]
    assert hub.ask("GET", f"Patient/{made['other']}/$everything", caller="qingshan").status_code == 404
    assert hub.ask("GET", f"Patient/{made['one']}/$everything", caller="operator").status_code == 403


@pytest.mark.parametrize("count", [1, 2, 3])
def test_pages_hold_everything_once(chart: tuple[FhirHub, dict[str, str]], count: int) -> None:
    hub, made = chart
    whole = references(everything(hub, made["one"]))
    assert references(everything(hub, made["one"], f"_count={count}")) == whole


def test_types_times_and_care_dates_narrow_it(chart: tuple[FhirHub, dict[str, str]]) -> None:
    hub, made = chart
    assert references(everything(hub, made["one"], "_type=Encounter,Condition")) == [made["visit"]]
    assert made["old"] not in references(everything(hub, made["one"], "start=2026-01-01"))
    assert made["new"] not in references(everything(hub, made["one"], "end=2025-12-31&_type=Observation"))
    assert references(everything(hub, made["one"], "_since=2999-01-01T00:00:00Z")) == []
    assert len(references(everything(hub, made["one"], "_since=2020-01-01T00:00:00Z"))) == 5


def test_it_may_be_posted(chart: tuple[FhirHub, dict[str, str]]) -> None:
    hub, made = chart
    body = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueCode": "Observation"},
                                                        {"name": "start", "valueDate": "2026-01-01"}]}  # fmt: skip
    answer = hub.ask("POST", f"Patient/{made['one']}/$everything", body, caller="hospital")
    assert references(answer.json()["entry"]) == [made["new"]]


@pytest.mark.parametrize("query", ["_count=0", "_count=x", "_type=Nonsense", "start=yesterday", "_cursor=Nonsense.x",
                                   "colour=red", "start=2020&start=2021"])  # fmt: skip
def test_wrong_parameters_are_refused_by_name(chart: tuple[FhirHub, dict[str, str]], query: str) -> None:
    hub, made = chart
    answer = hub.ask("GET", f"Patient/{made['one']}/$everything?{query}", caller="hospital")
    assert answer.status_code == 400, answer.text
    assert query.partition("=")[0] in str(issue(answer))


def test_nobody_has_no_everything(hub: FhirHub) -> None:
    for patient in ("nobody", "regional-nobody"):
        assert hub.ask("GET", f"Patient/{patient}/$everything", caller="hospital").status_code == 404
