"""WADO-RS: instances as they were stored, their metadata, frames and bulk data."""

from email import message_from_bytes
from typing import Any

import numpy as np
import pytest
from dicom_objects import BIG, DEFLATED, EXPLICIT, IMPLICIT, image, part10
from dicom_parts import BAIHE, CENTRE, QINGSHAN, Ask, RecordingAudit
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless, generate_uid

from dicom_gateway.aftercare import Aftercare
from dicom_gateway.archive import Archive
from dicom_gateway.instance_store import ArchiveInstanceStore

DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'
JPEG = "1.2.840.10008.1.2.4.50"


def parts(answer: Any) -> list[tuple[str, bytes]]:
    """(content type, content) of each part, by Python's own mail parser."""
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    message = message_from_bytes(
        b"Content-Type: " + answer.headers["content-type"].encode() + b"\r\n\r\n" + answer.content
    )
    mark = message.get_boundary().encode()
    found = []
    for piece in answer.content.split(b"--" + mark)[1:-1]:
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        found.append((message_from_bytes(head)["Content-Type"], content.removesuffix(b"\r\n")))
    return found


def path_of(made: Dataset, level: str = "instance") -> str:
    path = f"/studies/{made.StudyInstanceUID}"
    if level != "study":
        path += f"/series/{made.SeriesInstanceUID}"
    return f"{path}/instances/{made.SOPInstanceUID}" if level == "instance" else path


def keep(store: ArchiveInstanceStore, *objects: Dataset) -> None:
    for made in objects:
        store.store(part10(made), QINGSHAN)


def encapsulated(frames: list[bytes], syntax: str = JPEG, **more: Any) -> Dataset:
    made = image(syntax, NumberOfFrames=len(frames), PixelData=encapsulate(frames, **more))
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    return made


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG, DEFLATED])
def test_an_instance_comes_back_as_it_was_stored(ask: Ask, store: ArchiveInstanceStore, syntax: str) -> None:
    made = image(syntax)
    keep(store, made)
    for level in ("instance", "series", "study"):
        ((kind, content),) = parts(ask(path_of(made, level), headers={"accept": DICOM}))
        assert content == part10(made)
        assert kind == f"application/dicom; transfer-syntax={syntax}"


def test_a_series_comes_in_the_order_of_its_numbers(ask: Ask, store: ArchiveInstanceStore) -> None:
    study, series = generate_uid(), generate_uid()
    made = [image(StudyInstanceUID=study, SeriesInstanceUID=series, InstanceNumber=n) for n in (3, 1, 2)]
    keep(store, *made)
    found = [content for _kind, content in parts(ask(path_of(made[0], "series"), headers={"accept": DICOM}))]
    assert found == [part10(made[index]) for index in (1, 2, 0)]


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("", 200), ("*/*", 200), ("multipart/related", 200), ("multipart/*", 200),
        ('multipart/related; type="application/dicom"', 200), ("multipart/related; type=application/dicom", 200),
        ("multipart/related; type=application/dicom; transfer-syntax=*", 200),
        ('multipart/related; type="application/dicom"; transfer-syntax="*"', 200),
        (f'multipart/related; type="application/dicom"; transfer-syntax={EXPLICIT}', 200),
        (f'multipart/related; type="application/dicom"; transfer-syntax={JPEG}', 406),
        ("text/html", 406), ("application/zip", 406), ('multipart/related; type="image/jpeg"', 406),
    ],
)  # fmt: skip
def test_what_is_accepted_is_kept_to(ask: Ask, store: ArchiveInstanceStore, accept: str, status: int) -> None:
    made = image()
    keep(store, made)
    assert ask(path_of(made), headers={"accept": accept}).status_code == status


def test_one_instance_may_come_without_wrapping(ask: Ask, store: ArchiveInstanceStore) -> None:
    made = image()
    keep(store, made)
    answer = ask(path_of(made), headers={"accept": "application/dicom"})
    assert (answer.headers["content-type"], answer.content) == ("application/dicom", part10(made))


def test_metadata_is_complete_and_its_bulk_data_can_be_fetched(ask: Ask, store: ArchiveInstanceStore) -> None:
    made = image(PatientComments="x" * 2000)
    made.add_new(0x00091010, "OB", b"\x01\x02" * 2000)
    item = Dataset()
    item.add_new(0x54001010, "OW", b"\x07\x08" * 1000)
    made.add_new(0x54000100, "SQ", [Dataset(), item])
    keep(store, made)
    answer = ask(f"{path_of(made, 'series')}/metadata", headers={"accept": "application/dicom+json"})
    (metadata,) = answer.json()
    assert metadata["00080018"]["Value"] == [made.SOPInstanceUID]
    assert metadata["00083002"]["Value"] == [EXPLICIT]
    uris = {
        metadata["7FE00010"]["BulkDataURI"]: bytes(range(128)),
        metadata["00091010"]["BulkDataURI"]: b"\x01\x02" * 2000,
        metadata["54000100"]["Value"][1]["54001010"]["BulkDataURI"]: b"\x07\x08" * 1000,
    }
    for uri, content in uris.items():
        path = uri.removeprefix("http://hub.test/dicom-web")
        assert path != uri
        ((kind, found),) = parts(ask(path, headers={"accept": 'multipart/related; type="application/octet-stream"'}))
        assert (found, kind.split(";")[0]) == (content, "application/octet-stream")
        assert ask(path, headers={"accept": "application/octet-stream"}).content == content
    assert ask(path_of(made) + "/bulkdata/00091011").status_code == 404
    assert ask(path_of(made) + "/bulkdata/nonsense").status_code == 404


def test_metadata_is_right_at_once_and_after_aftercare(ask: Ask, store: ArchiveInstanceStore, archive: Archive) -> None:
    made = image()
    made.add_new(0x00100010, "PN", "陈^秀英".encode("gbk"))
    keep(store, made)
    path = f"{path_of(made)}/metadata"
    first = ask(path).json()
    archive.close()
    aftercare = Aftercare(archive)
    aftercare.describe_some()
    aftercare.settle_some()
    assert ask(path).json() == first
    assert first[0]["00100010"]["Value"] == [{"Alphabetic": "陈^秀英"}]


def test_frames_of_uncompressed_pixels(ask: Ask, store: ArchiveInstanceStore) -> None:
    pixels = np.arange(3 * 64, dtype="<u2").tobytes()
    made = image(NumberOfFrames=3, PixelData=pixels)
    keep(store, made)
    size = len(pixels) // 3
    answer = ask(
        f"{path_of(made)}/frames/3,1", headers={"accept": 'multipart/related; type="application/octet-stream"'}
    )
    assert [content for _kind, content in parts(answer)] == [pixels[2 * size :], pixels[:size]]
    assert (
        ask(f"{path_of(made)}/frames/2", headers={"accept": "application/octet-stream"}).content
        == pixels[size : 2 * size]
    )


@pytest.mark.parametrize("syntax", [BIG, DEFLATED, IMPLICIT])
def test_frames_are_little_endian_and_inflated(ask: Ask, store: ArchiveInstanceStore, syntax: str) -> None:
    made = image(syntax, PixelData=np.arange(64, dtype=">u2" if syntax == BIG else "<u2").tobytes())
    keep(store, made)
    ((_kind, content),) = parts(ask(f"{path_of(made)}/frames/1", headers={"accept": 'multipart/related; type="*/*"'}))
    assert content == np.arange(64, dtype="<u2").tobytes()


@pytest.mark.parametrize("more", [{}, {"has_bot": False}, {"fragments_per_frame": 2}])
def test_frames_of_compressed_pixels(ask: Ask, store: ArchiveInstanceStore, more: dict[str, Any]) -> None:
    frames = [b"\xff\xd8" + bytes([number]) * 60 + b"\xff\xd9" for number in range(3)]
    made = encapsulated(frames, **more)
    keep(store, made)
    answer = ask(f"{path_of(made)}/frames/1,3", headers={"accept": 'multipart/related; type="image/jpeg"'})
    assert parts(answer) == [
        (f"image/jpeg; transfer-syntax={JPEG}", frames[0]),
        (f"image/jpeg; transfer-syntax={JPEG}", frames[2]),
    ]
    assert [content for _, content in parts(ask(f"{path_of(made)}/bulkdata/7FE00010"))] == frames


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ('multipart/related; type="image/jpeg"', 200), ('multipart/related; type="*/*"', 200), ("*/*", 200),
        ('multipart/related; type="application/octet-stream"; transfer-syntax=*', 200), ("image/jpeg", 200),
        ('multipart/related; type="application/octet-stream"', 406), ('multipart/related; type="image/jls"', 406),
        (f'multipart/related; type="image/jpeg"; transfer-syntax={RLELossless}', 406),
    ],
)  # fmt: skip
def test_compressed_frames_go_to_those_who_can_read_them(
    ask: Ask, store: ArchiveInstanceStore, accept: str, status: int
) -> None:
    made = encapsulated([b"\xff\xd8\x00\xff\xd9\x00"])
    keep(store, made)
    assert ask(f"{path_of(made)}/frames/1", headers={"accept": accept}).status_code == status


@pytest.mark.parametrize(
    ("listed", "status"), [("2", 404), ("0", 400), ("x", 400), ("1,,1", 400), ("1-2", 400), ("-1", 400)]
)
def test_frames_that_are_not_there(ask: Ask, store: ArchiveInstanceStore, listed: str, status: int) -> None:
    made = image()
    keep(store, made)
    assert ask(f"{path_of(made)}/frames/{listed}").status_code == status


def test_what_belongs_to_another_clinic_is_not_there(ask: Ask, store: ArchiveInstanceStore) -> None:
    made = image()
    keep(store, made)
    paths = [path_of(made, level) for level in ("study", "series", "instance")]
    paths += [f"{path}/metadata" for path in paths]
    paths += [f"{path_of(made)}/frames/1", f"{path_of(made)}/bulkdata/7FE00010"]
    for path in paths:
        assert ask(path, caller=BAIHE).status_code == 404, path
        assert ask(path, caller=CENTRE).status_code == 200, path


def test_wrong_uids_are_not_found_or_refused(ask: Ask, store: ArchiveInstanceStore) -> None:
    made = image()
    keep(store, made)
    assert ask(f"/studies/{made.StudyInstanceUID}/series/1.2.3").status_code == 404
    assert ask("/studies/1.2.3/metadata").status_code == 404
    for path in ("/studies/..%2f..%2fetc", "/studies/abc", "/studies/1.2..3", "/studies/" + "1" * 70):
        assert ask(path).status_code == 400


def test_a_read_is_audited(ask: Ask, store: ArchiveInstanceStore, archive: Archive, audit: RecordingAudit) -> None:
    made = image()
    keep(store, made)
    archive.index.writer.submit(lambda connection: connection.execute("UPDATE study SET patient = 'p-1'")).result()
    ask(path_of(made))
    assert audit.notes == [("qingshan", "wado", ("p-1",))]


def test_a_file_that_is_gone_is_our_fault_and_is_said(ask: Ask, store: ArchiveInstanceStore, archive: Archive) -> None:
    made = image()
    keep(store, made)
    for path in archive.spool.folder.iterdir():
        path.unlink()
    assert ask(f"{path_of(made)}/metadata").status_code == 500
