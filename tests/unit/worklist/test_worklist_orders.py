"""Which orders stand on a worklist, under which number, and when they leave it: the room on a real store."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.app.parts import SIDE_TABLES, reactions, understood
from hub.contracts.caller import EVERYTHING, Caller, Role
from hub.contracts.codes import LOCAL_ID, PERFORM_STUDY, RESIDENT_ID, SNOMED, TASK_CODE, V2_0203
from hub.contracts.errors import Forbidden
from hub.contracts.submission import Channel, Entry, Method, Origin, Submission
from hub.contracts.worklist import ScheduledOrder
from hub.store.sqlite import SqliteResourceStore
from hub.worklist.orders import SqlOrders

QINGSHAN = Caller("qingshan", Role.CLINIC, "qingshan")
HOSPITAL = Caller("hospital", Role.CLINIC, "county-hospital")
BAIHE = Caller("baihe", Role.CLINIC, "baihe")
RESIDENT = "990101195501010015"


class Room:
    def __init__(self, folder: Path) -> None:
        self.store = SqliteResourceStore(folder, reactions=reactions(), side_tables=SIDE_TABLES)
        self.orders = SqlOrders(self.store, understood)

    def put(self, caller: Caller, **resource: Any) -> None:
        body = json.dumps(resource).encode()
        entry = Entry(Method.UPDATE, resource["resourceType"], body, id=resource["id"])
        submission = Submission((entry,), Origin(caller, Channel.FHIR, datetime.now(UTC)))
        self.store.submit(self.store.prepare(submission)).result()

    def order(self, id_: str = "o1", caller: Caller = QINGSHAN, text: str = "胸部CT平扫", **more: Any) -> None:
        self.put(
            caller,
            **{
                "resourceType": "ServiceRequest", "id": id_, "status": "active", "intent": "order",
                "code": {"text": text}, "subject": {"reference": "Patient/p1"}, **more,
            },
        )  # fmt: skip

    def task(self, status: str, caller: Caller = QINGSHAN, order: str = "o1") -> None:
        code = {"coding": [{"system": TASK_CODE, "code": PERFORM_STUDY}]}
        self.put(caller, resourceType="Task", id="t1", status=status, intent="order", code=code,
                 focus={"reference": f"ServiceRequest/{order}"})  # fmt: skip

    def shown(self, caller: Caller = QINGSHAN) -> list[ScheduledOrder]:
        return list(self.orders.scheduled(caller))

    def ids(self, caller: Caller = QINGSHAN) -> list[str]:
        return [one.id for one in self.shown(caller)]

    def why_not(self, caller: Caller = QINGSHAN) -> dict[str, str]:
        return {one.id: one.why_not for one in self.orders.scheduled(caller, others=True)}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    made.put(
        QINGSHAN, resourceType="Patient", id="p1", name=[{"text": "陈秀英"}], birthDate="1955-01-01", gender="female",
        identifier=[{"system": f"{LOCAL_ID}/qingshan/PI", "value": "Q7"}, {"system": RESIDENT_ID, "value": RESIDENT}],
    )  # fmt: skip
    yield made
    made.store.close()


def test_an_active_imaging_order_is_shown_with_what_a_modality_needs(room: Room) -> None:
    room.order(occurrenceDateTime="2026-12-01T09:30:00+08:00", priority="stat", requester={"display": "李文"})
    (one,) = room.shown()
    assert (one.modality, one.name, one.start, one.priority) == (
        "CT",
        "胸部CT平扫",
        "2026-12-01T09:30:00+08:00",
        "stat",
    )
    assert one.patient is not None
    assert (one.patient.number, one.patient.name, one.patient.gender) == ("Q7", "陈秀英", "female")
    assert one.requester == "李文"


def test_what_is_not_imaging_is_not_shown_and_told_why(room: Room) -> None:
    room.order("ct")
    room.order("lab", text="血常规")
    room.order("what", text="特殊项目三号")
    room.order("by-category", text="特殊项目四号", category=[{"coding": [{"system": SNOMED, "code": "363679005"}]}])
    room.order("plan", intent="plan")
    assert sorted(room.ids()) == ["by-category", "ct"]
    why_not = room.why_not()
    assert "not imaging" in why_not["lab"]
    assert "363679005" in why_not["what"]
    assert why_not["ct"] == ""


def test_an_order_is_gone_with_the_commit_that_ends_it(room: Room) -> None:
    for status in ("revoked", "completed", "on-hold", "entered-in-error"):
        room.order()
        assert room.ids() == ["o1"]
        room.order(status=status)
        assert room.ids() == []
        assert status in room.why_not()["o1"]


def test_who_owns_or_performs_an_order_sees_it(room: Room) -> None:
    room.order(performer=[{"reference": "Organization/county-hospital"}])
    assert (room.ids(QINGSHAN), room.ids(HOSPITAL), room.ids(BAIHE)) == (["o1"], ["o1"], [])
    (one,) = room.shown(HOSPITAL)
    assert one.patient is not None
    assert (one.patient.number, one.patient.issuer) == (RESIDENT, "")
    room.order()
    assert room.ids(HOSPITAL) == []


def test_the_accession_number_is_the_orders_own_or_made_and_the_same_for_good(room: Room) -> None:
    room.order("a", identifier=[{"type": {"coding": [{"system": V2_0203, "code": "ACSN"}]}, "value": "A-17"}])
    room.order("b")
    first = {one.id: one.accession_number for one in room.shown()}
    assert first["a"] == "A-17"
    assert 1 <= len(first["b"]) <= 16
    room.order("b", priority="urgent")
    assert {one.id: one.accession_number for one in room.shown()} == first
    found = room.orders.order_of(QINGSHAN, first["b"])
    assert found is not None
    assert found.id == "b"
    assert room.orders.order_of(BAIHE, first["b"]) is None


def test_a_modalitys_task_takes_the_order_off_and_ends_it(room: Room) -> None:
    room.order()
    room.task("in-progress")
    assert room.ids() == []
    assert "IN PROGRESS" in room.why_not()["o1"]
    room.task("failed")
    assert room.ids() == ["o1"]
    room.task("in-progress")
    room.task("completed")
    assert room.ids() == []
    body = json.loads(room.store.read("ServiceRequest", "o1", EVERYTHING).body)
    assert body["status"] == "completed"


def test_no_stranger_ends_an_order(room: Room) -> None:
    room.order()
    with pytest.raises(Forbidden):
        room.task("completed", caller=BAIHE)
    assert room.ids() == ["o1"]


def test_an_order_without_a_time_starts_when_it_was_written(room: Room) -> None:
    room.order("a", occurrencePeriod={"start": "2026-12-02", "end": "2026-12-04"})
    room.order("b", authoredOn="2026-12-01")
    assert {one.id: one.start for one in room.shown()} == {"a": "2026-12-02", "b": "2026-12-01"}
