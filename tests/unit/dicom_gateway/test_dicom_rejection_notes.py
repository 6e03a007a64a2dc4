"""Rejection notes (IHE IOCM): what they name is neither found nor given, now or when it comes later."""

import json
import time
from collections.abc import Callable

import httpx
import pytest
from dicom_objects import EXPLICIT, image, part10
from dicom_parts import BAIHE, QINGSHAN, RecordingHub
from pydicom.dataset import Dataset
from pydicom.uid import UID, generate_uid

from dicom_gateway.archive import Archive
from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.study_closer import StudyCloser
from dicom_gateway.verify import verify
from hub.contracts.caller import Caller

Ask = Callable[..., httpx.Response]
KOS = UID("1.2.840.10008.5.1.4.1.1.88.59")
LATER = 3600_000_000


def code(value: str, scheme: str = "DCM", meaning: str = "x") -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, meaning
    return made


def note(title: str, *rejected: Dataset, scheme: str = "DCM") -> Dataset:
    """A Key Object Selection Document of its own series in the study of what it names."""
    made = image(EXPLICIT, PixelData=None, Rows=None, Columns=None, Modality="KO")
    made.SOPClassUID, made.StudyInstanceUID = KOS, rejected[0].StudyInstanceUID
    made.ConceptNameCodeSequence = [code(title, scheme)]
    evidence, series, instances = Dataset(), Dataset(), []
    for one in rejected:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = one.SOPClassUID, one.SOPInstanceUID
        instances.append(item)
    series.SeriesInstanceUID, series.ReferencedSOPSequence = rejected[0].SeriesInstanceUID, instances
    evidence.StudyInstanceUID, evidence.ReferencedSeriesSequence = made.StudyInstanceUID, [series]
    made.CurrentRequestedProcedureEvidenceSequence = [evidence]
    return made


def slices(count: int) -> list[Dataset]:
    study, series = generate_uid(), generate_uid()
    return [image(StudyInstanceUID=study, SeriesInstanceUID=series, InstanceNumber=n) for n in range(1, count + 1)]


def found(ask: Ask, study: str, caller: Caller = QINGSHAN) -> set[str]:
    answer = ask(f"/studies/{study}/instances", caller=caller)
    return {one["00080018"]["Value"][0] for one in answer.json()} if answer.status_code == 200 else set()


@pytest.mark.parametrize(("title", "note_shown"), [("113001", 1), ("113037", 1), ("113038", 1), ("113039", 0)])
def test_what_a_note_rejects_is_found_and_given_no_more(
    ask: Ask, store: ArchiveInstanceStore, archive: Archive, title: str, note_shown: int
) -> None:
    kept, rejected = slices(2)
    document = note(title, rejected)
    for one in (kept, rejected, document):
        store.store(part10(one), QINGSHAN)
    shown = {kept.SOPInstanceUID} | ({document.SOPInstanceUID} if note_shown else set())
    assert found(ask, kept.StudyInstanceUID) == shown
    (study,) = ask(f"/studies?StudyInstanceUID={kept.StudyInstanceUID}").json()
    assert study["00201208"]["Value"] == [1 + note_shown]
    path = f"/studies/{kept.StudyInstanceUID}/series/{kept.SeriesInstanceUID}/instances/{rejected.SOPInstanceUID}"
    assert ask(path, headers={"accept": "application/dicom"}).status_code == 404
    store.store(part10(rejected), QINGSHAN)  # sent again: taken, and still not shown
    assert found(ask, kept.StudyInstanceUID) == shown
    history = ask(f"/studies/{kept.StudyInstanceUID}/history").json()
    assert {one["rejected"] for one in history["instances"]} == {None, title}
    assert history["acts"][0]["reason"].startswith(title)
    assert list(verify(archive)) == []


def test_what_comes_after_its_note_is_kept_and_not_shown(ask: Ask, store: ArchiveInstanceStore) -> None:
    kept, rejected = slices(2)
    document = note("113037", rejected)
    for one in (document, kept, rejected):
        store.store(part10(one), QINGSHAN)
    assert found(ask, kept.StudyInstanceUID) == {kept.SOPInstanceUID, document.SOPInstanceUID}


def test_a_note_that_is_deleted_gives_back_what_it_rejected(ask: Ask, store: ArchiveInstanceStore) -> None:
    kept, rejected = slices(2)
    document = note("113001", rejected)
    for one in (kept, rejected, document):
        store.store(part10(one), QINGSHAN)
    path = f"/studies/{kept.StudyInstanceUID}/series/{document.SeriesInstanceUID}/instances/{document.SOPInstanceUID}"
    assert ask(f"{path}?reason=退回有误", method="DELETE").status_code == 200
    assert found(ask, kept.StudyInstanceUID) == {kept.SOPInstanceUID, rejected.SOPInstanceUID}


def test_a_selection_of_another_title_rejects_nothing(ask: Ask, store: ArchiveInstanceStore) -> None:
    first, second = slices(2)
    documents = note("113000", first), note("113001", first, scheme="99LOCAL")
    for one in (first, second, *documents):
        store.store(part10(one), QINGSHAN)
    assert len(found(ask, first.StudyInstanceUID)) == 4


def test_a_note_speaks_of_its_own_organization_alone(ask: Ask, store: ArchiveInstanceStore) -> None:
    (one,) = slices(1)
    store.store(part10(one), QINGSHAN)
    store.store(part10(note("113001", one)), BAIHE)
    assert found(ask, one.StudyInstanceUID) == {one.SOPInstanceUID}


@pytest.mark.parametrize(("title", "status"), [("113038", "entered-in-error"), ("113039", "cancelled")])
def test_a_study_rejected_whole_is_told_so_to_the_hub(
    store: ArchiveInstanceStore, archive: Archive, recording_hub: RecordingHub, title: str, status: str
) -> None:
    closer = StudyCloser(archive, recording_hub)
    (one,) = slices(1)
    store.store(part10(one), QINGSHAN)
    closer.close_due(time.time_ns() // 1000 + LATER)
    document = note(title, one)
    document.StudyInstanceUID = generate_uid()  # else the note itself would be left in the study
    store.store(part10(document), QINGSHAN)
    closer.close_due(time.time_ns() // 1000 + LATER)
    bodies = [json.loads(e.body) for s in recording_hub.submissions for e in s.entries if e.type == "ImagingStudy"]
    told = [body for body in bodies if body["identifier"][0]["value"].endswith(one.StudyInstanceUID)][-1]
    assert told["numberOfInstances"] == 0
    assert told["status"] == status
