"""ORM and OML: orders, their changes and their end."""

import json
from typing import Any

import pytest
from hl7v2_samples import SAMPLES, submission

from adapters.hl7v2.refusal import MessageIncorrect
from hub.contracts.codes import LOCAL_ID
from hub.contracts.submission import Entry


def orm(*segments: str) -> tuple[Entry, ...]:
    header = "MSH|^~\\&|HIS|QS001|||20261122091000||ORM^O01|1|P|2.5.1||||||UNICODE UTF-8"
    return submission("\r".join([header, "PID|1||A1||倈億", *segments]).encode()).entries


def order(*segments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(orm(*segments)[-1].body)
    return found


@pytest.mark.parametrize(
    ("control", "state", "status"),
    [
        ("NW", "", "active"),
        ("XO", "", "active"),
        ("CA", "", "revoked"),
        ("CA", "IP", "revoked"),
        ("DC", "", "revoked"),
        ("HD", "", "on-hold"),
        ("RL", "", "active"),
        ("SC", "CM", "completed"),
        ("NW", "HD", "on-hold"),
        ("nw", "", "active"),
    ],
)
def test_an_order_has_the_status_of_its_control_code(control: str, state: str, status: str) -> None:
    assert order(f"ORC|{control}|P1|||{state}", "OBR|1|P1||CT001^胸部CT平扫")["status"] == status


@pytest.mark.parametrize(("control", "code"), [("QQ", 103), ("UA", 103), ("", 101)])
def test_a_control_code_that_orders_nothing_is_refused_at_orc_1(control: str, code: int) -> None:
    with pytest.raises(MessageIncorrect) as refused:
        orm(f"ORC|{control}|P1", "OBR|1|P1||CT001^胸部CT平扫")
    assert (refused.value.where, refused.value.code) == ("ORC-1", code)


def test_each_message_about_an_order_meets_the_same_resource() -> None:
    conditions = {
        orm(f"ORC|{control}|P1", "OBR|1|P1||CT001^胸部CT平扫")[-1].condition for control in ("NW", "XO", "HD", "CA")
    }
    assert conditions == {f"identifier={LOCAL_ID}/qingshan/PLAC|P1"}


def test_a_cancellation_needs_no_service() -> None:
    assert order("ORC|CA|P1")["status"] == "revoked"
    with pytest.raises(MessageIncorrect):
        order("ORC|NW|P1")


def test_several_services_under_one_number_are_several_orders() -> None:
    entries = submission((SAMPLES / "orm_o01_three_items.hl7").read_bytes()).entries
    orders = [json.loads(entry.body) for entry in entries if entry.type == "ServiceRequest"]
    assert [one["code"]["text"] for one in orders] == ["血常规", "尿常规", "肝功能"]
    assert len({entry.condition for entry in entries}) == 4
    assert {one["requisition"]["value"] for one in orders} == {"P2026002"}


def test_an_obr_without_an_orc_is_a_new_order() -> None:
    assert order("OBR|1|P1||CT001^胸部CT平扫")["status"] == "active"


@pytest.mark.parametrize(
    ("orc", "obr", "priority", "start"),
    [
        ("ORC|NW|P1|||||^^^20261123^^S", "OBR|1|P1||T", "stat", "2026-11-23"),
        ("ORC|NW|P1", "OBR|1|P1||T|R|20261124", "routine", "2026-11-24"),
        ("ORC|NW|P1", "OBR|1|P1||T|急诊|", "stat", None),
        ("ORC|NW|P1", "OBR|1|P1||T" + "|" * 32 + "202611250800+0800", None, "2026-11-25T08:00:00+08:00"),
    ],
)
def test_priority_and_start_are_found_where_they_are_said(
    orc: str, obr: str, priority: str | None, start: str | None
) -> None:
    found = order(orc, obr)
    assert (found.get("priority"), found.get("occurrenceDateTime")) == (priority, start)


def test_reason_requester_and_accession_number_are_kept() -> None:
    found = json.loads(submission((SAMPLES / "orm_o01_chest_ct.hl7").read_bytes()).entries[-1].body)
    assert [one["text"] for one in found["reasonCode"]] == ["肺部感染？", "肺炎"]
    assert found["requester"]["display"] == "李四"
    assert "AC2026001" in [one["value"] for one in found["identifier"]]
    assert found["category"][0]["coding"][0]["code"] == "363679005"


def test_who_entered_the_order_acts() -> None:
    assert submission((SAMPLES / "orm_o01_chest_ct.hl7").read_bytes()).origin.caller.actor == "Practitioner/N01"


def test_a_drug_is_a_medication_request() -> None:
    body = submission((SAMPLES / "orm_o01_drug.hl7").read_bytes()).entries[-1].body
    assert b'"doseQuantity":{"value":0.50' in body
    assert json.loads(body)["resourceType"] == "MedicationRequest"


@pytest.mark.parametrize(
    ("segments", "where", "code"),
    [
        ((), "ORC", 100),
        (("ORC|NW", "OBR|1|||T"), "ORC-2", 101),
        (("ORC|NW|P1", "OBR|1|P1||"), "OBR-4", 101),
        (("ORC|NW|P1", "RXO||1"), "RXO-1", 101),
    ],
)
def test_an_order_that_orders_nothing_is_refused_where_it_is_wrong(
    segments: tuple[str, ...], where: str, code: int
) -> None:
    with pytest.raises(MessageIncorrect) as refused:
        orm(*segments)
    assert (refused.value.where, refused.value.code) == (where, code)
