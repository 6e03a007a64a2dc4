"""Calls: discovery, what is refused and how, and honesty where nothing could be read."""

import json
from typing import Any

import pytest

from hub.cds.checking import Checker
from hub.contracts.caller import Caller, Role

from .county import SELECT, SIGN, County, call, order, patient, report


def _post(county: County, body: Any, path: str = SIGN, kind: str = "application/json"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return county.http("POST", path, content=content, headers={"Content-Type": kind})


def test_discovery_offers_three_hooks(county: County) -> None:
    services = county.http("GET", "/cds-services").json()["services"]
    assert {(one["id"], one["hook"]) for one in services} == {
        ("duplicate-examination-select", "order-select"),
        ("duplicate-examination-sign", "order-sign"),
        ("duplicate-examination-dispatch", "order-dispatch"),
    }
    assert all(one["description"] and "prefetch" not in one for one in services)


def test_an_unknown_patient_is_404_with_the_reason(county: County) -> None:
    answer = county.sign(order("a", "胸部CT平扫", who="nobody"), patient="nobody")
    assert answer.status_code == 404
    issue = answer.json()["issue"][0]
    assert issue["expression"] == ["context.patientId"] and "nothing was checked" in issue["diagnostics"]


def test_a_deleted_patient_is_404_too(county: County) -> None:
    assert county.sign(order("a", "胸部CT平扫"), patient="Patient/gone").status_code == 404


def test_the_patient_may_be_named_by_reference(county: County) -> None:
    assert county.sign(order("a", "胸部CT平扫"), patient="Patient/p1").status_code == 200


def test_drafts_of_another_patient_are_412(county: County) -> None:
    county.send(patient("p3", serial=3, name=[{"text": "另一人"}]))
    answer = county.sign(order("a", "胸部CT平扫"), order("b", "头颅CT", who="p3"))
    assert answer.status_code == 412
    assert "entry[1]" in answer.json()["issue"][0]["expression"][0]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"hook": "order-dispatch"}, "hook"),
        ({"hook": None}, "hook"),
        ({"hookInstance": ""}, "hookInstance"),
        ({"hookInstance": 12}, "hookInstance"),
        ({"hookInstance": "a\nb"}, "hookInstance"),
        ({"hookInstance": "x" * 201}, "hookInstance"),
        ({"context": []}, "context"),
        ({"context": {"draftOrders": {}}}, "context.patientId"),
        ({"context": {"patientId": 7, "draftOrders": {}}}, "context.patientId"),
        ({"context": {"patientId": "Group/1"}}, "context.patientId"),
        ({"context": {"patientId": "p1"}}, "context.draftOrders"),
        ({"context": {"patientId": "p1", "draftOrders": {"resourceType": "Bundle", "entry": {}}}}, "draftOrders.entry"),
        ({"context": {"patientId": "p1", "draftOrders": {"resourceType": "Bundle", "entry": [{}]}}}, "entry[0]"),
    ],
)  # fmt: skip
def test_a_wrong_call_is_400_and_names_the_element(county: County, change: dict[str, Any], where: str) -> None:
    answer = _post(county, call(order("a", "胸部CT平扫")) | change)
    assert answer.status_code == 400
    assert where in answer.json()["issue"][0]["expression"][0]


def test_two_drafts_of_one_id_are_400(county: County) -> None:
    assert county.sign(order("a", "胸部CT平扫"), order("a", "头颅CT")).status_code == 400


def test_order_select_needs_selections_that_name_drafts(county: County) -> None:
    assert county.sign(order("a", "胸部CT平扫"), path=SELECT).status_code == 400
    unknown = county.sign(order("a", "胸部CT平扫"), path=SELECT, selections=["ServiceRequest/b"])
    assert (unknown.status_code, unknown.json()["issue"][0]["expression"]) == (400, ["context.selections[0]"])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"hook": NaN}'])
def test_what_is_no_json_object_is_400(county: County, body: bytes) -> None:
    assert _post(county, body).status_code == 400


def test_another_content_type_is_415(county: County) -> None:
    assert _post(county, call(order("a", "胸部CT平扫")), kind="text/plain").status_code == 415


def test_too_many_drafts_are_413(county: County) -> None:
    assert county.sign(*(order(f"d{at}", "胸部CT平扫") for at in range(201))).status_code == 413


def test_an_unknown_service_is_404(county: County) -> None:
    assert _post(county, call(), "/cds-services/other").status_code == 404


@pytest.mark.parametrize("role", [Role.CLINIC, Role.READER, Role.ADMIN, Role.AUDITOR, Role.PATIENT])
def test_only_a_physician_may_call(county: County, role: Role) -> None:
    county.physician = Caller("other", role, "hospital")
    assert county.sign(order("a", "胸部CT平扫")).status_code == 403


def test_the_access_is_audited_with_the_acting_practitioner(county: County) -> None:
    county.sign(order("a", "胸部CT平扫"))
    assert county.audit.noted == [("Practitioner/zhang", "cds", ("p1",))]


def test_a_draft_without_an_id_is_judged_but_cannot_be_withdrawn(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"))
    draft = order("a", "胸部CT平扫")
    del draft["id"]
    [card] = county.cards(draft)
    assert card["indicator"] == "warning" and "suggestions" not in card


@pytest.mark.parametrize("broken", ["side_rows", "slow"])
def test_where_history_cannot_be_read_in_time_the_card_says_so(county: County, broken: str) -> None:
    county.send(report("r1", "胸部CT平扫"))
    if broken == "slow":
        ticks = iter(range(100))
        county.checker._clock = lambda: float(next(ticks)) * 100
    else:
        county.checker._reader = _Deaf(county.store)
    [card] = county.cards(order("a", "胸部CT平扫"))
    assert card["indicator"] == "info"
    assert card["extension"]["hub.verdict"]["verdict"] == "not-checked"
    assert "未能核对" in card["summary"] and "suggestions" not in card


class _Deaf:
    """A store whose side tables cannot be read."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.read = store.read

    def side_rows(self, sql: str, parameters: Any = ()) -> Any:
        raise OSError


def test_emptiness_is_only_said_where_the_history_was_read(county: County) -> None:
    answer = county.sign(order("a", "胸部CT平扫")).json()
    assert answer["cards"] == []
    assert answer["extension"]["hub.verdicts"][0]["verdict"] == "none"


def test_a_checker_is_made_without_touching_the_store(county: County) -> None:
    assert Checker(county.store, county.persons)
