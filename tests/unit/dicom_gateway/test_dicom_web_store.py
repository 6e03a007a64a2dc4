"""STOW-RS: all, some or none, each with its reason."""

import io
import json
from typing import Any

import pydicom
import pytest
from dicom_objects import image, part10
from dicom_parts import OPERATOR, QINGSHAN, Ask, RecordingHub
from pydicom.dataset import Dataset

from dicom_gateway.archive import Archive
from dicom_gateway.web.multipart import PartReader

TYPE = 'multipart/related; type="application/dicom"; boundary="b"'


def body(*parts: bytes) -> bytes:
    return b"".join(b"--b\r\nContent-Type: application/dicom\r\n\r\n" + part + b"\r\n" for part in parts) + b"--b--"


def store(ask: Ask, *parts: bytes, path: str = "/studies", **more: Any) -> Any:
    return ask(path, method="POST", headers={"content-type": TYPE}, content=body(*parts), **more)


def test_all_are_stored(ask: Ask) -> None:
    first, second = image(), image()
    answer = store(ask, part10(first), part10(second))
    assert answer.status_code == 200
    stored = answer.json()["00081199"]["Value"]
    assert [one["00081155"]["Value"][0] for one in stored] == [first.SOPInstanceUID, second.SOPInstanceUID]
    url = stored[0]["00081190"]["Value"][0].removeprefix("http://hub.test/dicom-web")
    assert ask(url, headers={"accept": "application/dicom"}).content == part10(first)


def test_some_are_stored(ask: Ask) -> None:
    answer = store(ask, part10(image()), b"nonsense", part10(image())[:-20])
    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 1
    assert [one["00081197"]["Value"] for one in answer.json()["00081198"]["Value"]] == [[0xC000], [0xC000]]


def test_none_is_stored(ask: Ask, archive: Archive) -> None:
    answer = store(ask, b"nonsense", b"\0" * 200)
    assert answer.status_code == 409
    assert not [path for path in archive.spool.folder.iterdir() if path.stat().st_size]


def test_sending_again_succeeds_and_a_changed_header_warns(ask: Ask, recording_hub: RecordingHub) -> None:
    made = image()
    for _ in range(2):
        assert store(ask, part10(made)).status_code == 200
    made.PatientName = "Test^Corrected"
    answer = store(ask, part10(made))
    assert answer.status_code == 202
    assert answer.json()["00081199"]["Value"][0]["00081196"]["Value"] == [0xB000]
    made.PixelData = bytes(128)
    assert store(ask, part10(made)).status_code == 409
    assert [refusal.state for refusal, _ in recording_hub.refusals] == ["reconcile", "refused"]


def test_an_instance_of_another_study_than_the_path_says_is_refused(ask: Ask) -> None:
    made = image()
    assert store(ask, part10(made), path=f"/studies/{made.StudyInstanceUID}").status_code == 200
    assert store(ask, part10(image()), path="/studies/1.2.3").status_code == 409


def test_a_single_file_may_come_without_wrapping(ask: Ask) -> None:
    answer = ask("/studies", method="POST", headers={"content-type": "application/dicom"}, content=part10(image()))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("content_type", "content", "status"),
    [
        ("application/json", b"{}", 415), ("", b"", 415),
        ('multipart/related; type="application/dicom+xml"; boundary=b', b"", 415),
        ('multipart/related; type="application/dicom"', b"", 415), (TYPE, b"", 400), (TYPE, b"--b--", 400),
        (TYPE, b"--b\r\nContent-Type: application/dicom\r\n\r\nhalf", 400), (TYPE, b"no boundary at all", 400),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_refused(ask: Ask, content_type: str, content: bytes, status: int) -> None:
    answer = ask("/studies", method="POST", headers={"content-type": content_type}, content=content)
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_a_role_that_does_not_store_is_refused_before_the_body(ask: Ask) -> None:
    assert store(ask, part10(image()), caller=OPERATOR).status_code == 403


def test_a_full_disk_says_so_and_when_to_come_again(ask: Ask, archive: Archive) -> None:
    archive.spool._floor_bytes = 1 << 60
    answer = store(ask, part10(image()))
    assert answer.status_code == 507
    assert "retry-after" in answer.headers


def test_what_is_stored_belongs_to_the_callers_organization(ask: Ask, archive: Archive) -> None:
    store(ask, part10(image()), caller=QINGSHAN)
    assert archive.index.rows("SELECT o.name FROM study s JOIN organization o ON o.id = s.owner") == [("qingshan",)]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 50, 10_000])
def test_parts_are_found_however_the_body_is_cut(step: int) -> None:
    parts = [b"one", b"", b"--x", b"\r\n--", b"x" * 300 + b"\r\n-b\r\n--" + b"y" * 10]
    whole = b"preamble\r\n" + body(*parts) + b"\r\nepilogue"
    reader, found = PartReader("b"), list[bytes]()
    for at in range(0, len(whole), step):
        for event, content in reader.feed(whole[at : at + step]):
            if event == "begin":
                found.append(b"")
            elif event == "data":
                found[-1] += content
    assert reader.complete
    assert found == parts


def test_what_failed_is_named_with_its_reason(ask: Ask) -> None:
    other = image()
    made = store(ask, part10(image()), part10(other), path=f"/studies/{other.StudyInstanceUID}")
    (failed,) = made.json()["00081198"]["Value"]
    assert (made.status_code, failed["00081197"]["Value"]) == (202, [0xA900])
    assert failed["00081150"]["Value"] == [other.SOPClassUID]
    content = part10(other).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0")
    answer = store(ask, content)
    (failed,) = answer.json()["00081198"]["Value"]
    assert (answer.status_code, failed["00081197"]["Value"]) == (409, [0xC122])
    assert failed["00081155"]["Value"] == [other.SOPInstanceUID]


METADATA = 'multipart/related; type="application/dicom+json"; boundary="b"'


def with_metadata(ask: Ask, objects: Any, *bulk: tuple[str, str, bytes], kind: str = METADATA) -> Any:
    """``bulk`` are (Content-Type, Content-Location, content)."""
    whole = b"--b\r\nContent-Type: application/dicom+json\r\n\r\n" + json.dumps(objects).encode() + b"\r\n"
    for media_type, location, content in bulk:
        whole += f"--b\r\nContent-Type: {media_type}\r\nContent-Location: {location}\r\n\r\n".encode()
        whole += content + b"\r\n"
    return ask("/studies", method="POST", headers={"content-type": kind}, content=whole + b"--b--")


def test_metadata_and_bulk_data_become_an_object(ask: Ask) -> None:
    made = image(SpecificCharacterSet="ISO_IR 192", PatientName="陈^秀英", PixelData=b"")
    waveform = Dataset()
    waveform.add_new(0x54001010, "OW", b"")
    made.WaveformSequence = [waveform]
    told = made.to_json_dict()
    told["7FE00010"] = {"vr": "OW", "BulkDataURI": "bulk/1"}
    told["54000100"]["Value"][0]["54001010"] = {"vr": "OW", "BulkDataURI": "bulk/2"}
    octets = "application/octet-stream"
    answer = with_metadata(ask, [told], (octets, "bulk/1", bytes(range(128))), (octets, "bulk/2", b"\1\2" * 700))
    assert answer.status_code == 200, answer.text
    path = answer.json()["00081199"]["Value"][0]["00081190"]["Value"][0].removeprefix("http://hub.test/dicom-web")
    found = pydicom.dcmread(io.BytesIO(ask(path, headers={"accept": "application/dicom"}).content))
    assert (found.PatientName, found.PixelData) == ("陈^秀英", bytes(range(128)))
    assert found.WaveformSequence[0].WaveformData == b"\1\2" * 700
    assert found.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"


def test_compressed_frames_come_with_their_metadata(ask: Ask) -> None:
    told = image(NumberOfFrames=2, PixelData=b"").to_json_dict() | {"7FE00010": {"vr": "OB", "BulkDataURI": "f"}}
    frames = [b"\xff\xd8" + bytes([number]) * 21 + b"\xff\xd9" for number in (1, 2)]
    kind = "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50"
    answer = with_metadata(ask, [told], *((kind, "f", frame) for frame in frames))
    assert answer.status_code == 200, answer.text
    path = answer.json()["00081199"]["Value"][0]["00081190"]["Value"][0].removeprefix("http://hub.test/dicom-web")
    given = ask(f"{path}/frames/2", headers={"accept": "image/jpeg"})
    assert (given.status_code, given.content.rstrip(b"\0")) == (200, frames[1])


def test_metadata_that_cannot_be_stored_is_told(ask: Ask, archive: Archive) -> None:
    good = image().to_json_dict()
    missing = image().to_json_dict() | {"7FE00010": {"vr": "OW", "BulkDataURI": "nowhere"}}
    nameless = {name: value for name, value in image().to_json_dict().items() if name != "00080018"}
    broken = image().to_json_dict() | {"00280010": {"vr": "US", "Value": ["eight"]}, "00280011": 7}
    answer = with_metadata(ask, [good, missing, nameless, broken])
    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 1
    reasons = [one["00081197"]["Value"][0] for one in answer.json()["00081198"]["Value"]]
    assert reasons == [0xC000, 0xA900, 0xC000]
    assert with_metadata(ask, "nothing").status_code == 400
    assert with_metadata(ask, [good], kind=METADATA.replace("+json", "+xml")).status_code == 415
    left = [path for path in archive.spool.folder.iterdir() if path.is_file() and path.stat().st_size]
    assert len(left) == 1
