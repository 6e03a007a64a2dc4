"""C-MOVE and C-GET: what arrives, counts, other syntaxes, destinations, cancelling, and peers that break off."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_clients import EXPLICIT, IMPLICIT, association, keys
from dicom_objects import CT, data_set_of, image, part10
from dicom_parts import BAIHE, QINGSHAN, RecordingAudit, RecordingHub
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, build_role, evt

from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.scp.stock import prepare_library
from dicom_gateway.server import DicomServer
from dicom_gateway.sop_classes import PATIENT_ROOT_GET, PATIENT_ROOT_MOVE, STUDY_ROOT_GET, STUDY_ROOT_MOVE
from hub.contracts.caller import Caller, Role

STUDY, SERIES = "1.2.3", "1.2.3.1"
RLE = "1.2.840.10008.1.2.5"
SAMPLES = Path(pydicom.__file__).parent / "data" / "test_files"


class Receiver:
    """A store SCP of pynetdicom; ``statuses`` answers its objects in turn, then 0000."""

    def __init__(self, *syntaxes: str) -> None:
        self.data: list[bytes] = []
        self.objects: list[Dataset] = []
        self.originators: list[tuple[str, int]] = []
        self.statuses: list[int] = []
        self.abort_after: int | None = None
        self.gate = threading.Event()
        self.gate.set()
        prepare_library()  # data sets in files
        ae = AE(ae_title="ARCHIVE")
        for sop_class in (CT, "1.2.840.10008.5.1.4.1.1.4"):
            ae.add_supported_context(sop_class, list(syntaxes) or [EXPLICIT])
        self.server: Any = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)])
        self.port = self.server.server_address[1]

    def _store(self, event: Any) -> int:
        self.gate.wait(10)
        self.objects.append(event.dataset)
        self.data.append(data_set_of(event.dataset_path.read_bytes()))
        self.originators.append(
            (event.request.MoveOriginatorApplicationEntityTitle, event.request.MoveOriginatorMessageID)
        )
        if self.abort_after is not None and len(self.objects) >= self.abort_after:
            event.assoc.abort()
        return self.statuses.pop(0) if self.statuses else 0


@pytest.fixture
def receiver(recording_hub: RecordingHub) -> Iterator[Receiver]:
    yield from _receiver(recording_hub)


@pytest.fixture
def implicit_receiver(recording_hub: RecordingHub) -> Iterator[Receiver]:
    yield from _receiver(recording_hub, IMPLICIT)


def _receiver(hub: RecordingHub, *syntaxes: str) -> Iterator[Receiver]:
    made = Receiver(*syntaxes)
    hub.titles["ARCHIVE"] = QINGSHAN
    hub.places["ARCHIVE"] = ("127.0.0.1", made.port)
    yield made
    made.gate.set()
    made.server.shutdown()


def fill(server: DicomServer, count: int = 3, caller: Caller = QINGSHAN, **more: Any) -> list[bytes]:
    """A series; the data sets as stored."""
    contents = [
        part10(
            image(
                **{
                    "StudyInstanceUID": STUDY, "SeriesInstanceUID": SERIES, "InstanceNumber": number,
                    "SOPInstanceUID": f"{SERIES}.{number}", "PatientName": "Chen^Xiuying", **more,
                }
            )
        )
        for number in range(1, count + 1)
    ]  # fmt: skip
    store = ArchiveInstanceStore(server.archive)
    for content in contents:
        store.store(content, caller)
    return [data_set_of(content) for content in contents]


def by_study(uid: str = STUDY) -> Dataset:
    return keys("STUDY", StudyInstanceUID=uid)


def move(
    server: Any, identifier: Dataset, to: str = "ARCHIVE", root: str = STUDY_ROOT_MOVE, **more: Any
) -> tuple[Dataset, list[Dataset], Dataset | None]:
    """(final response, pending responses, its identifier)."""
    with association(server, root, **more) as made, disable_value_validation():
        answers = list(made.send_c_move(identifier, to, root, msg_id=5))
    return answers[-1][0], [one for one, _found in answers[:-1]], answers[-1][1]


def get(
    server: Any,
    identifier: Dataset,
    syntax: str = EXPLICIT,
    root: str = STUDY_ROOT_GET,
    cancel_after: int = 0,
    ae_title: str = "QINGSHAN",
) -> tuple[Dataset, list[Dataset]]:
    """(final response, what came)."""
    came: list[Dataset] = []

    def store(event: Any) -> int:
        made = event.dataset
        made.file_meta = event.file_meta
        came.append(made)
        if cancel_after and len(came) == cancel_after:
            event.assoc.send_c_cancel(7, 1)
        return 0

    ae = AE(ae_title=ae_title)
    ae.add_requested_context(root, EXPLICIT)
    ae.add_requested_context(CT, syntax)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 10
    made = ae.associate(
        "127.0.0.1", server.port, ae_title="HUB", ext_neg=[build_role(CT, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, store)],
    )  # fmt: skip
    assert made.is_established
    with disable_value_validation():
        answers = list(made.send_c_get(identifier, root, msg_id=7))
    made.release()
    return answers[-1][0], came


def test_a_study_is_moved_to_where_its_destination_is_registered(
    server: DicomServer, receiver: Receiver, audit: RecordingAudit
) -> None:
    sent = fill(server)
    final, pending, _failed = move(server, by_study())
    assert (final.Status, final.NumberOfCompletedSuboperations) == (0, 3)
    assert [one.NumberOfRemainingSuboperations for one in pending] == [2, 1]
    assert receiver.data == sent
    assert receiver.originators == [("QINGSHAN", 5)] * 3
    assert [note[:2] for note in audit.notes] == [("qingshan", "c-move")]


def test_every_level_names_its_instances(server: DicomServer, receiver: Receiver) -> None:
    fill(server)
    for identifier, root, expected in (
        (keys("SERIES", StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES), STUDY_ROOT_MOVE, 3),
        (keys("IMAGE", StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES, SOPInstanceUID=[f"{SERIES}.1", f"{SERIES}.3"]),
         STUDY_ROOT_MOVE, 2),
        (keys("PATIENT", PatientID="P1"), PATIENT_ROOT_MOVE, 3),
        (keys("STUDY", PatientID="P1", StudyInstanceUID=STUDY), PATIENT_ROOT_MOVE, 3),
        (by_study("1.9.9"), STUDY_ROOT_MOVE, 0),
    ):  # fmt: skip
        final, _pending, _failed = move(server, identifier, root=root)
        assert (final.Status, final.NumberOfCompletedSuboperations) == (0, expected)


def test_a_wrong_retrieval_is_refused_with_the_element(server: DicomServer, receiver: Receiver) -> None:
    fill(server)
    for identifier, tag in (
        (keys("STUDY"), 0x0020000D),
        (keys("STUDY", StudyInstanceUID="*"), 0x0020000D),
        (keys("STUDY", StudyInstanceUID="../x"), 0x0020000D),
        (keys("SERIES", SeriesInstanceUID=SERIES), 0x0020000D),
        (keys("FRAME", StudyInstanceUID=STUDY), 0x00080052),
        (keys("PATIENT", PatientID="P1"), 0x00080052),
    ):
        final, _pending, _failed = move(server, identifier)
        assert (final.Status, final.OffendingElement) == (0xA900, tag)
    assert receiver.objects == []


def test_unknown_and_unreachable_destinations(server: DicomServer, recording_hub: RecordingHub) -> None:
    fill(server)
    final, _pending, _failed = move(server, by_study(), to="NOWHERE")
    assert final.Status == 0xA801
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    recording_hub.titles["DEAD"], recording_hub.places["DEAD"] = QINGSHAN, ("127.0.0.1", port)
    final, _pending, failed = move(server, by_study(), to="DEAD")
    assert (final.Status, final.NumberOfFailedSuboperations) == (0xA702, 3)
    assert failed is not None
    assert len(failed.FailedSOPInstanceUIDList) == 3


def test_nobody_is_sent_what_he_may_not_read(
    server: DicomServer, receiver: Receiver, recording_hub: RecordingHub
) -> None:
    fill(server)
    final, _pending, _failed = move(server, by_study(), ae_title="BAIHE")
    assert (final.Status, final.NumberOfCompletedSuboperations) == (0, 0)
    recording_hub.titles["ARCHIVE"] = BAIHE
    final, _pending, _failed = move(server, by_study())
    assert (final.Status, final.NumberOfFailedSuboperations) == (0xA702, 3)
    recording_hub.titles["ARCHIVE"] = Caller("operator", Role.ADMIN, "county-it")
    assert move(server, by_study())[0].Status == 0x0124
    assert receiver.objects == []


def test_failures_and_warnings_of_the_destination_are_counted(server: DicomServer, receiver: Receiver) -> None:
    fill(server, 4)
    receiver.statuses = [0, 0xB007, 0xA700, 0]
    final, _pending, failed = move(server, by_study())
    assert final.Status == 0xB000
    assert (final.NumberOfCompletedSuboperations, final.NumberOfWarningSuboperations) == (2, 1)
    assert final.NumberOfFailedSuboperations == 1
    assert failed is not None
    assert failed.FailedSOPInstanceUIDList == f"{SERIES}.3"


def test_a_destination_that_breaks_off_fails_what_had_not_gone(server: DicomServer, receiver: Receiver) -> None:
    fill(server, 5)
    receiver.abort_after = 2
    final, _pending, failed = move(server, by_study())
    assert final.Status in (0xB000, 0xA702)
    assert final.NumberOfCompletedSuboperations + final.NumberOfFailedSuboperations == 5
    assert failed is not None
    assert f"{SERIES}.5" in failed.FailedSOPInstanceUIDList


def test_a_move_that_is_taken_back_stops(server: DicomServer, receiver: Receiver) -> None:
    fill(server, 20)
    receiver.gate.clear()
    with association(server, STUDY_ROOT_MOVE) as made:
        answers = made.send_c_move(by_study(), "ARCHIVE", STUDY_ROOT_MOVE, msg_id=9)
        made.send_c_cancel(9, 1)
        time.sleep(0.2)  # until the cancel has come, while the first object waits for its answer
        receiver.gate.set()
        final = list(answers)[-1][0]
    assert final.Status == 0xFE00
    assert final.NumberOfRemainingSuboperations > 0
    assert len(receiver.objects) < 20


def test_who_leaves_in_the_middle_harms_nobody(server: DicomServer, receiver: Receiver) -> None:
    fill(server, 20)
    receiver.gate.clear()
    with association(server, STUDY_ROOT_MOVE) as made:
        made.send_c_move(by_study(), "ARCHIVE", STUDY_ROOT_MOVE)
        made.abort()
    receiver.gate.set()
    final, _pending, _failed = move(server, keys("IMAGE", StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES,
                                                 SOPInstanceUID=f"{SERIES}.1"))  # fmt: skip
    assert final.Status == 0


def test_an_object_goes_in_implicit_form_to_whom_reads_no_other(
    server: DicomServer, implicit_receiver: Receiver
) -> None:
    fill(server, 1)
    final, _pending, _failed = move(server, by_study())
    assert final.Status == 0
    (came,) = implicit_receiver.objects
    assert came.PatientName == "Chen^Xiuying"
    assert came.PixelData == bytes(range(128))


def test_compressed_objects_go_as_stored_or_uncompressed(server: DicomServer, receiver: Receiver) -> None:
    """The same image in four compressed forms and in big endian; each in a study of its own here."""
    wanted = pydicom.dcmread(SAMPLES / "MR_small.dcm").pixel_array
    names = ("RLE", "jp2klossless", "jpeg_ls_lossless", "bigendian")
    for name in names:
        stored = pydicom.dcmread(SAMPLES / f"MR_small_{name}.dcm")
        stored.StudyInstanceUID, stored.SeriesInstanceUID = generate_uid(), generate_uid()
        stored.SOPInstanceUID = stored.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        ArchiveInstanceStore(server.archive).store(part10(stored), QINGSHAN)
        final, _pending, _failed = move(server, by_study(stored.StudyInstanceUID))
        assert final.Status == 0, name
    assert len(receiver.objects) == len(names)
    for came in receiver.objects:
        assert np.array_equal(np.frombuffer(came.PixelData, "<i2").reshape(wanted.shape), wanted)


def test_a_study_comes_back_on_the_association_that_asks(server: DicomServer, audit: RecordingAudit) -> None:
    fill(server)
    final, came = get(server, by_study())
    assert (final.Status, final.NumberOfCompletedSuboperations) == (0, 3)
    assert [one.InstanceNumber for one in came] == [1, 2, 3]
    assert came[0].PixelData == bytes(range(128))
    assert [note[:2] for note in audit.notes] == [("qingshan", "c-get")]
    final, came = get(server, keys("PATIENT", PatientID="P1"), syntax=IMPLICIT, root=PATIENT_ROOT_GET)
    assert (final.Status, len(came)) == (0, 3)
    final, came = get(server, by_study(), ae_title="BAIHE")
    assert (final.Status, came) == (0, [])


def test_objects_of_a_class_that_was_not_agreed_fail(server: DicomServer) -> None:
    fill(server, 1)
    fill(server, 1, SOPClassUID="1.2.840.10008.5.1.4.1.1.4", SOPInstanceUID="1.7", SeriesInstanceUID="1.8")
    final, came = get(server, by_study())
    assert (final.Status, final.NumberOfFailedSuboperations, len(came)) == (0xB000, 1, 1)


def test_a_get_that_is_taken_back_stops(server: DicomServer) -> None:
    fill(server, 20)
    final, came = get(server, by_study(), cancel_after=2)
    assert final.Status == 0xFE00
    assert len(came) < 20
