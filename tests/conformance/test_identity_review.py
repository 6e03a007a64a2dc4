"""What a person must decide about identity: as Tasks, as an API, as a page, and the official change of a number."""

from typing import Any
from urllib.parse import urlencode

import pytest

from hub.contracts.codes import RESIDENT_ID, TASK_CODE
from tests.conformance.fhir_hub import FhirHub, issue
from tests.conformance.people import number, person_of, regional_of, register

FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "text/html"}


@pytest.fixture
def disputed(hub: FhirHub) -> tuple[FhirHub, str, str, str]:
    """One number under two names: the hub, both records, and the review's id."""
    one = register(hub, "qingshan", "A1", number(2), telecom=[{"system": "phone", "value": "13900000001"}])
    other = register(hub, "baihe", "B1", number(2), name=[{"text": "王建华"}])
    assert person_of(hub, one) != person_of(hub, other)
    (item,) = hub.ask("GET", "/identity/reviews", caller="operator").json()["items"]
    return hub, one, other, str(item["id"])


def decide(hub: FhirHub, review: str, decision: str, reason: str = "核对过证件", caller: str = "operator") -> Any:
    body = {"decision": decision, "reason": reason}
    return hub.ask("POST", f"/identity/reviews/{review}", body, caller=caller)


def tasks(hub: FhirHub, query: str = "", caller: str = "operator") -> list[dict[str, Any]]:
    answer = hub.ask("GET", f"Task?code=identity-review{query}", caller=caller)
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", [])]


def test_a_review_is_a_task_for_an_admin_and_names_nobody(disputed: tuple[FhirHub, str, str, str]) -> None:
    hub, one, other, review = disputed
    (task,) = tasks(hub)
    assert (task["id"], task["status"]) == (f"review-{review}", "requested")
    assert task["code"]["coding"] == [{"system": TASK_CODE, "code": "identity-review"}]
    named = {task["focus"]["reference"], task["input"][0]["valueReference"]["reference"]}
    assert named == {f"Patient/{one}", f"Patient/{other}"}
    assert not any(word in str(task) for word in ("陈秀英", "王建华", number(2)))
    assert hub.ask("GET", f"Task/review-{review}", caller="operator").json() == task
    assert tasks(hub, f"&patient=Patient/{one}&status=requested") == [task]
    assert tasks(hub, "&status=completed") == tasks(hub, "&patient=nobody") == []
    counted = hub.ask("GET", "Task?code=identity-review&_summary=count", caller="operator").json()
    assert (counted["total"], counted.get("entry")) == (1, None)
    for caller in ("qingshan", "hospital", "centre"):
        assert tasks(hub, caller=caller) == []
        assert hub.ask("GET", f"Task/review-{review}", caller=caller).status_code == 404
    assert hub.ask("PUT", f"Task/review-{review}", task, caller="operator").status_code == 403
    assert hub.ask("GET", "Task?code=identity-review&owner=x", caller="operator").status_code == 400


def test_both_records_stand_side_by_side_with_what_every_field_counts(disputed: tuple[FhirHub, str, str, str]) -> None:
    hub, one, other, review = disputed
    shown = hub.ask("GET", f"/identity/reviews/{review}", caller="operator").json()
    assert {record["patient"] for record in shown["records"]} == {f"Patient/{one}", f"Patient/{other}"}
    assert {record["organization"] for record in shown["records"]} == {"Organization/org-qingshan",
                                                                       "Organization/org-baihe"}  # fmt: skip
    rows = {row["field"]: row for row in shown["evidence"]}
    assert rows["number"]["one"] == rows["number"]["other"] == [number(2)]
    assert {tuple(rows["name"]["one"]), tuple(rows["name"]["other"])} == {("陈秀英",), ("王建华",)}
    assert rows["name"]["level"] == "other"
    assert rows["name"]["bits"] < 0 < rows["born"]["bits"]
    assert ("operator", "operation", "Task") in {noted[:3] for noted in hub.reads.noted}


@pytest.mark.parametrize(("decision", "same", "status"), [("same", True, "completed"), ("not-same", False, "completed"),
                                                          ("later", False, "on-hold")])  # fmt: skip
def test_a_decision_takes_effect_at_once(
    disputed: tuple[FhirHub, str, str, str], decision: str, same: bool, status: str
) -> None:
    hub, one, other, review = disputed
    answer = decide(hub, review, decision)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["state"], answer.json()["decision"]["reason"]) == (decision, "核对过证件")
    assert (person_of(hub, one) == person_of(hub, other)) is same
    (task,) = tasks(hub)
    assert task["status"] == status
    waiting = hub.ask("GET", "/identity/reviews", caller="operator").json()["items"]
    assert [item["id"] for item in waiting] == ([review] if decision == "later" else [])
    provenance = [code for patient in (one, other) for entry in
                  hub.ask("GET", f"Provenance?target=Patient/{patient}", caller="hospital").json().get("entry", [])
                  for code in [entry["resource"]["activity"]["coding"][0]["code"]]]  # fmt: skip
    assert set(provenance) == {"same": {"link"}, "not-same": {"unlink"}, "later": set()}[decision]


def test_a_decision_taken_back_tells_who_read_meanwhile(disputed: tuple[FhirHub, str, str, str]) -> None:
    hub, one, other, review = disputed
    assert decide(hub, review, "same").status_code == 200
    assert hub.ask("GET", f"Patient/{one}", caller="hospital").status_code == 200
    assert hub.found("Communication?recipient=Organization/org-county", caller="hospital") == []
    assert decide(hub, review, "not-same", "不是同一人").status_code == 200
    assert person_of(hub, one) != person_of(hub, other)
    told = hub.ask("GET", "Communication?recipient=Organization/org-county", caller="hospital").json()["entry"]
    assert f"Patient/{one}" in {entry["resource"]["subject"]["reference"] for entry in told}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"decision": "perhaps", "reason": "x"}, 400),
        ({"decision": "same", "reason": " "}, 422),
        ({"reason": "x"}, 400),
        ({"decision": "same", "reason": "x", "force": True}, 400),
        ([], 400),
    ],
)
def test_a_decision_that_is_none_is_refused(disputed: tuple[FhirHub, str, str, str], body: Any, status: int) -> None:
    hub, one, other, review = disputed
    answer = hub.ask("POST", f"/identity/reviews/{review}", body, caller="operator")
    assert answer.status_code == status, answer.text
    assert issue(answer)
    assert person_of(hub, one) != person_of(hub, other)


def test_only_an_admin_sees_and_decides(disputed: tuple[FhirHub, str, str, str]) -> None:
    hub, _, _, review = disputed
    for caller in ("qingshan", "feed", "hospital", "centre", "auditor"):
        for path in ("/identity/reviews", f"/identity/reviews/{review}", "/identity", f"/identity/review/{review}"):
            assert hub.ask("GET", path, caller=caller).status_code == 403, (caller, path)
        assert decide(hub, review, "same", caller=caller).status_code == 403
    assert hub.ask("GET", "/identity/reviews/nobody", caller="operator").status_code == 404
    assert decide(hub, "nobody", "same").status_code == 404


def test_the_page_shows_the_same_and_decides_by_its_form(disputed: tuple[FhirHub, str, str, str]) -> None:
    hub, one, other, review = disputed
    queue = hub.ask("GET", "/identity", caller="operator", headers=FORM)
    assert f'href="/identity/review/{review}"' in queue.text
    assert "陈秀英" not in queue.text
    page = hub.ask("GET", f"/identity/review/{review}", caller="operator", headers=FORM)
    for word in ("陈秀英", "王建华", number(2), "是同一人", "不是同一人", "稍后再定", "Same person"):
        assert word in page.text
    assert "no-store" in page.headers["cache-control"]
    assert "script" not in page.text
    form = urlencode({"decision": "same", "reason": ""}).encode()
    refused = hub.ask("POST", f"/identity/review/{review}", form, caller="operator", headers=FORM)
    assert refused.status_code == 422
    assert 'role="alert"' in refused.text
    assert "请填写理由" in refused.text
    form = urlencode({"decision": "same", "reason": "同一人"}).encode()
    answer = hub.ask("POST", f"/identity/review/{review}", form, caller="operator", headers=FORM)
    assert (answer.status_code, answer.headers["location"]) == (303, "/identity")
    assert person_of(hub, one) == person_of(hub, other)
    assert "同一人" in hub.ask("GET", "/identity", caller="operator", headers=FORM).text
    wrong = hub.ask("POST", f"/identity/review/{review}", {"decision": "same"}, caller="operator")
    assert wrong.status_code == 400


def superseded(hub: FhirHub, patient: str, old: Any, new: Any, caller: str = "operator", without: str = "") -> Any:
    parameters = [{"name": "patient", "valueReference": {"reference": f"Patient/{patient}"}},
                  {"name": "old", "valueIdentifier": {"system": RESIDENT_ID, "value": old}},
                  {"name": "new", "valueString": new},
                  {"name": "reason", "valueString": "公安机关更正"}]  # fmt: skip
    body = {"resourceType": "Parameters", "parameter": [p for p in parameters if p["name"] != without]}
    return hub.ask("POST", "Patient/$supersede-number", body, caller=caller)


def test_a_number_issued_anew_joins_both_and_the_old_one_captures_nobody(hub: FhirHub) -> None:
    old, new = number(2), number(4)
    before, after = register(hub, "qingshan", "A1", old), register(hub, "baihe", "B1", new)
    assert person_of(hub, before) != person_of(hub, after)
    answer = superseded(hub, before, old, new)
    assert answer.status_code == 200, answer.text
    assert person_of(hub, before) == person_of(hub, after)
    for view in (f"Patient/{before}/$person", f"Patient/{regional_of(hub, before)}"):
        shown = hub.ask("GET", view, caller="hospital").json()
        numbers = {i["value"]: i.get("use") for i in shown["identifier"] if i["system"] == RESIDENT_ID}
        assert numbers == {new: "official", old: "old"}
    stranger = register(hub, "qingshan", "A9", old, name=[{"text": "王建国"}], birthDate="1962-04-15")
    assert person_of(hub, stranger) != person_of(hub, before)
    assert "use" not in str(hub.ask("GET", f"Patient/{before}").json()["identifier"])


def test_a_number_is_superseded_only_rightly(hub: FhirHub) -> None:
    old, new = number(2), number(4)
    patient = register(hub, "qingshan", "A1", old)
    for caller in ("qingshan", "hospital", "feed"):
        assert superseded(hub, patient, old, new, caller=caller).status_code == 403
    for answer, status in (
        (superseded(hub, "nobody", old, new), 404),
        (superseded(hub, patient, old, old), 422),
        (superseded(hub, patient, old, new[:-1] + "x"), 422),
        (superseded(hub, patient, number(6), number(8)), 409),
        (superseded(hub, patient, old, new, without="reason"), 400),
        (superseded(hub, patient, old, new, without="new"), 400),
    ):
        assert answer.status_code == status, answer.text
        assert issue(answer)["expression"]


def test_the_capability_statement_lists_the_operations(hub: FhirHub) -> None:
    statement = hub.ask("GET", "metadata").json()
    (patient,) = [one for one in statement["rest"][0]["resource"] if one["type"] == "Patient"]
    listed = {one["name"]: one["definition"] for one in patient["operation"]}
    assert set(listed) == {"everything", "ihe-pix", "match", "merge", "person", "supersede-number", "unmerge"}
    assert listed["match"] == "http://hl7.org/fhir/OperationDefinition/Patient-match"
    assert listed["person"] == "http://hub.test/fhir/OperationDefinition/Patient-person"
