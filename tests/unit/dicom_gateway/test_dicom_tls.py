"""DICOM over TLS (PS3.15 B.9): the same door, and a stalled handshake holds up nobody."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dicom_clients import keys
from dicom_objects import CT, EXPLICIT, image
from dicom_parts import RecordingAudit, RecordingHub
from pynetdicom import AE
from pynetdicom.association import Association

from dicom_gateway.server import DicomServer
from dicom_gateway.settings import DicomSettings
from dicom_gateway.sop_classes import STUDY_ROOT_FIND
from hub.blobs.folder import FolderBlobStore
from hub.contracts.caller import EVERYTHING
from hub.contracts.far_end import FarEnd
from hub.security.policy import Policy

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", str(key), "-out", str(certificate), "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


@pytest.fixture
def tls_server(
    tmp_path: Path, certificate: tuple[Path, Path], blobs: FolderBlobStore, recording_hub: RecordingHub
) -> Iterator[Any]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.load_verify_locations(certificate[0])
    context.verify_mode = ssl.CERT_OPTIONAL
    settings = DicomSettings(free_space_floor_bytes=0, association_seconds=30, network_seconds=5)
    made: Any = DicomServer(settings, recording_hub, Policy(), tmp_path / "dicom", blobs, RecordingAudit())
    made.port = made.start(ssl_context=context)
    yield made
    made.stop(2)


def associate(server: Any, certificate: Path, shown: tuple[Path, Path] | None = None) -> Association:
    context = ssl.create_default_context(cafile=str(certificate))
    if shown is not None:
        context.load_cert_chain(*shown)
    ae = AE(ae_title="QINGSHAN")
    ae.add_requested_context(CT, EXPLICIT)
    ae.add_requested_context(STUDY_ROOT_FIND, EXPLICIT)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 10
    return ae.associate("127.0.0.1", server.port, ae_title="HUB", tls_args=(context, "localhost"))


def test_objects_are_stored_over_tls_while_another_handshake_stalls(
    tls_server: Any, certificate: tuple[Path, Path]
) -> None:
    with socket.create_connection(("127.0.0.1", tls_server.port)) as stalled:
        stalled.sendall(b"\x16\x03")
        large = image(NumberOfFrames=4000, PixelData=bytes(128 * 4000))
        association = associate(tls_server, certificate[0])
        assert association.is_established
        assert [association.send_c_store(made).Status for made in (image(), large)] == [0, 0]
        association.release()
    assert len(tls_server.archive.index.instances(EVERYTHING, large.StudyInstanceUID)) == 1


def test_the_hub_is_told_whom_a_client_certificate_is_made_out_to(
    tls_server: Any, certificate: tuple[Path, Path], recording_hub: RecordingHub
) -> None:
    for shown in (None, certificate):
        association = associate(tls_server, certificate[0], shown)
        assert association.is_established
        association.release()
    assert recording_hub.far_ends == [FarEnd("127.0.0.1"), FarEnd("127.0.0.1", frozenset({"localhost"}))]


def test_queries_are_answered_over_tls_between_two_objects(tls_server: Any, certificate: tuple[Path, Path]) -> None:
    association = associate(tls_server, certificate[0])
    for number in (1, 2):
        assert association.send_c_store(image()).Status == 0
        answers = list(association.send_c_find(keys("STUDY", StudyInstanceUID="", PatientName=""), STUDY_ROOT_FIND))
        assert [answer.Status for answer, _found in answers] == [0xFF00] * number + [0]
    association.release()


def test_plain_dicom_is_not_spoken_at_a_tls_door(tls_server: Any) -> None:
    with socket.create_connection(("127.0.0.1", tls_server.port), timeout=10) as line:
        line.sendall(b"\x01\x00\x00\x00\x00\x44" + bytes(68))
        try:
            answer = line.recv(100)
        except ConnectionResetError:
            answer = b""
        assert answer[:1] in (b"", b"\x15")  # closed, or a TLS alert; never a DICOM PDU


def test_a_handshake_that_stalls_is_given_up(
    tmp_path: Path, certificate: tuple[Path, Path], blobs: FolderBlobStore, recording_hub: RecordingHub
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    settings = DicomSettings(free_space_floor_bytes=0, association_seconds=0.5)
    server: Any = DicomServer(settings, recording_hub, Policy(), tmp_path / "brief", blobs, RecordingAudit())
    port = server.start(ssl_context=context)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as stalled:
            stalled.sendall(b"\x16\x03\x01\x02\x00")  # the head of a ClientHello, and no more
            assert stalled.recv(100) == b""
    finally:
        server.stop(1)
