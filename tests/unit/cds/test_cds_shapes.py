"""Cards against the specification's shapes, and calls as real clients send them: the public sandbox's and the guide's
examples, in data of our own."""

import uuid
from typing import Any

import msgspec
import pytest

from . import shapes
from .county import SELECT, SIGN, County, ago, order, report
from .shapes import UNSET

MEDICINE = {
    "resourceType": "MedicationRequest", "id": "medrx001", "status": "draft", "intent": "order",
    "subject": {"reference": "Patient/p1"}, "medicationCodeableConcept": {"text": "阿莫西林胶囊"},
}  # fmt: skip
DIET = {"resourceType": "NutritionOrder", "id": "pureeddiet", "status": "draft", "patient": {"reference": "Patient/p1"}}


def _call(hook: str, *drafts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A call with everything that a client may send beside what is needed."""
    context: dict[str, Any] = {
        "userId": "PractitionerRole/e-QokEGUJ", "patientId": "p1", "encounterId": "89284",
        "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in drafts]},
    }  # fmt: skip
    if hook == "order-select":
        context["selections"] = [f"{one['resourceType']}/{one['id']}" for one in drafts]
    return {
        "hook": hook,
        "hookInstance": str(uuid.uuid4()),
        "fhirServer": "https://ehr.example.org/fhir",
        "fhirAuthorization": {
            "access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "subject": "cds-service4",
            "scope": "patient/Patient.read patient/Observation.read", "patient": "p1",
        },
        "prefetch": {
            "patient": {"resourceType": "Patient", "id": "p1", "gender": "male"},
            "nothing": None,
            "refused": {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]},
            "orders": {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": []},
        },
        "context": context,
        "extension": {"com.example.timestamp": "2026-11-27T22:13:25Z"},
        **more,
    }  # fmt: skip


@pytest.mark.parametrize(("hook", "path"), [("order-select", SELECT), ("order-sign", SIGN)])
def test_a_call_with_all_that_a_client_may_send_is_answered_by_the_book(county: County, hook: str, path: str) -> None:
    county.send(
        report("r1", "胸部CT平扫", conclusion="右肺结节"),
        report("r2", "血糖", effectiveDateTime=ago(days=1)),
        report("secret", "HIV抗体", effectiveDateTime=ago(hours=1)),
    )
    drafts = [
        MEDICINE,
        DIET,
        order("a", "胸部CT平扫", intent="plan", priority="routine", category=[{"text": "检查"}],
              occurrenceDateTime=ago(days=-1)),
        order("b", "血糖+糖化血红蛋白"),
        order("c", "HIV抗体"),
    ]  # fmt: skip
    answer = county.http("POST", path, json=_call(hook, *drafts))
    assert answer.status_code == 200, answer.text
    told = shapes.answer(answer.content)
    assert len(told.cards) == 3
    kinds = {action.type for card in told.cards if card.suggestions is not UNSET
             for one in card.suggestions for action in one.actions}  # fmt: skip
    assert kinds == {"delete", "update"}
    assert told.cards[0].indicator == "warning" and told.cards[-1].indicator == "info"
    silent = answer.json()["extension"]["hub.verdicts"]
    assert {one["draft"] for one in silent} == {"MedicationRequest/medrx001", "NutritionOrder/pureeddiet"}
    assert "systemActions" not in answer.json()


def test_a_card_that_could_not_be_checked_has_the_same_shape(county: County) -> None:
    ticks = iter(range(1000))
    county.checker._clock = lambda: float(next(ticks)) * 100
    [card] = shapes.answer(county.sign(order("a", "胸部CT平扫")).content).cards
    assert card.indicator == "info" and "未能核对" in card.summary


def test_a_long_name_still_gives_a_short_summary(county: County) -> None:
    name = "胸部CT平扫"
    county.send(report("r1", name + "（" + "急诊科加急检查" * 40 + "）", code={"text": name + "加收" * 90}))
    answer = county.sign(order("a", name))
    assert all(len(card.summary) < 140 for card in shapes.answer(answer.content).cards)


def test_no_duplicate_is_an_empty_list_and_says_so_by_draft(county: County) -> None:
    answer = county.sign(order("a", "胸部CT平扫"))
    assert shapes.answer(answer.content).cards == []
    assert [one["verdict"] for one in answer.json()["extension"]["hub.verdicts"]] == ["none"]


def test_discovery_has_the_shape_of_the_book(county: County) -> None:
    told = shapes.services(county.http("GET", "/cds-services").content)
    assert [service.hook for service in told.services] == ["order-select", "order-sign", "order-dispatch"]


@pytest.mark.parametrize("wrong", [
    {"cards": [{"summary": "x", "indicator": "info", "source": {"label": "y"}}]},
    {"cards": [], "systemActions": []},
    {},
])  # fmt: skip
def test_the_shapes_do_refuse(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        shapes.answer(msgspec.json.encode(wrong))


@pytest.mark.parametrize(
    "change",
    [
        {"prefetch": []},
        {"prefetch": {"x": [1]}},
        {"prefetch": {"x": {"resourceType": "Bundle", "entry": {}}}},
        {"fhirAuthorization": "x"},
        {"fhirServer": 7},
    ],
)
def test_what_is_not_needed_may_be_malformed(county: County, change: dict[str, Any]) -> None:
    county.send(report("r1", "胸部CT平扫"))
    answer = county.http("POST", SIGN, json=_call("order-sign", order("a", "胸部CT平扫"), **change))
    assert [card["indicator"] for card in answer.json()["cards"]] == ["warning"]


def test_a_body_over_the_limit_is_413_and_no_answer(county: County) -> None:
    huge = order("a", "胸部CT平扫", note=[{"text": "x" * 5_000_000}])
    answer = county.sign(huge)
    assert answer.status_code == 413 and "cards" not in answer.json()
