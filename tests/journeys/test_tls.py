"""The three doors with certificates: TLS 1.2 or better, and client certificates where they are asked for."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pynetdicom import AE

from tests.journeys.running_hub import END, START, RunningHub

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


def _outside() -> str:
    """An address of this machine beyond loopback; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
        except OSError:
            pytest.skip("this machine has loopback alone")
        return str(probe.getsockname()[0])


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = _certificate(folder, "hub")
    client, _ = _certificate(folder, "qingshan")
    environment = {}
    for door in ("HTTP", "MLLP", "DICOM"):
        environment |= {f"HUB_{door}__CERTIFICATE": str(certificate), f"HUB_{door}__KEY": str(key)}
    for door in ("MLLP", "DICOM"):
        environment[f"HUB_{door}__CLIENT_CA"] = str(client)
    running = RunningHub(folder / "data", **environment).start(workers=1)
    try:
        running.register("qingshan", "clinic", "qingshan", "--facility", "QS001", "--ae-title", "QINGSHAN")
        yield running
    finally:
        running.stop()


def _context(folder: Path, *, with_client: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / "hub.crt"))
    if with_client:
        context.load_cert_chain(folder / "qingshan.crt", folder / "qingshan.key")
    return context


def test_https_answers_and_plain_http_does_not(hub: RunningHub) -> None:
    assert hub.http.startswith("https://")
    folder = hub.folder.parent
    headers = {"Authorization": f"Bearer {hub.clients['qingshan']['token']}"}
    with httpx.Client(verify=_context(folder, with_client=False), headers=headers) as client:
        assert client.get(f"{hub.http}/fhir/Patient").status_code == 200
    with pytest.raises(httpx.HTTPError):
        httpx.get(hub.http.replace("https://", "http://") + "/health/live")


def test_an_old_tls_version_is_refused(hub: RunningHub) -> None:
    host, port = hub.http.removeprefix("https://").rsplit(":", 1)
    said = subprocess.run(
        ["openssl", "s_client", "-connect", f"{host}:{port}", "-tls1_1"], input="", capture_output=True, text=True,
        check=False, timeout=20,
    )  # fmt: skip
    assert "Cipher is (NONE)" in said.stdout or said.returncode != 0


def test_mllp_takes_a_client_with_a_certificate_and_no_other(hub: RunningHub) -> None:
    host, port = str(hub.doors["mllp"]).rsplit(":", 1)
    folder = hub.folder.parent
    message = (
        "MSH|^~\\&|HIS|QS001|HUB|C|20261122083000||ADT^A04|T1|P|2.5.1||||||UNICODE UTF-8\r"
        "PID|1||T1^^^QS001^PI||测试||19700101|F\r"
    ).encode()
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        _context(folder, with_client=True).wrap_socket(plain, server_hostname="127.0.0.1") as line,
    ):
        line.sendall(START + message + END)
        assert b"MSA|AA|T1" in line.recv(65536)
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
        _context(folder, with_client=False).wrap_socket(plain, server_hostname="127.0.0.1") as line,
    ):
        line.sendall(START + message + END)
        if not line.recv(65536):
            raise ConnectionError


@pytest.mark.skipif(shutil.which("echoscu") is None, reason="needs DCMTK (apt-get install dcmtk)")
def test_dicom_echo_over_tls_with_a_client_certificate(hub: RunningHub) -> None:
    host, port = str(hub.doors["dicom"]).rsplit(":", 1)
    folder = hub.folder.parent
    with_tls = ["+tls", str(folder / "qingshan.key"), str(folder / "qingshan.crt"), "+cf", str(folder / "hub.crt")]
    called = ["-aet", "QINGSHAN", "-aec", "HUB", host, port]
    assert subprocess.run(["echoscu", *with_tls, *called], capture_output=True, check=False, timeout=30).returncode == 0
    assert subprocess.run(["echoscu", *called], capture_output=True, check=False, timeout=30).returncode != 0


def _says(address: tuple[str, int], context: ssl.SSLContext, facility: str) -> bytes:
    message = (
        f"MSH|^~\\&|HIS|{facility}|HUB|C|20261122083000||ADT^A04|B{facility}|P|2.5.1||||||UNICODE UTF-8\r"
        f"PID|1||B1^^^{facility}^PI||测试||19700101|F\r"
    ).encode()
    with socket.create_connection(address, timeout=10) as plain, context.wrap_socket(plain) as line:
        line.sendall(START + message + END)
        return line.recv(65536)


def test_beyond_loopback_a_certificate_opens_the_names_of_its_own_client_alone(tmp_path: Path) -> None:
    outside = _outside()
    certificate, key = _certificate(tmp_path, "hub")
    both = tmp_path / "clients.pem"
    both.write_bytes(b"".join(_certificate(tmp_path, name)[0].read_bytes() for name in ("qingshan", "baihe")))
    environment = {}
    for door in ("MLLP", "DICOM"):
        environment |= {f"HUB_{door}__CERTIFICATE": str(certificate), f"HUB_{door}__KEY": str(key)}
        environment[f"HUB_{door}__CLIENT_CA"] = str(both)
    running = RunningHub(tmp_path / "data", **environment)
    running.start("--mllp", f"{outside}:0", "--dicom", f"{outside}:0", workers=1)
    try:
        for name, facility, title in (("qingshan", "QS001", "QINGSHAN"), ("baihe", "BH001", "BAIHE")):
            running.register(name, "clinic", name, "--facility", facility, "--ae-title", title)
        context = ssl.create_default_context(cafile=str(certificate))
        context.check_hostname = False
        context.load_cert_chain(tmp_path / "qingshan.crt", tmp_path / "qingshan.key")
        port = int(str(running.doors["mllp"]).rsplit(":", 1)[1])
        assert b"MSA|AA" in _says((outside, port), context, "QS001")
        foreign = _says((outside, port), context, "BH001")
        assert b"MSA|AR" in foreign
        assert b"204" in foreign
        dicom_port = int(str(running.doors["dicom"]).rsplit(":", 1)[1])
        ae = AE(ae_title="QINGSHAN")
        ae.add_requested_context("1.2.840.10008.1.1")
        for title, welcome in (("QINGSHAN", True), ("BAIHE", False)):
            ae.ae_title = title
            association = ae.associate(outside, dicom_port, tls_args=(context, "hub"))
            assert association.is_established is welcome
            if welcome:
                association.release()
    finally:
        running.stop()
