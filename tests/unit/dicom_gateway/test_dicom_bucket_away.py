"""Instances in a bucket that cannot be reached: nothing is given up, and everybody is told the truth."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dicom_objects import CT, image, part10
from dicom_parts import QINGSHAN, RecordingHub

from dicom_gateway.aftercare import Aftercare
from dicom_gateway.archive import Archive
from dicom_gateway.commitment.report import CommitmentReports
from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.recovery import recover
from dicom_gateway.settings import DicomSettings
from dicom_gateway.study_index.commitments import Commitment
from dicom_gateway.study_index.instance_row import InstanceRow
from dicom_gateway.verify import verify
from hub.blobs.cache import FileCache
from hub.blobs.folder import FolderBlobStore
from hub.blobs.packing import Packing
from hub.blobs.s3 import Bucket, S3Shelf
from hub.blobs.settling_store import SettlingBlobStore
from hub.contracts.errors import Busy

UID = "1.2.1"


@pytest.fixture
def blobs(tmp_path: Path) -> SettlingBlobStore:
    """A store in front of a bucket at a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
    shelf = S3Shelf(Bucket("county", endpoint, key="key", secret="secret", timeout_seconds=0.1))
    arriving, cache = FolderBlobStore(tmp_path / "blobs"), FileCache(tmp_path / "cache", 1 << 20)
    return SettlingBlobStore(arriving, shelf, cache, Packing([]), pack=False)


@pytest.fixture
def far(archive: Archive, blobs: SettlingBlobStore) -> Iterator[InstanceRow]:
    """An instance that has come to rest in the bucket and left the cache."""
    ArchiveInstanceStore(archive).store(part10(image(SOPInstanceUID=UID)), QINGSHAN)
    Aftercare(archive).settle_some()
    row = archive.index.of_owner("qingshan", UID)
    assert row is not None
    with pytest.raises(Busy):
        blobs.settle(row.sha256.hex())
    blobs.arriving.delete(row.sha256.hex())
    yield row


def test_reading_is_busy_and_the_web_says_when_to_come_again(
    archive: Archive, far: InstanceRow, ask: Callable[..., Any]
) -> None:
    with pytest.raises(Busy):
        archive.files.open(far)
    assert archive.files.near(far) is None
    place = f"/studies/{far.study_uid}/series/{far.series_uid}/instances/{far.uid}"
    answer = ask(place, caller=QINGSHAN, headers={"Accept": 'multipart/related; type="application/dicom"'})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


def test_no_empty_description_takes_the_place_of_one_that_cannot_be_made_now(
    archive: Archive, far: InstanceRow
) -> None:
    assert Aftercare(archive).describe_some() == 0
    assert archive.index.deferred.descriptions([far.id]) == {}
    assert [row.id for row in archive.index.deferred.undescribed(9)] == [far.id]


def test_a_commitment_is_neither_given_nor_refused(
    archive: Archive, far: InstanceRow, recording_hub: RecordingHub
) -> None:
    asked = Commitment("qingshan", "QINGSHAN", "1.2.99", [(CT, UID)], 0)
    with pytest.raises(Busy):
        list(CommitmentReports(archive, recording_hub)._verdicts(asked))


def test_a_start_takes_the_instance_for_what_it_is(
    tmp_path: Path, settings: DicomSettings, archive: Archive, blobs: SettlingBlobStore, far: InstanceRow
) -> None:
    archive.index.writer.submit(
        lambda connection: connection.execute("UPDATE instance SET spool = 'gone' WHERE id = ?", (far.id,))
    ).result()
    recover(archive)
    assert archive.index.of_owner("qingshan", UID) is not None


def test_verify_says_that_it_could_not_look(archive: Archive, far: InstanceRow) -> None:
    told = list(verify(archive))
    assert len(told) == 1
    assert "could not be checked" in told[0]
