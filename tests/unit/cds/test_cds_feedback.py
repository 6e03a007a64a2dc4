"""Feedback and the verdict log."""

import time
from typing import Any

import pytest

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import NotFound
from hub.exams.cli import explain

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


def test_an_unknown_verdict_is_not_found(county: County) -> None:
    with pytest.raises(NotFound):
        explain(county.store, "nobody")
