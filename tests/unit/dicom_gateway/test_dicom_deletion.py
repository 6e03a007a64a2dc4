"""What is deleted is gone with its bytes; that it was deleted, by whom and why, stays."""

import json
import time
from collections.abc import Callable
from datetime import date

import httpx
import pytest
from dicom_objects import image, part10
from dicom_parts import BAIHE, CENTRE, OPERATOR, QINGSHAN, RecordingHub
from pydicom.uid import generate_uid

from dicom_gateway.aftercare import Aftercare
from dicom_gateway.archive import Archive
from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.study_closer import StudyCloser
from dicom_gateway.study_index.acts import By
from dicom_gateway.verify import verify
from dicom_gateway.withdrawal.deletion import Deletion
from dicom_gateway.withdrawal.retention import RetentionPolicy, delete_expired, expired, is_over
from hub.blobs.folder import FolderBlobStore

Ask = Callable[..., httpx.Response]
LATER = 3600_000_000


def test_a_deleted_study_is_gone_with_its_bytes_and_the_hub_is_told(
    ask: Ask, store: ArchiveInstanceStore, archive: Archive, blobs: FolderBlobStore, recording_hub: RecordingHub
) -> None:
    closer = StudyCloser(archive, recording_hub)
    made = image()
    store.store(part10(made), QINGSHAN)
    Aftercare(archive).settle_some()
    closer.close_due(time.time_ns() // 1000 + LATER)
    body = {"attributes": {"PatientID": "P2"}, "reason": "选错患者"}
    ask(f"/studies/{made.StudyInstanceUID}/corrections", method="POST", content=json.dumps(body).encode())
    ask(f"/studies/{made.StudyInstanceUID}/metadata")
    assert len(list(blobs.keys())) == 2  # as received, and corrected
    answer = ask(f"/studies/{made.StudyInstanceUID}?reason=误传", method="DELETE")
    assert (answer.status_code, answer.json()) == (200, {"deleted": 1})
    assert list(blobs.keys()) == []
    assert ask("/studies").status_code == 204
    assert list(verify(archive)) == []
    closer.close_due(time.time_ns() // 1000)
    entries = {entry.type: json.loads(entry.body) for entry in recording_hub.submissions[-1].entries}
    assert (entries["ImagingStudy"]["status"], entries["ImagingStudy"]["numberOfInstances"]) == ("cancelled", 0)
    assert entries["Provenance"]["activity"]["coding"][0]["code"] == "destroy"
    store.store(part10(made), QINGSHAN)  # may come again
    assert ask(f"/studies/{made.StudyInstanceUID}/metadata").status_code == 200


def test_bytes_that_others_need_stay(
    ask: Ask, store: ArchiveInstanceStore, archive: Archive, blobs: FolderBlobStore, recording_hub: RecordingHub
) -> None:
    made = image()
    for who in (QINGSHAN, BAIHE):
        store.store(part10(made), who)
    Aftercare(archive).settle_some()
    assert ask(f"/studies/{made.StudyInstanceUID}?reason=误传", method="DELETE").status_code == 200
    assert ask(f"/studies/{made.StudyInstanceUID}/metadata", caller=BAIHE).status_code == 200
    (key,) = blobs.keys()
    recording_hub.needed.add(key)
    path = f"/studies/{made.StudyInstanceUID}?reason=误传&organization=baihe"
    assert ask(path, caller=OPERATOR, method="DELETE").status_code == 200
    assert list(blobs.keys()) == [key]


def test_a_series_and_an_instance_are_deleted_alone(ask: Ask, store: ArchiveInstanceStore) -> None:
    study, series = generate_uid(), generate_uid()
    made = [image(StudyInstanceUID=study, SeriesInstanceUID=series), image(StudyInstanceUID=study),
            image(StudyInstanceUID=study, SeriesInstanceUID=series)]  # fmt: skip
    for one in made:
        store.store(part10(one), QINGSHAN)
    assert ask(f"/studies/{study}/series/{made[1].SeriesInstanceUID}?reason=x", method="DELETE").status_code == 200
    (left,) = ask("/studies").json()
    assert (left["00201206"]["Value"], left["00201208"]["Value"]) == ([1], [2])
    path = f"/studies/{study}/series/{series}/instances/{made[0].SOPInstanceUID}"
    assert ask(f"{path}?reason=x", method="DELETE").status_code == 200
    assert ask(f"{path}?reason=x", method="DELETE").status_code == 404
    acts = ask(f"/studies/{study}/history").json()["acts"]
    assert [one["subject"] for one in acts] == [[made[1].SeriesInstanceUID], [made[0].SOPInstanceUID]]


def test_only_with_a_reason_and_only_the_sender_or_operations(ask: Ask, store: ArchiveInstanceStore) -> None:
    made = image()
    store.store(part10(made), QINGSHAN)
    path = f"/studies/{made.StudyInstanceUID}"
    assert ask(path, method="DELETE").status_code == 422
    assert ask(f"{path}?reason=x", method="DELETE", caller=BAIHE).status_code == 404
    assert ask(f"{path}?reason=x", method="DELETE", caller=CENTRE).status_code == 403
    assert ask(f"{path}?reason=x", method="DELETE", caller=OPERATOR).status_code == 200


@pytest.mark.parametrize(
    ("day", "years", "today", "over"),
    [
        (date(2010, 5, 1), 15, date(2025, 5, 1), False),
        (date(2010, 5, 1), 15, date(2025, 5, 2), True),
        (date(2012, 2, 29), 15, date(2027, 2, 28), False),
        (date(2012, 2, 29), 15, date(2027, 3, 1), True),
        (date(1990, 1, 1), None, date(2027, 3, 1), False),
    ],
)
def test_the_last_day_counts_whole(day: date, years: int | None, today: date, over: bool) -> None:
    assert is_over(day, years, today) is over


def test_the_most_particular_figure_counts_and_the_longest_of_several_modalities() -> None:
    policy = RetentionPolicy(30, {"CT": 15, "MG": 20}, {"baihe": 5})
    assert policy.years_for("qingshan", frozenset({"CT"})) == 15
    assert policy.years_for("qingshan", frozenset({"CT", "MG"})) == 20
    assert policy.years_for("qingshan", frozenset({"CT", "SR"})) == 30
    assert policy.years_for("baihe", frozenset({"MG"})) == 5
    assert RetentionPolicy(None, {"CT": 15}).years_for("qingshan", frozenset({"CT", "SR"})) is None


def test_what_is_over_is_deleted_but_never_what_has_to_be_read(store: ArchiveInstanceStore, archive: Archive) -> None:
    old, open_, new = image(), image(), image(StudyDate="20551101")
    for one in (old, open_, new):
        store.store(part10(one), QINGSHAN)
    deletion = Deletion(archive.index, archive.spool, archive.blobs, lambda _sha256: False)
    by = By("hub", "service", "hub", None, 1, "113039")
    today = date(2060, 1, 1)
    found = list(expired(archive.index, RetentionPolicy(10), lambda _o, uid: uid == open_.StudyInstanceUID, today))
    assert {(one.study_uid, one.open) for one in found} == {
        (old.StudyInstanceUID, False),
        (open_.StudyInstanceUID, True),
    }
    for one in found:
        delete_expired(one, deletion, by)
    assert archive.index.rows("SELECT count(*) FROM instance") == [(2,)]
    assert list(expired(archive.index, RetentionPolicy(), lambda _o, _u: False, today)) == []


def test_what_was_made_of_a_deleted_object_is_never_that_of_the_next(
    ask: Ask, store: ArchiveInstanceStore, archive: Archive
) -> None:
    """Row ids are given anew; what somebody still holds of the old row is let go."""
    old, new = image(PatientName="Old"), image(PatientName="New")
    store.store(part10(old), QINGSHAN)
    (held,) = archive.index.every_instance()
    assert ask(f"/studies/{old.StudyInstanceUID}?reason=x", method="DELETE").status_code == 200
    store.store(part10(new), QINGSHAN)
    (next_,) = archive.index.every_instance()
    assert next_.id == held.id
    archive.index.deferred.keep([(held, (b"{}", b"\x90"))]).result()
    archive.index.deferred.settled([held]).result()
    (metadata,) = ask(f"/studies/{new.StudyInstanceUID}/metadata").json()
    assert metadata["00100010"]["Value"] == [{"Alphabetic": "New"}]
    assert archive.index.by_ids([next_.id])[0].spool == next_.spool
