"""The regional Patient: one for each person, computed, read-only, and how it is asked for (PDQm ITI-78)."""

import pytest

from hub.contracts.codes import RECORD_KIND, REGIONAL, RESIDENT_ID
from tests.conformance.fhir_hub import FhirHub, entry, issue, observation, transaction
from tests.conformance.people import NAME, number, person_of, regional_of, register, two_clinics

PDQM = "https://profiles.ihe.net/ITI/PDQm/StructureDefinition/IHE.PDQm.Patient"


def sources(patient: dict[str, object]) -> set[str]:
    links = patient["link"]
    assert isinstance(links, list)
    assert {link["type"] for link in links} == {"seealso"}
    return {link["other"]["reference"].removeprefix("Patient/") for link in links}


def test_it_shows_what_the_sources_say_together_and_says_that_it_is_computed(hub: FhirHub) -> None:
    one, other = two_clinics(hub)
    regional = hub.ask("GET", f"Patient/{regional_of(hub, one)}", caller="hospital").json()
    assert sources(regional) == {one, other}
    assert [(tag["system"], tag["code"]) for tag in regional["meta"]["tag"]] == [(RECORD_KIND, REGIONAL)]
    assert {i["system"] for i in regional["identifier"]} == {RESIDENT_ID, "urn:test:qingshan", "urn:test:baihe"}
    assert (regional["name"], regional["gender"], regional["birthDate"]) == ([NAME], "female", "1962-04-15")
    assert regional["telecom"][0]["value"] == "13900000001"
    assert regional["address"][0]["text"] == "白河村 7 号"


def test_a_clinic_sees_its_own_source_alone_and_none_of_the_others_words(hub: FhirHub) -> None:
    one, _ = two_clinics(hub)
    regional = hub.ask("GET", f"Patient/{regional_of(hub, one)}", caller="qingshan").json()
    assert sources(regional) == {one}
    assert "address" not in regional
    assert hub.ask("GET", f"Patient/{regional_of(hub, one)}/$person").json()["id"] == person_of(hub, one)
    stranger = register(hub, "baihe", "B9", number(9))
    assert hub.ask("GET", f"Patient/{regional_of(hub, stranger)}/$person").status_code == 404
    assert hub.ask("GET", f"Patient/{regional_of(hub, stranger)}", caller="qingshan").status_code == 404


def test_its_version_changes_with_what_is_seen_and_old_ones_are_gone(hub: FhirHub) -> None:
    one, other = two_clinics(hub)
    path = f"Patient/{regional_of(hub, one)}"
    first = hub.ask("GET", path, caller="hospital")
    etag = first.headers["etag"]
    assert etag == f'W/"{first.json()["meta"]["versionId"]}"'
    assert "last-modified" not in first.headers
    assert hub.ask("GET", path, caller="hospital", headers={"if-none-match": etag}).status_code == 304
    version = first.json()["meta"]["versionId"]
    assert hub.ask("GET", f"{path}/_history/{version}", caller="hospital").json() == first.json()
    assert hub.ask("DELETE", f"Patient/{other}", caller="baihe").status_code == 204
    second = hub.ask("GET", path, caller="hospital", headers={"if-none-match": etag})
    assert sources(second.json()) == {one}
    assert hub.ask("GET", f"{path}/_history/{version}", caller="hospital").status_code == 404
    assert hub.ask("GET", f"{path}/_history", caller="hospital").status_code == 404


@pytest.mark.parametrize("caller", ["qingshan", "hospital", "feed"])
def test_nobody_may_write_it(hub: FhirHub, caller: str) -> None:
    one, _ = two_clinics(hub)
    path = f"Patient/{regional_of(hub, one)}"
    body = hub.ask("GET", path, caller="hospital").json()
    for answer in (
        hub.ask("PUT", path, body, caller=caller),
        hub.ask("DELETE", path, caller=caller),
        hub.ask("PUT", f"Patient?identifier={RESIDENT_ID}|{number(2)}", body, caller=caller),
        hub.ask("PUT", "Patient/regional-made-up", {**body, "id": "regional-made-up"}, caller=caller),
        hub.ask("POST", "", transaction(entry("PUT", path, body)), caller=caller),
    ):
        assert answer.status_code == 403, answer.text
        assert "kept by the hub itself" in issue(answer)["diagnostics"]


TAGGED = f"_tag={RECORD_KIND}|{REGIONAL}"


@pytest.mark.parametrize(
    "query",
    [
        "family=陈&birthdate=1962-04-15",
        "family=陈&gender=female",
        "given=秀英&active=true",
        f"{TAGGED}&name=陈秀",
        f"_profile={PDQM}&family=陈",
        f"{TAGGED}&identifier={RESIDENT_ID}|{number(2)}",
    ],
)
def test_a_demographic_question_is_answered_with_one_patient_for_each_person(hub: FhirHub, query: str) -> None:
    one, other = two_clinics(hub)
    if "active" in query:
        for clinic, patient in (("qingshan", one), ("baihe", other)):
            body = hub.ask("GET", f"Patient/{patient}", caller=clinic).json()
            assert hub.ask("PUT", f"Patient/{patient}", {**body, "active": True}, caller=clinic).status_code == 200
    register(hub, "baihe", "B3", number(3), name=[{"text": "李梅", "family": "李"}])
    answer = hub.ask("GET", f"Patient?{query}", caller="hospital").json()
    assert answer["total"] == 1
    (found,) = answer["entry"]
    assert found["resource"]["id"] == regional_of(hub, one)
    assert sources(found["resource"]) == {one, other}
    assert found["fullUrl"].endswith(f"Patient/{found['resource']['id']}")


def test_posted_searches_and_ids_find_it_too(hub: FhirHub) -> None:
    one, _ = two_clinics(hub)
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = hub.ask("POST", "Patient/_search", b"family=%E9%99%88&gender=female", caller="centre", headers=form)
    assert [found["resource"]["id"] for found in answer.json()["entry"]] == [regional_of(hub, one)]
    assert hub.found(f"Patient?_id={regional_of(hub, one)}", caller="hospital") == [f"Patient/{regional_of(hub, one)}"]
    assert hub.found("Patient?_id=regional-nobody", caller="hospital") == []


def test_every_other_search_still_finds_the_source_patients(hub: FhirHub) -> None:
    one, other = two_clinics(hub)
    both = {f"Patient/{one}", f"Patient/{other}"}
    for query in (f"identifier={RESIDENT_ID}|{number(2)}", "name=陈秀英", "birthdate=1962-04-15", f"_id={one},{other}",
                  f"family=陈&identifier={RESIDENT_ID}|{number(2)}"):  # fmt: skip
        assert set(hub.found(f"Patient?{query}", caller="hospital")) == both, query
    assert hub.found("Patient?family=陈&birthdate=1962-04-15", caller="qingshan") == [f"Patient/{one}"]


def test_persons_are_paged_each_once(hub: FhirHub) -> None:
    expected = {regional_of(hub, two_clinics(hub, sequence)[0]) for sequence in (2, 4, 6)}
    seen, path = [], "Patient?family=陈&_count=2"
    while path:
        page = hub.ask("GET", path, caller="hospital").json()
        assert page["total"] == 3
        seen += [found["resource"]["id"] for found in page["entry"]]
        path = next((link["url"] for link in page["link"] if link["relation"] == "next"), "").replace(
            "http://hub.test", ""
        )
    assert sorted(seen) == sorted(expected)


def test_the_mothers_maiden_name_narrows_it(hub: FhirHub) -> None:
    url = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"
    one = register(hub, "qingshan", "Q2", number(2), extension=[{"url": url, "valueString": "赵玉兰"}])
    register(hub, "baihe", "B4", number(4))
    for query in ("family=陈&mothersMaidenName=赵", "mothersMaidenName=赵玉兰"):
        assert hub.found(f"Patient?{query}", caller="hospital") == [f"Patient/{regional_of(hub, one)}"]
    assert hub.found("Patient?family=陈&mothersMaidenName=钱", caller="hospital") == []


def test_only_the_numbers_of_the_domains_asked_for_are_told(hub: FhirHub) -> None:
    two_clinics(hub)
    answer = hub.ask("GET", f"Patient?_profile={PDQM}&family=陈&identifier=urn:test:baihe|", caller="hospital").json()
    assert [i["system"] for i in answer["entry"][0]["resource"]["identifier"]] == ["urn:test:baihe"]


@pytest.mark.parametrize("query", ["_count=many", "_cursor=x", "_include=Patient:organization", "shoe-size=43"])
def test_what_cannot_be_asked_is_refused_by_name(hub: FhirHub, query: str) -> None:
    two_clinics(hub)
    answer = hub.ask("GET", f"Patient?_tag={REGIONAL}&family=陈&{query}", caller="hospital")
    assert answer.status_code == 400, answer.text
    assert query.partition("=")[0] in answer.text


def test_a_search_by_it_reaches_all_its_sources(hub: FhirHub) -> None:
    one, other = two_clinics(hub)
    regional = regional_of(hub, one)
    for clinic, patient in (("qingshan", one), ("baihe", other)):
        hub.create(observation(f"Patient/{patient}"), caller=clinic)
    assert len(hub.found(f"Observation?patient={regional}", caller="hospital")) == 2
    assert len(hub.found(f"Observation?subject=Patient/{regional}", caller="qingshan")) == 1
    stranger = register(hub, "baihe", "B7", None, name=[{"text": "李梅"}])
    hub.create(observation(f"Patient/{stranger}"), caller="baihe")
    assert hub.found(f"Observation?patient={regional_of(hub, stranger)}", caller="qingshan") == []


def test_nothing_is_written_into_it(hub: FhirHub) -> None:
    one, _ = two_clinics(hub)
    for caller in ("qingshan", "hospital"):
        order = {"resourceType": "ServiceRequest", "status": "active", "intent": "order",
                 "subject": {"reference": f"Patient/{regional_of(hub, one)}"}}  # fmt: skip
        answer = hub.ask("POST", "ServiceRequest", order, caller=caller)
        assert answer.status_code == 422, answer.text
        assert "source Patients" in issue(answer)["diagnostics"]


def test_reading_it_is_reading_its_sources(hub: FhirHub) -> None:
    one, other = two_clinics(hub)
    hub.ask("GET", f"Patient/{regional_of(hub, one)}", caller="hospital")
    assert ("hospital", "read", "Patient") in {noted[:3] for noted in hub.reads.noted}
    assert set(next(noted[3] for noted in hub.reads.noted if noted[1:3] == ("read", "Patient"))) == {one, other}
    assert hub.ask("GET", f"Patient/{regional_of(hub, one)}", caller="operator").status_code == 403
