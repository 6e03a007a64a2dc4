"""Quotas: what an organization keeps is counted truly, and one more object beyond it is refused by name."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dicom_objects import image, part10
from dicom_parts import BAIHE, QINGSHAN, RecordingHub

from dicom_gateway.archive import Archive, Kept, Outcome, Sender
from dicom_gateway.file_meta import read_file_meta
from dicom_gateway.settings import DicomSettings
from dicom_gateway.status import OUT_OF_RESOURCES, dimse_status, error_comment
from dicom_gateway.study_index.placing import remove
from dicom_gateway.study_index.withdrawing import delete, restore, withdraw
from dicom_gateway.verify import verify
from hub.blobs.folder import FolderBlobStore
from hub.contracts.caller import EVERYTHING, Caller
from hub.contracts.errors import Busy

SIZE = len(part10(image()))


@pytest.fixture
def settings() -> DicomSettings:
    """Two objects and a half for 青山镇, no limit for anybody else."""
    return DicomSettings(free_space_floor_bytes=0, quotas={"qingshan": 5 * SIZE // 2})


def keep(archive: Archive, content: bytes, caller: Caller = QINGSHAN) -> Kept:
    file = archive.spool.create()
    file.write(content)
    syntax, at = read_file_meta(content)
    return archive.keep(file, at, syntax, Sender(caller, "AE"))


def used(archive: Archive, organization: str = "qingshan") -> int:
    return archive.index.usage.by_organization().get(organization, 0)


def test_beyond_its_quota_an_organization_is_refused_by_name_and_others_are_not(archive: Archive) -> None:
    first, second = part10(image()), part10(image())
    for content in (first, second):
        assert keep(archive, content).outcome is Outcome.STORED
    assert used(archive) == len(first) + len(second)
    for _ in range(2):
        with pytest.raises(Busy, match="storage quota") as told:
            keep(archive, part10(image()))
    assert "quota of qingshan" in told.value.where
    assert (dimse_status(told.value), told.value.http_status) == (OUT_OF_RESOURCES, 507)
    assert "quota" in error_comment(told.value)
    assert keep(archive, first).outcome is Outcome.SAME, "what is here already may come again"
    assert keep(archive, part10(image()), BAIHE).outcome is Outcome.STORED
    assert used(archive) == len(first) + len(second)
    named = archive.index.spool_names()
    assert not [path for path in archive.spool.folder.iterdir() if path.stat().st_size and path.name not in named]
    assert list(verify(archive)) == []


def test_a_quota_for_everybody_holds_for_those_that_have_none_of_their_own(
    tmp_path: Path, settings: DicomSettings, blobs: FolderBlobStore, recording_hub: RecordingHub
) -> None:
    both = replace(settings, quota_bytes=SIZE // 2)
    archive = Archive(tmp_path / "both", both, blobs, recording_hub.quarantine)
    assert keep(archive, part10(image())).outcome is Outcome.STORED
    with pytest.raises(Busy):
        keep(archive, part10(image()), BAIHE)
    archive.close()


def test_what_is_laid_aside_counts_and_what_is_deleted_does_not(archive: Archive) -> None:
    one, other = image(), image()
    for made in (one, other):
        keep(archive, part10(made))
    both = used(archive)

    def change(work: Callable[[Any], object]) -> None:
        archive.index.writer.submit(work).result()

    (row,) = archive.index.instances(EVERYTHING, one.StudyInstanceUID)
    owner, study = archive.index.rows("SELECT owner, study FROM instance WHERE id = ?", (row.id,))[0]
    change(lambda connection: withdraw(connection, owner, [one.SOPInstanceUID]))
    assert used(archive) == both
    change(lambda connection: restore(connection, owner, [one.SOPInstanceUID]))
    assert used(archive) == both
    change(lambda connection: delete(connection, study, None, None))
    assert used(archive) == both - len(part10(one))
    assert archive.index.usage.miscounted() == []
    assert keep(archive, part10(image())).outcome is Outcome.STORED, "there is room again"


def test_what_a_crash_or_a_torn_file_takes_back_is_not_counted(archive: Archive) -> None:
    made = image()
    keep(archive, part10(made))
    (spool,) = archive.index.spool_names()
    archive.index.writer.submit(lambda connection: remove(connection, "qingshan", made.SOPInstanceUID, spool)).result()
    assert used(archive) == 0


def test_a_wrong_count_is_found_by_verify(archive: Archive) -> None:
    keep(archive, part10(image()))
    archive.index.writer.submit(lambda connection: connection.execute("UPDATE usage SET bytes = bytes + 1")).result()
    assert [fault for fault in verify(archive) if "qingshan" in fault]


def test_an_index_of_an_earlier_version_is_counted_when_it_is_opened(
    tmp_path: Path, settings: DicomSettings, archive: Archive, blobs: FolderBlobStore
) -> None:
    content = part10(image())
    keep(archive, content)

    def earlier(connection: Any) -> None:
        connection.execute("DELETE FROM usage")
        connection.execute("PRAGMA user_version = 5")

    archive.index.writer.submit(earlier).result()
    archive.close()
    again = Archive(tmp_path / "dicom", settings, blobs)
    assert used(again) == len(content)
    again.close()


def test_stow_answers_507_and_names_the_quota(archive: Archive, ask: Callable[..., Any]) -> None:
    for _ in range(2):
        keep(archive, part10(image()))
    answer = ask(
        "/studies",
        method="POST",
        caller=QINGSHAN,
        headers={"Content-Type": "application/dicom"},
        content=part10(image()),
    )
    assert answer.status_code == 507
    assert int(answer.headers["retry-after"]) > 0
    assert "quota" in answer.text
