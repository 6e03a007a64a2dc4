"""Associations over real sockets: who may come in, what is answered, and what bad peers get."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dicom_objects import CT, EXPLICIT, IMPLICIT, data_set_of, image, part10
from dicom_parts import QINGSHAN, RecordingAudit, RecordingHub
from dicom_raw import Raw, command, p_data
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.association import Association

from dicom_gateway.file_meta import read_file_meta
from dicom_gateway.scp.contexts import supported_contexts
from dicom_gateway.scp.self_test import why_not
from dicom_gateway.server import DicomServer
from dicom_gateway.settings import DicomSettings
from dicom_gateway.sop_classes import storage_sop_classes
from hub.blobs.folder import FolderBlobStore
from hub.contracts.caller import EVERYTHING
from hub.security.policy import Policy

VERIFICATION = "1.2.840.10008.1.1"


def associate(server: Any, ae_title: str = "QINGSHAN", *classes: str, syntax: str = EXPLICIT) -> Association:
    ae = AE(ae_title=ae_title)
    ae.add_requested_context(VERIFICATION)
    for uid in classes or (CT,):
        ae.add_requested_context(uid, syntax)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 10
    return ae.associate("127.0.0.1", server.port, ae_title="HUB")


def instances(server: DicomServer, made: Dataset) -> list[Any]:
    return server.archive.index.instances(EVERYTHING, made.StudyInstanceUID)


def stored(server: DicomServer, made: Dataset) -> bytes:
    (row,) = instances(server, made)
    with server.archive.files.file(row) as view:
        return bytes(view)


def spool_files(server: DicomServer) -> list[Any]:
    """Files with something in them; empty ones are made ahead."""
    return [path for path in server.archive.spool.folder.glob("*") if path.stat().st_size]


@pytest.fixture(params=["fast", "plain", "after an echo"])
def way(request: pytest.FixtureRequest) -> str:
    """The three ways a C-STORE may take."""
    return str(request.param)


@pytest.fixture
def settings(way: str) -> DicomSettings:
    return DicomSettings(
        fast_receive=way != "plain", free_space_floor_bytes=0, quiet_seconds=60, network_seconds=5,
        association_seconds=5, recheck_client_seconds=0,
    )  # fmt: skip


def send(server: DicomServer, way: str, *objects: Dataset) -> list[int]:
    association = associate(server, syntax=objects[0].file_meta.TransferSyntaxUID)
    assert association.is_established
    if way == "after an echo":
        assert association.send_c_echo().Status == 0
    statuses = [int(association.send_c_store(made).Status) for made in objects]
    association.release()
    return statuses


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_an_object_is_stored_as_it_was_sent(server: DicomServer, way: str, syntax: str) -> None:
    made = image(syntax)
    assert send(server, way, made) == [0]
    content = stored(server, made)
    assert data_set_of(content) == data_set_of(part10(made))
    assert read_file_meta(content)[0] == syntax


def test_sending_again_and_sending_changed(server: DicomServer, way: str, recording_hub: RecordingHub) -> None:
    made = image()
    assert send(server, way, made, made) == [0, 0]
    made.PatientName = "Test^Corrected"
    assert send(server, way, made) == [0xB000]
    made.PixelData = bytes(128)
    assert send(server, way, made) == [0x0111]
    assert [refusal.state for refusal, _ in recording_hub.refusals] == ["reconcile", "refused"]
    assert len(instances(server, made)) == 1


def test_an_object_named_otherwise_than_its_data_set_is_refused(server: DicomServer, way: str) -> None:
    made, association = image(), associate(server)
    if way == "after an echo":
        association.send_c_echo()
    renamed = association.send_c_store(_renamed(made, "1.2.3.4"))
    association.release()
    assert renamed.Status == 0xA900
    assert instances(server, made) == []


def _renamed(made: Dataset, uid: str) -> Dataset:
    """The request names ``uid``, the data set itself still has its own."""

    class Renamed(Dataset):
        def __getattr__(self, name: str) -> Any:
            return UID(uid) if name == "SOPInstanceUID" else super().__getattr__(name)

    other = Renamed(made)
    other.file_meta = made.file_meta
    return other


def test_an_association_survives_a_refused_object(server: DicomServer, way: str) -> None:
    broken, good = image(StudyInstanceUID=None), image()
    assert send(server, way, broken, good) == [0xA900, 0]
    assert len(instances(server, good)) == 1


def test_an_unknown_calling_ae_title_is_rejected_by_that_name(
    server: DicomServer, way: str, recording_hub: RecordingHub
) -> None:
    association = associate(server, "STRANGER")
    assert association.is_rejected
    primitive = association.acceptor.primitive
    assert (primitive.result, primitive.result_source, primitive.diagnostic) == (1, 1, 3)
    assert recording_hub.events == ["unknown-ae-title"]


def test_a_client_whose_role_does_not_store_is_refused(server: DicomServer, way: str) -> None:
    association = associate(server, "OPERATOR")
    assert association.send_c_echo().Status == 0
    made = image()
    assert association.send_c_store(made).Status == 0x0124
    association.release()
    assert instances(server, made) == []


def test_a_client_that_is_removed_stores_no_more(server: DicomServer, way: str, recording_hub: RecordingHub) -> None:
    association = associate(server)
    assert association.send_c_store(image()).Status == 0
    del recording_hub.titles["QINGSHAN"]
    assert association.send_c_store(image()).Status == 0x0124
    association.release()


# What follows is of the fast path and the listener; one way is enough.
fast_only = pytest.mark.parametrize("way", ["fast"], indirect=True)


@fast_only
def test_the_self_test_passes_with_the_library_that_is_installed(way: str) -> None:
    assert why_not() == ""


@fast_only
def test_every_storage_class_is_negotiated_retired_ones_too(server: DicomServer) -> None:
    classes = storage_sop_classes()
    assert "1.2.840.10008.5.1.4.1.1.6" in classes  # the retired Ultrasound Image Storage
    assert {str(context.abstract_syntax) for context in supported_contexts()} >= {*classes, VERIFICATION}
    for begin in range(0, len(classes), 100):
        association = associate(server, "QINGSHAN", *classes[begin : begin + 100])
        assert association.rejected_contexts == []
        association.release()


@fast_only
def test_a_class_that_is_not_stored_is_not_negotiated(server: DicomServer) -> None:
    association = associate(server, "QINGSHAN", "1.2.840.10008.5.1.1.9")
    assert [str(context.abstract_syntax) for context in association.accepted_contexts] == [VERIFICATION]
    association.release()


@fast_only
def test_one_ae_title_cannot_take_every_association(server: DicomServer) -> None:
    most = server._settings.maximum_associations_per_ae_title
    held = [associate(server) for _ in range(most)]
    assert all(one.is_established for one in held)
    refused = associate(server)
    assert refused.is_rejected
    assert associate(server, "BAIHE").is_established
    for one in held:
        one.release()
    deadline = time.monotonic() + 5
    while not (again := associate(server)).is_established and time.monotonic() < deadline:
        time.sleep(0.05)
    assert again.is_established


Dial = Callable[[Any], Raw]


@pytest.fixture
def dial() -> Iterator[Dial]:
    """Opens bare associations, and closes them."""
    opened: list[Raw] = []

    def dialled(server: Any) -> Raw:
        opened.append(Raw(server))
        return opened[-1]

    yield dialled
    for raw in opened:
        raw.line.close()


@fast_only
def test_values_may_come_in_any_pieces(server: DicomServer, dial: Dial) -> None:
    made = image()
    raw, sent, data_set = dial(server), command(made.SOPInstanceUID), data_set_of(part10(made))
    raw.send((1, sent[:20]), (3, sent[20:]))
    raw.send(*((0, data_set[at : at + 50]) for at in range(0, len(data_set), 50)), (2, b""))
    assert raw.status() == 0
    assert data_set_of(stored(server, made)) == data_set


@fast_only
@pytest.mark.parametrize("cut", [3, 60, 139])
def test_a_truncated_object_is_answered_and_leaves_nothing(server: DicomServer, dial: Dial, cut: int) -> None:
    made = image()
    raw = dial(server)
    raw.send((3, command(made.SOPInstanceUID)), (2, data_set_of(part10(made))[:-cut]))
    assert raw.status() == 0xC000
    assert instances(server, made) == []
    assert spool_files(server) == []


@fast_only
@pytest.mark.parametrize("uid", ["../../etc/passwd", "1.2..3", "", "1.2.3\\4", "9" * 70])
def test_a_hostile_uid_is_refused_and_the_association_lives_on(server: DicomServer, dial: Dial, uid: str) -> None:
    raw = dial(server)
    raw.send((3, command(uid)), (2, data_set_of(part10(image()))))
    assert raw.status() == 0xA900
    made = image()
    raw.send((3, command(made.SOPInstanceUID)), (2, data_set_of(part10(made))))
    assert raw.status() == 0


@fast_only
def test_a_sender_that_vanishes_leaves_nothing(server: DicomServer, dial: Dial) -> None:
    made = image()
    raw = dial(server)
    raw.send((3, command(made.SOPInstanceUID)), (0, data_set_of(part10(made))[:200]))
    deadline = time.monotonic() + 5
    while not spool_files(server) and time.monotonic() < deadline:
        time.sleep(0.01)
    raw.line.close()
    while spool_files(server) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert spool_files(server) == []


@fast_only
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(struct.pack(">BBL", 4, 0, 0x7FFFFFFF), id="PDU of two gigabytes"),
        pytest.param(p_data(1, 3, b"not a command set"), id="no command set"),
        pytest.param(p_data(9, 3, command("1.2.3")), id="context never accepted"),
        pytest.param(p_data(1, 2, b"data"), id="data without command"),
        pytest.param(struct.pack(">BBL", 4, 0, 6) + struct.pack(">LBB", 900, 1, 3), id="value longer than its PDU"),
        pytest.param(struct.pack(">BBL", 4, 0, 3) + b"abc", id="value without a head"),
        pytest.param(p_data(1, 3, command("1.2.3", data_set=0x0101)), id="store without data set"),
        pytest.param(struct.pack(">BBL", 99, 0, 0), id="unknown PDU"),
        pytest.param(p_data(1, 1, bytes(60_000)) * 3, id="endless command"),
    ],
)
def test_a_peer_that_breaks_the_protocol_is_aborted_and_others_are_served(
    server: DicomServer, dial: Dial, content: bytes
) -> None:
    raw = dial(server)
    raw.line.sendall(content)
    assert raw.aborted()
    assert send(server, "fast", image()) == [0]


@fast_only
def test_a_connection_that_begins_with_nonsense_is_closed(server: DicomServer) -> None:
    for content in (b"GET / HTTP/1.1\r\n\r\n", struct.pack(">BBL", 1, 0, 0xFFFFFFF0), b"\x01\0\0\0\0\x04abcd"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
            line.sendall(content)
            try:
                answer = line.recv(100)
            except ConnectionResetError:
                answer = b""
            assert answer[:1] in (b"", b"\x07")
    assert send(server, "fast", image()) == [0]


@fast_only
def test_an_endless_data_set_of_another_command_is_not_gathered(server: DicomServer, dial: Dial) -> None:
    raw = dial(server)
    raw.send((3, command("1.2.3", field=0x20)))
    with pytest.raises(OSError):
        for _ in range(200):
            raw.send((0, bytes(16_000)))
            time.sleep(0.001)


@fast_only
def test_a_full_disk_is_answered_out_of_resources(server: DicomServer) -> None:
    server.archive.spool._floor_bytes = 1 << 60
    made = image()
    assert send(server, "fast", made) == [0xA700]
    server.archive.spool._floor_bytes = 0
    assert send(server, "fast", made) == [0]


@fast_only
def test_an_object_beyond_the_limit_is_answered_out_of_resources(
    tmp_path: Any, blobs: FolderBlobStore, recording_hub: RecordingHub, way: str
) -> None:
    settings = DicomSettings(free_space_floor_bytes=0, maximum_data_set_bytes=600)
    small: Any = DicomServer(settings, recording_hub, Policy(), tmp_path / "small", blobs, RecordingAudit())
    small.port = small.start()
    assert send(small, "fast", image()) == [0xA700]
    small.stop(1)
    assert spool_files(small) == []


@fast_only
def test_stopping_finishes_the_message_on_its_way(server: Any, dial: Dial) -> None:
    made = image()
    raw, data_set = dial(server), data_set_of(part10(made))
    raw.send((3, command(made.SOPInstanceUID)), (0, data_set[:200]))
    time.sleep(0.1)
    stopping = threading.Thread(target=server.stop, args=(5,))
    stopping.start()
    time.sleep(0.3)
    raw.send((2, data_set[200:]))
    assert raw.status() == 0
    assert raw.aborted()
    stopping.join(10)
    assert not stopping.is_alive()
    assert data_set_of(stored(server, made)) == data_set


@fast_only
def test_the_sender_is_the_registered_client(server: DicomServer) -> None:
    made = image()
    send(server, "fast", made)
    rows = server.archive.index.rows("SELECT client, role, ae_title FROM study WHERE uid = ?", [made.StudyInstanceUID])
    assert rows == [(QINGSHAN.client, "clinic", "QINGSHAN")]


@fast_only
def test_connections_that_come_to_nothing_leave_nothing(server: Any) -> None:
    for number in range(20):
        with socket.create_connection(("127.0.0.1", server.port)) as line:
            if number % 2:
                line.sendall(b"\x01\x00")
    deadline = time.monotonic() + 8
    while server._listener.connections and time.monotonic() < deadline:
        time.sleep(0.05)
    assert server._listener.connections == 0
