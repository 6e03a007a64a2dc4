import base64
import hashlib
import io
import json
import re
from datetime import datetime
from typing import Any

import pydicom
import pytest

from adapters.ecg.fhir_json import ASSUMED_TIME_ZONE, EMERGENCY, MEASUREMENT_SOURCE
from adapters.ecg.ingest import understand
from adapters.ecg.submission import Context, submission_of
from hub.contracts import codes
from hub.contracts.caller import Caller
from hub.contracts.site import ZONE
from hub.contracts.submission import Channel, Method, Submission
from hub.fhir import model

RECEIVED = datetime(2026, 11, 22, 8, 0, tzinfo=ZONE)
RESIDENT = "990101196204150026"


def submitted(content: bytes, caller: Caller, *, own_patient: bool = False, **query: str) -> Submission:
    understood = understand(content, caller.organization, query)
    context = Context(caller, RECEIVED, understood.said, understood.person, own_patient)
    return submission_of(understood.recording, content, understood.canonical, context)


def resources(submission: Submission) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in submission.entries:
        found.setdefault(entry.type, []).append(json.loads(entry.body))
    return found


@pytest.fixture(params=["recording.xml", "recording.scp", "recording.dcm", "muse", "sierra"])
def content(request: pytest.FixtureRequest, samples: dict[str, bytes]) -> bytes:
    name = request.param
    return samples[name] if name in samples else request.getfixturevalue(name)


def test_every_resource_is_valid_r4(content: bytes, clinic: Caller) -> None:
    for query in (
        {"patient": f"{codes.RESIDENT_ID}|{RESIDENT}", "name": "陈秀英", "order": "P1"},
        {"emergency": "true"},
    ):
        for entry in submitted(content, clinic, **query).entries:
            assert entry.method is Method.CREATE and entry.full_url
            model.decode(entry.body, entry.type)


def test_one_ecg_becomes_original_study_measurements_and_a_report_to_come(
    samples: dict[str, bytes], clinic: Caller
) -> None:
    submission = submitted(samples["recording.xml"], clinic)
    assert [entry.type for entry in submission.entries if entry.type != "Observation"] == [
        "Patient", "Binary", "DocumentReference", "ImagingStudy", "DiagnosticReport",
    ]  # fmt: skip
    assert submission.origin.channel is Channel.ECG
    assert submission.origin.key == hashlib.sha256(samples["recording.xml"]).hexdigest()
    report = resources(submission)["DiagnosticReport"][0]
    assert report["status"] == "registered" and "conclusion" not in report
    assert len(report["result"]) == len(resources(submission)["Observation"])


def test_references_lead_to_entries_of_the_submission(content: bytes, clinic: Caller) -> None:
    submission = submitted(content, clinic, patient=f"{codes.RESIDENT_ID}|{RESIDENT}")
    urls = [entry.full_url for entry in submission.entries]
    cited = {url for entry in submission.entries for url in re.findall(r"urn:uuid:[0-9a-f-]{36}", entry.body.decode())}
    assert len(set(urls)) == len(urls) and cited <= set(urls)


def test_the_original_is_kept_unchanged_with_its_size_and_hash(content: bytes, clinic: Caller) -> None:
    found = resources(submitted(content, clinic, emergency="true"))
    assert base64.b64decode(found["Binary"][0]["data"]) == content
    attachment = found["DocumentReference"][0]["content"][0]["attachment"]
    assert attachment["size"] == len(content)
    assert base64.b64decode(attachment["hash"]) == hashlib.sha1(content).digest()
    assert found["DocumentReference"][0]["masterIdentifier"]["value"] == hashlib.sha256(content).hexdigest()


def test_the_study_names_the_object_that_is_stored(content: bytes, clinic: Caller) -> None:
    understood = understand(content, "qingshan", {"emergency": "true"})
    dataset = pydicom.dcmread(io.BytesIO(understood.canonical.part10))
    study = resources(submitted(content, clinic, emergency="true"))["ImagingStudy"][0]
    instance = study["series"][0]["instance"][0]
    assert study["identifier"][0] == {"system": codes.DICOM_UID, "value": f"urn:oid:{dataset.StudyInstanceUID}"}
    assert study["series"][0]["uid"] == dataset.SeriesInstanceUID
    assert instance["uid"] == dataset.SOPInstanceUID
    assert instance["sopClass"]["code"] == f"urn:oid:{dataset.SOPClassUID}"
    assert study["modality"][0]["code"] == "ECG"


def test_a_study_that_holds_the_object_already_stays_one(samples: dict[str, bytes], clinic: Caller) -> None:
    (made, sent) = (submitted(samples[name], clinic).entries[3] for name in ("recording.xml", "recording.dcm"))
    assert "&" not in (made.condition or "")
    assert (sent.condition or "").endswith("&instance=2.25.990101202611200930.3")


def test_a_dicom_ecg_is_its_own_canonical_object(samples: dict[str, bytes]) -> None:
    assert understand(samples["recording.dcm"], "qingshan", {}).canonical.part10 == samples["recording.dcm"]


def test_measurements_carry_value_unit_source_and_formula(samples: dict[str, bytes], clinic: Caller) -> None:
    observations = resources(submitted(samples["recording.xml"], clinic))["Observation"]
    values = {one["code"]["coding"][0]["code"]: one for one in observations if "valueQuantity" in one}
    pr, qtc, rate = values["8625-6"], values["76635-2"], values["8867-4"]
    assert (pr["valueQuantity"]["value"], pr["valueQuantity"]["code"]) == (158, "ms")
    assert {"system": codes.MDC, "code": "146944", "display": "PR interval global"} in pr["code"]["coding"]
    assert qtc["method"]["text"] == "Bazett" and qtc["valueQuantity"]["value"] == 421
    assert "8636-3" in [coding["code"] for coding in qtc["code"]["coding"]]
    assert (rate["valueQuantity"]["value"], rate["valueQuantity"]["code"]) == (72, "/min")
    assert all(one["extension"] == [{"url": MEASUREMENT_SOURCE, "valueCode": "device"}] for one in observations)
    assert {one["status"] for one in observations} == {"preliminary"}


def test_a_qtc_without_a_stated_formula_says_unknown(muse: bytes, clinic: Caller) -> None:
    observations = resources(submitted(muse, clinic, emergency="true"))["Observation"]
    formulas = {one["method"]["text"]: one["valueQuantity"]["value"] for one in observations if "method" in one}
    assert formulas == {"unknown": 421, "Fridericia": 408}


def test_the_carts_statements_stand_word_for_word_and_unconfirmed(samples: dict[str, bytes], clinic: Caller) -> None:
    observations = resources(submitted(samples["recording.xml"], clinic))["Observation"]
    (said,) = [one for one in observations if "valueString" in one]
    assert said["valueString"] == "窦性心律\n正常心电图"
    assert "unconfirmed" in said["note"][0]["text"]


def test_the_patient_is_created_only_where_there_is_none(samples: dict[str, bytes], clinic: Caller) -> None:
    entry = submitted(samples["recording.xml"], clinic).entries[0]
    assert entry.condition == f"identifier={codes.LOCAL_ID}/qingshan/PI|QS20260117"
    patient = json.loads(entry.body)
    assert patient["name"] == [{"text": "陈秀英", "family": "陈", "given": ["秀英"]}]
    assert (patient["gender"], patient["birthDate"]) == ("female", "1962-04-15")


def test_a_patient_beside_the_file_is_the_one(samples: dict[str, bytes], clinic: Caller) -> None:
    entry = submitted(samples["recording.xml"], clinic, patient=f"{codes.RESIDENT_ID}|{RESIDENT}").entries[0]
    assert entry.condition == f"identifier={codes.RESIDENT_ID}|{RESIDENT}"
    assert json.loads(entry.body)["identifier"][0]["type"]["coding"][0]["code"] == "NI"


def test_signs_with_a_meaning_are_escaped_in_the_condition(samples: dict[str, bytes], clinic: Caller) -> None:
    entry = submitted(samples["recording.xml"], clinic, patient="urn:x|a|b,c&d=1").entries[0]
    assert entry.condition == r"identifier=urn:x|a\|b\,c%26d%3D1"


def test_where_the_sender_has_several_such_patients_the_ecg_gets_its_own(
    samples: dict[str, bytes], clinic: Caller
) -> None:
    entry = submitted(samples["recording.xml"], clinic, own_patient=True).entries[0]
    own = json.loads(entry.body)["identifier"][1]
    assert own["system"] == f"{codes.LOCAL_ID}/qingshan/ECG"
    assert entry.condition == f"identifier={own['system']}|{own['value']}" and "QS2026" not in own["value"]


def test_an_emergency_makes_a_temporary_person_and_marks_the_study(muse: bytes, clinic: Caller) -> None:
    submission = submitted(muse, clinic, emergency="true")
    found = resources(submission)
    assert submission.entries[0].condition is None
    assert found["Patient"][0]["name"] == [{"text": "无名氏"}] and "identifier" not in found["Patient"][0]
    assert found["ImagingStudy"][0]["extension"] == [{"url": EMERGENCY, "valueBoolean": True}]
    assert "extension" not in resources(submitted(muse, clinic, patient="urn:x|1"))["ImagingStudy"][0]


def test_an_order_is_cited_by_its_placer_number(samples: dict[str, bytes], clinic: Caller) -> None:
    found = resources(submitted(samples["recording.xml"], clinic, order="PL-7"))
    for resource_type in ("ImagingStudy", "DiagnosticReport", "Observation"):
        cited = found[resource_type][0]["basedOn"][0]
        assert cited["type"] == "ServiceRequest" and cited["identifier"]["value"] == "PL-7"


def test_an_assumed_zone_is_said(samples: dict[str, bytes], clinic: Caller) -> None:
    study = resources(submitted(samples["recording.xml"].replace(b"+0800", b""), clinic))["ImagingStudy"][0]
    assert study["started"] == "2026-11-20T09:30:00+08:00"
    assert study["_started"]["extension"][0]["url"] == ASSUMED_TIME_ZONE
    assert "_started" not in resources(submitted(samples["recording.xml"], clinic))["ImagingStudy"][0]


def test_the_same_file_is_the_same_submission(content: bytes, clinic: Caller) -> None:
    one, two = (submitted(content, clinic, emergency="true") for _ in range(2))
    assert one == two


def test_the_same_file_for_another_patient_is_another_body_under_its_key(
    samples: dict[str, bytes], clinic: Caller
) -> None:
    one = submitted(samples["recording.xml"], clinic, patient="urn:x|1").origin
    two = submitted(samples["recording.xml"], clinic, patient="urn:x|2").origin
    assert one.key == two.key and one.key_hash != two.key_hash
