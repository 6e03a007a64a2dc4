"""Real peers for the tests: Orthanc with and without DICOMweb, DCMTK's archive, and one that never answers."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

DICOM_WEB_PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
REQUIRED = "HUB_TESTS_REQUIRE_PEERS" in os.environ


def missing(*programs: str) -> bool:
    return not REQUIRED and not all(shutil.which(one) or Path(one).exists() for one in programs)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def until(look: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


class Orthanc:
    def __init__(self, http: httpx.Client, dicom_port: int, http_port: int) -> None:
        self.http = http
        self.dicom_port = dicom_port
        self.url = f"http://127.0.0.1:{http_port}/dicom-web"

    def put(self, part10: bytes) -> str:
        answer = self.http.post("/instances", content=part10)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["ID"])


@contextmanager
def orthanc(
    folder: Path, hub_port: int, *, dicom_web: bool = True, ae_title: str = "PACS", ports: tuple[int, int] = (0, 0)
) -> Iterator[Orthanc]:
    """It knows us as ``hub``, AE title HUB. ``ports``: for DICOM and HTTP; what ``folder`` holds it holds again."""
    folder.mkdir(exist_ok=True)
    dicom, http = (given or free_port() for given in ports)
    settings = {
        "StorageDirectory": str(folder), "IndexDirectory": str(folder), "DicomAet": ae_title, "DicomPort": dicom,
        "HttpPort": http, "RemoteAccessAllowed": False, "DicomCheckCalledAet": False,
        "Plugins": [DICOM_WEB_PLUGIN] if dicom_web else [], "AuthenticationEnabled": False,
        "DicomAlwaysAllowGet": True, "DefaultEncoding": "Chinese", "StableAge": 1,
        "DicomModalities": {"hub": {
            "AET": "HUB", "Host": "127.0.0.1", "Port": hub_port, "AllowStorageCommitment": True, "AllowGet": True,
            "AllowMove": True, "AllowFind": True,
        }},
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
    peer = subprocess.Popen(
        ["Orthanc", str(folder / "orthanc.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{http}", timeout=30) as client:
            assert until(lambda: _answers(client))
            yield Orthanc(client, dicom, http)
    finally:
        peer.kill()
        peer.wait()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/system").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def blackhole() -> Iterator[int]:
    """A port that takes every connection and never says anything."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    taken: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                taken.append(listening.accept()[0])
            except OSError:
                return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()
        for one in taken:
            one.close()


@contextmanager
def dcmqrscp(folder: Path, port: int, peers: dict[str, int]) -> Iterator[Path]:
    """DCMTK's archive, AE title PACS, whose storage area is the path given; ``peers`` are ports by AE title."""
    area = folder / "area"
    area.mkdir(parents=True)
    hosts = "\n".join(f"{title} = ({title}, 127.0.0.1, {number})" for title, number in peers.items())
    (folder / "dcmqrscp.cfg").write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\n{hosts}\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nPACS {area} RW (200, 1024mb) ANY\nAETable END\n",
        "ascii",
    )
    peer = subprocess.Popen(
        ["dcmqrscp", "-c", str(folder / "dcmqrscp.cfg")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        assert until(lambda: _listens(port))
        yield area
    finally:
        peer.kill()
        peer.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
