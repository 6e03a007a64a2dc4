"""order-dispatch: orders that were placed before, named by reference."""

import uuid
from typing import Any

import httpx
import pytest

from .county import County, ago, order, patient, report

DISPATCH = "/cds-services/duplicate-examination-dispatch"


def _dispatch(county: County, prefetch: dict[str, Any] | None = None, **context: Any) -> httpx.Response:
    body = {
        "hook": "order-dispatch",
        "hookInstance": str(uuid.uuid4()),
        "context": {"patientId": "p1", "performer": "Organization/hospital", **context},
    }
    return county.http("POST", DISPATCH, json=body | ({"prefetch": prefetch} if prefetch else {}))


@pytest.fixture
def placed(county: County) -> str:
    county.send(
        report("r1", "胸部CT平扫"),
        order("o1", "胸部CT平扫", status="active", authoredOn=ago(hours=1)),
    )
    return "ServiceRequest/o1"


@pytest.mark.parametrize(
    "names",
    [
        {"dispatchedOrders": ["ServiceRequest/o1"]},
        {"dispatched-orders": ["ServiceRequest/o1"]},
        {"order": "ServiceRequest/o1", "task": {"resourceType": "Task", "status": "draft", "intent": "order"}},
        {"dispatchedOrders": ["ServiceRequest/o1"], "fulfillmentTasks": [{"resourceType": "Task"}]},
    ],
)
def test_an_order_that_the_hub_holds_is_judged_by_its_reference(
    county: County, placed: str, names: dict[str, Any]
) -> None:
    answer = _dispatch(county, **names)
    assert answer.status_code == 200, answer.text
    [card] = answer.json()["cards"]
    verdict = card["extension"]["hub.verdict"]
    assert (verdict["draft"], verdict["verdict"], verdict["priors"]) == (placed, "duplicate", ["DiagnosticReport/r1"])
    assert card["suggestions"][0]["actions"][0] == {
        "type": "delete",
        "description": card["suggestions"][0]["label"],
        "resourceId": placed,
    }


def test_an_order_may_come_as_prefetch(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"))
    unknown = _dispatch(county, dispatchedOrders=["ServiceRequest/o9"])
    assert (unknown.status_code, unknown.json()["issue"][0]["expression"]) == (412, ["context.dispatchedOrders[0]"])
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": order("o9", "胸部CT平扫")}]}
    known = _dispatch(county, {"orders": bundle, "nothing": None}, dispatchedOrders=["ServiceRequest/o9"])
    assert [card["indicator"] for card in known.json()["cards"]] == ["warning"]


def test_an_order_of_another_person_is_412(county: County) -> None:
    county.send(
        patient("p3", serial=3, name=[{"text": "另一人"}]), order("o3", "胸部CT平扫", who="p3", status="active")
    )
    assert _dispatch(county, dispatchedOrders=["ServiceRequest/o3"]).status_code == 412


@pytest.mark.parametrize(
    ("context", "where"),
    [
        ({}, "context.dispatchedOrders"),
        ({"dispatchedOrders": []}, "context.dispatchedOrders"),
        ({"dispatchedOrders": [7]}, "context.dispatchedOrders"),
        ({"dispatchedOrders": ["o1"]}, "context.dispatchedOrders[0]"),
        ({"dispatchedOrders": ["ServiceRequest/o1"], "performer": ""}, "context.performer"),
    ],
)
def test_a_wrong_context_is_400_and_names_the_element(
    county: County, placed: str, context: dict[str, Any], where: str
) -> None:
    answer = _dispatch(county, **context)
    assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (400, [where])


def test_a_dispatched_medicine_is_not_judged_and_is_said_to_be_none(county: County) -> None:
    medicine = {"resourceType": "MedicationRequest", "id": "m1", "status": "active", "intent": "order",
                "subject": {"reference": "Patient/p1"}, "medicationCodeableConcept": {"text": "x"}}  # fmt: skip
    county.send(medicine)
    told = _dispatch(county, dispatchedOrders=["MedicationRequest/m1"]).json()
    assert (told["cards"], told["extension"]["hub.verdicts"][0]["verdict"]) == ([], "none")


def test_a_reason_may_be_contained_beside_the_draft_or_known_to_the_hub(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"))
    condition = {
        "resourceType": "Condition",
        "id": "c1",
        "code": {"text": "肺癌术后"},
        "subject": {"reference": "Patient/p1"},
    }
    inside = order("a", "胸部CT平扫", contained=[condition], reasonReference=[{"reference": "#c1"}])
    beside = order("b", "胸部CT平扫", reasonReference=[{"reference": "Condition/c1"}])
    assert [card["indicator"] for card in county.cards(beside)] == ["warning"]
    assert county.cards(inside) == []
    assert county.cards(beside, condition) == []
    county.send(condition)
    assert county.cards(beside) == []
