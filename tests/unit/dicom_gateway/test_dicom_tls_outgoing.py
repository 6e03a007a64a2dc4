"""TLS between the gateway and DCMTK, both ways: its clients at our door, and associations that we open."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dicom_clients import keys
from dicom_objects import CT, EXPLICIT, data_set_of, image, part10
from dicom_parts import QINGSHAN, RecordingAudit, RecordingHub
from pydicom.uid import generate_uid
from pynetdicom import AE, evt

from dicom_gateway.device import DeviceProfile
from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.scu.tls import OutgoingTls
from dicom_gateway.server import DicomServer
from dicom_gateway.settings import DicomSettings
from dicom_gateway.sop_classes import STORAGE_COMMITMENT, STUDY_ROOT_MOVE
from hub.blobs.folder import FolderBlobStore
from hub.contracts.caller import EVERYTHING
from hub.security.policy import Policy

pytestmark = pytest.mark.skipif(
    not (shutil.which("openssl") and shutil.which("storescu")), reason="openssl or DCMTK is not installed"
)
Pair = tuple[Path, Path]


def _signed_by_itself(folder: Path, name: str) -> Pair:
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", str(key),
         "-out", str(certificate), "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    folder = tmp_path_factory.mktemp("tls")
    return {name: _signed_by_itself(folder, name) for name in ("hub", "device", "stranger")}


@pytest.fixture
def tls_server(
    tmp_path: Path, pairs: dict[str, Pair], blobs: FolderBlobStore, recording_hub: RecordingHub
) -> Iterator[Any]:
    """Asks clients for a certificate; knows the destination ARCHIVE and the device QINGSHAN by theirs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pairs["hub"])
    context.load_verify_locations(pairs["device"][0])
    context.verify_mode = ssl.CERT_REQUIRED
    outgoing = OutgoingTls(pairs["device"][0], *pairs["hub"], name="device")
    settings = DicomSettings(
        free_space_floor_bytes=0, association_seconds=5, network_seconds=5, quiet_seconds=600, retry_seconds=0.1,
        devices={"ARCHIVE": DeviceProfile(tls=outgoing), "QINGSHAN": DeviceProfile(tls=outgoing),
                 "WRONGNAME": DeviceProfile(tls=replace(outgoing, name="somebody-else"))},
    )  # fmt: skip
    made: Any = DicomServer(settings, recording_hub, Policy(), tmp_path / "dicom", blobs, RecordingAudit())
    made.port = made.start(ssl_context=context)
    yield made
    made.stop(2)


def _dcmtk(tool: str, pair: Pair, trusted: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [tool, "+tls", str(pair[1]), str(pair[0]), "+cf", str(trusted), *arguments],
        capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "TCP_NODELAY": "1"},
    )  # fmt: skip


def test_dcmtk_stores_and_asks_over_tls(tls_server: Any, pairs: dict[str, Pair], tmp_path: Path) -> None:
    made = image()
    file = tmp_path / "one.dcm"
    file.write_bytes(part10(made))
    place = ("-aet", "QINGSHAN", "-aec", "HUB", "localhost", str(tls_server.port))
    sent = _dcmtk("storescu", pairs["device"], pairs["hub"][0], "-ic", *place, str(file))
    assert sent.returncode == 0, sent.stderr
    (row,) = tls_server.archive.index.instances(EVERYTHING, made.StudyInstanceUID)
    with tls_server.archive.files.file(row) as view:
        assert data_set_of(bytes(view)) == data_set_of(part10(made))
    asked = ("-S", "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={made.StudyInstanceUID}")
    found = _dcmtk("findscu", pairs["device"], pairs["hub"][0], "-ic", *asked, *place)
    assert (found.returncode, found.stderr.count("Find Response: 1")) in ((0, 1), (0, 0)), found.stderr


def test_a_client_without_a_known_certificate_is_not_let_in(
    tls_server: Any, pairs: dict[str, Pair], tmp_path: Path
) -> None:
    made = image()
    file = tmp_path / "one.dcm"
    file.write_bytes(part10(made))
    place = ("-aet", "QINGSHAN", "-aec", "HUB", "localhost", str(tls_server.port))
    assert _dcmtk("storescu", pairs["stranger"], pairs["hub"][0], "-ic", *place, str(file)).returncode != 0
    assert tls_server.archive.index.instances(EVERYTHING, made.StudyInstanceUID) == []


@contextmanager
def _storescp(folder: Path, pair: Pair, trusted: Path) -> Iterator[int]:
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    peer = subprocess.Popen(
        ["storescp", "+tls", str(pair[1]), str(pair[0]), "+cf", str(trusted), "+B", "-od", str(folder), str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        peer.terminate()
        peer.wait()


def _move(server: Any, pairs: dict[str, Pair], study: str, to: str) -> Any:
    context = ssl.create_default_context(cafile=str(pairs["hub"][0]))
    context.load_cert_chain(*pairs["device"])
    ae = AE(ae_title="QINGSHAN")
    ae.add_requested_context(STUDY_ROOT_MOVE, EXPLICIT)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 20
    made = ae.associate("127.0.0.1", server.port, ae_title="HUB", tls_args=(context, "hub"))
    assert made.is_established
    answers = list(made.send_c_move(keys("STUDY", StudyInstanceUID=study), to, STUDY_ROOT_MOVE))
    made.release()
    return answers[-1][0]


def test_images_are_moved_over_tls_to_a_destination_that_speaks_it(
    tls_server: Any, pairs: dict[str, Pair], recording_hub: RecordingHub, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    study = generate_uid()
    sent = [part10(image(StudyInstanceUID=study, PixelData=bytes(64 * n), Rows=8, Columns=4 * n)) for n in (2, 40)]
    for content in sent:
        ArchiveInstanceStore(tls_server.archive).store(content, QINGSHAN)
    with _storescp(tmp_path / "in", pairs["device"], pairs["hub"][0]) as port:
        for title in ("ARCHIVE", "WRONGNAME", "PLAIN"):
            recording_hub.titles[title], recording_hub.places[title] = QINGSHAN, ("127.0.0.1", port)
        moved = _move(tls_server, pairs, study, "ARCHIVE")
        assert (moved.Status, moved.NumberOfCompletedSuboperations) == (0, 2)
        came = {data_set_of(path.read_bytes()) for path in (tmp_path / "in").iterdir()}
        assert came == {data_set_of(content) for content in sent}
        capsys.readouterr()
        wrong = _move(tls_server, pairs, study, "WRONGNAME")
        assert (wrong.Status, wrong.NumberOfFailedSuboperations) == (0xA702, 2)
        told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        (failed,) = [line for line in told if line["event"] == "dicom.tls_failed"]
        assert (failed["ae_title"], failed["error"]) == ("WRONGNAME", "SSLCertVerificationError")
        assert _move(tls_server, pairs, study, "PLAIN").Status == 0xA702  # no TLS for it in the settings
    assert len(list((tmp_path / "in").iterdir())) == 2


def test_a_storage_commitment_is_reported_over_tls(
    tls_server: Any, pairs: dict[str, Pair], recording_hub: RecordingHub
) -> None:
    made, reports = image(), list[Any]()
    ArchiveInstanceStore(tls_server.archive).store(part10(made), QINGSHAN)

    def take(event: Any) -> tuple[int, None]:
        reports.append((event.event_type, event.event_information.TransactionUID))
        return 0, None

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pairs["device"])
    context.load_verify_locations(pairs["hub"][0])
    context.verify_mode = ssl.CERT_REQUIRED
    device = AE(ae_title="QINGSHAN")
    device.add_supported_context(STORAGE_COMMITMENT, scu_role=True, scp_role=True)
    listening: Any = device.start_server(
        ("127.0.0.1", 0), block=False, ssl_context=context, evt_handlers=[(evt.EVT_N_EVENT_REPORT, take)]
    )
    recording_hub.places["QINGSHAN"] = ("127.0.0.1", listening.server_address[1])
    try:
        item = keys(ReferencedSOPClassUID=CT, ReferencedSOPInstanceUID=made.SOPInstanceUID)
        client = ssl.create_default_context(cafile=str(pairs["hub"][0]))
        client.load_cert_chain(*pairs["device"])
        ae = AE(ae_title="QINGSHAN")
        ae.add_requested_context(STORAGE_COMMITMENT, EXPLICIT)
        asking = ae.associate("127.0.0.1", tls_server.port, ae_title="HUB", tls_args=(client, "hub"))
        asked = keys(TransactionUID="1.2.99", ReferencedSOPSequence=[item])
        status, _reply = asking.send_n_action(asked, 1, STORAGE_COMMITMENT, "1.2.840.10008.1.20.1.1")
        assert status.Status == 0
        asking.release()
        deadline = time.monotonic() + 10
        while not reports and time.monotonic() < deadline:
            time.sleep(0.02)
        assert reports == [(1, "1.2.99")]
    finally:
        listening.shutdown()
