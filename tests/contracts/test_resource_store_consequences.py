"""What every ResourceStore promises to the rooms that add to its commits."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.contracts.caller import EVERYTHING
from hub.contracts.errors import Conflict, ExchangeError, Fault, Incorrect, NotFound
from hub.contracts.store import CommitView, Reaction, SideTable, Written
from hub.contracts.submission import Method
from tests.contracts.resource_stores import (
    BAIHE,
    OWN,
    QINGSHAN,
    County,
    create,
    delete,
    observation,
    opened,
    patient,
    submission,
    update,
)

NOTES = SideTable(
    "notes",
    "CREATE TABLE IF NOT EXISTS notes_seen (reference TEXT, version INT, said TEXT);"
    "CREATE TABLE IF NOT EXISTS notes_unique (value TEXT PRIMARY KEY);",
)


def county_with(backend: str, folder: Path, *reactions: Reaction) -> County:
    return County(opened(backend, folder, reactions=reactions, side_tables=[NOTES]))


def seen(county: County) -> list[tuple[Any, ...]]:
    return county.store.side_rows("SELECT reference, version, said FROM notes_seen ORDER BY rowid")


def note(view: CommitView, reference: str, version: int, said: object) -> None:
    view.execute("INSERT INTO notes_seen VALUES (?, ?, ?)", (reference, version, str(said)))


def test_a_consequence_sees_what_is_written_and_writes_in_the_same_commit(backend: str, tmp_path: Path) -> None:
    got: list[Written] = []

    def run(written: Sequence[Written], view: CommitView) -> None:
        got.extend(written)
        assert view.caller == QINGSHAN
        assert view.submission.entries
        assert abs((view.now - datetime.now(UTC)).total_seconds()) < 60
        for one in written:
            note(view, f"{one.type}/{one.id}", one.version, one.derived.get("notes"))

    def derive(resource_type: str, resource: Any) -> str:
        return f"{resource_type} {getattr(resource, 'status', None)}"

    county = county_with(backend, tmp_path, Reaction("notes", frozenset({"Observation"}), run, derive, NOTES))
    first = county.create(patient())
    assert seen(county) == []
    second = county.create(observation(first.reference))
    assert seen(county) == [(second.reference, 1, "Observation final")]
    (one,) = got
    assert (one.type, one.id, one.version, one.owner, one.patient) == (
        "Observation",
        second.id,
        1,
        "qingshan",
        first.id,
    )
    assert one.body == second.body
    assert one.resource.status == "final"
    assert one.entry.method is Method.CREATE
    assert isinstance(one.rid, int)
    assert isinstance(one.patient_rid, int)
    county.one(delete(second.reference))
    assert (got[1].deleted, got[1].version, got[1].resource, got[1].body, got[1].patient) == (
        True,
        2,
        None,
        b"",
        first.id,
    )
    assert county.verified() == []
    county.store.close()


def test_an_unchanged_resource_has_no_consequences(backend: str, tmp_path: Path) -> None:
    def run(written: Sequence[Written], view: CommitView) -> None:
        for one in written:
            note(view, one.id, one.version, "")

    county = county_with(backend, tmp_path, Reaction("notes", None, run, None, NOTES))
    county.one(update(patient(id="P1")))
    county.one(update(patient(id="P1")))
    assert seen(county) == [("P1", 1, "")]
    county.store.close()


def test_a_consequence_that_refuses_takes_the_submission_back_whole(backend: str, tmp_path: Path) -> None:
    def run(written: Sequence[Written], view: CommitView) -> None:
        for one in written:
            note(view, one.type, one.version, "")
            view.put("Basic", {"resourceType": "Basic", "code": {"text": "x"}}, owner="qingshan")
            if b'"inactive"' in one.body:
                raise Conflict("Not this one.")

    county = county_with(backend, tmp_path, Reaction("notes", frozenset({"Patient"}), run, None, NOTES))
    prepared = [
        county.store.prepare(submission(create(patient(str(n), name=[{"text": text}]))))
        for n, text in enumerate(("a", "inactive", "b"))
    ]
    answers = [future.exception(60) for future in [county.store.submit(one) for one in prepared]]
    assert [type(answer) for answer in answers] == [type(None), Conflict, type(None)]
    assert len(seen(county)) == 2
    assert county.total("Basic?") == 2
    assert county.verified() == []
    county.store.close()


def test_a_mistake_in_a_consequence_fails_one_submission_as_a_fault(backend: str, tmp_path: Path) -> None:
    def run(written: Sequence[Written], view: CommitView) -> None:
        for one in written:
            view.execute("INSERT INTO notes_unique VALUES (?)", (one.resource.gender,))

    county = county_with(backend, tmp_path, Reaction("notes", frozenset({"Patient"}), run, None, NOTES))
    assert county.create(patient(gender="male")).status == 201
    for body in (patient(gender="male"), patient()):
        with pytest.raises(Fault) as fault:
            county.create(body)
        assert "male" not in fault.value.sentence()
    assert county.create(patient(gender="female")).status == 201
    assert county.total("Patient?") == 2
    assert county.verified() == []
    county.store.close()


def test_the_view_reads_and_finds_what_stands_in_the_open_commit(backend: str, tmp_path: Path) -> None:
    looked: list[object] = []

    def run(written: Sequence[Written], view: CommitView) -> None:
        for one in written:
            if one.type == "Observation" and one.patient:
                stored = view.read("Patient", one.patient)
                looked.append(stored.version if stored else None)
        looked.append([stored.id for stored in view.find("Patient", "identifier", "https://example.org/his", "5")])
        looked.append(len(view.find("Patient", "identifier", None, "5")))

    county = county_with(backend, tmp_path, Reaction("notes", None, run, None, NOTES))
    county.submit(update(patient("5", id="P1")), create(observation("Patient/P1")))
    county.submit(update(patient("6", id="P1")), create(observation("Patient/P1")))
    county.one(delete("Patient/P1"))
    county.create(observation("Patient/P1"))
    assert looked == [1, ["P1"], 1, 2, [], 0, [], 0, None, [], 0]
    county.store.close()


def test_put_creates_updates_and_reaches_the_other_rooms_once(backend: str, tmp_path: Path) -> None:
    def task(written: Sequence[Written], view: CommitView) -> None:
        for one in (one for one in written if one.type == "Observation"):
            body = {
                "resourceType": "Task",
                "status": "requested",
                "intent": "order",
                "priority": "routine",
                "for": {"reference": f"Patient/{one.patient}"},
                "input": [{"type": {"text": "n"}, "valueDecimal": msgspec.Raw(b"19.00")}],
            }
            made = view.put("Task", body, owner=one.owner, patient=one.patient, id=f"t-{one.id}")
            assert (made.type, made.owner, made.patient) == ("Task", one.owner, one.patient)

    def audit(written: Sequence[Written], view: CommitView) -> None:
        for one in written:
            note(view, one.type, one.version, one.patient)

    county = county_with(
        backend,
        tmp_path,
        Reaction("task", frozenset({"Observation"}), task),
        Reaction("notes", None, audit, None, NOTES),
    )
    county.submit(update(patient(id="P1")), update(observation("Patient/P1", id="o1")))
    assert seen(county) == [("Patient", 1, "P1"), ("Observation", 1, "P1"), ("Task", 1, "P1")]
    assert b'"valueDecimal":19.00' in county.store.read("Task", "t-o1", EVERYTHING).body
    assert county.ids("Task?status=requested", OWN["qingshan"]) == ["t-o1"]
    county.one(update(observation("Patient/P1", id="o1", status="amended")))
    assert county.read("Task/t-o1")["meta"]["versionId"] == "1"
    assert seen(county)[3:] == [("Observation", 2, "P1")]
    assert county.verified() == []
    county.store.close()


def test_consequences_that_never_rest_are_refused(backend: str, tmp_path: Path) -> None:
    def again(written: Sequence[Written], view: CommitView) -> None:
        for _ in written:
            view.put("Basic", {"resourceType": "Basic", "code": {"text": "x"}}, owner="qingshan")

    county = county_with(backend, tmp_path, Reaction("loop", frozenset({"Basic", "Patient"}), again))
    with pytest.raises(Fault):
        county.create(patient())
    assert county.store.last_sequence() == 0
    county.store.close()


def test_what_a_consequence_puts_must_be_valid(backend: str, tmp_path: Path) -> None:
    def wrong(written: Sequence[Written], view: CommitView) -> None:
        view.put("Task", {"resourceType": "Task", "status": "nonsense"}, owner="qingshan")

    county = county_with(backend, tmp_path, Reaction("wrong", frozenset({"Patient"}), wrong))
    with pytest.raises(Incorrect):
        county.create(patient())
    county.store.close()


def test_a_consequence_may_share_and_name_the_person(backend: str, tmp_path: Path) -> None:
    def run(written: Sequence[Written], view: CommitView) -> None:
        for one in written:
            view.share(one.type, one.id, "baihe")
            view.tell_person(f"person-{one.version}")
            view.tell_person("another")

    county = county_with(backend, tmp_path, Reaction("notes", frozenset({"Patient"}), run))
    receipt = county.submit(create(patient("5")), create(patient("6")))
    assert receipt.person == "Person/person-1"
    assert sorted(county.ids("Patient?", OWN["baihe"])) == sorted(one.id for one in receipt.outcomes)
    assert county.total("Patient?") == 2
    assert county.verified() == []
    county.store.close()


def test_an_action_is_a_commit_of_its_own(backend: str, tmp_path: Path) -> None:
    county = county_with(backend, tmp_path)

    def good(view: CommitView) -> str:
        assert view.caller == BAIHE
        note(view, "x", 1, "")
        view.put("Organization", {"resourceType": "Organization", "name": "Baihe"}, owner="baihe", id="baihe")
        return "done"

    assert county.store.act(good, BAIHE).result(60) == "done"
    assert len(seen(county)) == 1
    assert county.read("Organization/baihe")["name"] == "Baihe"

    def bad(view: CommitView) -> None:
        good(view)
        raise Conflict("No.")

    with pytest.raises(ExchangeError):
        county.store.act(bad, BAIHE).result(60)
    with pytest.raises(NotFound):
        county.store.act(lambda view: view.share("Patient", "none", "baihe"), BAIHE).result(60)
    assert len(seen(county)) == 1
    assert county.verified() == []
    county.store.close()


def test_side_rows_are_as_current_as_the_last_commit(backend: str, tmp_path: Path) -> None:
    county = county_with(backend, tmp_path)
    for number in range(3):
        county.store.act(lambda view, n=number: note(view, "x", n, ""), QINGSHAN).result(60)  # type: ignore[misc]
        assert len(seen(county)) == number + 1
    county.store.close()


def test_an_organization_first_named_in_a_refused_consequence_is_no_owner_of_anything(
    backend: str, tmp_path: Path
) -> None:
    def run(written: Sequence[Written], view: CommitView) -> None:
        note(view, "x", 1, "")
        view.put("Basic", {"resourceType": "Basic", "code": {"text": "x"}}, owner="new-clinic", id="b1")
        view.put("Basic", {"resourceType": "Basic", "subject": {"reference": "Patient/p9"}, "code": {"text": "y"}},
                 owner="new-clinic", id="b2")  # fmt: skip
        if len(written) > 1:
            raise Conflict("Not two.")

    county = county_with(backend, tmp_path, Reaction("notes", frozenset({"Patient"}), run))
    prepared = [
        county.store.prepare(submission(*(create(patient(str(n))) for n in range(count)))) for count in (2, 1, 2, 1)
    ]
    answers = [future.exception(60) for future in [county.store.submit(one) for one in prepared]]
    assert [type(answer) for answer in answers] == [Conflict, type(None), Conflict, type(None)]
    assert county.store.read("Basic", "b1", EVERYTHING).owner == "new-clinic"
    assert county.total("Patient?") == 2
    assert county.ids("Basic?subject=Patient/p9") == ["b2"]
    assert county.verified() == []
    county.store.close()
