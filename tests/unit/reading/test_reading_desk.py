"""What a reader's page submits: claims that name who reads, reports that say of what they are, Tasks as they were."""

import json
from datetime import datetime

import pytest

from hub.contracts.errors import Incorrect
from hub.contracts.site import ZONE
from hub.contracts.submission import Method
from hub.reading import desk

NOW = datetime(2026, 11, 29, 9, 30, tzinfo=ZONE)
TASK = {"resourceType": "Task", "id": "t1", "status": "requested", "focus": {"reference": "ImagingStudy/s1"}}
HELD = {**TASK, "status": "in-progress", "owner": {"reference": "Organization/centre", "display": "周启明"}}
STUDY = {
    "resourceType": "ImagingStudy",
    "id": "s1",
    "description": "胸部CT平扫",
    "modality": [{"code": "CT"}],
    "started": "2026-11-29T08:15:00+08:00",
    "subject": {"reference": "Patient/p1"},
    "basedOn": [{"reference": "ServiceRequest/o1"}],
}


def test_a_claim_names_reader_and_centre_and_the_version_it_saw() -> None:
    (entry,) = desk.claim(TASK, "3", "周启明", "centre")
    assert (entry.method, entry.type, entry.id, entry.if_match) == (Method.UPDATE, "Task", "t1", "3")
    assert json.loads(entry.body) == HELD
    with pytest.raises(Incorrect, match="names its reader"):
        desk.claim(TASK, "3", "", "centre")


def test_a_task_given_back_has_no_owner() -> None:
    (entry,) = desk.release(HELD, "4")
    assert json.loads(entry.body) == TASK


def test_a_signed_report_is_of_the_study_its_patient_and_its_order_and_completes_the_task() -> None:
    report, task = desk.sign(HELD, "4", STUDY, "右肺见结节。\n余未见异常。", "右肺结节", NOW)
    told = json.loads(report.body)
    assert report.method is Method.CREATE and told["status"] == "final" and told["conclusion"] == "右肺结节"
    assert told["imagingStudy"] == [{"reference": "ImagingStudy/s1"}] and told["code"] == {"text": "胸部CT平扫"}
    assert told["subject"] == STUDY["subject"] and told["basedOn"] == STUDY["basedOn"]
    assert told["performer"] == [{"reference": "Organization/centre"}]
    assert told["resultsInterpreter"] == [{"display": "周启明"}] and told["effectiveDateTime"] == STUDY["started"]
    assert desk.findings_of(told) == "右肺见结节。\n余未见异常。"
    done = json.loads(task.body)
    assert done["status"] == "completed" and done["output"][0]["valueReference"]["reference"] == report.full_url
    assert task.if_match == "4"


def test_a_report_without_findings_patient_or_order_says_nothing_of_them() -> None:
    report, _ = desk.sign(TASK, "4", {"id": "s1", "modality": [{"code": "ECG"}]}, "", "窦性心律", NOW)
    told = json.loads(report.body)
    assert not {"presentedForm", "subject", "basedOn", "performer", "resultsInterpreter"} & set(told)
    assert told["category"][0]["coding"][0]["code"] == "EC" and told["effectiveDateTime"].startswith("2026-11-29T09:30")
    assert desk.findings_of(told) == ""


def test_nothing_is_signed_without_a_conclusion() -> None:
    with pytest.raises(Incorrect, match="needs a conclusion"):
        desk.sign(HELD, "4", STUDY, "右肺见结节。", "", NOW)


@pytest.mark.parametrize("data", ["!", "/w==", 7])
def test_a_form_that_is_no_text_shows_none(data: object) -> None:
    assert desk.findings_of({"presentedForm": [{"contentType": "text/plain", "data": data}]}) == ""
