"""Priors of sensitive kinds: that there is one is told, and nothing else of it."""

import hashlib
import json
import time
from typing import Any

import pytest

from hub.contracts.caller import Role

from .county import County, ago, order, organization, report

HIV = "HIV抗体"


def _stay(kind: str) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": f"stay-{kind}",
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": kind},
        "subject": {"reference": "Patient/p1"},
    }


def _issue(county: County, number: str) -> dict[str, Any]:
    return county.read("DetectedIssue", f"dup-{hashlib.sha256(f'ServiceRequest/{number}'.encode()).hexdigest()[:24]}")


@pytest.mark.parametrize(
    ("name", "telling"),
    [
        (HIV, ("HIV", "艾滋", "hiv")),
        ("乙肝五项", ("乙肝", "hbsag", "hepatitis")),
        ("梅毒螺旋体抗体", ("梅毒", "syphilis")),
        ("染色体核型分析", ("染色体", "karyotype")),
        ("精液常规", ("精液", "semen")),
    ],
)
def test_the_card_says_that_there_is_a_result_and_how_to_ask_and_names_nothing(
    county: County, name: str, telling: tuple[str, ...]
) -> None:
    county.send(report("secret1", name, effectiveDateTime=ago(hours=3), conclusion="阳性"))
    answer = county.sign(order("draft-1", name)).json()
    [card] = answer["cards"]
    verdict = card["extension"]["hub.verdict"]
    assert (card["indicator"], verdict["verdict"], verdict["coverage"]) == ("warning", "duplicate", "full")
    assert (verdict["priors"], verdict["remainder"], verdict["withheld"]) == ([], [], 1)
    assert card["links"] == []
    assert [action["type"] for one in card["suggestions"] for action in one["actions"]] == ["delete"]
    said = json.dumps(answer, ensure_ascii=False)
    for word in (*telling, "secret1", "阳性", "城关镇", "小时前"):
        assert word not in said
    assert "受隐私保护" in card["summary"] and "患者同意" in card["detail"]


def test_whose_own_record_it_is_sees_it(county: County) -> None:
    county.send(report("r1", HIV), organization="hospital")
    [card] = county.cards(order("draft-1", HIV))
    assert card["extension"]["hub.verdict"]["priors"] == ["DiagnosticReport/r1"]


@pytest.mark.parametrize(("kind", "name", "withheld"), [
    ("EMER", HIV, False), ("IMP", HIV, True), ("IMP", "乙肝表面抗原", False), ("AMB", "乙肝表面抗原", True),
])  # fmt: skip
def test_the_setting_decides(county: County, kind: str, name: str, withheld: bool) -> None:
    county.send(_stay(kind), report("r1", name, effectiveDateTime=ago(hours=1)))
    told = county.sign(order("draft-1", name, encounter={"reference": f"Encounter/stay-{kind}"})).json()
    verdicts = [card["extension"]["hub.verdict"] for card in told["cards"]] or told["extension"]["hub.verdicts"]
    assert ("withheld" in verdicts[0]) is withheld


def test_a_place_tells_as_much_as_a_name(county: County) -> None:
    county.send(organization("mind", "市精神卫生中心"), report("r1", "头颅CT平扫"), organization="mind")
    [card] = county.cards(order("draft-1", "头颅CT平扫"))
    assert card["extension"]["hub.verdict"]["withheld"] == 1
    assert "精神" not in json.dumps(card, ensure_ascii=False)


def test_what_remains_of_a_panel_does_not_give_it_away(county: County) -> None:
    county.send(report("r1", HIV, effectiveDateTime=ago(days=1)))
    answer = county.sign(order("draft-1", "HIV抗体+血糖")).json()
    assert "secret" not in answer
    [card] = answer["cards"]
    assert card["extension"]["hub.verdict"]["remainder"] == [] and "suggestions" not in card
    assert "血糖" not in json.dumps(card, ensure_ascii=False)


def test_beside_a_protected_prior_the_others_are_named(county: County) -> None:
    county.send(report("r1", HIV, effectiveDateTime=ago(days=1)), report("r2", "血糖", effectiveDateTime=ago(days=1)))
    [card] = county.cards(order("draft-1", "HIV抗体+血糖"))
    verdict = card["extension"]["hub.verdict"]
    assert (verdict["priors"], verdict["withheld"]) == (["DiagnosticReport/r2"], 1)
    assert "DiagnosticReport/r1" not in json.dumps(card) and len(card["links"]) == 1


def test_the_issue_beside_an_order_names_nothing_to_anybody(county: County) -> None:
    county.send(report("secret1", HIV, conclusion="阳性"), organization="hospital")
    placed = order("o1", HIV, status="active", authoredOn=ago(seconds=1))
    county.send(placed, organization="hospital", role=Role.PHYSICIAN)
    issue = _issue(county, "o1")
    assert [one["reference"] for one in issue["implicated"]] == ["ServiceRequest/o1"]
    said = json.dumps(issue, ensure_ascii=False)
    assert "secret1" not in said and "HIV" not in said and "受隐私保护" in issue["detail"]


def test_the_reasoning_of_such_a_verdict_is_not_told(county: County) -> None:
    county.send(report("r1", HIV))
    [card] = county.cards(order("draft-1", HIV))
    number = card["extension"]["hub.verdict"]["id"]
    for _ in range(200):
        if county.store.side_rows("SELECT 1 FROM cds_verdict WHERE id = ?", (number,)):
            break
        time.sleep(0.01)
    answer = county.http("GET", f"/cds-services/verdicts/{number}")
    assert answer.status_code == 403 and "r1" not in answer.text
