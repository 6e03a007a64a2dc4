"""A study of the wrong patient is corrected, served corrected, and put back exactly."""

import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest
from dicom_objects import BIG, DEFLATED, EXPLICIT, IMPLICIT, image, part10
from dicom_parts import BAIHE, OPERATOR, QINGSHAN, RecordingHub
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from dicom_gateway.aftercare import Aftercare
from dicom_gateway.archive import Archive
from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.settings import DicomSettings
from dicom_gateway.study_closer import StudyCloser
from dicom_gateway.study_index.acts import By
from dicom_gateway.study_index.corrections import Corrected, Subject, correct, undo
from dicom_gateway.verify import verify
from hub.blobs.folder import FolderBlobStore
from hub.contracts.caller import EVERYTHING, Caller
from hub.contracts.worklist import OrderedPatient, ScheduledOrder

ZHANG = {"PatientID": "P9", "PatientName": "张^伟", "PatientBirthDate": "19800101", "PatientSex": "M"}
LATER = 3600_000_000
Ask = Callable[..., httpx.Response]


def post(ask: Ask, path: str, caller: Caller = QINGSHAN, **body: Any) -> httpx.Response:
    return ask(path, caller=caller, method="POST", content=json.dumps(body).encode())


def given_object(ask: Ask, made: Dataset, study: str = "") -> Dataset:
    path = f"/studies/{study or made.StudyInstanceUID}/instances?SOPInstanceUID={made.SOPInstanceUID}"
    (found,) = ask(path).json()
    return pydicom.dcmread(io.BytesIO(raw(ask, found["00081190"]["Value"][0].split("/dicom-web")[1])))


def raw(ask: Ask, path: str) -> bytes:
    answer = ask(path, headers={"accept": "application/dicom; transfer-syntax=*"})
    assert answer.status_code == 200, answer.text
    return answer.content


def path_of(made: Dataset) -> str:
    return f"/studies/{made.StudyInstanceUID}/series/{made.SeriesInstanceUID}/instances/{made.SOPInstanceUID}"


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG, DEFLATED])
def test_a_corrected_study_is_found_and_given_as_the_right_patients(
    ask: Ask, store: ArchiveInstanceStore, archive: Archive, syntax: str
) -> None:
    made = image(syntax, OtherPatientIDs="X1", PatientWeight="70")
    sent = part10(made)
    store.store(sent, QINGSHAN)
    answer = post(ask, f"/studies/{made.StudyInstanceUID}/corrections", attributes=ZHANG, reason="选错患者")
    assert answer.status_code == 201
    assert ask("/studies?PatientID=P1").status_code == 204
    (study,) = ask("/studies?PatientName=张伟").json()
    assert study["00100020"]["Value"] == ["P9"]
    (metadata,) = ask(f"/studies/{made.StudyInstanceUID}/metadata").json()
    assert metadata["00100010"]["Value"] == [{"Alphabetic": "张^伟"}]
    given_now = given_object(ask, made)
    assert (given_now.PatientID, str(given_now.PatientName), given_now.PatientSex) == ("P9", "张^伟", "M")
    assert "OtherPatientIDs" not in given_now
    assert (given_now.PatientWeight, given_now.PixelData) == (70, made.PixelData)
    (original,) = given_now.OriginalAttributesSequence
    (was,) = original.ModifiedAttributesSequence
    assert (was.PatientID, str(was.PatientName), was.OtherPatientIDs) == ("P1", "Test^One", "X1")
    assert (original.ModifyingSystem, original.ReasonForTheAttributeModification) == ("HUB", "CORRECT")
    assert list(verify(archive)) == []
    undone = post(ask, f"/corrections/{answer.json()['id']}/undo", reason="原来没有错")
    assert undone.status_code == 200
    assert raw(ask, path_of(made)) == sent
    assert ask("/studies?PatientID=P9").status_code == 204


def test_a_chinese_name_is_written_in_the_character_set_of_the_object(ask: Ask, store: ArchiveInstanceStore) -> None:
    for label, expected in (("GB18030", "GB18030"), ("\\ISO 2022 IR 58", ["", "ISO 2022 IR 58"]), ("", "ISO_IR 192")):
        made = image(SpecificCharacterSet=label, InstitutionName="青山镇卫生院" if label else "Qingshan")
        store.store(part10(made), QINGSHAN)
        post(ask, f"/studies/{made.StudyInstanceUID}/corrections", attributes=ZHANG, reason="选错患者")
        given_now = given_object(ask, made)
        assert given_now.SpecificCharacterSet == expected
        assert "张" in str(given_now.PatientName)  # pydicom leaves the escapes of ISO 2022 IR 58 in
        assert given_now.InstitutionName == pydicom.dcmread(io.BytesIO(part10(made))).InstitutionName


def test_images_that_come_later_are_the_right_patients_too(
    ask: Ask, store: ArchiveInstanceStore, archive: Archive
) -> None:
    first = image()
    second = image(StudyInstanceUID=first.StudyInstanceUID, SeriesInstanceUID=first.SeriesInstanceUID)
    store.store(part10(first), QINGSHAN)
    post(ask, f"/studies/{first.StudyInstanceUID}/corrections", attributes=ZHANG, reason="选错患者")
    store.store(part10(second), QINGSHAN)
    assert {one["00100020"]["Value"][0] for one in ask(f"/studies/{first.StudyInstanceUID}/metadata").json()} == {"P9"}
    store.store(part10(second), QINGSHAN)  # as it came, once more: the same
    (study,) = ask("/studies?PatientID=P9").json()
    assert study["00201208"]["Value"] == [2]
    assert Aftercare(archive).correct_some() == 0


def test_aftercare_makes_the_copies_that_nobody_has_asked_for(
    ask: Ask, store: ArchiveInstanceStore, archive: Archive
) -> None:
    made = image()
    store.store(part10(made), QINGSHAN)
    post(ask, f"/studies/{made.StudyInstanceUID}/corrections", attributes=ZHANG, reason="选错患者")
    assert Aftercare(archive).correct_some() == 1
    (row,) = archive.index.instances(EVERYTHING, made.StudyInstanceUID)
    assert row.is_current


def test_one_series_of_another_patient_becomes_a_study_of_its_own(ask: Ask, store: ArchiveInstanceStore) -> None:
    study = generate_uid()
    right, wrong = image(StudyInstanceUID=study), image(StudyInstanceUID=study, Modality="SR")
    for one in (right, wrong):
        store.store(part10(one), QINGSHAN)
    answer = post(
        ask, f"/studies/{study}/series/{wrong.SeriesInstanceUID}/corrections", attributes=ZHANG, reason="混入"
    )
    parted = answer.json()["study"]
    late = image(StudyInstanceUID=study, SeriesInstanceUID=wrong.SeriesInstanceUID)
    store.store(part10(late), QINGSHAN)
    (left,) = ask(f"/studies?StudyInstanceUID={study}").json()
    assert (left["00201208"]["Value"], left["00080061"]["Value"], left["00100020"]["Value"]) == ([1], ["CT"], ["P1"])
    (new,) = ask(f"/studies?StudyInstanceUID={parted}").json()
    assert (new["00201208"]["Value"], new["00100020"]["Value"]) == ([2], ["P9"])
    assert given_object(ask, wrong, parted).StudyInstanceUID == parted
    post(ask, f"/corrections/{answer.json()['id']}/undo", reason="没有混入")
    assert ask(f"/studies?StudyInstanceUID={parted}").status_code == 204
    (whole,) = ask(f"/studies?StudyInstanceUID={study}").json()
    assert (whole["00201208"]["Value"], whole["00080061"]["Value"]) == ([3], ["CT", "SR"])
    assert raw(ask, path_of(wrong)) == part10(wrong)


def test_one_instance_of_another_patient_becomes_a_study_of_its_own(ask: Ask, store: ArchiveInstanceStore) -> None:
    first = image()
    second = image(StudyInstanceUID=first.StudyInstanceUID, SeriesInstanceUID=first.SeriesInstanceUID)
    for one in (first, second):
        store.store(part10(one), QINGSHAN)
    answer = post(ask, f"{path_of(second)}/corrections", attributes=ZHANG, reason="混入")
    given_now = given_object(ask, second, answer.json()["study"])
    assert given_now.SeriesInstanceUID != second.SeriesInstanceUID
    assert given_now.PatientID == "P9"
    post(ask, f"/corrections/{answer.json()['id']}/undo", reason="没有混入")
    assert raw(ask, path_of(second)) == part10(second)
    assert post(ask, f"{path_of(second)}/corrections", reason="x", attributes={}).status_code == 422


def test_corrections_rest_on_one_another_and_are_undone_from_the_last(ask: Ask, store: ArchiveInstanceStore) -> None:
    made = image()
    store.store(part10(made), QINGSHAN)
    path = f"/studies/{made.StudyInstanceUID}/corrections"
    first = post(ask, path, attributes={"AccessionNumber": "A77"}, reason="工单错误").json()["id"]
    second = post(ask, path, attributes=ZHANG, reason="选错患者").json()["id"]
    assert (given_object(ask, made).AccessionNumber, given_object(ask, made).PatientID) == ("A77", "P9")
    assert post(ask, f"/corrections/{first}/undo", reason="先后").status_code == 409
    assert post(ask, f"/corrections/{second}/undo", reason="先后").status_code == 200
    assert (given_object(ask, made).AccessionNumber, given_object(ask, made).PatientID) == ("A77", "P1")
    assert post(ask, f"/corrections/{second}/undo", reason="先后").status_code == 409
    assert post(ask, f"/corrections/{first}/undo", reason="先后").status_code == 200
    assert raw(ask, path_of(made)) == part10(made)


def test_an_order_takes_its_patient_along(ask: Ask, store: ArchiveInstanceStore, recording_hub: RecordingHub) -> None:
    patient = OrderedPatient("p-hub", "李^娜", "P5", "", "1990-02-03", "female")
    recording_hub.orders["qingshan"] = [
        ScheduledOrder("o1", "", "A500", "CT", "胸部CT", ("", "", ""), "2026-11-01", "stat", "qingshan", (), patient)
    ]
    unknown = image(SpecificCharacterSet="GB18030", PatientID="JZ-001", PatientName="无名氏", AccessionNumber="")
    store.store(part10(unknown), QINGSHAN)
    path = f"/studies/{unknown.StudyInstanceUID}/corrections"
    assert post(ask, path, attributes={"AccessionNumber": "A500"}, reason="身份已明").status_code == 201
    given_now = given_object(ask, unknown)
    assert (given_now.PatientID, str(given_now.PatientName), given_now.PatientBirthDate) == ("P5", "李^娜", "19900203")


def test_the_hub_is_told_with_who_and_why(
    ask: Ask, store: ArchiveInstanceStore, archive: Archive, recording_hub: RecordingHub
) -> None:
    closer = StudyCloser(archive, recording_hub)
    made = image()
    store.store(part10(made), QINGSHAN)
    closer.close_due(time.time_ns() // 1000 + LATER)
    recording_hub.patients["qingshan", "p-9"] = OrderedPatient("p-9", "张^伟", "P9", "", "1980-01-01", "male")
    path = f"/studies/{made.StudyInstanceUID}/corrections"
    assert post(ask, path, patient="Patient/p-9", reason="选错患者").status_code == 201
    closer.close_due(time.time_ns() // 1000)
    study, provenance = recording_hub.submissions[-1].entries
    assert json.loads(study.body)["subject"] == {"reference": "Patient/p-9"}
    said = json.loads(provenance.body)
    assert (said["reason"], said["target"]) == ([{"text": "选错患者"}], [{"reference": study.full_url}])
    assert said["agent"][0]["who"]["reference"] == "Organization/qingshan"
    closer.close_due(time.time_ns() // 1000 + LATER)
    assert len(recording_hub.submissions) == 2


def test_only_the_sender_and_operations_correct_and_only_with_a_reason(ask: Ask, store: ArchiveInstanceStore) -> None:
    made = image()
    store.store(part10(made), QINGSHAN)
    path = f"/studies/{made.StudyInstanceUID}/corrections"
    assert post(ask, path, BAIHE, attributes=ZHANG, reason="x").status_code == 404
    assert post(ask, path, attributes=ZHANG).status_code == 422
    assert post(ask, path, attributes={"PatientID": "a\\b"}, reason="x").status_code == 422
    assert post(ask, path, attributes={"PatientBirthDate": "19800231"}, reason="x").status_code == 422
    assert post(ask, path, attributes={"StudyDate": "20260101"}, reason="x").status_code == 422
    assert post(ask, path, patient="Patient/nobody", reason="x").status_code == 422
    assert ask(path, method="POST", content=b"{").status_code == 400
    assert post(ask, path, OPERATOR, attributes=ZHANG, reason="选错患者").status_code == 201
    history = ask(f"/studies/{made.StudyInstanceUID}/history", caller=OPERATOR).json()
    assert "now" not in history["corrections"][0]
    assert ask(f"/studies/{made.StudyInstanceUID}/history", caller=BAIHE).status_code == 404


def test_the_history_shows_acts_values_and_the_evidence_of_the_character_set(
    ask: Ask, store: ArchiveInstanceStore
) -> None:
    made = image(SpecificCharacterSet="GB18030", PatientName="王^芳")
    store.store(part10(made).replace(b"GB18030 ", b"ISO_IR 6"), QINGSHAN)
    post(ask, f"/studies/{made.StudyInstanceUID}/corrections", attributes=ZHANG, reason="选错患者")
    history = ask(f"/studies/{made.StudyInstanceUID}/history").json()
    assert history["instances"][0]["character_set"] == {"label": "ISO_IR 6", "read_as": "gb18030"}
    assert history["acts"][0]["reason"] == "选错患者"
    (correction,) = history["corrections"]
    assert (correction["now"]["patient_id"], correction["before"]["patient_id"]) == ("P9", "P1")


@pytest.fixture(scope="module")
def long_lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    folder: Path = tmp_path_factory.mktemp("corrections")
    plain = DicomSettings(free_space_floor_bytes=0)
    made = Archive(folder / "dicom", plain, FolderBlobStore(folder / "blobs"), RecordingHub().quarantine)
    yield made
    made.close()


_NAMES = st.sampled_from(["", "Wang^Fang", "王^芳", "Wang^Fang=王^芳", "Müller^Jörg", "司马^相如"])
_LABELS = st.sampled_from(["", "ISO_IR 100", "GB18030", "ISO_IR 192", "\\ISO 2022 IR 58"])
_SAID = st.builds(
    Corrected,
    patient_id=st.none() | st.sampled_from(["", "P1", "P9"]),
    patient_name=st.none() | _NAMES,
    accession_number=st.none() | st.sampled_from(["", "A2"]),
)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([EXPLICIT, IMPLICIT, BIG, DEFLATED]), _LABELS, st.lists(_SAID, min_size=1, max_size=3))
def test_whatever_was_corrected_undoing_all_of_it_leaves_rows_and_bytes_as_they_were(
    long_lived: Archive, syntax: str, label: str, said: list[Corrected]
) -> None:
    made = image(syntax, SpecificCharacterSet=label, OtherPatientNames="Old^Name")
    sent = part10(made)
    ArchiveInstanceStore(long_lived).store(sent, QINGSHAN)
    index, subject = long_lived.index, Subject("qingshan", made.StudyInstanceUID)
    by = By("qingshan", "clinic", "qingshan", None, time.time_ns() // 1000, "reason")
    steps = [(state(long_lived, made), None)]
    for one in said:
        number, _uid = index.writer.submit(lambda c, one=one: correct(c, subject, one, by)).result()  # type: ignore[misc]
        steps.append((state(long_lived, made), number))
        after = pydicom.dcmread(io.BytesIO(steps[-1][0][-1]))
        assert after.PixelData == made.PixelData
        if one.patient_id is not None:
            assert after.PatientID == one.patient_id
    while len(steps) > 1:
        _state, number = steps.pop()
        index.writer.submit(lambda c, number=number: undo(c, "qingshan", number, by)).result()  # type: ignore[misc]
        assert state(long_lived, made) == steps[-1][0]
    assert steps[0][0][-1] == sent


def state(archive: Archive, made: Dataset) -> tuple[Any, ...]:
    """Everything that is found and given of a study."""
    columns = "patient_id, issuer_of_patient_id, patient_name, name_key, birth_date, sex, accession_number, json"
    rows = archive.index.rows(f"SELECT {columns} FROM study WHERE uid = ?", (made.StudyInstanceUID,))
    instances = archive.served.current(archive.index.instances(EVERYTHING, made.StudyInstanceUID))
    with archive.files.file(instances[0]) as view:
        return *rows, bytes(view)
