"""A real store, the county's clients, and receivers on real sockets that answer as a test tells them to."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.contracts.caller import Caller, Role
from hub.contracts.submission import Channel, Entry, Method, Origin, Submission
from hub.delivery.follower import DeliveryFollower
from hub.delivery.sender import Sender
from hub.delivery.tables import DELIVERY_TABLES
from hub.delivery.transport import Mllp, RestHook
from hub.store.sqlite import SqliteCursorStore, SqliteResourceStore


class Registry:
    """``Destinations``: who is registered with which place."""

    def __init__(self) -> None:
        self.urls: dict[str, list[str]] = {}
        self.organizations = {"qingshan-his": "qingshan", "centre": "imaging-centre", "district": "district-platform"}

    def destinations_of_organization(self, organization: str) -> Sequence[str]:
        return self.urls.get(organization, [])

    def organization_of_client(self, name: str) -> str | None:
        return self.organizations.get(name)


class Trail:
    def __init__(self) -> None:
        self.noted: list[tuple[str, str, str, list[str]]] = []

    def note(self, caller: Caller, interaction: str, resource_type: str, patients: Sequence[str]) -> None:
        self.noted.append((caller.organization, interaction, resource_type, list(patients)))


class Receiver:
    """Takes HTTP POSTs (or MLLP frames) on a free port. ``answers`` are used up in turn; then it is content."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes]] = []
        self.answers: list[int | str] = []
        self._server: asyncio.Server | None = None
        self.port = 0

    async def listen(self, *, mllp: bool = False) -> "Receiver":
        handler = self._mllp if mllp else self._http
        self._server = await asyncio.start_server(handler, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def away(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/reports"

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = {name.lower(): value.strip() for name, _, value in
                       (line.partition(":") for line in head.split("\r\n")[1:])}  # fmt: skip
            body = await reader.readexactly(int(headers["content-length"]))
            self.received.append((headers["idempotency-key"], body))
            status = self.answers.pop(0) if self.answers else 200
            location = "Location: http://127.0.0.1:1/\r\n" if status == 307 else ""
            writer.write(f"HTTP/1.1 {status} X\r\n{location}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
        finally:
            writer.close()

    async def _mllp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            frame = (await reader.readuntil(b"\x1c\r"))[1:-2]
            self.received.append((frame.split(b"|")[1].decode(), frame))
            code = self.answers.pop(0) if self.answers else "AA"
            writer.write(f"\x0bMSA|{code}\x1c\r".encode())
            await writer.drain()
        finally:
            writer.close()


async def mllp_send(host: str, port: int, message: bytes, timeout_seconds: float) -> str:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"\x0b" + message + b"\x1c\r")
        return (await reader.readuntil(b"\x1c\r")).split(b"|")[1][:2].decode()
    finally:
        writer.close()


def report_to_oru(resources: Sequence[dict[str, Any]], control_id: str) -> bytes:
    if resources[0].get("conclusion") == "untranslatable":
        raise ValueError("no such segment")
    return f"MSH|{control_id}|{resources[0]['id']}|{resources[0]['meta']['versionId']}|{len(resources)}".encode()


CALLERS = {
    "clinic": Caller("qingshan-his", Role.CLINIC, "qingshan"),
    "centre": Caller("centre", Role.READER, "imaging-centre"),
    "hospital": Caller("hospital", Role.PHYSICIAN, "county-hospital"),
    "district": Caller("district", Role.PLATFORM, "district-platform"),
}


class County:
    """A clinic's study, a centre's reports, the queue and its sender."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry, self.trail = Registry(), Trail()
        self.store = self.open()

    def open(self) -> SqliteResourceStore:
        return SqliteResourceStore(self.folder, reactions=[], side_tables=[DELIVERY_TABLES])

    def restart(self) -> None:
        self.store.close()
        self.store = self.open()

    def send(self, who: str, *resources: dict[str, Any], owner: str | None = None) -> None:
        entries = tuple(
            Entry(Method.UPDATE, one["resourceType"], json.dumps(one).encode(), id=one["id"]) for one in resources
        )
        submission = Submission(entries, Origin(CALLERS[who], Channel.FHIR, datetime.now(UTC)))
        more = {"owners": [owner] * len(entries)} if owner else {}
        self.store.submit(self.store.prepare(submission, **more)).result()

    def study(self, who: str = "clinic", owner: str | None = None) -> None:
        patient = {"resourceType": "Patient", "id": "p1", "name": [{"text": "陈秀英"}]}
        study = {
            "resourceType": "ImagingStudy", "id": "s1", "status": "available", "subject": {"reference": "Patient/p1"},
            "series": [{"uid": "2.25.7", "modality": {"code": "CT"}}],
        }  # fmt: skip
        self.send(who, patient, study, owner=owner)

    def report(self, id_: str = "r1", status: str = "final", who: str = "centre", **more: Any) -> None:
        body = {
            "resourceType": "DiagnosticReport", "id": id_, "status": status, "code": {"text": "胸部CT"},
            "subject": {"reference": "Patient/p1"}, "imagingStudy": [{"reference": "ImagingStudy/s1"}], **more,
        }  # fmt: skip
        self.send(who, {name: value for name, value in body.items() if value})

    def follow(self) -> None:
        """What the follower does when it reads the log from the beginning (it must bear that)."""
        DeliveryFollower(self.store, self.registry, report_to_oru).follow(self.store.changes_since(0, 1000))

    def items(self) -> list[tuple[str, int, str]]:
        rows = self.store.side_rows("SELECT report_id, version, state FROM delivery_item ORDER BY number")
        return [(report, version, state) for report, version, state in rows]

    def hurry(self) -> None:
        """Everything open is due now, as if its pause were over."""
        self.store.act(lambda view: view.execute("UPDATE delivery_item SET next_us = 0"), CALLERS["clinic"]).result()

    def cursors(self) -> SqliteCursorStore:
        return SqliteCursorStore(self.store)

    async def run(self, until: Callable[[], bool]) -> None:
        """Let the sender work until ``until`` says so."""
        rest_hook, stop = RestHook(timeout_seconds=2), asyncio.Event()
        transports = {"http": rest_hook, "https": rest_hook, "mllp": Mllp(mllp_send, timeout_seconds=5)}
        sender = Sender(self.store, self.registry, transports, self.trail, poll_seconds=0.01)
        running = asyncio.create_task(sender.run(stop))
        for _ in range(1000):
            if until() or running.done():
                break
            await asyncio.sleep(0.01)
        stop.set()
        await running
        assert until()


@pytest.fixture
def county(tmp_path: Path) -> Iterator[County]:
    made = County(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def new_receiver() -> type[Receiver]:
    return Receiver
