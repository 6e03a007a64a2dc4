"""``/quarantine`` and ``/ingest``: what was refused is kept, shown to whom it concerns, and may be run again."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.contracts.caller import Caller
from hub.contracts.errors import Busy, Incorrect
from hub.contracts.ingest import Acknowledgement
from hub.contracts.quarantine import Refusal
from hub.contracts.submission import Channel, Entry, Method, Origin, Original, Receipt, Submission
from hub.intake.originals import originals
from tests.conformance.fhir_hub import CALLERS, FhirHub, entry, issue, patient, transaction


class Ecg:
    """An adapter that reads one word: a file beginning with ``ECG`` becomes a Patient."""

    def __init__(self) -> None:
        self.hub: FhirHub | None = None
        self.strict = True
        self.asked: list[Mapping[str, str]] = []

    async def __call__(
        self, content: bytes, content_type: str, caller: Caller, query: Mapping[str, str]
    ) -> Receipt | Acknowledgement:
        self.asked.append(query)
        if content == b"BUSY":
            raise Busy("Not now.")
        if self.strict and not content.startswith(b"ECG"):
            raise Incorrect("This is no ECG file.", where="file", remedy="Send an ECG.")
        assert self.hub is not None
        origin = Origin(caller, Channel.ECG, datetime.now(UTC), "k" + hashlib.sha256(content).hexdigest(), content[:32])
        made = Entry(Method.CREATE, "Patient", b'{"resourceType":"Patient"}')
        future = self.hub.intake.accept(Submission((made,), origin, Original(content, content_type)))
        return future.result()


class Hl7:
    async def __call__(
        self, content: bytes, content_type: str, caller: Caller, query: Mapping[str, str]
    ) -> Receipt | Acknowledgement:
        return Acknowledgement(b"MSH|^~\\&|...\rMSA|AE|1\r", "x-application/hl7-v2+er7", False)


ECG = Ecg()


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[FhirHub]:
    made = FhirHub(tmp_path, {Channel.ECG: ECG, Channel.HL7V2: Hl7()})
    ECG.hub, ECG.strict = made, True
    yield made
    made.close()


def _items(hub: FhirHub, caller: str = "qingshan", query: str = "") -> list[dict[str, Any]]:
    answer = hub.ask("GET", f"/quarantine{query}", caller=caller)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]  # type: ignore[no-any-return]


def test_an_accepted_file_is_answered_with_a_receipt(doors: FhirHub) -> None:
    answer = doors.ask("POST", "/ingest/ecg?patient=s%7Cv&order=7", b"ECG 1", headers={"content-type": "image/x-ecg"})
    assert answer.status_code == 201
    receipt = answer.json()
    assert set(receipt) == {"submission", "status", "resources", "person"}
    assert receipt["status"] == "accepted"
    assert doors.ask("GET", receipt["resources"][0]).status_code == 200
    assert ECG.asked[-1] == {"patient": "s|v", "order": "7"}
    again = doors.ask("POST", "/ingest/ecg?patient=s%7Cv&order=7", b"ECG 1")
    assert again.json() == receipt
    assert again.headers["idempotency-replayed"] == "true"


def test_the_bytes_of_an_accepted_file_are_kept(doors: FhirHub) -> None:
    for content in (b"ECG small", b"ECG" + bytes(100_000)):
        doors.ask("POST", "/ingest/ecg", content, headers={"content-type": "image/x-ecg"})
        key = "k" + hashlib.sha256(content).hexdigest()
        assert originals(doors.store, doors.blobs, "qingshan", Channel.ECG, key) == [Original(content, "image/x-ecg")]


def test_a_refused_file_is_422_and_its_outcome_names_the_quarantine_item(doors: FhirHub) -> None:
    answer = doors.ask("POST", "/ingest/ecg?name=x", b"\x00noise", headers={"content-type": "image/x-ecg"})
    assert answer.status_code == 422
    told = issue(answer)
    item = _items(doors)[0]
    assert item["id"] in told["diagnostics"]
    assert told["expression"] == ["file"]
    expected = {
        "client": "qingshan",
        "organization": "org-qingshan",
        "kind": "ecg",
        "key": hashlib.sha256(b"\x00noise").hexdigest(),
        "reason": "This is no ECG file.",
        "field": "file",
        "remedy": "Send an ECG.",
        "state": "refused",
    }
    assert {name: item[name] for name in expected} == expected
    assert datetime.fromisoformat(item["received"]).tzinfo is not None
    original = doors.ask("GET", f"/quarantine/{item['id']}/original")
    assert original.content == b"\x00noise"
    assert original.headers["content-type"] == "image/x-ecg"
    assert original.headers["x-content-type-options"] == "nosniff"
    assert doors.ask("GET", f"/quarantine/{item['id']}").json() == item


def test_the_same_bytes_refused_again_are_one_item(doors: FhirHub) -> None:
    for _ in range(3):
        doors.ask("POST", "/ingest/ecg", b"noise")
    doors.ask("POST", "/ingest/ecg", b"other")
    items = _items(doors)
    assert [item["times"] for item in items] == [1, 3]
    assert len(_items(doors, query="?_count=1")) == 1
    assert doors.ask("GET", "/quarantine?_count=1001").status_code == 400


def test_each_sender_sees_its_own_and_an_admin_all_but_the_content(doors: FhirHub) -> None:
    doors.ask("POST", "/ingest/ecg", b"noise")
    doors.ask("POST", "/ingest/ecg", b"noise", caller="baihe")
    mine = _items(doors)
    assert [item["client"] for item in mine] == ["qingshan"]
    assert {item["client"] for item in _items(doors, "operator")} == {"qingshan", "baihe"}
    path = f"/quarantine/{mine[0]['id']}"
    for suffix in ("", "/original"):
        assert doors.ask("GET", path + suffix, caller="baihe").status_code == 404
    assert doors.ask("POST", path + "/replay", caller="baihe").status_code == 404
    assert doors.ask("GET", path, caller="operator").status_code == 200
    assert doors.ask("GET", path + "/original", caller="operator").status_code == 403
    assert doors.ask("GET", "/quarantine", caller="auditor").status_code == 403
    assert doors.ask("GET", "/quarantine/none").status_code == 404


def test_a_replay_runs_it_again_and_marks_it(doors: FhirHub) -> None:
    doors.ask("POST", "/ingest/ecg?order=9", b"noise")
    item = _items(doors)[0]
    refused = doors.ask("POST", f"/quarantine/{item['id']}/replay")
    assert refused.status_code == 422
    issue(refused)
    assert _items(doors)[0]["state"] == "refused"
    ECG.strict = False
    answer = doors.ask("POST", f"/quarantine/{item['id']}/replay")
    assert answer.status_code == 200
    assert answer.json()["status"] == "accepted"
    assert ECG.asked[-1] == {"order": "9"}
    assert _items(doors)[0]["state"] == "replayed"


def test_what_should_come_again_is_503_and_not_kept(doors: FhirHub) -> None:
    answer = doors.ask("POST", "/ingest/ecg", b"BUSY")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert _items(doors) == []


def test_an_hl7_message_is_answered_with_its_acknowledgement(doors: FhirHub) -> None:
    media_type = "x-application/hl7-v2+er7"
    answer = doors.ask("POST", "/ingest/hl7v2", b"MSH|", headers={"content-type": f"{media_type}; charset=GB18030"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert b"MSA|AE" in answer.content
    assert doors.ask("POST", "/ingest/hl7v2", b"{}").status_code == 415


def test_wrong_things_at_these_doors_are_outcomes_too(doors: FhirHub) -> None:
    wrong: list[tuple[str, str, bytes | None, dict[str, str], int]] = [
        ("GET", "/nowhere", None, {}, 404),
        ("GET", "/ingest/ecg", None, {}, 405),
        ("PUT", "/quarantine", b"", {}, 405),
        ("POST", "/ingest/cda", b"<x/>", {}, 404),
        ("GET", "/quarantine?_count=x", None, {}, 400),
        ("POST", "/ingest/ecg?unknown=1", b"ECG", {}, 400),
        ("POST", "/ingest/ecg", b"ECG", {"content-length": str(1 << 40)}, 413),
        ("POST", "/ingest/ecg", b"ECG", {"content-encoding": "gzip"}, 415),
        ("POST", "/ingest/ecg", b"ECG", {"x-caller": "auditor"}, 403),
    ]
    for method, path, body, headers, status in wrong:
        answer = doors.ask(method, path, body, headers=headers)
        assert answer.status_code == status, (method, path, answer.text)
        issue(answer)


def test_health_and_metrics_need_nobody(doors: FhirHub) -> None:
    assert doors.ask("GET", "/health/live").json()["status"] == "live"
    assert doors.ask("GET", "/health/ready").json()["status"] == "ready"
    metrics = doors.ask("GET", "/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_a_refused_transaction_is_kept_and_replayed(hub: FhirHub) -> None:
    clash = patient(id="p1", identifier=[{"system": "urn:x", "value": "1"}])
    bundle = transaction(entry("POST", "Patient", patient(), ifNoneExist="identifier=urn:x|1"))
    hub.create(clash)
    hub.create(clash)
    refused = transaction(entry("POST", "Patient", patient(gender="x")))
    answer = hub.ask("POST", "", refused, headers={"idempotency-key": "envelope-1"})
    assert answer.status_code == 422
    item = _items(hub)[0]
    assert (item["kind"], item["key"], item["field"]) == ("fhir", "envelope-1", "Bundle.entry[0].resource.gender")
    assert any(item["id"] in told["diagnostics"] for told in answer.json()["issue"])
    again = hub.ask("POST", f"/quarantine/{item['id']}/replay")
    assert again.status_code == 422
    assert [one["times"] for one in _items(hub)] == [2]
    assert hub.ask("POST", "", bundle).status_code == 412
    assert len(_items(hub)) == 1  # a precondition that failed is no fault of the content


def test_a_single_refused_write_is_kept_only_under_a_key(hub: FhirHub) -> None:
    hub.ask("POST", "Patient", patient(gender="x"))
    assert _items(hub) == []
    hub.ask("PUT", "Patient/p1", patient(id="p2"), headers={"idempotency-key": "k7"})
    assert [item["key"] for item in _items(hub)] == ["k7"]


def test_a_quarantined_request_is_accepted_when_the_reason_is_gone(hub: FhirHub) -> None:
    other = hub.create(patient(), caller="baihe")
    about = {"resourceType": "Condition", "subject": {"reference": f"Patient/{other['id']}"}}
    refused = hub.ask("PUT", "Condition/c1", {**about, "id": "c1"}, headers={"idempotency-key": "k9"})
    assert refused.status_code == 422  # another organization's Patient
    hub.ask("DELETE", f"Patient/{other['id']}", caller="baihe")
    item = _items(hub)[0]
    answer = hub.ask("POST", f"/quarantine/{item['id']}/replay")
    assert answer.status_code == 200, answer.text
    assert answer.json()["resources"] == ["Condition/c1"]
    assert _items(hub)[0]["state"] == "replayed"
    told = hub.ask("PUT", "Condition/c1", {**about, "id": "c1"}, headers={"idempotency-key": "k9"})
    assert (told.status_code, told.headers["idempotency-replayed"]) == (201, "true")


def _two_copies(doors: FhirHub) -> str:
    kept = doors.quarantine.keep(
        Refusal(Channel.DICOM, "1.2.3", "Other header.", "", "", Original(b"second", "application/dicom"), "reconcile"),
        CALLERS["qingshan"],
    )
    return f"/quarantine/{kept}/reconcile"


def test_which_of_two_copies_is_right_is_decided_once_and_with_a_reason(doors: FhirHub) -> None:
    path = _two_copies(doors)
    assert doors.ask("POST", path, {"take": "new"}).status_code == 422
    assert doors.ask("POST", path, {"take": "both", "reason": "x"}).status_code in (400, 422)
    assert doors.ask("POST", path, {"take": "new", "reason": "x"}, caller="baihe").status_code == 404
    assert doors.ask("POST", path, {"take": "new", "reason": "x"}, caller="centre").status_code == 403
    answer = doors.ask("POST", path, {"take": "new", "reason": "设备已更正"}, caller="operator")
    assert (answer.status_code, answer.json()["state"]) == (200, "replaced")
    assert doors.reconciler.taken == [(b"second", "qingshan", "operator", "设备已更正")]
    assert doors.ask("POST", path, {"take": "first", "reason": "x"}).status_code == 409


def test_the_first_copy_may_stay_and_is_not_asked_about_again(doors: FhirHub) -> None:
    path = _two_copies(doors)
    assert doors.ask("POST", path, {"take": "first", "reason": "原件正确"}).json()["state"] == "kept-first"
    assert doors.reconciler.taken == []
    assert _two_copies(doors) == path
    assert doors.ask("GET", path.removesuffix("/reconcile")).json()["state"] == "kept-first"
