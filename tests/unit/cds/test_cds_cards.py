"""Cards: what they carry, how they are worded, ranked and limited."""

import json
import uuid

from hub.contracts.codes import DICOM_UID
from hub.fhir.model import decode
from tests.unit.exams.story import prior_resources

from .county import SELECT, County, ago, order, patient, report


def _study(number: str, name: str, **more):
    return {
        "resourceType": "ImagingStudy", "id": number, "status": "available", "subject": {"reference": "Patient/p1"},
        "started": ago(days=5), "description": name, "modality": [{"code": "CT"}],
        "identifier": [{"system": DICOM_UID, "value": f"urn:oid:2.25.{uuid.uuid4().int}"}], **more,
    }  # fmt: skip


def test_a_warning_names_what_where_when_and_the_conclusion(county: County) -> None:
    county.send(
        _study("s1", "胸部CT"),
        report(
            "r1", "胸部CT平扫", conclusion="右肺上叶结节。\n详见描述", imagingStudy=[{"reference": "ImagingStudy/s1"}]
        ),
    )
    [card] = county.cards(order("draft-1", "胸部CT平扫"))
    assert card["indicator"] == "warning"
    assert len(card["summary"]) <= 140
    for words in ("城关镇卫生院", "胸部CT平扫", "天前"):
        assert words in card["summary"]
    assert "右肺上叶结节。" in card["detail"] and "详见描述" not in card["detail"]
    [suggestion] = card["suggestions"]
    assert suggestion["actions"][0]["type"] == "delete"
    assert suggestion["actions"][0]["resourceId"] == "ServiceRequest/draft-1"
    assert card["selectionBehavior"] == "at-most-one"
    assert len(card["overrideReasons"]) >= 6
    assert all(reason["display"] and reason["code"] and reason["system"] for reason in card["overrideReasons"])
    assert [link["label"] for link in card["links"]] == ["查看报告", "查看影像"]
    assert all(link["url"].startswith("http://hub.example/view?t=") for link in card["links"])
    assert card["source"]["label"] and uuid.UUID(card["uuid"])


def test_the_verdict_rides_on_the_card(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"))
    [card] = county.cards(order("draft-1", "胸部CT平扫"))
    verdict = card["extension"]["hub.verdict"]
    assert verdict["draft"] == "ServiceRequest/draft-1"
    assert verdict["verdict"] == "duplicate" and verdict["coverage"] == "full"
    assert verdict["priors"] == ["DiagnosticReport/r1"] and verdict["remainder"] == []
    assert "C2" in verdict["rules"] and verdict["tables"] and verdict["id"]


def test_a_report_supersedes_its_study_and_its_order(county: County) -> None:
    county.send(
        order("o1", "胸部CT平扫", status="active", authoredOn=ago(days=6)),
        _study("s1", "胸部CT平扫", basedOn=[{"reference": "ServiceRequest/o1"}]),
        report("r1", "胸部CT平扫", basedOn=[{"reference": "ServiceRequest/o1"}],
               imagingStudy=[{"reference": "ImagingStudy/s1"}]),
    )  # fmt: skip
    [card] = county.cards(order("draft-1", "胸部CT平扫"))
    assert card["extension"]["hub.verdict"]["priors"] == ["DiagnosticReport/r1", "ImagingStudy/s1"]
    assert card["extension"]["hub.verdict"]["verdict"] == "duplicate"


def test_an_order_that_was_answered_is_no_longer_in_flight(county: County) -> None:
    county.send(
        order("o1", "血常规", status="active", authoredOn=ago(days=6)),
        report("r1", "血常规", effectiveDateTime=ago(days=6), basedOn=[{"reference": "ServiceRequest/o1"}]),
    )
    assert county.cards(order("draft-1", "血常规")) == []


def test_a_partial_repeat_offers_the_valid_narrowed_order(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"))
    [card] = county.cards(order("draft-1", "胸腹部CT平扫", bodySite=[{"text": "胸腹部"}]))
    assert card["indicator"] == "info"
    assert card["extension"]["hub.verdict"]["verdict"] == "narrow"
    [suggestion] = card["suggestions"]
    [action] = suggestion["actions"]
    assert action["type"] == "update"
    fewer = decode(json.dumps(action["resource"]).encode(), "ServiceRequest")
    assert fewer.id == "draft-1" and fewer.code.text == "下腹部+上腹部CT平扫"
    assert county.cards(action["resource"]) == []


def test_laboratory_narrowing_keeps_the_missing_analytes(county: County) -> None:
    county.send(report("r1", "血糖"))
    [card] = county.cards(order("draft-1", "血糖+糖化血红蛋白"))
    [suggestion] = card["suggestions"]
    assert suggestion["actions"][0]["resource"]["code"] == {"text": "糖化血红蛋白"}


def test_at_most_three_cards_and_the_rest_is_counted(county: County) -> None:
    names = ["胸部CT平扫", "腹部彩超", "甲状腺彩超", "血脂四项", "糖化血红蛋白"]
    county.send(*(report(f"r{at}", name) for at, name in enumerate(names)))
    answer = county.sign(*(order(f"draft-{at}", name) for at, name in enumerate(names))).json()
    assert len(answer["cards"]) == 3
    assert "另有 2 项" in answer["cards"][2]["detail"]
    silent = answer["extension"]["hub.verdicts"]
    assert [each["verdict"] for each in silent] == ["duplicate", "duplicate"]
    shown = {card["extension"]["hub.verdict"]["draft"] for card in answer["cards"]}
    assert shown | {each["draft"] for each in silent} == {f"ServiceRequest/draft-{at}" for at in range(5)}


def test_warnings_come_first_then_the_youngest_prior(county: County) -> None:
    county.send(
        report("r0", "血糖", effectiveDateTime=ago(hours=1)),
        report("r1", "腹部彩超", effectiveDateTime=ago(days=9)),
        report("r2", "胸部CT平扫", effectiveDateTime=ago(days=2)),
    )
    drafts = [order("a", "血糖+糖化血红蛋白"), order("b", "腹部彩超"), order("c", "胸部CT平扫")]
    drafts_shown = [card["extension"]["hub.verdict"]["draft"] for card in county.cards(*drafts)]
    assert drafts_shown == ["ServiceRequest/c", "ServiceRequest/b", "ServiceRequest/a"]


def test_drafts_without_a_card_have_their_verdict_all_the_same(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"))
    medicine = {"resourceType": "MedicationRequest", "id": "m1", "status": "draft", "intent": "order"}
    drafts = [
        order("a", "某某检查"),
        order("b", "头颅CT"),
        order("c", "胸部CT平扫", reasonCode=[{"text": "术后复查"}]),
        medicine,
    ]
    answer = county.sign(*drafts).json()
    assert answer["cards"] == []
    assert {each["draft"]: each["verdict"] for each in answer["extension"]["hub.verdicts"]} == {
        "ServiceRequest/a": "not-understood",
        "ServiceRequest/b": "none",
        "ServiceRequest/c": "exempt",
        "MedicationRequest/m1": "none",
    }


def test_order_select_judges_what_was_selected_alone(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"), report("r2", "腹部彩超"))
    drafts = [order("a", "胸部CT平扫"), order("b", "腹部彩超")]
    [card] = county.cards(*drafts, path=SELECT, selections=["ServiceRequest/b"])
    assert card["extension"]["hub.verdict"]["draft"] == "ServiceRequest/b"


def test_of_two_equal_drafts_the_later_is_told(county: County) -> None:
    [card] = county.cards(order("a", "胸部CT平扫"), order("b", "肺部CT平扫"))
    verdict = card["extension"]["hub.verdict"]
    assert (verdict["draft"], verdict["verdict"], verdict["priors"]) == (
        "ServiceRequest/b", "in-flight", ["ServiceRequest/a"],
    )  # fmt: skip


def test_all_records_of_the_person_count_wherever_they_lie(county: County) -> None:
    county.send(patient("p2"), report("r1", "胸部CT平扫", who="p2"), organization="other")
    [card] = county.cards(order("draft-1", "胸部CT平扫"))
    assert card["extension"]["hub.verdict"]["priors"] == ["DiagnosticReport/r1"]


def test_somebody_elses_records_never_count(county: County) -> None:
    county.send(patient("p3", serial=3, name=[{"text": "另一人"}]), report("r1", "胸部CT平扫", who="p3"))
    assert county.cards(order("draft-1", "胸部CT平扫")) == []


def test_markup_in_records_stays_text(county: County) -> None:
    county.send(report("r1", "胸部CT平扫", conclusion="[点此](http://evil.example) <b>x</b>"))
    [card] = county.cards(order("draft-1", "胸部CT平扫"))
    assert "](http" not in card["detail"].replace("\\]\\(", "") and "<b>" not in card["detail"].replace("\\<", "")


def test_a_contradiction_is_named_and_never_warns(county: County) -> None:
    county.send(report("r1", "左膝关节MR平扫"))
    [card] = county.cards(order("draft-1", "左膝关节MR平扫", bodySite=[{"text": "右膝关节"}]))
    assert card["indicator"] == "info"
    assert "左右侧" in card["detail"]


def test_laboratory_results_are_judged_with_their_report(county: County) -> None:
    [result] = prior_resources({"t": "肌酐", "d": 2, "as": "observation"}, 1)
    result |= {"effectiveDateTime": ago(days=2), "id": "o1", "subject": {"reference": "Patient/p1"}}
    county.send(result, report("r1", "生化检查", result=[{"reference": "Observation/o1"}]))
    [card] = county.cards(order("draft-1", "肌酐"))
    assert card["extension"]["hub.verdict"]["priors"] == ["DiagnosticReport/r1"]
    county.send(report("r1", "生化检查", result=[{"reference": "Observation/o1"}], status="entered-in-error"))
    assert county.cards(order("draft-1", "肌酐")) == []
