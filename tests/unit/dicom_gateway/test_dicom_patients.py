"""Whose a study is, decided by the hub's own rules: a PatientID alone makes nobody one person."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from dicom_objects import image, part10
from dicom_parts import QINGSHAN, RecordingHub

from dicom_gateway.archive import Archive
from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.study_closer import StudyCloser
from hub.contracts.caller import EVERYTHING
from hub.contracts.submission import Receipt, Submission
from hub.identity import reviews
from hub.identity.reaction import IdentityReaction
from hub.identity.shared_number import NUMBER_REUSED, SharedNumberReaction
from hub.store.sqlite import SqliteResourceStore

LATER = 3600_000_000


class StoringHub(RecordingHub):
    """Writes what it is told into a real store."""

    def __init__(self, store: SqliteResourceStore) -> None:
        super().__init__()
        self.store = store

    def submit(self, submission: Submission) -> "Future[Receipt]":
        return self.store.submit(self.store.prepare(submission))

    def studies(self) -> dict[str, str]:
        """Patient id of each ImagingStudy by its UID."""
        found = {}
        for change in self.store.changes_since(0, 1000):
            if change.type == "ImagingStudy":
                body = json.loads(self.store.read("ImagingStudy", change.id, EVERYTHING).body)
                found[body["identifier"][0]["value"]] = body["subject"]["reference"]
        return found


@pytest.fixture
def county(tmp_path: Path) -> Iterator[StoringHub]:
    store = SqliteResourceStore(tmp_path / "hub", reactions=[IdentityReaction(), SharedNumberReaction()])
    yield StoringHub(store)
    store.close()


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()


def send(archive: Archive, hub: StoringHub, **attributes: Any) -> str:
    """A study of its own, told to the hub; its Patient."""
    made = image(SpecificCharacterSet="ISO_IR 192", **attributes)
    ArchiveInstanceStore(archive).store(part10(made), QINGSHAN)
    StudyCloser(archive, hub).close_due(time.time_ns() // 1000 + LATER)
    return hub.studies()[f"urn:oid:{made.StudyInstanceUID}"]


FANG = {"PatientName": "王^芳", "PatientBirthDate": "19800101", "PatientSex": "F"}
GANG = {"PatientName": "李^刚", "PatientBirthDate": "19550505", "PatientSex": "M"}


def test_a_number_reused_for_another_person_makes_a_patient_apart_and_a_question(
    archive: Archive, county: StoringHub
) -> None:
    first = send(archive, county, **FANG)
    other = send(archive, county, **GANG)
    assert first != other
    assert send(archive, county, **GANG) == other
    assert send(archive, county, **FANG) == first
    (question,) = reviews.reviews(county.store.side_rows)
    assert question.rule == NUMBER_REUSED
    assert {f"Patient/{question.one}", f"Patient/{question.other}"} == {first, other}


@pytest.mark.parametrize(
    "said",
    [
        {**FANG, "PatientName": "Wang^Fang"},
        {**FANG, "PatientName": "WANG FANG"},
        {**FANG, "PatientBirthDate": "19810101"},
        {**FANG, "PatientBirthDate": ""},
        {**FANG, "PatientName": "赵^雅"},
        {**FANG, "PatientName": ""},
    ],
)
def test_one_number_with_name_or_birth_date_alike_is_one_patient(
    archive: Archive, county: StoringHub, said: dict[str, str]
) -> None:
    assert send(archive, county, **FANG) == send(archive, county, **said)
    assert reviews.reviews(county.store.side_rows) == []


def test_a_name_alone_that_is_another_is_another_person(archive: Archive, county: StoringHub) -> None:
    first = send(archive, county, **{**FANG, "PatientBirthDate": ""})
    assert send(archive, county, **{**GANG, "PatientBirthDate": "", "PatientSex": ""}) != first
