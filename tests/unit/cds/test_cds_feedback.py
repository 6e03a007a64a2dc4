"""Feedback and the verdict log."""

import time
from typing import Any

import pytest

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import NotFound
from hub.exams.cli import explain, import_windows

from .county import SELECT, SIGN, County, order, report


@pytest.fixture
def card(county: County) -> dict[str, Any]:
    county.send(report("r1", "胸部CT平扫", conclusion="右肺结节"))
    [card] = county.cards(order("draft-1", "胸部CT平扫"))
    _until(county, "SELECT 1 FROM cds_verdict")
    return card


def _until(county: County, sql: str) -> None:
    for _ in range(200):
        if county.store.side_rows(sql):
            return
        time.sleep(0.01)
    raise AssertionError(sql)


def _tell(county: County, *items: dict[str, Any], path: str = SIGN):
    return county.http("POST", f"{path}/feedback", json={"feedback": list(items)})


def test_feedback_is_kept_once_however_often_it_comes(county: County, card: dict[str, Any]) -> None:
    reason = {"reason": {"code": "condition-changed", "system": "x"}, "userComment": "病情加重"}
    item = {
        "card": card["uuid"],
        "outcome": "overridden",
        "overrideReason": reason,
        "outcomeTimestamp": "2026-11-22T10:00:00Z",
    }
    for _ in range(3):
        answer = _tell(county, item)
        assert (answer.status_code, answer.json()) == (200, {})
    rows = county.store.side_rows("SELECT card, outcome, reason_code, comment, times FROM cds_feedback")
    assert rows == [(card["uuid"], "overridden", "condition-changed", "病情加重", 3)]


def test_later_feedback_takes_the_place_of_earlier(county: County, card: dict[str, Any]) -> None:
    _tell(county, {"card": card["uuid"], "outcome": "overridden"})
    chosen = [{"id": card["suggestions"][0]["uuid"]}]
    assert (
        _tell(county, {"card": card["uuid"], "outcome": "accepted", "acceptedSuggestions": chosen}).status_code == 200
    )
    assert county.store.side_rows("SELECT outcome FROM cds_feedback") == [("accepted",)]


def test_feedback_on_an_unknown_card_is_404_and_nothing_of_it_is_kept(county: County, card: dict[str, Any]) -> None:
    good, bad = {"card": card["uuid"], "outcome": "accepted"}, {"card": "nobody", "outcome": "accepted"}
    assert _tell(county, good, bad).status_code == 404
    assert county.store.side_rows("SELECT * FROM cds_feedback") == []


def test_another_service_or_organization_does_not_know_the_card(county: County, card: dict[str, Any]) -> None:
    item = {"card": card["uuid"], "outcome": "accepted"}
    assert _tell(county, item, path=SELECT).status_code == 404
    county.physician = Caller("stranger", Role.PHYSICIAN, "elsewhere")
    assert _tell(county, item).status_code == 404


@pytest.mark.parametrize(
    "item",
    [{}, {"card": "x"}, {"card": "x", "outcome": "ignored"}, {"card": 7, "outcome": "accepted"},
     {"card": "x", "outcome": "accepted", "overrideReason": []}],
)  # fmt: skip
def test_wrong_feedback_is_400(county: County, item: dict[str, Any]) -> None:
    assert _tell(county, item).status_code == 400
    assert county.http("POST", f"{SIGN}/feedback", json={"feedback": []}).status_code == 400


def test_a_verdict_is_explained_by_its_id(county: County, card: dict[str, Any]) -> None:
    told = "\n".join(explain(county.store, card["extension"]["hub.verdict"]["id"])["reasoning"])
    for words in (
        "duplicate",
        "CT chest plain",
        "rests on DiagnosticReport/r1",
        "C2",
        card["extension"]["hub.verdict"]["tables"],
    ):
        assert words in told


def test_the_reasoning_is_given_to_the_organization_that_asked_and_audited(
    county: County, card: dict[str, Any]
) -> None:
    where = f"/cds-services/verdicts/{card['extension']['hub.verdict']['id']}"
    told = county.http("GET", where).json()
    assert told["verdict"]["verdict"] == "duplicate"
    assert told["replay"]["identical"] is True
    assert [each["outcome"] for each in told["priors"]] == ["covers"]
    assert county.audit.noted[-1] == ("", "cds", ("p1",))
    county.physician = Caller("stranger", Role.PHYSICIAN, "elsewhere")
    assert county.http("GET", where).status_code == 404
    county.physician = Caller("desk", Role.ADMIN, "hospital")
    assert county.http("GET", where).status_code == 403


def test_a_verdict_is_given_again_with_the_windows_of_then(county: County) -> None:
    service = Caller("hub", Role.SERVICE, "hub")
    import_windows(county.store, service, "item,min_days\nCT chest plain,3\n", "organization", "hospital")
    county.send(report("r1", "胸部CT平扫"))
    [silent] = county.sign(order("draft-1", "胸部CT平扫")).json()["extension"]["hub.verdicts"]
    import_windows(county.store, service, "", "organization", "hospital")
    [card] = county.cards(order("draft-1", "胸部CT平扫"))
    _until(county, "SELECT 1 FROM cds_verdict WHERE card IS NOT NULL")
    for verdict, days in ((silent, 3), (card["extension"]["hub.verdict"], 28)):
        told = explain(county.store, verdict["id"])
        assert told["replay"]["identical"] is True
        assert told["windows"][0]["limit_days"] == days
    assert silent["verdict"] == "none"


def test_an_unknown_verdict_is_not_found(county: County) -> None:
    with pytest.raises(NotFound):
        explain(county.store, "nobody")
