"""From the study to the report at the clinic's own listener, through a running hub."""

import json
import re
from typing import Any

import pytest

from hub.contracts.codes import READ_STUDY, TASK_CODE
from tests.journeys.county import County
from tests.journeys.running_hub import wait_for


def arrived(receiver: Any, text: str, number: int = 1, seconds: float = 15) -> list[tuple[str, bytes]]:
    wait_for(lambda: len(receiver.of(text)) >= number, seconds)
    found: list[tuple[str, bytes]] = receiver.of(text)
    assert len(found) == number
    return found


def amend(county: County, report_id: str, conclusion: str, status: str = "amended") -> None:
    report = county.get("centre", f"/fhir/DiagnosticReport/{report_id}")
    report |= {"status": status, "conclusion": conclusion}
    county.ask("centre", "PUT", f"/fhir/DiagnosticReport/{report_id}", json=report)


def test_a_tracing_opens_one_task_for_the_centre(county: County) -> None:
    study, task = county.traced()
    assert task["code"]["coding"] == [{"system": TASK_CODE, "code": READ_STUDY, "display": "Read study"}]
    assert (task["status"], task["priority"], task.get("owner")) == ("requested", "routine", None)
    assert task["for"] == study["subject"]
    listed = county.find("centre", "Task", code="read-study", status="requested", _count="500")
    assert task["id"] in {one["id"] for one in listed}
    assert county.find("baihe", "Task", focus=f"ImagingStudy/{study['id']}") == []
    assert [one["id"] for one in county.find("qingshan", "Task", patient=study["subject"]["reference"])] == [task["id"]]


def test_a_study_merely_posted_opens_no_task(county: County) -> None:
    patient = county.admit(county.new())
    body = {"resourceType": "ImagingStudy", "status": "available", "subject": {"reference": f"Patient/{patient['id']}"}}
    posted = county.ask("qingshan", "POST", "/fhir/ImagingStudy", 201, json=body)
    assert county.find("centre", "Task", focus=f"ImagingStudy/{posted['id']}") == []


def test_the_first_claim_wins_and_the_loser_gets_412(county: County) -> None:
    _study, task = county.traced()
    assert county.claim(task, match=None, expect=412)["resourceType"] == "OperationOutcome"
    won = county.claim(task)
    assert won["owner"]["reference"] == "Organization/imaging-centre"
    assert (won["status"], won["meta"]["versionId"]) == ("in-progress", "2")
    county.claim(task, "centre-2", expect=412)
    county.claim(won, "centre-2", expect=None, owner={"reference": "Organization/second-centre"})
    assert county.get("centre", f"/fhir/Task/{task['id']}")["owner"] == won["owner"]


def test_a_claim_shows_the_reader_who_acts(county: County) -> None:
    _study, task = county.traced()
    owner = {"reference": "Organization/imaging-centre", "display": "李文"}
    assert county.claim(task, owner=owner)["owner"] == owner


def test_a_clinic_does_not_claim_and_does_not_report_for_another(county: County) -> None:
    study, task = county.traced()
    assert county.claim(task, "baihe", expect=None).status_code == 404
    assert county.claim(task, "qingshan", expect=None).status_code == 403
    assert county.claim(task, "hospital", expect=None).status_code == 403
    report = {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "心电图"},
              "imagingStudy": [{"reference": f"ImagingStudy/{study['id']}"}], "subject": study["subject"]}  # fmt: skip
    refused = county.ask("baihe", "POST", "/fhir/DiagnosticReport", None, json=report)
    assert 400 <= refused.status_code < 500


def test_no_task_is_completed_without_a_final_report(county: County) -> None:
    study, task = county.traced()
    mine = county.claim(task)
    bare = county.ask("centre", "PUT", f"/fhir/Task/{task['id']}", 422, json={**mine, "status": "completed"},
                      headers={"If-Match": 'W/"2"'})  # fmt: skip
    assert bare["issue"][0]["expression"]
    refused = county.report(study, mine, "未完成", expect=None, status="preliminary")
    assert refused.status_code == 422
    about = {"patient": study["subject"]["reference"], "status": "preliminary"}
    assert county.find("centre", "DiagnosticReport", **about) == []
    assert county.get("centre", f"/fhir/Task/{task['id']}")["status"] == "in-progress"


def test_the_report_reaches_the_clinics_rest_hook_once_and_its_amendment_once_more(county: County) -> None:
    study, task = county.traced()
    mark = county.new("窦性心律")
    report_id = county.read_out(study, task, mark)
    ((key, body),) = arrived(county.hook, mark)
    bundle = json.loads(body)
    assert (bundle["type"], bundle["identifier"]["value"]) == ("transaction", key)
    (sent,) = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "DiagnosticReport"]
    assert (sent["id"], sent["conclusion"], sent["status"]) == (report_id, mark, "final")
    assert "Patient" in {entry["resource"]["resourceType"] for entry in bundle["entry"]}
    done = county.get("centre", f"/fhir/Task/{task['id']}")
    assert done["output"][0]["valueReference"]["reference"] == f"DiagnosticReport/{report_id}"
    assert county.get("qingshan", f"/fhir/DiagnosticReport/{report_id}")["conclusion"] == mark
    assert county.get("baihe", f"/fhir/DiagnosticReport/{report_id}", 404)
    changed = county.new("更正")
    amend(county, report_id, changed)
    ((second, _body),) = arrived(county.hook, changed)
    assert second != key
    assert len(county.hook.of(mark)) == 1


def test_a_report_over_mllp_is_an_oru_with_the_clinics_own_numbers(county: County) -> None:
    patient = county.admit("B-77", facility="BH001")
    study = county.study(county.image("B-77", calling="BAIHE"))
    assert study["subject"]["reference"] == f"Patient/{patient['id']}"
    (task,) = county.find("centre", "Task", focus=f"ImagingStudy/{study['id']}")
    mark = county.new("双肺纹理增多|^约")
    county.read_out(study, task, mark, code={"text": "胸部正位片"})
    ((number, body),) = arrived(county.mllp, "B-77")
    segments = {line.split("|")[0]: line.split("|") for line in body.decode().split("\r") if line}
    assert segments["MSH"][8].startswith("ORU^R01")
    assert (segments["PID"][3], segments["OBR"][25]) == ("B-77^^^BH001^PI", "F")
    assert len(number) <= 20
    assert mark.replace("|", "\\F\\").replace("^", "\\S\\") in body.decode()
    assert county.get("operator", "/delivery", state="dead")["items"] == []


def test_digits_arrive_as_they_were_sent(county: County) -> None:
    for who, receiver, exact in (
        ("qingshan", county.hook, rb'"value":\s*6\.50\b'),
        ("baihe", county.mllp, rb"\|6\.50\|"),
    ):
        study, _task = county.traced(who)
        mark = county.new("数值")
        result = {"resourceType": "Observation", "_url": "urn:uuid:0b6a6a52-0000-4000-8000-000000000001",
                  "status": "final", "code": {"text": "QTc"}, "subject": study["subject"]}  # fmt: skip
        url = "urn:uuid:0b6a6a52-0000-4000-8000-000000000002"
        report = {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "心电图"}, "conclusion": mark,
                  "subject": study["subject"], "imagingStudy": [{"reference": f"ImagingStudy/{study['id']}"}],
                  "result": [{"reference": result["_url"]}]}  # fmt: skip
        entries = [{"fullUrl": at, "resource": {n: v for n, v in one.items() if n != "_url"},
                    "request": {"method": "POST", "url": one["resourceType"]}}
                   for at, one in ((result["_url"], result), (url, report))]  # fmt: skip
        text = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}, ensure_ascii=False)
        text = text.replace('"code": {"text": "QTc"}', '"valueQuantity": {"value": 6.50}, "code": {"text": "QTc"}')
        county.ask("centre", "POST", "/fhir", content=text.encode(), headers={"Content-Type": "application/fhir+json"})
        ((_key, body),) = arrived(receiver, mark)
        assert re.search(exact, body)


def test_a_receiver_that_fails_twice_gets_the_same_key_and_bytes_three_times(county: County) -> None:
    study, task = county.traced()
    mark = county.new("重试")
    county.hook.answers[:] = ["500", "500"]
    county.read_out(study, task, mark)
    tries = arrived(county.hook, mark, 3)
    assert len(set(tries)) == 1


def test_ar_and_silence_are_tried_again_and_ae_is_a_dead_letter(county: County) -> None:
    study, task = county.traced("baihe")
    mark = county.new("稍后")
    county.mllp.answers[:] = ["AR", "AR"]
    county.read_out(study, task, mark)
    assert len(set(arrived(county.mllp, mark, 3))) == 1
    study, task = county.traced("baihe")
    refused = county.new("拒收")
    county.mllp.answers[:] = ["AE"]
    report_id = county.read_out(study, task, refused)
    arrived(county.mllp, refused)

    def dead() -> list[Any]:
        listed = county.get("operator", "/delivery", state="dead")["items"]
        return [one for one in listed if one["report"] == f"DiagnosticReport/{report_id}"]

    (letter,) = wait_for(dead)
    assert refused not in json.dumps(letter, ensure_ascii=False)
    county.ask("operator", "POST", f"/delivery/{letter['id']}/retry", 202)
    assert len(set(arrived(county.mllp, refused, 2))) == 1
    assert wait_for(lambda: not dead())
    assert county.get("qingshan", "/delivery", None).status_code == 403


def test_a_preliminary_report_is_not_sent_and_not_the_clinics_to_read(county: County) -> None:
    study, task = county.traced()
    mark = county.new("初步")
    body = {"resourceType": "DiagnosticReport", "status": "preliminary", "code": {"text": "心电图"},
            "conclusion": mark, "subject": study["subject"],
            "imagingStudy": [{"reference": f"ImagingStudy/{study['id']}"}]}  # fmt: skip
    posted = county.ask("centre", "POST", "/fhir/DiagnosticReport", 201, json=body)
    assert county.get("qingshan", f"/fhir/DiagnosticReport/{posted['id']}", None).status_code == 404
    later = county.new("之后")
    county.read_out(study, task, later)
    arrived(county.hook, later)
    assert county.hook.of(mark) == []


def test_a_report_posted_twice_under_one_key_is_one_report(county: County) -> None:
    study, task = county.traced()
    mine = county.claim(task)
    mark = county.new("一次")
    url = "urn:uuid:0b6a6a52-0000-4000-8000-000000000009"
    report = {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "心电图"}, "conclusion": mark,
              "subject": study["subject"], "imagingStudy": [{"reference": f"ImagingStudy/{study['id']}"}],
              "_url": url}  # fmt: skip
    done = {**mine, "status": "completed", "_put": f"Task/{task['id']}", "_match": 'W/"2"', "_url": url[:-1] + "a",
            "output": [{"type": {"text": "report"}, "valueReference": {"reference": url}}]}  # fmt: skip
    key = {"Idempotency-Key": county.new("key")}
    first = county.transaction("centre", report, done, **key)
    again = county.transaction("centre", report, done, expect=None, **key)
    assert again.status_code == 200
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first
    other = county.transaction("centre", {**report, "conclusion": "别的"}, done, expect=None, **key)
    assert other.status_code == 422
    arrived(county.hook, mark)


@pytest.mark.parametrize("ending", ["SIGTERM", "kill -9"])
def test_a_dead_receiver_gets_its_report_after_a_restart_of_the_hub(county: County, ending: str) -> None:
    study, task = county.traced()
    mark = county.new("重启")
    county.hook.close()
    try:
        county.read_out(study, task, mark)
        assert wait_for(lambda: county.get("operator", "/delivery")["items"][0]["tries"] >= 1)
        assert county.hub.terminate() == 0 if ending == "SIGTERM" else county.hub.kill() is None
    finally:
        county.hook.open()
        county.hub.start()
    arrived(county.hook, mark, seconds=20)
