"""Every write leaves its row in its own commit, every read a moment later, and an auditor sees them as AuditEvents."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import ExchangeError, Incorrect
from hub.contracts.store import CommitView, Reaction, Written
from hub.contracts.submission import Channel, Entry, Method, Origin, Submission
from hub.fhir.model import decode
from hub.security.audit import READ_DELAY_SECONDS, AuditReaction, AuditTrail, readers_since
from hub.security.audit_view import AuditEventView
from hub.security.policy import Policy
from hub.store.sqlite import SqliteResourceStore

CLINIC = Caller("qingshan", Role.CLINIC, "qingshan", actor="Practitioner/wang", purpose="TREAT")
PHYSICIAN = Caller("hospital", Role.PHYSICIAN, "county-hospital")
AUDITOR = Caller("audit", Role.AUDITOR, "county")
BASE = "https://hub.example/fhir"

Send = Callable[..., list[str]]


@pytest.fixture
def send(store: SqliteResourceStore) -> Send:
    def run(*resources: dict[str, Any], channel: Channel = Channel.FHIR, method: Method = Method.UPDATE) -> list[str]:
        entries = tuple(
            Entry(
                method, one["resourceType"], b"" if method is Method.DELETE else json.dumps(one).encode(), id=one["id"]
            )
            for one in resources
        )
        submission = Submission(entries, Origin(CLINIC, channel, datetime.now(UTC)))
        return [outcome.id for outcome in store.submit(store.prepare(submission)).result().outcomes]

    return run


@pytest.fixture
def trail(store: SqliteResourceStore) -> AuditTrail:
    return AuditTrail(store, delay_seconds=60)


@pytest.fixture
def view(store: SqliteResourceStore, trail: AuditTrail) -> AuditEventView:
    return AuditEventView(store, Policy(), trail)


def patient(id_: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_, "name": [{"text": "陈秀英"}]}


def observation(id_: str, of: str) -> dict[str, Any]:
    subject = {"reference": f"Patient/{of}"}
    return {"resourceType": "Observation", "id": id_, "status": "final", "code": {"text": "x"}, "subject": subject}


def events(view: AuditEventView, *pairs: tuple[str, str], caller: Caller = AUDITOR) -> list[dict[str, Any]]:
    bundle = json.loads(view.search(pairs, caller, BASE) or b"{}")
    return [entry["resource"] for entry in bundle.get("entry", [])]


def interaction(event: dict[str, Any]) -> tuple[str, str, list[str]]:
    patients = [entity["what"]["reference"] for entity in event["entity"] if "what" in entity]
    return event["action"], event["subtype"][0]["code"], patients


def test_a_write_leaves_one_row_for_each_patient_it_touches(send: Send, view: AuditEventView) -> None:
    send(patient("p1"), patient("p2"), observation("o1", "p1"), observation("o2", "p1"))
    found = [interaction(event) for event in events(view, ("_sort", "date"))]
    assert found == [("C", "transaction", ["Patient/p1"]), ("C", "create", ["Patient/p2"])]
    numbers = [event["entity"][-1]["detail"][0]["valueString"] for event in events(view, ("_sort", "date"))]
    assert numbers[0] == "3"


def test_creating_changing_and_deleting_are_told_apart(send: Send, view: AuditEventView) -> None:
    send(patient("p1"))
    send({**patient("p1"), "gender": "female"})
    send(patient("p1"), method=Method.DELETE)
    assert [event["action"] for event in events(view, ("_sort", "date"))] == ["C", "U", "D"]


def test_a_refused_write_leaves_neither_a_resource_nor_a_row(
    send: Send, view: AuditEventView, store: SqliteResourceStore
) -> None:
    with pytest.raises(ExchangeError):
        send({"resourceType": "Patient", "id": "p1", "gender": "wrong"})
    assert events(view) == []


def test_a_task_counts_for_the_patient_it_is_for(send: Send, view: AuditEventView) -> None:
    send(patient("p1"))
    send({"resourceType": "Task", "id": "t1", "status": "draft", "intent": "plan", "for": {"reference": "Patient/p1"}})
    assert interaction(events(view)[0]) == ("C", "create", ["Patient/p1"])


def test_what_follows_from_a_write_is_part_of_it(tmp_path: Path) -> None:
    def add_task(written: Sequence[Written], view: CommitView) -> None:
        for one in written:
            if one.type == "Patient":
                body = {"resourceType": "Task", "status": "draft", "intent": "plan"}
                view.put("Task", body, owner=one.owner, patient=one.id)

    follows = Reaction("follows", frozenset({"Patient"}), add_task)
    store = SqliteResourceStore(tmp_path, reactions=[follows, AuditReaction()])
    entry = Entry(Method.UPDATE, "Patient", json.dumps(patient("p1")).encode(), id="p1")
    submission = Submission((entry,), Origin(CLINIC, Channel.FHIR, datetime.now(UTC)))
    store.submit(store.prepare(submission)).result()
    assert store.side_rows("SELECT type, n FROM audit_event") == [("Patient", 1)]
    store.close()


def test_other_doors_are_named(send: Send, view: AuditEventView) -> None:
    send(patient("p1"), channel=Channel.HL7V2)
    assert interaction(events(view)[0])[1] == "hl7v2"


def test_a_read_is_on_disk_after_the_group_is_written(
    trail: AuditTrail, view: AuditEventView, store: SqliteResourceStore
) -> None:
    trail.note(PHYSICIAN, "read", "Patient", ["p1"])
    trail.note(PHYSICIAN, "search-type", "Observation", ["p1", "p2", "p1"])
    assert events(view) == []
    trail.flush()
    found = [interaction(event) for event in events(view, ("agent-name", "hospital"), ("_sort", "date"))]
    assert found == [
        ("R", "read", ["Patient/p1"]), ("R", "search-type", ["Patient/p1"]), ("R", "search-type", ["Patient/p2"]),
    ]  # fmt: skip


def test_reads_are_written_without_being_asked_and_well_within_the_promise(store: SqliteResourceStore) -> None:
    assert READ_DELAY_SECONDS <= 0.2
    trail = AuditTrail(store, delay_seconds=0)
    trail.note(PHYSICIAN, "read", "Patient", ["p1"])
    written = False
    for _ in range(1000):
        written = written or store.side_rows("SELECT COUNT(*) FROM audit_event") == [(1,)]
        if not written:
            time.sleep(0.01)
    assert written
    trail.close()


def test_closing_writes_what_waits(store: SqliteResourceStore, trail: AuditTrail) -> None:
    for number in range(5000):
        trail.note(PHYSICIAN, "read", "Patient", [f"p{number}"])
    trail.close()
    assert store.side_rows("SELECT COUNT(*) FROM audit_event") == [(5000,)]


def test_an_event_is_a_valid_resource_that_names_client_practitioner_and_purpose(
    send: Send, view: AuditEventView
) -> None:
    send(patient("p1"))
    event = events(view)[0]
    decode(json.dumps(event).encode(), "AuditEvent")
    assert json.loads(view.read(event["id"], AUDITOR) or b"") == event
    agents = {agent["who"].get("reference"): agent for agent in event["agent"]}
    assert agents["Practitioner/wang"]["requestor"] is True
    assert agents["Organization/qingshan"]["requestor"] is False
    assert agents[None]["name"] == "qingshan"
    assert event["purposeOfEvent"][0]["coding"][0]["code"] == "TREAT"


def test_the_auditor_searches_by_patient_practitioner_client_date_and_action(
    send: Send, trail: AuditTrail, view: AuditEventView
) -> None:
    send(patient("p1"))
    trail.note(PHYSICIAN, "read", "Patient", ["p1"])
    trail.note(PHYSICIAN, "read", "Patient", ["p2"])
    trail.flush()
    assert len(events(view, ("patient", "p1"))) == len(events(view, ("patient", "Patient/p1"))) == 2
    assert len(events(view, ("patient", "p1,p2"))) == 3
    assert len(events(view, ("agent", "Practitioner/wang"))) == 1
    assert len(events(view, ("agent", "Organization/county-hospital"), ("patient", "p2"))) == 1
    assert len(events(view, ("agent-name", "hospital"), ("action", "R"), ("subtype", "read"))) == 2
    this_year = str(datetime.now(UTC).year)
    assert len(events(view, ("date", f"ge{this_year}"), ("agent-name", "qingshan"))) == 1
    assert events(view, ("date", f"lt{this_year}")) == []
    assert len(events(view, ("date", "gt2020-01-01"), ("date", "lt2999"), ("agent-name", "qingshan"))) == 1


def test_a_patient_is_found_under_the_records_of_other_clinics_too(
    store: SqliteResourceStore, trail: AuditTrail
) -> None:
    trail.note(PHYSICIAN, "read", "Patient", ["p2"])
    trail.flush()
    view = AuditEventView(store, Policy(), trail, same_records=lambda id_: [id_, "p2"])
    assert len(events(view, ("patient", "p1"))) == 1


@pytest.mark.parametrize(
    "pair",
    [("site", "x"), ("date", "yesterday"), ("_count", "many"), ("_sort", "agent"), ("agent", "wang"),
     ("patient", "Group/1"), ("patient:missing", "true"), ("_count", "-1"), ("_after", "x")],
)  # fmt: skip
def test_what_is_not_understood_is_refused_by_name(view: AuditEventView, pair: tuple[str, str]) -> None:
    with pytest.raises(Incorrect) as refusal:
        view.search([pair], AUDITOR, BASE)
    assert refusal.value.where == pair[0]
    assert refusal.value.http_status == 400


def test_pages_follow_each_other_without_gap_or_repetition(trail: AuditTrail, view: AuditEventView) -> None:
    for number in range(7):
        trail.note(PHYSICIAN, "read", "Patient", [f"p{number}"])
    trail.flush()
    for order in ("date", "-date"):
        seen: list[str] = []
        pairs = [("_count", "3"), ("_sort", order), ("agent-name", "hospital")]
        while pairs:
            bundle = json.loads(view.search(pairs, AUDITOR, BASE) or b"")
            seen += [entry["resource"]["id"] for entry in bundle["entry"]]
            links = {link["relation"]: link["url"] for link in bundle["link"]}
            query = links.get("next", "?").partition("?")[2]
            pairs = [(pair.partition("=")[0], pair.partition("=")[2]) for pair in query.split("&") if pair]
        assert len(seen) == len(set(seen)) == 7


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.AUDITOR, Role.SERVICE)])
def test_nobody_but_the_auditor_sees_the_trail(send: Send, view: AuditEventView, role: Role) -> None:
    send(patient("p1"))
    (event,) = events(view)
    other = Caller("x", role, "qingshan")
    assert events(view, caller=other) == []
    assert view.read(event["id"], other) is None


def test_that_the_auditor_looked_is_in_the_trail(send: Send, trail: AuditTrail, view: AuditEventView) -> None:
    send(patient("p1"))
    events(view, ("patient", "p1"))
    trail.flush()
    assert interaction(events(view, ("agent-name", "audit"))[0]) == ("R", "search-type", ["Patient/p1"])


def test_only_its_own_ids_are_its_own(view: AuditEventView) -> None:
    assert view.owns("audit-17")
    assert not any(view.owns(id_) for id_ in ("17", "audit-", "audit-x", "audit-17 ", "audit-" + "9" * 19))
    assert view.read("audit-99", AUDITOR) is None


def test_what_was_denied_stands_in_the_trail_as_a_failure_and_as_no_reading(
    view: AuditEventView, trail: AuditTrail, store: SqliteResourceStore
) -> None:
    trail.denied(PHYSICIAN, "GET", "/fhir/Patient/p1")
    trail.denied(PHYSICIAN, "POST", "/ingest/ecg")
    trail.flush()
    read, ingest = events(view, ("_sort", "date"))
    assert (interaction(read), read["outcome"]) == (("R", "denied", ["Patient/p1"]), "4")
    assert read["agent"][0]["who"]["identifier"]["value"] == "hospital"
    assert (interaction(ingest), ingest["entity"][0]["type"]["code"]) == (("C", "denied", []), "ingest")
    decode(json.dumps(read).encode(), "AuditEvent")
    shown = store.act(lambda commit: readers_since(commit, ["p1"], 0), PHYSICIAN).result()
    assert shown == []
