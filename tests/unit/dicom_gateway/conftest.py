"""A gateway in a temporary folder, with real parts but for the hub behind it, which records what it is told."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from dicom_parts import QINGSHAN, Ask, RecordingAudit, RecordingHub
from dicomweb_client.api import DICOMwebClient

from dicom_gateway.archive import Archive
from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.server import DicomServer
from dicom_gateway.settings import DicomSettings
from dicom_gateway.web.app import DicomWebApp
from hub.blobs.folder import FolderBlobStore
from hub.contracts.caller import Caller
from hub.security.policy import Policy


@pytest.fixture
def recording_hub() -> RecordingHub:
    return RecordingHub()


@pytest.fixture
def settings() -> DicomSettings:
    return DicomSettings(quiet_seconds=0.2, free_space_floor_bytes=0, network_seconds=5, association_seconds=5)


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobStore:
    return FolderBlobStore(tmp_path / "blobs")


@pytest.fixture
def archive(
    tmp_path: Path, settings: DicomSettings, blobs: FolderBlobStore, recording_hub: RecordingHub
) -> Iterator[Archive]:
    made = Archive(tmp_path / "dicom", settings, blobs, recording_hub.quarantine, recording_hub.archives)
    yield made
    made.close()


@pytest.fixture
def store(archive: Archive) -> ArchiveInstanceStore:
    return ArchiveInstanceStore(archive)


@pytest.fixture
def server(
    tmp_path: Path,
    settings: DicomSettings,
    blobs: FolderBlobStore,
    recording_hub: RecordingHub,
    audit: RecordingAudit,
) -> Iterator[DicomServer]:
    """A DICOM server that listens on ``server.port``."""
    made = DicomServer(settings, recording_hub, Policy(), tmp_path / "dicom", blobs, audit)
    made.port = made.start()  # type: ignore[attr-defined]
    yield made
    made.stop(2)


@pytest.fixture
def audit() -> RecordingAudit:
    return RecordingAudit()


@pytest.fixture
def ask(archive: Archive, audit: RecordingAudit, recording_hub: RecordingHub) -> Ask:
    """``ask(path, caller=…, method=…, headers=…, content=…)`` at the DICOMweb application of ``archive``."""
    app = DicomWebApp(archive, Policy(), audit, recording_hub)

    def asked(
        path: str,
        caller: Caller = QINGSHAN,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        content: bytes = b"",
    ) -> httpx.Response:
        async def with_caller(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "state": {"caller": caller}}, receive, send)

        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(app=with_caller)
            async with httpx.AsyncClient(transport=transport, base_url="http://hub.test") as client:
                return await client.request(method, f"/dicom-web{path}", headers=headers, content=content)

        return asyncio.run(run())

    return asked


@pytest.fixture
def web(server: DicomServer) -> Iterator[DICOMwebClient]:
    """dicomweb-client as Qingshan, over HTTP."""
    app = DicomWebApp(server.archive, Policy(), RecordingAudit(), RecordingHub())

    async def with_caller(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "state": {"caller": QINGSHAN}}, receive, send)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(with_caller, lifespan="off", log_config=None, http="httptools", ws="none")
        http = uvicorn.Server(config)
        thread = threading.Thread(target=http.run, kwargs={"sockets": [listening]})
        thread.start()
        while not http.started:
            time.sleep(0.01)
        client = DICOMwebClient(f"http://127.0.0.1:{listening.getsockname()[1]}/dicom-web")
        yield client
        client._session.close()
        http.should_exit = True
        thread.join()
