"""What enters the archive is whole, named and durable; what contradicts it stays out."""

import errno
import os
import zlib
from pathlib import Path

import pytest
from dicom_objects import BIG, DEFLATED, EXPLICIT, IMPLICIT, data_set_of, image, part10
from dicom_parts import BAIHE, QINGSHAN, RecordingHub
from pydicom.dataset import Dataset

from dicom_gateway.aftercare import Aftercare
from dicom_gateway.archive import Archive, Expected, Kept, Outcome, Sender
from dicom_gateway.file_meta import part10_head, read_file_meta
from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.recovery import recover
from dicom_gateway.settings import DicomSettings
from dicom_gateway.spool import SpoolFile
from dicom_gateway.verify import verify
from hub.blobs.folder import FolderBlobStore
from hub.contracts.caller import EVERYTHING, Caller, Scope
from hub.contracts.errors import Busy, Conflict, ExchangeError, Incorrect, TooLarge, Unsupported


def keep(archive: Archive, content: bytes, caller: Caller = QINGSHAN, expected: Expected | None = None) -> Kept:
    file = archive.spool.create()
    file.write(content)
    syntax, at = read_file_meta(content)
    return archive.keep(file, at, syntax, Sender(caller, "AE"), expected or Expected())


def stored_bytes(archive: Archive, made: Dataset) -> bytes:
    (row,) = archive.index.instances(EVERYTHING, made.StudyInstanceUID)
    descriptor = archive.files.open(row)
    try:
        return os.read(descriptor, 1 << 24)
    finally:
        os.close(descriptor)


def spool_files(archive: Archive) -> int:
    return len([path for path in archive.spool.folder.iterdir() if path.stat().st_size])


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG, DEFLATED])
def test_an_object_is_kept_byte_for_byte_and_stays_so_when_it_moves(archive: Archive, syntax: str) -> None:
    made = image(syntax)
    content = part10(made)
    assert keep(archive, content).outcome is Outcome.STORED
    assert stored_bytes(archive, made) == content
    assert Aftercare(archive).settle_some() == 1
    assert spool_files(archive) == 0
    assert stored_bytes(archive, made) == content


def test_the_same_object_again_succeeds_and_is_kept_once(archive: Archive) -> None:
    content = part10(image())
    assert [keep(archive, content).outcome for _ in range(3)] == [Outcome.STORED, Outcome.SAME, Outcome.SAME]
    assert spool_files(archive) == 1


def test_the_same_object_in_another_file_header_is_the_same(archive: Archive) -> None:
    made = image()
    content = part10(made)
    keep(archive, content)
    again = part10_head(made.SOPClassUID, made.SOPInstanceUID, EXPLICIT) + data_set_of(content)
    assert again != content
    assert keep(archive, again).outcome is Outcome.SAME


def test_the_same_object_in_another_transfer_syntax_is_the_same(archive: Archive) -> None:
    made = image(IMPLICIT)
    keep(archive, part10(made))
    made.file_meta.TransferSyntaxUID = EXPLICIT
    made._read_implicit = False
    assert keep(archive, part10(_again(made, EXPLICIT))).outcome is Outcome.SAME


def _again(made: Dataset, syntax: str) -> Dataset:
    other = image(syntax)
    for element in made:
        other[element.tag] = element
    return other


def test_other_headers_around_the_same_pixels_are_put_aside_for_review(
    archive: Archive, recording_hub: RecordingHub
) -> None:
    made = image()
    first = part10(made)
    keep(archive, first)
    made.PatientName = "Test^Corrected"
    assert keep(archive, part10(made)).outcome is Outcome.RECONCILE
    ((refusal, caller),) = recording_hub.refusals
    assert (refusal.state, refusal.key, caller) == ("reconcile", made.SOPInstanceUID, QINGSHAN)
    assert refusal.original.content == part10(made)
    assert stored_bytes(archive, made) == first


def test_other_pixels_under_a_known_uid_are_refused_and_quarantined(
    archive: Archive, recording_hub: RecordingHub
) -> None:
    made = image()
    first = part10(made)
    keep(archive, first)
    made.PixelData = bytes(128)
    with pytest.raises(Conflict):
        keep(archive, part10(made))
    assert [refusal.state for refusal, _ in recording_hub.refusals] == ["refused"]
    assert stored_bytes(archive, made) == first
    assert spool_files(archive) == 1


def test_a_damaged_object_and_one_under_another_name_are_kept_aside(
    archive: Archive, recording_hub: RecordingHub
) -> None:
    made = image()
    content = part10(made)
    for sent, named in ((content[:-3], made.SOPInstanceUID), (content, "1.2.3")):
        with pytest.raises(Incorrect):
            keep(archive, sent, expected=Expected(sop_instance_uid=named))
    kept = [(refusal.key, refusal.field, refusal.original.content) for refusal, _ in recording_hub.refusals]
    assert [one[0] for one in kept] == [made.SOPInstanceUID, "1.2.3"]
    assert [one[2] for one in kept] == [content[:-3], content]
    assert kept[1][1] == "(0008,0018)"
    assert spool_files(archive) == 0


def test_an_object_without_pixels_is_never_reconciled_by_them(archive: Archive) -> None:
    made = image(PixelData=None)
    keep(archive, part10(made))
    made.PatientName = "Another^One"
    with pytest.raises(Conflict):
        keep(archive, part10(made))


def test_two_organizations_may_hold_the_same_object(archive: Archive) -> None:
    made = image()
    content = part10(made)
    assert keep(archive, content, QINGSHAN).outcome is Outcome.STORED
    assert keep(archive, content, BAIHE).outcome is Outcome.STORED
    own = Scope(owners=frozenset({"baihe"}))
    assert len(archive.index.instances(own, made.StudyInstanceUID)) == 1
    assert len(archive.index.instances(EVERYTHING, made.StudyInstanceUID)) == 1
    assert archive.index.instances(Scope(owners=frozenset({"elsewhere"})), made.StudyInstanceUID) == []


def test_a_data_set_that_is_not_the_object_named_is_refused(archive: Archive) -> None:
    with pytest.raises(Incorrect) as refused:
        keep(archive, part10(image()), expected=Expected(sop_instance_uid="1.2.3"))
    assert refused.value.where == "(0008,0018)"
    assert spool_files(archive) == 0


def test_a_truncated_object_leaves_nothing(archive: Archive) -> None:
    made = image()
    with pytest.raises(Incorrect):
        keep(archive, part10(made)[:-30])
    assert spool_files(archive) == 0
    assert archive.index.instances(EVERYTHING, made.StudyInstanceUID) == []


def test_a_deflate_bomb_is_refused_in_bounded_space(tmp_path: Path, blobs: FolderBlobStore) -> None:
    archive = Archive(
        tmp_path / "small", DicomSettings(free_space_floor_bytes=0, maximum_inflated_bytes=1 << 20), blobs
    )
    engine = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = engine.compress(bytes(64 << 20)) + engine.flush()
    with pytest.raises(TooLarge):
        keep(archive, part10_head("1.2.840.10008.5.1.4.1.1.2", "1.2.3", DEFLATED) + bomb)
    assert spool_files(archive) == 0
    archive.close()


@pytest.mark.parametrize("garbage", [b"\xff" * 100, b"", b"\x03\x00"])
def test_what_does_not_inflate_is_refused(archive: Archive, garbage: bytes) -> None:
    with pytest.raises(Incorrect):
        keep(archive, part10_head("1.2.840.10008.5.1.4.1.1.2", "1.2.3", DEFLATED) + garbage)


def test_an_unknown_transfer_syntax_is_refused_by_name(archive: Archive) -> None:
    with pytest.raises(Unsupported):
        keep(archive, part10_head("1.2.840.10008.5.1.4.1.1.2", "1.2.3", "1.2.3.4.5") + data_set_of(part10(image())))


def test_a_full_disk_is_busy_before_a_byte_is_taken(tmp_path: Path, blobs: FolderBlobStore) -> None:
    archive = Archive(tmp_path / "full", DicomSettings(free_space_floor_bytes=1 << 60), blobs)
    with pytest.raises(Busy):
        archive.spool.create()


def test_a_file_name_never_comes_from_a_uid(archive: Archive, tmp_path: Path) -> None:
    made = image()
    keep(archive, part10(made))
    names = [path.name for path in tmp_path.rglob("*")]
    assert not [name for name in names if made.SOPInstanceUID in name or made.StudyInstanceUID in name]


def test_what_a_crash_left_in_the_spool_is_swept_and_the_archive_is_not(archive: Archive) -> None:
    made = image()
    keep(archive, part10(made))
    left_over = archive.spool.folder / "left-over"
    left_over.write_bytes(b"half")
    for path in archive.spool.folder.iterdir():
        os.utime(path, (0, 0))
    assert archive.spool.sweep(archive.index.spool_names()) == 1
    assert not left_over.exists()
    assert stored_bytes(archive, made) == part10(made)


def test_a_crash_between_adoption_and_its_row_loses_nothing(archive: Archive) -> None:
    made = image()
    keep(archive, part10(made))
    (row,) = archive.index.instances(EVERYTHING, made.StudyInstanceUID)
    archive.files.adopt(row)  # the row still names the spool file
    assert stored_bytes(archive, made) == part10(made)
    assert Aftercare(archive).settle_some() == 1
    assert stored_bytes(archive, made) == part10(made)


def test_an_adapters_object_is_readable_at_once_and_its_conflict_is_the_adapters_to_tell(
    store: ArchiveInstanceStore, archive: Archive, recording_hub: RecordingHub
) -> None:
    made = image()
    content = part10(made)
    store.store(content, QINGSHAN, announced=True)
    store.store(content, QINGSHAN, announced=True)
    assert stored_bytes(archive, made) == content
    made.PixelData = bytes(128)
    with pytest.raises(Conflict):
        store.store(part10(made), QINGSHAN, announced=True)
    assert recording_hub.refusals == []


def test_an_adapters_nonsense_is_refused(store: ArchiveInstanceStore, archive: Archive) -> None:
    for content in (b"", b"DICM", b"\0" * 128 + b"DICM", b"\0" * 200):
        with pytest.raises(ExchangeError):
            store.store(content, QINGSHAN)
    assert not archive.spool.folder.exists() or spool_files(archive) == 0


def _store_in_child(archive: Archive, content: bytes) -> int:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            ArchiveInstanceStore(archive).store(content, QINGSHAN)
            status = 0
        finally:
            os._exit(status)
    return pid


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_many_processes_store_the_same_object_and_one_row_comes_of_it(archive: Archive) -> None:
    made = image()
    content = part10(made)
    children = [_store_in_child(archive, content) for _ in range(6)]
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * 6
    assert archive.index.rows("SELECT count(*) FROM instance") == [(1,)]
    assert archive.index.rows("SELECT instance_count, series_count FROM study") == [(1, 1)]
    assert spool_files(archive) == 1


def test_a_torn_file_of_a_crash_is_found_at_the_next_start(archive: Archive) -> None:
    whole, torn, truncated, gone = (image() for _ in range(4))
    for made in (whole, torn, truncated, gone):
        keep(archive, part10(made))
    for made, damage in ((torn, "same size"), (truncated, "shorter"), (gone, "away")):
        (row,) = archive.index.instances(EVERYTHING, made.StudyInstanceUID)
        path = archive.spool.path(row.spool or "")
        if damage == "away":
            path.unlink()
        else:
            path.write_bytes(bytes(row.size_bytes if damage == "same size" else 10))
    recover(archive)
    assert stored_bytes(archive, whole) == part10(whole)
    for made in (torn, truncated, gone):
        assert archive.index.instances(EVERYTHING, made.StudyInstanceUID) == []
        assert keep(archive, part10(made)).outcome is Outcome.STORED
    assert archive.index.rows("SELECT count(*), sum(instance_count) FROM study") == [(4, 4)]


def test_recovery_keeps_what_the_blob_store_has_adopted_already(archive: Archive) -> None:
    made = image()
    keep(archive, part10(made))
    (row,) = archive.index.instances(EVERYTHING, made.StudyInstanceUID)
    archive.files.adopt(row)
    recover(archive)
    assert stored_bytes(archive, made) == part10(made)


def test_bytes_that_do_not_reach_the_disk_leave_no_row(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    first, made = image(), image()
    keep(archive, part10(first))

    def fails(file: SpoolFile) -> None:
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(SpoolFile, "sync", fails)
        with pytest.raises(Busy):
            keep(archive, part10(made))
    assert archive.index.rows("SELECT count(*) FROM instance") == [(1,)]
    assert archive.index.rows("SELECT count(*), sum(instance_count) FROM study") == [(1, 1)]
    assert keep(archive, part10(made)).outcome is Outcome.STORED


def test_verification_names_what_is_wrong_and_is_silent_otherwise(archive: Archive) -> None:
    spooled, settled, missing = image(), image(), image()
    keep(archive, part10(settled))
    Aftercare(archive).settle_some()
    keep(archive, part10(spooled))
    keep(archive, part10(missing))
    assert list(verify(archive)) == []
    for made, damage in ((spooled, b"x"), (settled, b"y"), (missing, None)):
        (row,) = archive.index.instances(EVERYTHING, made.StudyInstanceUID)
        path = archive.spool.path(row.spool) if row.spool else archive.blobs.path(row.sha256.hex())
        assert path is not None
        if damage is None:
            path.unlink()
        else:
            path.write_bytes(damage)
    archive.index.writer.submit(lambda connection: connection.execute("UPDATE series SET instance_count = 9")).result()
    assert len(list(verify(archive))) == 4


def test_a_sweep_of_files_made_ahead_hinders_nobody(archive: Archive) -> None:
    for _ in range(3):
        keep(archive, part10(image()))
    for path in archive.spool.folder.iterdir():
        os.utime(path, (0, 0))
    archive.spool.sweep(archive.index.spool_names())
    assert keep(archive, part10(image())).outcome is Outcome.STORED
