"""The Bundle that carries a report: valid FHIR, the same bytes on every try, nothing of it retyped."""

import json

from hub.contracts.codes import DICOM_UID, RESIDENT_ID
from hub.contracts.store import Stored
from hub.delivery.bundle import DELIVERY_KEY, transaction
from hub.fhir.model import decode


def stored(body: str, version: int = 1) -> Stored:
    said = json.loads(body)
    return Stored(said["resourceType"], said["id"], version, "2026-11-22T08:00:00.000+08:00", body.encode(), "centre")


REPORT = stored(
    '{"resourceType":"DiagnosticReport","id":"r1","status":"final","code":{"text":"胸部CT"},'
    '"subject":{"reference":"Patient/p1"},"imagingStudy":[{"reference":"ImagingStudy/s1"}],'
    '"result":[{"reference":"Observation/o1"}]}'
)
RESULT = stored(
    '{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"结节"},'
    '"valueQuantity":{"value":6.00,"unit":"mm"}}'
)
PATIENT = stored(
    '{"resourceType":"Patient","id":"p1","identifier":[{"system":"' + RESIDENT_ID + '","value":"990101196204150026"},'
    '{"system":"urn:qs:mrn","value":"A 1|2"}]}'
)
STUDY = stored(
    '{"resourceType":"ImagingStudy","id":"s1","status":"available","subject":{"reference":"Patient/p1"},'
    '"identifier":[{"system":"' + DICOM_UID + '","value":"urn:oid:2.25.1"}],"series":[{"uid":"2.25.2"}]}'
)
CENTRE = stored('{"resourceType":"Organization","id":"centre","name":"县影像中心"}')


def build() -> bytes:
    return transaction("KEY", REPORT, [RESULT], [PATIENT, STUDY, CENTRE], "https://hub.example/fhir")


def test_it_is_a_valid_transaction_under_one_key() -> None:
    bundle = json.loads(build())
    decode(build(), "Bundle")
    assert bundle["type"] == "transaction"
    assert bundle["identifier"] == {"system": DELIVERY_KEY, "value": "KEY"}
    assert build() == build()


def test_report_and_results_are_put_so_that_a_new_version_replaces_the_old() -> None:
    requests = {entry["resource"]["id"]: entry["request"] for entry in json.loads(build())["entry"]}
    assert requests["r1"] == {"method": "PUT", "url": "DiagnosticReport/r1"}
    assert requests["o1"] == {"method": "PUT", "url": "Observation/o1"}


def test_what_the_receiver_has_is_created_only_where_it_is_missing() -> None:
    requests = {entry["resource"]["id"]: entry["request"] for entry in json.loads(build())["entry"]}
    assert requests["p1"] == {
        "method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:qs:mrn%7CA%201%7C2",
    }  # fmt: skip
    assert requests["s1"]["ifNoneExist"] == "identifier=urn:dicom:uid%7Curn%3Aoid%3A2.25.1"
    assert requests["centre"] == {"method": "PUT", "url": "Organization/centre"}


def test_the_digits_of_the_sender_arrive() -> None:
    assert b'"value":6.00' in build()


def test_a_study_travels_without_its_instances() -> None:
    bodies = {entry["resource"]["id"]: entry["resource"] for entry in json.loads(build())["entry"]}
    assert "series" not in bodies["s1"]


def test_every_reference_of_the_report_resolves_within_the_bundle() -> None:
    bundle = json.loads(build())
    urls = {entry["fullUrl"] for entry in bundle["entry"]}
    assert {f"https://hub.example/fhir/{one}" for one in ("Patient/p1", "ImagingStudy/s1", "Observation/o1")} <= urls
