"""An ECG file from its cart to its report, through a running hub."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session

from hub.contracts.codes import LOCAL_ID, RESIDENT_ID
from tests.journeys.county import ROOT, County
from tests.journeys.running_hub import wait_for

SAMPLES = ROOT / "samples" / "ecg"
GENERAL_ECG = "1.2.840.10008.5.1.4.1.1.9.1.2"


@contextmanager
def web(county: County, who: str) -> Iterator[DICOMwebClient]:
    session = create_session()
    session.headers["Authorization"] = f"Bearer {county.hub.clients[who]['token']}"
    yield DICOMwebClient(f"{county.hub.http}/dicom-web", session=session)
    session.close()


def whose(county: County) -> dict[str, str]:
    return {"patient": f"{RESIDENT_ID}|{county.resident()}", "name": "陈秀英"}


def made(county: County, receipt: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [county.get("qingshan", f"/fhir/{one}") for one in receipt["resources"] if one.startswith(f"{kind}/")]


def uid_of(study: dict[str, Any]) -> str:
    return str(study["identifier"][0]["value"]).removeprefix("urn:oid:")


def test_a_file_becomes_its_records_and_its_bytes_come_back_unchanged(county: County) -> None:
    content = county.tracing()
    receipt = county.ecg("qingshan", content, **whose(county))
    assert (receipt["status"], receipt["person"][:7]) == ("accepted", "Person/")
    (document,) = made(county, receipt, "DocumentReference")
    attachment = document["content"][0]["attachment"]
    assert attachment["size"] == len(content)
    assert document["masterIdentifier"]["value"] == hashlib.sha256(content).hexdigest()
    binary = county.get("qingshan", f"/fhir/{attachment['url']}")
    assert base64.b64decode(binary["data"]) == content
    raw = county.ask(
        "qingshan", "GET", f"/fhir/{attachment['url']}", None, headers={"Accept": attachment["contentType"]}
    )
    assert raw.status_code == 200
    assert raw.content == content
    (study,) = made(county, receipt, "ImagingStudy")
    assert [one["code"] for one in study["modality"]] == ["ECG"]
    assert (study["numberOfSeries"], study["numberOfInstances"]) == (1, 1)
    measured = {c["code"]: one for one in made(county, receipt, "Observation") for c in one["code"].get("coding", ())}
    qtc = next(one for one in measured.values() if "QTc" in one["code"].get("text", ""))
    assert qtc["method"]["text"] == "Bazett"
    assert qtc["valueQuantity"] == {
        "value": 421, "unit": "ms", "system": "http://unitsofmeasure.org", "code": "ms",
    }  # fmt: skip
    (task,) = county.find("centre", "Task", focus=f"ImagingStudy/{study['id']}")
    assert task["status"] == "requested"


@pytest.mark.parametrize("name", ["recording.xml", "recording-gb18030.xml", "recording.scp", "recording.dcm"])
def test_each_form_is_readable_by_wado_rs_when_the_answer_is_there(county: County, name: str) -> None:
    content = (SAMPLES / name).read_bytes()
    receipt = county.ecg("baihe", content, **whose(county))
    (reference,) = [one for one in receipt["resources"] if one.startswith("ImagingStudy/")]
    study = county.get("baihe", f"/fhir/{reference}")
    with web(county, "baihe") as images:
        (instance,) = images.retrieve_study(uid_of(study))
        (found,) = images.search_for_instances(uid_of(study))
    waveform = instance.WaveformSequence[0]
    assert (waveform.SamplingFrequency, waveform.NumberOfWaveformSamples) == (500, 2500)
    assert waveform.NumberOfWaveformChannels == 12
    assert found["00080018"]["Value"] == [instance.SOPInstanceUID]
    if name.endswith(".dcm"):
        assert instance.PatientID == "QS20260117"
    else:
        assert instance.SOPClassUID == GENERAL_ECG
    with web(county, "qingshan") as images:
        assert images.search_for_studies(search_filters={"StudyInstanceUID": uid_of(study)}) == []
    with web(county, "centre") as images:
        assert len(images.search_for_studies(search_filters={"StudyInstanceUID": uid_of(study)})) == 1


def test_the_study_closer_adds_no_second_study(county: County) -> None:
    study, _task = county.traced()
    marker = county.study(county.image(county.new("after")))  # a later study has gone quiet
    assert marker["id"] != study["id"]
    same = county.find("centre", "ImagingStudy", identifier=f"urn:dicom:uid|urn:oid:{uid_of(study)}")
    assert [one["meta"]["versionId"] for one in same] == ["1"]


def test_the_same_file_again_is_the_same_receipt_and_for_somebody_else_a_refusal(county: County) -> None:
    content, query = county.tracing(), whose(county)
    first = county.ecg("qingshan", content, **query)
    again = county.ecg("qingshan", content, expect=None, **query)
    assert (again.status_code, again.json()) == (201, first)
    other = county.ecg("qingshan", content, 422, **whose(county))
    assert "uarantine" in other["issue"][0]["diagnostics"]


def test_a_file_that_names_nobody_needs_a_patient_or_an_emergency(county: County) -> None:
    nobody = county.tracing().replace(b"QS20260117", b"").replace("陈".encode(), b"").replace("秀英".encode(), b"")
    refused = county.ecg("qingshan", nobody, 422)
    assert refused["issue"][0]["expression"] == ["patient"]
    (item,) = [
        i for i in county.get("qingshan", "/quarantine")["items"] if i["key"] == hashlib.sha256(nobody).hexdigest()
    ]
    assert item["id"] in refused["issue"][0]["diagnostics"]
    assert county.get("qingshan", f"/quarantine/{item['id']}/original", None).content == nobody
    study, task = county.traced_file("qingshan", nobody, emergency="true")
    assert task["priority"] == "stat"
    patient = county.get("qingshan", f"/fhir/{study['subject']['reference']}")
    assert "identifier" not in patient or all("resident" not in one["system"] for one in patient["identifier"])


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("recording.scp", lambda content: content[:100] + bytes([content[100] ^ 1]) + content[101:]),
        ("recording.xml", lambda content: content[: len(content) // 2]),
        ("recording.xml", lambda content: content.replace(b"<AnnotatedECG", b"<!DOCTYPE x><AnnotatedECG", 1)),
        ("recording.dcm", lambda content: content[:4000]),
        ("recording.xml", lambda content: b"not an ECG at all"),
        ("recording.xml", lambda content: b""),
    ],
    ids=["wrong CRC", "cut XML", "DOCTYPE", "cut DICOM", "another format", "nothing"],
)
def test_a_damaged_file_is_422_and_quarantined(county: County, name: str, damage: Any) -> None:
    content = damage((SAMPLES / name).read_bytes())
    refused = county.ask("baihe", "POST", "/ingest/ecg", 422, content=content, params=whose(county),
                         headers={"Content-Type": "application/octet-stream"})  # fmt: skip
    assert refused["resourceType"] == "OperationOutcome"
    newest = county.get("baihe", "/quarantine", _count="1")["items"][0]
    assert newest["kind"] == "ecg"
    assert newest["id"] in refused["issue"][0]["diagnostics"]
    assert newest["remedy"]


def test_wrong_parameters_and_wrong_roles_are_told(county: County) -> None:
    assert county.ecg("qingshan", expect=422, patient="no-bar")["issue"][0]["expression"] == ["patient"]
    assert county.ecg("qingshan", expect=None, pateint="x|y").status_code == 400
    assert county.ecg("centre", expect=None, **whose(county)).status_code == 403
    assert county.ecg("operator", expect=None, **whose(county)).status_code == 403
    assert county.ecg("hospital", expect=None, **whose(county)).status_code == 403


def test_a_reported_tracing_is_a_duplicate_and_before_it_is_in_flight(county: County) -> None:
    study, task = county.traced()
    patient = study["subject"]["reference"].removeprefix("Patient/")
    before = county.check(patient, "心电图")
    assert before["verdict"] == "in-flight"
    county.read_out(study, task, "窦性心律")
    after = county.check(patient, "心电图")
    assert (after["verdict"], after["coverage"]) == ("duplicate", "full")
    assert "窦性心律" in json.dumps(after["card"], ensure_ascii=False)


def test_an_ecg_made_for_an_order_completes_it_by_the_placers_number(county: County) -> None:
    number, placer = county.new("E"), county.new("P")
    patient = county.admit(number)
    county.hl7(
        county.header("ORM^O01") + f"PID|1||{number}^^^QS001^PI||陈秀英||{county.birth_date(number)}|F\n"
        f"ORC|NW|{placer}\nOBR|1|{placer}||ECG^心电图^L|S||20261122||||||||||||||||||EC\n"
    )
    (order,) = county.find("qingshan", "ServiceRequest", identifier=f"{LOCAL_ID}/qingshan/PLAC|{placer}")
    study, task = county.traced(patient=f"{LOCAL_ID}/qingshan/PI|{number}", order=placer)
    assert study["subject"]["reference"] == f"Patient/{patient['id']}"
    assert task["basedOn"] == [{"reference": f"ServiceRequest/{order['id']}"}]
    county.read_out(study, task, "窦性心律", basedOn=[{"reference": f"ServiceRequest/{order['id']}"}])
    assert county.get("qingshan", f"/fhir/ServiceRequest/{order['id']}")["status"] == "completed"


def test_a_file_in_the_drop_folder_is_taken_and_a_bad_one_set_aside(county: County) -> None:
    folder = county.hub.folder / "drop" / "ecg" / "qingshan"
    folder.mkdir(parents=True, exist_ok=True)
    good, bad = county.tracing(), b"no ECG " + county.new().encode()
    (folder / "good.xml").write_bytes(good)
    (folder / "bad.scp").write_bytes(bad)
    assert wait_for(lambda: (folder / "done" / "good.xml.json").exists() and (folder / "refused" / "bad.scp").exists())
    receipt = json.loads((folder / "done" / "good.xml.json").read_text())
    (document,) = made(county, receipt, "DocumentReference")
    assert document["masterIdentifier"]["value"] == hashlib.sha256(good).hexdigest()
    why = json.loads((folder / "refused" / "bad.scp.json").read_text())
    assert county.get("qingshan", f"/quarantine/{why['quarantine']}/original", None).content == bad
