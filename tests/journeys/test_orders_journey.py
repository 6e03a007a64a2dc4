"""Orders, messages, quarantine and credentials, as a hostile sender meets them at a running hub."""

import contextlib
import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from hub.contracts.codes import LOCAL_ID
from hub.contracts.site import ZONE
from tests.journeys.county import County
from tests.journeys.running_hub import END, START, msa, wait_for

HL7 = {"Content-Type": "x-application/hl7-v2+er7"}
CHEST_CT = "胸部CT平扫"


def reported(county: County, text: str = CHEST_CT) -> dict[str, Any]:
    """A Patient of Qingshan with a final report of the day before yesterday."""
    patient = county.admit(county.new("O"), county.resident())
    when = (datetime.now(ZONE) - timedelta(days=2)).isoformat(timespec="seconds")
    body = {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": text}, "effectiveDateTime": when,
            "subject": {"reference": f"Patient/{patient['id']}"}, "conclusion": "未见异常"}  # fmt: skip
    county.ask("qingshan", "POST", "/fhir/DiagnosticReport", 201, json=body)
    return patient


def issues(county: County, who: str, order: dict[str, Any]) -> list[dict[str, Any]]:
    return county.find(who, "DetectedIssue", implicated=f"ServiceRequest/{order['id']}")


def quarantined(county: County, who: str, key: str) -> list[dict[str, Any]]:
    return [item for item in county.get(who, "/quarantine", _count="1000")["items"] if item["key"] == key]


@pytest.mark.parametrize("who", ["qingshan", "hospital"])
def test_an_order_that_duplicates_is_told_by_an_issue_within_three_seconds(county: County, who: str) -> None:
    patient = reported(county)
    order = county.order(who, patient["id"], CHEST_CT)
    (issue,) = wait_for(lambda: issues(county, who, order), 3)
    assert issue["patient"]["reference"] == f"Patient/{patient['id']}"
    other = county.order(who, patient["id"], "膝关节MR平扫")
    assert issues(county, who, other) == []


@pytest.mark.parametrize(("kind", "response"), [("ORM^O01", b"ORR^O02"), ("OML^O21", b"ORL^O22")])
def test_an_order_by_message_is_told_as_well_and_its_answer_says_so(county: County, kind: str, response: bytes) -> None:
    patient = reported(county)
    number = next(one["value"] for one in patient["identifier"] if one["system"].endswith("/PI"))
    placer = county.new("P")
    message = (
        county.header(kind) + f"PID|1||{number}^^^QS001^PI||陈秀英||{county.birth_date(number)}|F\n"
        f"ORC|NW|{placer}\nOBR|1|{placer}||CT001^{CHEST_CT}^L|||||||||||||||||||||CT\n"
    )
    answer = county.hl7(message)
    assert response in answer.split(b"\r")[0]
    (note,) = [line for line in answer.decode().split("\r") if line.startswith("NTE|")]
    assert placer in note and "重复检查检验提醒" in note and "青山镇卫生院" in note
    assert county.hl7(message) == answer
    (order,) = county.find("qingshan", "ServiceRequest", identifier=f"{LOCAL_ID}/qingshan/PLAC|{placer}")
    assert (order["status"], order["subject"]["reference"]) == ("active", f"Patient/{patient['id']}")
    assert wait_for(lambda: issues(county, "qingshan", order), 3)


def test_two_physicians_who_order_the_same_at_once_find_the_second_told(county: County) -> None:
    patient = county.admit(county.new("O"), county.resident())
    first = county.order("hospital", patient["id"], CHEST_CT)
    second = county.order("hospital", patient["id"], CHEST_CT)
    assert issues(county, "hospital", first) == [] or issues(county, "hospital", second)
    assert wait_for(lambda: issues(county, "hospital", second), 3)


def test_a_clinic_orders_for_its_own_patients_and_others_do_not_order(county: County) -> None:
    patient = county.admit(county.new("O"))
    body = {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "code": {"text": CHEST_CT},
            "subject": {"reference": f"Patient/{patient['id']}"}}  # fmt: skip
    for who, status in (("baihe", (403, 404, 422)), ("centre", (403,)), ("operator", (403,)), ("auditor", (403,))):
        assert county.ask(who, "POST", "/fhir/ServiceRequest", None, json=body).status_code in status, who


def test_a_report_completes_its_order(county: County) -> None:
    patient = county.admit(county.new("O"))
    order = county.order("hospital", patient["id"], "常规心电图")
    study, task = county.traced(patient=f"{LOCAL_ID}/qingshan/PI|{patient['identifier'][0]['value']}")
    county.read_out(study, task, "窦性心律", basedOn=[{"reference": f"ServiceRequest/{order['id']}"}])
    now = county.get("hospital", f"/fhir/ServiceRequest/{order['id']}")
    assert (now["status"], now["code"]) == ("completed", order["code"])


def test_the_same_message_is_one_and_another_under_its_number_is_refused_and_kept(county: County) -> None:
    number, patient = county.new("MSG"), county.new("H")
    message = (
        county.header("ADT^A04", number) + f"PID|1||{patient}^^^QS001^PI||陈秀英||{county.birth_date(patient)}|F\n"
    )
    first = county.hl7(message)
    assert county.hl7(message) == first
    other = message.replace("陈秀英", "王建国")
    refused = county.hl7(other, "AE")
    assert b"\rERR|" in refused
    (found,) = county.find("qingshan", "Patient", identifier=f"{LOCAL_ID}/qingshan/PI|{patient}")
    assert (found["name"][0]["text"], found["meta"]["versionId"]) == ("陈秀英", "1")
    (item,) = quarantined(county, "qingshan", number)
    original = county.get("qingshan", f"/quarantine/{item['id']}/original", None)
    assert original.content == other.replace("\n", "\r").encode()
    county.hl7(
        county.header("ADT^A08", number).replace("20261122083000", "20261123083000") + message.split("\n")[1] + "\n"
    )


def test_a_refused_message_may_come_again_corrected_under_its_own_number(county: County) -> None:
    number, patient = county.new("MSG"), county.new("H")
    message = county.header("ADT^A04", number) + f"PID|1||{patient}^^^QS001^PI||陈秀英||19621399|F\n"
    refused = county.hl7(message, "AE")
    assert b"PID^1^7" in refused
    assert "19621399" not in refused.decode()
    county.hl7(message.replace("19621399", "19621231"))
    (found,) = county.find("qingshan", "Patient", identifier=f"{LOCAL_ID}/qingshan/PI|{patient}")
    assert found["birthDate"] == "1962-12-31"


def test_a_batch_is_answered_message_by_message_in_order(county: County) -> None:
    numbers = [county.new("B") for _ in range(3)]
    birth = ("19620415", "19621399", "19620415")
    messages = "".join(
        county.header("ADT^A04", number) + f"PID|1||{number}^^^QS001^PI||陈秀英||{born}|F\n"
        for number, born in zip(numbers, birth, strict=True)
    )
    (answer,) = county.hub.send_hl7(f"FHS|^~\\&\nBHS|^~\\&\n{messages}BTS|3\nFTS|1\n".replace("\n", "\r").encode())
    told = re.findall(rb"\rMSA\|(A.)\|([^|\r]*)", answer)
    assert told == [(code, n.encode()) for code, n in zip((b"AA", b"AE", b"AA"), numbers, strict=True)]


def test_an_unknown_facility_gets_204_and_leaves_nothing_but_a_count(county: County) -> None:
    number = county.new("MSG")
    message = county.header("ADT^A04", number, "NOBODY") + "PID|1||1^^^NOBODY^PI||陈秀英||19620415|F\n"
    answer = county.hl7(message, "AR")
    assert b"|204" in answer
    assert quarantined(county, "operator", number) == []


def test_what_is_no_message_or_none_we_take_is_ae_and_kept(county: County) -> None:
    for kind in ("SIU^S12", "MDM^T02", "ORU^R01", "ORM^O01"):
        number = county.new("MSG")
        refused = county.hl7(county.header(kind, number) + "PID|1||1^^^QS001^PI||陈秀英||19620415|F\n", "AE")
        assert b"\rERR|" in refused
        assert len(quarantined(county, "qingshan", number)) == 1
    broken = county.header("ADT^A04", "").replace("UNICODE UTF-8", "") + "PID|1||H9^^^QS001^PI||陈"
    county.hub.send_hl7(broken.encode()[:-1].replace(b"\n", b"\r"))


def test_gb18030_without_a_word_about_it_reads_right(county: County) -> None:
    number = county.new("H")
    message = county.header("ADT^A04", charset="") + f"PID|1||{number}^^^QS001^PI||倈億俓||19620415|F\n"
    county.hl7(message, encoding="gb18030")
    (found,) = county.find("qingshan", "Patient", identifier=f"{LOCAL_ID}/qingshan/PI|{number}")
    assert found["name"][0]["text"] == "倈億俓"
    assert county.find("qingshan", "Patient", name="倈億俓")


def test_results_keep_their_digits_their_text_and_say_that_the_zone_was_assumed(county: County) -> None:
    number = county.new("H")
    county.hl7(
        county.header("ORU^R01") + f"PID|1||{number}^^^QS001^PI||陈秀英||{county.birth_date(number)}|F\n"
        "OBR|1||F1|CBC^血常规^L|||20261122080000\n"
        "OBX|1|NM|WBC^白细胞^L||6.50|10*9/L|||||F\nOBX|2|NM|CRP^C反应蛋白^L||未检出|mg/L|||||F\n"
    )
    (patient,) = county.find("qingshan", "Patient", identifier=f"{LOCAL_ID}/qingshan/PI|{number}")
    text = county.get("qingshan", "/fhir/Observation", None, patient=patient["id"]).text
    assert re.search(r'"value":\s*6\.50\b', text)
    found = county.find("qingshan", "Observation", patient=patient["id"])
    assert "未检出" in {one.get("valueString") for one in found}
    assert all(one["effectiveDateTime"].endswith("+08:00") for one in found)
    assert all(one["_effectiveDateTime"]["extension"] for one in found)


def test_an_update_before_its_admission_is_as_good_as_one(county: County) -> None:
    number = county.new("H")
    pid = f"PID|1||{number}^^^QS001^PI||陈秀英||{county.birth_date(number)}|F\n"
    county.hl7(county.header("ADT^A08") + pid)
    county.hl7(county.header("ADT^A01") + pid)
    assert len(county.find("qingshan", "Patient", identifier=f"{LOCAL_ID}/qingshan/PI|{number}")) == 1


def test_a_thousand_times_the_same_number_at_once_is_one_record_and_one_answer(county: County) -> None:
    number = county.new("H")
    message = county.header("ADT^A04") + f"PID|1||{number}^^^QS001^PI||陈秀英||{county.birth_date(number)}|F\n"
    content = message.replace("\n", "\r").encode()
    with ThreadPoolExecutor(20) as lanes:
        answers = {one for some in lanes.map(lambda _: county.hub.send_hl7(*[content] * 50), range(20)) for one in some}
    assert len(answers) == 1
    assert msa(answers.pop()) == "AA"
    (found,) = county.find("qingshan", "Patient", identifier=f"{LOCAL_ID}/qingshan/PI|{number}")
    assert found["meta"]["versionId"] == "1"


def test_a_message_over_http_is_answered_by_its_ack_for_its_own_facility_alone(county: County) -> None:
    number = county.new("H")
    message = county.header("ADT^A04") + f"PID|1||{number}^^^QS001^PI||陈秀英||{county.birth_date(number)}|F\n"
    content = message.replace("\n", "\r").encode()
    answer = county.ask("qingshan", "POST", "/ingest/hl7v2", None, content=content, headers=HL7)
    assert (answer.status_code, msa(answer.content)) == (200, "AA")
    assert county.hl7(message) == answer.content
    foreign = county.ask("baihe", "POST", "/ingest/hl7v2", None, content=content.replace(b"|M", b"|Z"), headers=HL7)
    assert foreign.status_code >= 400 or msa(foreign.content) != "AA"
    assert county.ask("qingshan", "POST", "/ingest/hl7v2", None, content=content).status_code == 415
    assert county.ask("centre", "POST", "/ingest/hl7v2", None, content=content, headers=HL7).status_code == 403


def test_the_quarantine_shows_each_its_own_and_an_admin_all_but_the_content(county: County) -> None:
    number = county.new("MSG")
    message = county.header("ADT^A04", number) + "PID|1||||陈秀英||19620415|F\n"
    county.hl7(message, "AE")
    (item,) = quarantined(county, "qingshan", number)
    wanted = {"id", "received", "client", "organization", "kind", "key", "reason", "field", "remedy", "state"}
    assert wanted <= set(item)
    assert (item["client"], item["organization"], item["kind"], item["state"]) == (
        "qingshan", "qingshan", "hl7v2", "refused",
    )  # fmt: skip
    assert "陈" not in json.dumps(item, ensure_ascii=False)
    assert quarantined(county, "baihe", number) == []
    assert county.get("baihe", f"/quarantine/{item['id']}", None).status_code == 404
    assert county.get("baihe", f"/quarantine/{item['id']}/original", None).status_code == 404
    assert len(quarantined(county, "operator", number)) == 1
    assert county.get("operator", f"/quarantine/{item['id']}/original", None).status_code == 403
    assert (
        county.get("qingshan", f"/quarantine/{item['id']}/original", None).content
        == message.replace("\n", "\r").encode()
    )
    again = county.ask("qingshan", "POST", f"/quarantine/{item['id']}/replay", None)
    assert again.status_code in (200, 422)
    assert quarantined(county, "qingshan", number)[0]["state"] == "refused"
    listed = county.get("operator", "/quarantine", _count="5")["items"]
    assert [one["received"] for one in listed] == sorted((one["received"] for one in listed), reverse=True)
    assert county.get("qingshan", "/quarantine", None, _count="1001").status_code in (200, 400, 422)


def test_a_replay_after_its_cause_is_gone_is_accepted(county: County) -> None:
    number, message_number = county.new("twice"), county.new("MSG")
    identifier = {"system": f"{LOCAL_ID}/qingshan/PI", "value": number}
    body = {"resourceType": "Patient", "identifier": [identifier]}
    one, two = (county.ask("qingshan", "POST", "/fhir/Patient", 201, json=body) for _ in range(2))
    message = (
        county.header("ADT^A08", message_number)
        + f"PID|1||{number}^^^QS001^PI||陈秀英||{county.birth_date(number)}|F\n"
    )
    county.hl7(message, "AE")
    (item,) = quarantined(county, "qingshan", message_number)
    county.ask("qingshan", "DELETE", f"/fhir/Patient/{two['id']}", 204)
    answer = county.ask("qingshan", "POST", f"/quarantine/{item['id']}/replay", None)
    assert (answer.status_code, msa(answer.content)) == (200, "AA")
    assert quarantined(county, "qingshan", message_number)[0]["state"] == "replayed"
    assert county.get("qingshan", f"/fhir/Patient/{one['id']}")["name"][0]["text"] == "陈秀英"
    assert county.hl7(message) == answer.content


def test_a_rotated_token_and_a_removed_client_are_shut_out_within_five_seconds(county: County) -> None:
    hub, name = county.hub, county.new("client")
    hub.register(name, "clinic", name, "--facility", name)
    with hub.session(name) as old:
        assert old.get("/fhir/Patient").status_code == 200
        told = hub.run("client", "rotate", name, "--data-dir", str(hub.folder), "--json")
        new = {"Authorization": f"Bearer {json.loads(told.stdout)['token']}"}
        began = time.monotonic()
        assert wait_for(lambda: old.get("/fhir/Patient").status_code == 401, 5)
        assert old.get("/fhir/Patient", headers=new).status_code == 200
        assert hub.run("client", "remove", name, "--data-dir", str(hub.folder)).returncode == 0
        assert wait_for(lambda: old.get("/fhir/Patient", headers=new).status_code == 401, 5)
        assert time.monotonic() - began < 20
    message = county.header("ADT^A04", "", name) + "PID|1||1||陈秀英||19620415|F\n"

    def shut_out() -> bool:
        return msa(hub.send_hl7(message.replace("\n", "\r").encode())[0]) == "AR"

    assert wait_for(shut_out, 5)
    assert name not in hub.run("client", "list", "--data-dir", str(hub.folder)).stdout


def test_nobody_comes_in_without_a_token_and_health_needs_none(county: County) -> None:
    bare = {"Authorization": ""}
    for path in ("/fhir/Patient", "/fhir/nonsense", "/quarantine", "/delivery", "/dicom-web/studies", "/nonsense"):
        answer = county.ask("qingshan", "GET", path, None, headers=bare)
        assert (answer.status_code, answer.json()["resourceType"]) == (401, "OperationOutcome"), path
        assert "www-authenticate" in answer.headers
    for path in ("/health/live", "/health/ready", "/metrics", "/fhir/metadata", "/cds-services"):
        assert county.ask("qingshan", "GET", path, None, headers=bare).status_code == 200, path
    assert county.get("qingshan", "/nonsense", None).status_code == 404
    assert county.ask("qingshan", "DELETE", "/quarantine", None).status_code == 405
    wrong = county.ask("qingshan", "GET", "/fhir/Patient", None, headers={"Authorization": "Bearer hub_no"})
    assert wrong.status_code == 401


def test_the_mllp_door_bears_noise_and_serves_the_next(county: County) -> None:
    host, port = str(county.hub.doors["mllp"]).rsplit(":", 1)
    for noise in (b"GET / HTTP/1.1\r\n\r\n", START + b"x" * 1000, START + END, b"\x00" * 5000, START + b"MSH|" + END):
        with socket.create_connection((host, int(port)), timeout=10) as line:
            line.sendall(noise)
            line.settimeout(0.3)
            with contextlib.suppress(TimeoutError):
                line.recv(65536)
    assert county.admit(county.new("H"))


def test_a_platforms_record_belongs_to_the_organization_it_names(county: County) -> None:
    number = county.new("DP")
    body = {"resourceType": "Patient", "managingOrganization": {"reference": "Organization/baihe"},
            "identifier": [{"system": "urn:district", "value": number}], "name": [{"text": "陈秀英"}]}  # fmt: skip
    patient = county.ask("district", "POST", "/fhir/Patient", 201, json=body)
    assert [one["id"] for one in county.find("baihe", "Patient", identifier=f"urn:district|{number}")] == [
        patient["id"]
    ]
    assert county.find("qingshan", "Patient", identifier=f"urn:district|{number}") == []
    assert county.find("district", "Patient", identifier=f"urn:district|{number}")
    named = {"resourceType": "Observation", "status": "final", "code": {"text": "脉搏"},
             "subject": {"reference": f"Patient/{patient['id']}"}}  # fmt: skip
    of_patient = county.ask("district", "POST", "/fhir/Observation", 201, json=named)
    named["performer"] = [{"reference": "Organization/qingshan"}]
    of_performer = county.ask("district", "POST", "/fhir/Observation", 201, json=named)
    assert county.get("baihe", f"/fhir/Observation/{of_patient['id']}")
    assert county.get("qingshan", f"/fhir/Observation/{of_performer['id']}")
    county.get("baihe", f"/fhir/Observation/{of_performer['id']}", 404)


def test_of_two_clinics_that_order_at_the_same_moment_one_is_told_every_time(county: County) -> None:
    """Over two processes: the recheck runs in the order's own commit, and commits stand in line."""
    with ThreadPoolExecutor(2) as clinics:
        for _ in range(12):
            resident = county.resident()
            people = [
                ("qingshan", county.admit(county.new("O"), resident)),
                ("baihe", county.admit(county.new("O"), resident, facility="BH001")),
            ]
            orders = list(clinics.map(lambda one: (one[0], county.order(one[0], one[1]["id"], CHEST_CT)), people))
            assert [bool(issues(county, who, order)) for who, order in orders].count(True) == 1
