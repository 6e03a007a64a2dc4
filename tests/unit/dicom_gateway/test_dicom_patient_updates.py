"""Patient Information Reconciliation: updates and merges at the hub reach the images that came before."""

from datetime import UTC, datetime
from typing import Any

import pytest
from dicom_objects import image, part10
from dicom_parts import QINGSHAN, RecordingHub

from dicom_gateway.archive import Archive
from dicom_gateway.corrections.patient_updates import PatientUpdates
from dicom_gateway.instance_store import ArchiveInstanceStore
from hub.contracts.store import Change
from hub.contracts.worklist import OrderedPatient

Resource = dict[str, Any]


class Records:
    """Versions of the hub's resources."""

    def __init__(self) -> None:
        self.versions: dict[tuple[str, str], list[Resource]] = {}

    def write(self, kind: str, id_: str, body: Resource) -> Change:
        known = self.versions.setdefault((kind, id_), [])
        known.append(body)
        return Change(1, kind, id_, len(known), False, "qingshan", "his", id_, datetime.now(UTC))

    def read(self, kind: str, id_: str, version: int) -> Resource | None:
        known = self.versions.get((kind, id_), [])
        return known[version - 1] if 0 < version <= len(known) else None


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def updates(archive: Archive, recording_hub: RecordingHub, records: Records) -> PatientUpdates:
    return PatientUpdates(archive.index, recording_hub, records.read)


def stored(archive: Archive, patient: str, **attributes: Any) -> str:
    made = image(SpecificCharacterSet="ISO_IR 192", **attributes)
    ArchiveInstanceStore(archive).store(part10(made), QINGSHAN)
    archive.index.writer.submit(
        lambda c: c.execute("UPDATE study SET patient = ? WHERE uid = ?", (patient, made.StudyInstanceUID))
    ).result()
    return str(made.StudyInstanceUID)


def shown(archive: Archive, study: str) -> tuple[str, ...]:
    sql = "SELECT patient_id, patient_name, birth_date, sex FROM study WHERE uid = ?"
    (found,) = archive.index.rows(sql, (study,))
    return found


def test_an_update_of_the_patient_reaches_his_images_and_only_what_changed(
    archive: Archive, recording_hub: RecordingHub, records: Records, updates: PatientUpdates
) -> None:
    study = stored(archive, "p1", PatientName="王^方", PatientBirthDate="", PatientSex="O")
    other = stored(archive, "p2", PatientName="王^方")
    recording_hub.patients["qingshan", "p1"] = OrderedPatient("p1", "王^芳", "P1", "", "1980-01-01", "female")
    updates.follow([records.write("Patient", "p1", {"name": [{"text": "王方"}], "gender": "female"})])
    assert shown(archive, study)[1] == "王^方"
    new = records.write("Patient", "p1", {"name": [{"text": "王芳"}], "gender": "female", "birthDate": "1980-01-01"})
    updates.follow([new])
    updates.follow([new])
    assert shown(archive, study) == ("P1", "王^芳", "19800101", "O")
    assert shown(archive, other)[1] == "王^方"
    assert archive.index.rows("SELECT count(*) FROM correction") == [(1,)]


def test_another_spelling_of_the_name_is_no_update(
    archive: Archive, recording_hub: RecordingHub, records: Records, updates: PatientUpdates
) -> None:
    study = stored(archive, "p1", PatientName="Wang^Fang=王^芳")
    recording_hub.patients["qingshan", "p1"] = OrderedPatient("p1", "王芳", "P1", "", "1970-01-01", "female")
    records.write("Patient", "p1", {"name": [{"text": "方"}]})
    updates.follow([records.write("Patient", "p1", {"name": [{"text": "王芳"}]})])
    assert shown(archive, study)[1] == "Wang^Fang=王^芳"


def test_a_merge_reaches_the_images_and_is_taken_back_with_them(
    archive: Archive, recording_hub: RecordingHub, records: Records, updates: PatientUpdates
) -> None:
    study = stored(archive, "unknown", PatientID="JZ1", PatientName="无名氏")
    before = shown(archive, study)
    recording_hub.patients["qingshan", "p1"] = OrderedPatient("p1", "王^芳", "P1", "", "1980-01-01", "female")
    linkage = {
        "active": True,
        "item": [
            {"type": "source", "resource": {"reference": "Patient/p1"}},
            {"type": "historical", "resource": {"reference": "Patient/unknown"}},
        ],
    }
    merged = records.write("Linkage", "l1", linkage)
    updates.follow([merged])
    updates.follow([merged])
    assert shown(archive, study) == ("P1", "王^芳", "19800101", "F")
    assert archive.index.rows("SELECT patient FROM study WHERE uid = ?", (study,)) == [("unknown",)]
    updates.follow([records.write("Linkage", "l1", linkage | {"active": False})])
    assert shown(archive, study) == before
