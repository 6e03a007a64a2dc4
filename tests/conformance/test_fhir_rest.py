"""FHIR R4 http.html, interaction by interaction, over the real store."""

import base64
from typing import Any

import pytest

from tests.conformance.fhir_hub import FhirHub, entry, issue, observation, patient, transaction


def test_a_created_resource_has_location_etag_and_last_modified(hub: FhirHub) -> None:
    answer = hub.ask("POST", "Patient", patient(id="not-mine"))
    made = answer.json()
    assert answer.status_code == 201
    assert made["id"] != "not-mine"
    assert answer.headers["location"] == f"http://hub.test/fhir/Patient/{made['id']}/_history/1"
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["last-modified"].endswith("GMT")
    assert answer.headers["content-type"] == "application/fhir+json"
    assert made["meta"]["versionId"] == "1"


def test_what_was_created_is_read_back_with_its_digits(hub: FhirHub) -> None:
    body = b'{"resourceType":"Observation","status":"final","code":{"text":"K+"},"valueQuantity":{"value":4.10}}'
    made = hub.ask("POST", "Observation", body).json()
    read = hub.ask("GET", f"Observation/{made['id']}")
    assert read.status_code == 200
    assert b'"value":4.10}' in read.content
    assert read.headers["etag"] == 'W/"1"'


def test_head_is_get_without_a_body(hub: FhirHub) -> None:
    made = hub.create(patient())
    whole = hub.ask("GET", f"Patient/{made['id']}")
    head = hub.ask("HEAD", f"Patient/{made['id']}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))
    assert hub.ask("HEAD", "metadata").status_code == 200


@pytest.mark.parametrize(
    ("prefer", "resource_type"),
    [("return=minimal", None), ("return=representation", "Patient"), ("return=OperationOutcome", "OperationOutcome")],
)
def test_prefer_says_what_comes_back(hub: FhirHub, prefer: str, resource_type: str | None) -> None:
    answer = hub.ask("POST", "Patient", patient(), headers={"prefer": prefer})
    assert answer.status_code == 201
    assert answer.headers["location"]
    assert (answer.json()["resourceType"] if answer.content else None) == resource_type


def test_an_update_makes_a_new_version_and_the_old_one_stays(hub: FhirHub) -> None:
    made = hub.create(patient())
    answer = hub.ask("PUT", f"Patient/{made['id']}", {**made, "gender": "female"})
    assert answer.status_code == 200
    assert answer.headers["etag"] == 'W/"2"'
    assert hub.ask("GET", f"Patient/{made['id']}").json()["gender"] == "female"
    assert "gender" not in hub.ask("GET", f"Patient/{made['id']}/_history/1").json()
    assert hub.ask("GET", f"Patient/{made['id']}/_history/3").status_code == 404
    assert hub.ask("GET", f"Patient/{made['id']}/_history/x").status_code == 404


def test_an_update_to_an_id_that_is_not_there_creates_it(hub: FhirHub) -> None:
    answer = hub.ask("PUT", "Patient/p-1.A", patient(id="p-1.A"))
    assert answer.status_code == 201
    assert answer.headers["location"].endswith("/Patient/p-1.A/_history/1")


@pytest.mark.parametrize("resource", [patient(), patient(id="other")])
def test_an_update_whose_body_has_another_id_or_none_is_refused(hub: FhirHub, resource: dict[str, Any]) -> None:
    answer = hub.ask("PUT", "Patient/one", resource)
    assert answer.status_code == 400
    assert issue(answer)["expression"] == ["Patient.id"]


def test_a_resource_sent_to_another_types_url_is_refused(hub: FhirHub) -> None:
    for method, path in (("POST", "Observation"), ("PUT", "Observation/one")):
        answer = hub.ask(method, path, patient(id="one"))
        assert answer.status_code == 400
        assert issue(answer)["expression"] == ["Observation.resourceType"]


def test_if_match_names_the_version_to_be_changed(hub: FhirHub) -> None:
    made = hub.create(patient())
    path = f"Patient/{made['id']}"
    assert hub.ask("PUT", path, made, headers={"if-match": 'W/"2"'}).status_code == 412
    assert hub.ask("PUT", path, {**made, "active": True}, headers={"if-match": 'W/"1"'}).status_code == 200
    assert hub.ask("PUT", path, made, headers={"if-match": 'W/"1"'}).status_code == 412
    assert hub.ask("PUT", path, made, headers={"if-match": "nonsense"}).status_code in (400, 412)


def test_of_many_updates_of_one_version_one_wins(hub: FhirHub) -> None:
    made = hub.create(patient())
    changes = [
        ("PUT", f"Patient/{made['id']}", {**made, "multipleBirthInteger": number}, {"if-match": 'W/"1"'})
        for number in range(8)
    ]
    assert sorted(answer.status_code for answer in hub.together(*changes)) == [200] + [412] * 7


def test_a_conditional_read_spares_the_body(hub: FhirHub) -> None:
    made = hub.create(patient())
    path = f"Patient/{made['id']}"
    answer = hub.ask("GET", path, headers={"if-none-match": 'W/"1"'})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == 'W/"1"'
    assert hub.ask("GET", path, headers={"if-none-match": 'W/"7"'}).status_code == 200
    later = hub.ask("GET", path).headers["last-modified"]
    assert hub.ask("GET", path, headers={"if-modified-since": later}).status_code == 304


def test_a_deleted_resource_is_gone_and_its_history_stays(hub: FhirHub) -> None:
    made = hub.create(patient())
    path = f"Patient/{made['id']}"
    assert hub.ask("DELETE", path).status_code == 204
    gone = hub.ask("GET", path)
    assert gone.status_code == 410
    assert issue(gone)["code"] == "deleted"
    assert hub.ask("DELETE", path).status_code in (200, 204)
    assert hub.ask("GET", f"{path}/_history/1").status_code == 200
    history = hub.ask("GET", f"{path}/_history").json()
    assert history["type"] == "history"
    assert [one["request"]["method"] for one in history["entry"]] == ["DELETE", "POST"]
    assert "resource" not in history["entry"][0]
    assert hub.found(f"Patient?_id={made['id']}") == []
    again = hub.ask("PUT", path, made)
    assert again.status_code == 201
    assert hub.ask("GET", path).json()["meta"]["versionId"] == "3"


def test_a_history_comes_in_pages(hub: FhirHub) -> None:
    made = hub.create(patient())
    for number in range(4):
        hub.ask("PUT", f"Patient/{made['id']}", {**made, "multipleBirthInteger": number})
    versions, url = [], f"Patient/{made['id']}/_history?_count=2"
    while url:
        page = hub.ask("GET", url).json()
        versions += [one["resource"]["meta"]["versionId"] for one in page["entry"]]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
        url = url.removeprefix("http://hub.test/fhir/")
    assert versions == ["5", "4", "3", "2", "1"]
    assert hub.ask("GET", f"Patient/{made['id']}/_history?_at=2026").status_code == 400
    assert hub.ask("GET", "Patient/unknown/_history").status_code == 404


def test_if_none_exist_creates_once_however_many_ask_at_once(hub: FhirHub) -> None:
    one = patient(identifier=[{"system": "urn:oid:1.2.3", "value": "A1"}])
    condition = {"if-none-exist": "identifier=urn:oid:1.2.3|A1"}
    answers = hub.together(*[("POST", "Patient", one, condition)] * 16)
    assert sorted(answer.status_code for answer in answers) == [200] * 15 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_if_none_exist_with_several_matches_is_refused(hub: FhirHub) -> None:
    one = patient(identifier=[{"system": "urn:x", "value": "A1"}])
    hub.create(one)
    hub.create(one)
    answer = hub.ask("POST", "Patient", one, headers={"if-none-exist": "identifier=urn:x|A1"})
    assert answer.status_code == 412


def test_a_conditional_update_creates_then_changes_then_refuses_to_choose(hub: FhirHub) -> None:
    one = patient(identifier=[{"system": "urn:x", "value": "A1"}])
    path = "Patient?identifier=urn:x%7CA1"
    assert hub.ask("PUT", path, one).status_code == 201
    changed = hub.ask("PUT", path, {**one, "active": True})
    assert changed.status_code == 200
    assert changed.json()["meta"]["versionId"] == "2"
    hub.create(one)
    assert hub.ask("PUT", path, one).status_code == 412
    assert hub.ask("PUT", "Patient", one).status_code == 400


def test_a_conditional_delete_deletes_one_or_nothing(hub: FhirHub) -> None:
    one = patient(identifier=[{"system": "urn:x", "value": "A1"}])
    hub.create(one)
    path = "Patient?identifier=urn:x%7CA1"
    assert hub.ask("DELETE", path).status_code == 204
    assert hub.found(path) == []
    hub.create(one)
    hub.create(one)
    assert hub.ask("DELETE", path).status_code == 412
    assert len(hub.found(path)) == 2
    assert hub.ask("DELETE", "Patient").status_code == 400


def test_an_idempotency_key_gives_the_first_answer_again(hub: FhirHub) -> None:
    headers = {"idempotency-key": "k-1"}
    first = hub.ask("POST", "Patient", patient(), headers=headers)
    again = hub.ask("POST", "Patient", patient(), headers=headers)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["location"] == first.headers["location"]
    other = hub.ask("POST", "Patient", patient(active=True), headers=headers)
    assert other.status_code == 422
    elsewhere = hub.ask("PUT", f"Patient/{first.json()['id']}", first.json(), headers=headers)
    assert elsewhere.status_code == 422
    assert hub.ask("POST", "Patient", patient(), headers={"idempotency-key": ""}).status_code == 400
    assert hub.ask("POST", "Patient", patient(), caller="baihe", headers=headers).status_code == 201


def test_the_same_key_many_times_at_once_is_one_resource(hub: FhirHub) -> None:
    answers = hub.together(*[("POST", "Patient", patient(), {"idempotency-key": "k"})] * 24)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(hub.found("Patient")) == 1


def test_a_refused_request_does_not_bind_its_key(hub: FhirHub) -> None:
    headers = {"idempotency-key": "k-2"}
    assert hub.ask("POST", "Patient", patient(gender="unheard-of"), headers=headers).status_code == 422
    assert hub.ask("POST", "Patient", patient(gender="other"), headers=headers).status_code == 201


def test_a_transaction_takes_effect_as_a_whole_and_resolves_its_references(hub: FhirHub) -> None:
    bundle = transaction(
        entry("POST", "Observation", observation("urn:uuid:0f3f4b1c-4f44-4c6a-9a76-1a1f0c5e3b11")),
        entry("POST", "Patient", patient(), fullUrl="urn:uuid:0f3f4b1c-4f44-4c6a-9a76-1a1f0c5e3b11"),
        entry("GET", "metadata"),
    )
    answer = hub.ask("POST", "", bundle)
    assert answer.status_code == 200
    told = answer.json()
    assert told["type"] == "transaction-response"
    assert [one["response"]["status"][:3] for one in told["entry"]] == ["201", "201", "200"]
    assert "resource" not in told["entry"][0]
    first, second = (one["response"]["location"] for one in told["entry"][:2])
    assert (first.split("/")[0], second.split("/")[0]) == ("Observation", "Patient")
    assert told["entry"][0]["response"]["etag"] == 'W/"1"'
    stored = hub.ask("GET", first.partition("/_history")[0]).json()
    assert stored["subject"]["reference"] == second.partition("/_history")[0]


def test_a_transaction_returns_its_resources_when_asked(hub: FhirHub) -> None:
    answer = hub.ask(
        "POST", "", transaction(entry("POST", "Patient", patient())), headers={"prefer": "return=representation"}
    )
    assert answer.json()["entry"][0]["resource"]["meta"]["versionId"] == "1"


def test_reads_in_a_transaction_see_its_writes(hub: FhirHub) -> None:
    answer = hub.ask(
        "POST", "", transaction(entry("GET", "Patient/p1"), entry("PUT", "Patient/p1", patient(id="p1")))
    ).json()
    assert answer["entry"][0]["resource"]["id"] == "p1"
    assert answer["entry"][0]["response"]["status"].startswith("200")
    missing = hub.ask("POST", "", transaction(entry("GET", "Patient/none"))).json()
    assert missing["entry"][0]["response"]["status"].startswith("404")
    assert missing["entry"][0]["response"]["outcome"]["resourceType"] == "OperationOutcome"


def test_one_refused_entry_refuses_the_transaction_and_names_its_place(hub: FhirHub) -> None:
    bundle = transaction(
        entry("POST", "Patient", patient()),
        entry("POST", "Observation", {**observation("Patient/x"), "status": "no-such-status"}),
        entry("PUT", "Patient/p9", patient(id="p9")),
        entry("DELETE", "Patient/p8"),
    )
    answer = hub.ask("POST", "", bundle)
    assert answer.status_code == 422
    assert issue(answer)["expression"] == ["Bundle.entry[1].resource.status"]
    assert hub.found("Patient") == []
    assert hub.ask("GET", "Patient/p9").status_code == 404


@pytest.mark.parametrize(
    ("bad", "place"),
    [
        (entry("PUT", "Patient/a", patient(id="b")), "Bundle.entry[0].resource.id"),
        (entry("POST", "Observation", patient()), "Bundle.entry[0].resource.resourceType"),
        (entry("PATCH", "Patient/a", patient(id="a")), "Bundle.entry[0]"),
        (entry("POST", "Patient/$match", patient()), "Bundle.entry[0]"),
        (entry("PUT", "Patient", patient(id="a")), "Bundle.entry[0].request"),
        (entry("DELETE", "Patient"), "Bundle.entry[0].request"),
        (entry("POST", "http://elsewhere.example/fhir/Patient", patient()), "Bundle.entry[0]"),
        (entry("POST", "Patient"), "Bundle.entry[0].resource"),
        (entry("POST", "Patience", patient()), "Bundle.entry[0].request"),
        ({"resource": patient()}, "Bundle.entry[0].request"),
    ],
)
def test_an_entry_that_cannot_be_processed_is_named(hub: FhirHub, bad: dict[str, Any], place: str) -> None:
    answer = hub.ask("POST", "", transaction(bad))
    assert answer.status_code in (400, 422)
    assert issue(answer)["expression"] == [place]


def test_a_transaction_may_replace_a_resource_by_a_new_one(hub: FhirHub) -> None:
    one = patient(identifier=[{"system": "urn:x", "value": "A1"}])
    hub.create(one)
    bundle = transaction(entry("POST", "Patient", one), entry("DELETE", "Patient?identifier=urn:x|A1"))
    answer = hub.ask("POST", "", bundle).json()
    assert [one["response"]["status"][:3] for one in answer["entry"]] == ["201", "204"]
    assert len(hub.found("Patient?identifier=urn:x%7CA1")) == 1


def test_a_transaction_under_a_key_has_one_answer_for_ever(hub: FhirHub) -> None:
    bundle = transaction(entry("POST", "Patient", patient()), entry("POST", "Patient", patient()))
    headers = {"idempotency-key": "envelope-7"}
    first = hub.ask("POST", "", bundle, headers=headers)
    again = hub.ask("POST", "", bundle, headers=headers)
    assert first.content == again.content
    assert again.headers["idempotency-replayed"] == "true"
    assert hub.ask("POST", "", transaction(*bundle["entry"][:1]), headers=headers).status_code == 422
    assert len(hub.found("Patient")) == 2


def test_entries_of_a_batch_fail_alone(hub: FhirHub) -> None:
    made = hub.create(patient())
    answer = hub.ask(
        "POST",
        "",
        transaction(
            entry("GET", f"Patient/{made['id']}"),
            entry("GET", "Patient/none"),
            entry("POST", "Patient", patient(gender="x")),
            entry("PUT", "Patient/p7", patient(id="p7")),
            entry("GET", "Patient?name=张"),
            entry("DELETE", "Patient/none"),
            entry("POST", "/", transaction()),
            kind="batch",
        ),
    )
    assert answer.status_code == 200
    told = answer.json()
    assert told["type"] == "batch-response"
    statuses = [one["response"]["status"][:3] for one in told["entry"]]
    assert statuses[:5] == ["200", "404", "422", "201", "200"]
    assert statuses[5] in ("200", "204")
    assert statuses[6] == "400"
    assert told["entry"][0]["resource"]["id"] == made["id"]
    assert told["entry"][2]["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[2].resource.gender"]
    assert told["entry"][3]["response"]["location"] == "Patient/p7/_history/1"
    assert told["entry"][4]["resource"]["type"] == "searchset"


def test_a_batch_under_a_key_is_told_again(hub: FhirHub) -> None:
    bundle = transaction(
        entry("POST", "Patient", patient()), entry("POST", "Patient", patient(gender="x")), kind="batch"
    )
    headers = {"idempotency-key": "b-1"}
    first = hub.ask("POST", "", bundle, headers=headers)
    again = hub.ask("POST", "", bundle, headers=headers)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    assert len(hub.found("Patient")) == 1
    other = transaction(*[entry("POST", "Patient", patient())] * 3, kind="batch")
    assert hub.ask("POST", "", other, headers=headers).status_code == 422
    assert len(hub.found("Patient")) == 1


def test_an_empty_bundle_is_answered_empty(hub: FhirHub) -> None:
    assert hub.ask("POST", "", transaction()).json()["type"] == "transaction-response"
    assert hub.ask("POST", "", transaction(kind="batch")).json()["type"] == "batch-response"


@pytest.mark.parametrize("kind", ["document", "message", "collection", "searchset"])
def test_other_bundles_are_stored_under_their_own_address_alone(hub: FhirHub, kind: str) -> None:
    bundle = {"resourceType": "Bundle", "type": kind}
    refused = hub.ask("POST", "", bundle)
    assert refused.status_code == 400
    assert "POST [base]/Bundle" in issue(refused)["diagnostics"]
    assert hub.ask("POST", "", patient()).status_code == 400
    if kind == "collection":
        assert hub.ask("POST", "Bundle", bundle).status_code == 201


def test_the_capability_statement_is_open_and_names_this_base(hub: FhirHub) -> None:
    answer = hub.ask("GET", "metadata")
    assert answer.status_code == 200
    statement = answer.json()
    assert (statement["resourceType"], statement["fhirVersion"]) == ("CapabilityStatement", "4.0.1")
    assert statement["implementation"]["url"] == "http://hub.test/fhir"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PATCH", "Patient/1", "GET, HEAD, PUT, DELETE"),
        ("POST", "Patient/1", "GET, HEAD, PUT, DELETE"),
        ("PATCH", "Patient", "GET, HEAD, POST, PUT, DELETE"),
        ("GET", "", "POST"),
        ("PUT", "metadata", "GET, HEAD"),
        ("GET", "Patient/_search", "POST"),
        ("DELETE", "Patient/1/_history", "GET, HEAD"),
        ("PUT", "Patient/1/_history/1", "GET, HEAD"),
        ("POST", "Patient/1/$person", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_405_with_the_right_ones(hub: FhirHub, method: str, path: str, allow: str) -> None:
    answer = hub.ask(method, path, patient() if method in ("POST", "PUT", "PATCH") else None)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allow
    issue(answer)


@pytest.mark.parametrize(
    "path",
    [
        "Patience",
        "patient/1",
        "Patient/1/Observation",
        "Patient/1/_history/1/2",
        "_history",
        "$everything",
        "Patient/$nonsense",
        "Patient/1/$everything",
        "Patient/none",
        "Patient/a%2Fb",
        "Patient/..%2F..%2Fetc",
        "Patient/%00",
        "Patient/" + "a" * 65,
        "Patient//1",
        "Patient/a_b",
        "Patient/é",
    ],
)
def test_what_is_not_there_is_404_as_an_outcome(hub: FhirHub, path: str) -> None:
    answer = hub.ask("GET", path)
    assert answer.status_code == 404
    issue(answer)


def test_a_binary_is_read_as_a_resource_or_as_its_own_bytes(hub: FhirHub) -> None:
    content = bytes(range(256))
    made = hub.create(
        {"resourceType": "Binary", "contentType": "image/x-ecg", "data": base64.b64encode(content).decode()}
    )
    path = f"Binary/{made['id']}"
    assert base64.b64decode(hub.ask("GET", path).json()["data"]) == content
    for accept in ("image/x-ecg", "image/*", "application/octet-stream"):
        answer = hub.ask("GET", path, headers={"accept": accept})
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-type"] == "image/x-ecg"
        assert "sandbox" in answer.headers["content-security-policy"]
    assert hub.ask("GET", path, headers={"accept": "text/html"}).status_code == 406
    assert hub.ask("GET", path, headers={"accept": "image/x-ecg"}, caller="baihe").status_code == 404


def test_one_clinics_resources_are_not_there_for_another(hub: FhirHub) -> None:
    made = hub.create(patient())
    path = f"Patient/{made['id']}"
    for method in ("GET", "HEAD", "DELETE"):
        assert hub.ask(method, path, caller="baihe").status_code == 404
    assert hub.ask("PUT", path, made, caller="baihe").status_code == 404
    assert hub.ask("GET", f"{path}/_history", caller="baihe").status_code == 404
    assert hub.ask("GET", f"{path}/_history/1", caller="baihe").status_code == 404
    assert hub.found("Patient", caller="baihe") == []
    counted = hub.ask("GET", "Patient?_summary=count", caller="baihe").json()
    assert counted["total"] == 0
    assert hub.ask("GET", path, caller="hospital").status_code == 200


def test_roles_without_the_duty_are_refused_by_name(hub: FhirHub) -> None:
    made = hub.create(patient())
    assert hub.ask("GET", f"Patient/{made['id']}", caller="operator").status_code == 403
    assert hub.ask("GET", "Observation", caller="auditor").status_code == 403
    assert hub.ask("POST", "Patient", patient(), caller="auditor").status_code == 403
    assert hub.ask("POST", "", transaction(entry("POST", "Patient", patient())), caller="auditor").status_code == 403
    issue(hub.ask("GET", "Observation", caller="operator"))


def test_every_read_of_a_persons_record_is_noted(hub: FhirHub) -> None:
    made = hub.create(patient())
    seen = hub.create(observation(f"Patient/{made['id']}"))
    hub.reads.noted.clear()
    hub.ask("GET", f"Observation/{seen['id']}", caller="hospital")
    hub.ask("GET", f"Observation/{seen['id']}/_history/1", caller="hospital")
    hub.ask("GET", f"Observation/{seen['id']}/_history", caller="hospital")
    hub.ask("GET", f"Observation?patient={made['id']}", caller="hospital")
    hub.ask("GET", "Observation?patient=nobody", caller="hospital")
    assert hub.reads.noted == [
        ("hospital", interaction, "Observation", (made["id"],))
        for interaction in ("read", "vread", "history-instance", "search-type")
    ]


@pytest.mark.parametrize("path", ["_history", "Patient/_history"])
def test_the_history_of_more_than_one_resource_is_refused_by_name(hub: FhirHub, path: str) -> None:
    answer = hub.ask("GET", path)
    assert answer.status_code == 404
    told = answer.json()["issue"][0]
    assert (told["code"], "history" in told["diagnostics"]) == ("not-supported", True)
