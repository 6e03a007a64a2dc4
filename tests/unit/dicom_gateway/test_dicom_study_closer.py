"""A quiet study becomes one ImagingStudy; what comes later, a new version of it."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dicom_objects import EXPLICIT, image, part10
from dicom_parts import QINGSHAN, RecordingHub
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from dicom_gateway.archive import Archive, Sender
from dicom_gateway.device import DeviceProfile
from dicom_gateway.file_meta import read_file_meta
from dicom_gateway.imaging_study import instant
from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.patient import human_name
from dicom_gateway.settings import DicomSettings
from dicom_gateway.study_closer import StudyCloser
from hub.blobs.folder import FolderBlobStore
from hub.contracts.errors import Busy, Incorrect, Precondition
from hub.contracts.resident_id import is_number
from hub.contracts.submission import Channel, Method
from hub.fhir.model import decode

LATER = 3600_000_000


@pytest.fixture
def closer(archive: Archive, recording_hub: RecordingHub) -> StudyCloser:
    return StudyCloser(archive, recording_hub)


def close(closer: StudyCloser) -> int:
    return closer.close_due(time.time_ns() // 1000 + LATER)


def told(hub: RecordingHub, number: int = -1) -> tuple[dict[str, Any], dict[str, Any]]:
    patient, study = hub.submissions[number].entries
    return json.loads(patient.body), json.loads(study.body)


def study_of(*numbers: int, **attributes: Any) -> list[Dataset]:
    study, series = generate_uid(), generate_uid()
    return [
        image(StudyInstanceUID=study, SeriesInstanceUID=series, InstanceNumber=number, **attributes)
        for number in numbers
    ]


def test_nothing_is_told_before_the_study_is_quiet(
    store: ArchiveInstanceStore, closer: StudyCloser, recording_hub: RecordingHub
) -> None:
    store.store(part10(image()), QINGSHAN)
    assert closer.close_due(time.time_ns() // 1000) == 0
    assert recording_hub.submissions == []


def test_a_device_has_a_quiet_time_of_its_own(
    tmp_path: Path, settings: DicomSettings, blobs: FolderBlobStore, recording_hub: RecordingHub
) -> None:
    devices = {"US01": DeviceProfile(quiet_seconds=600), "CT01": DeviceProfile(quiet_seconds=0.001)}
    archive = Archive(tmp_path / "dicom", replace(settings, devices=devices), blobs)
    for ae_title in devices:
        content = part10(image(StudyDescription=ae_title))
        file = archive.spool.create()
        file.write(content)
        archive.keep(file, read_file_meta(content)[1], EXPLICIT, Sender(QINGSHAN, ae_title))
    assert StudyCloser(archive, recording_hub).close_due(time.time_ns() // 1000 + 1_000_000) == 1
    assert told(recording_hub)[1]["description"] == "CT01"
    archive.close()


def test_a_quiet_study_is_one_imaging_study_that_the_model_accepts(
    store: ArchiveInstanceStore, closer: StudyCloser, recording_hub: RecordingHub
) -> None:
    made = study_of(2, 1, 3, StudyDescription="Chest CT", BodyPartExamined="CHEST", Laterality="L")
    for one in made:
        store.store(part10(one), QINGSHAN)
    assert close(closer) == 1
    assert close(closer) == 0
    (submission,) = recording_hub.submissions
    patient_entry, study_entry = submission.entries
    assert submission.origin.channel is Channel.DICOM
    assert submission.origin.caller == QINGSHAN
    assert (patient_entry.method, study_entry.method) == (Method.CREATE, Method.UPDATE)
    assert study_entry.condition == f"identifier=urn:dicom:uid|urn:oid:{made[0].StudyInstanceUID}"
    patient, study = told(recording_hub)
    decode(patient_entry.body, "Patient")
    decode(study_entry.body, "ImagingStudy")
    assert study["subject"] == {"reference": patient_entry.full_url}
    assert study["started"] == "2026-11-01T08:15:00+08:00"
    assert (study["numberOfSeries"], study["numberOfInstances"]) == (1, 3)
    assert [one["number"] for one in study["series"][0]["instance"]] == [1, 2, 3]
    assert study["description"] == "Chest CT"
    assert study["series"][0]["bodySite"] == {"display": "CHEST"}
    assert study["basedOn"][0]["identifier"]["value"] == "A1"
    assert patient["name"] == [{"text": "Test One", "family": "Test", "given": ["One"]}]
    assert (patient["gender"], patient["birthDate"]) == ("female", "1970-01-01")


def test_later_instances_make_a_new_version(
    store: ArchiveInstanceStore, closer: StudyCloser, recording_hub: RecordingHub
) -> None:
    first, second = study_of(1, 2)
    store.store(part10(first), QINGSHAN)
    close(closer)
    store.store(part10(second), QINGSHAN)
    close(closer)
    assert [told(recording_hub, n)[1]["numberOfInstances"] for n in (0, 1)] == [1, 2]
    conditions = {submission.entries[1].condition for submission in recording_hub.submissions}
    keys = {submission.origin.key for submission in recording_hub.submissions}
    assert (len(conditions), len(keys)) == (1, 2)


def test_the_same_revision_told_again_is_the_same_submission(
    store: ArchiveInstanceStore, closer: StudyCloser, archive: Archive, recording_hub: RecordingHub
) -> None:
    store.store(part10(image()), QINGSHAN)
    close(closer)
    archive.index.writer.submit(lambda connection: connection.execute("UPDATE study SET told = 0")).result()
    close(closer)
    first, second = recording_hub.submissions
    assert (first.origin.key, first.origin.key_hash) == (second.origin.key, second.origin.key_hash)


def test_a_sent_again_instance_makes_no_new_version(
    store: ArchiveInstanceStore, closer: StudyCloser, recording_hub: RecordingHub
) -> None:
    content = part10(image())
    store.store(content, QINGSHAN)
    close(closer)
    store.store(content, QINGSHAN)
    assert close(closer) == 0


def test_a_study_its_maker_announces_is_not_told(
    store: ArchiveInstanceStore, closer: StudyCloser, recording_hub: RecordingHub
) -> None:
    store.store(part10(image()), QINGSHAN, announced=True)
    assert close(closer) == 0
    assert recording_hub.submissions == []


def test_a_hub_that_is_busy_is_asked_again(
    store: ArchiveInstanceStore, closer: StudyCloser, recording_hub: RecordingHub
) -> None:
    recording_hub.failures = [Busy("Later."), Incorrect("No.")]
    store.store(part10(image()), QINGSHAN)
    assert [close(closer) for _ in range(4)] == [1, 1, 1, 0]
    assert len(recording_hub.submissions) == 1


def test_what_is_untold_survives_a_restart(
    store: ArchiveInstanceStore, archive: Archive, recording_hub: RecordingHub
) -> None:
    store.store(part10(image()), QINGSHAN)
    archive.close()
    assert close(StudyCloser(archive, recording_hub)) == 1
    assert len(recording_hub.submissions) == 1


def test_a_study_without_patient_id_gets_a_temporary_patient(
    store: ArchiveInstanceStore, closer: StudyCloser, recording_hub: RecordingHub
) -> None:
    made = image(PatientID="", PatientName="")
    store.store(part10(made), QINGSHAN)
    close(closer)
    patient, _study = told(recording_hub)
    assert patient["meta"]["tag"][0]["code"] == "temporary-person"
    assert patient["identifier"][0]["value"] == f"urn:oid:{made.StudyInstanceUID}"
    assert patient["name"] == [{"text": "无名氏"}]


def test_a_resident_number_as_patient_id_is_one(
    store: ArchiveInstanceStore, closer: StudyCloser, recording_hub: RecordingHub
) -> None:
    store.store(part10(image(PatientID="990101196204150026")), QINGSHAN)
    close(closer)
    patient, _study = told(recording_hub)
    assert patient["identifier"][0]["system"] == "urn:oid:2.16.156.10011.1.3"


def test_a_local_patient_id_is_the_organizations_own_and_escaped_in_its_condition(
    store: ArchiveInstanceStore, closer: StudyCloser, recording_hub: RecordingHub
) -> None:
    store.store(part10(image(PatientID="A|1,2&x=3")), QINGSHAN)
    close(closer)
    patient, _study = told(recording_hub)
    assert patient["identifier"][0]["system"].endswith("/local-id/qingshan/PI")
    assert recording_hub.submissions[0].entries[0].condition.endswith("|A\\|1\\,2%26x%3D3")


def test_several_patients_under_one_number_are_not_chosen_from(
    store: ArchiveInstanceStore, closer: StudyCloser, recording_hub: RecordingHub
) -> None:
    recording_hub.failures = [Precondition("Several match.")]
    store.store(part10(image()), QINGSHAN)
    close(closer)
    patient, _study = told(recording_hub)
    assert [one["system"].rsplit("/", 1)[1] for one in patient["identifier"]] == ["DICOM"]


def test_procedure_codes_come_along(
    store: ArchiveInstanceStore, closer: StudyCloser, recording_hub: RecordingHub
) -> None:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "24627-2", "LN", "CT Chest"
    store.store(part10(image(ProcedureCodeSequence=[code], RequestedProcedureDescription="Chest")), QINGSHAN)
    close(closer)
    procedures = told(recording_hub)[1]["procedureCode"]
    assert procedures[0]["coding"] == [{"system": "http://loinc.org", "code": "24627-2", "display": "CT Chest"}]
    assert procedures[1] == {"text": "Chest"}


@pytest.mark.parametrize(
    ("date", "time_of_day", "zone", "expected"),
    [
        ("20261101", "081500", "", "2026-11-01T08:15:00+08:00"),
        ("20261101", "081500.120000", "+0000", "2026-11-01T08:15:00.120000+00:00"),
        ("20261101", "08", "", "2026-11-01T08:00:00+08:00"),
        ("20261101", "", "", "2026-11-01"),
        ("20261101", "256060", "", "2026-11-01"),
        ("2026.11.01", "", "", "2026-11-01"),
        ("20260231", "081500", "", None),
        ("", "", "", None),
    ],
)
def test_a_date_without_a_time_stays_a_date(date: str, time_of_day: str, zone: str, expected: str | None) -> None:
    assert instant(date, time_of_day, zone) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("张^伟", "张伟"),
        ("陈秀英", "陈秀英"),
        ("Wang^Xiaofang=王^小芳", "王小芳"),
        ("Doe^John^^Dr", "Doe John"),
        ("^^^", None),
        ("", None),
        ("^OnlyGiven", "OnlyGiven"),
    ],
)
def test_names_are_written_as_they_are_said(name: str, text: str | None) -> None:
    found = human_name(name)
    assert (found["text"] if found else None) == text


def test_a_resident_number_needs_its_check_character_and_a_real_date() -> None:
    assert is_number("990101196204150026")
    assert not is_number("990101196204150027")
    assert not is_number("990101196213450026")
