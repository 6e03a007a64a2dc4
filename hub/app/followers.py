"""The process of the followers: what reads the change log, and what waits for files."""

import asyncio
import signal
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import uvloop

from adapters.ecg.drop_folder import DropFolder
from adapters.ecg.ingest import EcgIngest
from adapters.hl7v2.mllp_client import send as mllp_send
from adapters.hl7v2.report_to_oru import report_to_oru
from dicom_gateway.corrections import patient_updates
from dicom_gateway.corrections.patient_updates import PatientUpdates
from dicom_gateway.distant.pushed import PushedStudies
from hub.blobs.settling import Settling
from hub.blobs.settling_store import SettlingBlobStore
from hub.contracts.caller import EVERYTHING
from hub.contracts.errors import ExchangeError
from hub.delivery.follower import DeliveryFollower
from hub.delivery.following import follow
from hub.delivery.sender import Sender
from hub.delivery.transport import Mllp, RestHook, Transport
from hub.store.sqlite import SqliteCursorStore

from .blobs import forget as forget_rest
from .parts import Parts
from .rereading import forget, mute, reread
from .storage import report


def run_followers(parts: Parts, ready: Callable[[], None]) -> None:
    """Returns after SIGTERM, when what was under way has ended."""
    settling = _settling(parts)
    if settling is not None:
        settling.start()
    try:
        uvloop.run(_follow(parts, ready))
    finally:
        if settling is not None:
            settling.stop()
        parts.close()


def _settling(parts: Parts) -> Settling | None:
    """Carries blobs to where they rest, where that is not where they arrive."""
    if not isinstance(parts.blobs, SettlingBlobStore):
        return None
    settings = parts.settings
    return Settling(parts.blobs, emptied=(lambda: forget_rest(settings)) if settings.blobs.bring_back else None)


def _version(parts: Parts, resource_type: str, resource_id: str, version: int) -> dict[str, Any] | None:
    try:
        stored = parts.store.read_version(resource_type, resource_id, version, EVERYTHING)
    except ExchangeError:
        return None
    return msgspec.json.decode(stored.body, type=dict[str, Any]) if stored.body else None


async def _follow(parts: Parts, ready: Callable[[], None]) -> None:
    settings = parts.settings
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    rest_hook = RestHook()
    transports: dict[str, Transport] = {"http": rest_hook, "https": rest_hook, "mllp": Mllp(mllp_send)}
    sender = Sender(parts.store, parts.clients, transports, parts.audit, poll_seconds=settings.delivery.poll_seconds)
    delivery = DeliveryFollower(parts.store, parts.clients, report_to_oru)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(
            follow(
                parts.store,
                SqliteCursorStore(parts.store),
                delivery,
                stop,
                types=frozenset({"DiagnosticReport"}),
                poll_seconds=settings.delivery.poll_seconds,
            )
        )
        tasks.create_task(
            follow(
                parts.store,
                SqliteCursorStore(parts.store),
                PatientUpdates(parts.archive.index, parts.hub_client, partial(_version, parts)),
                stop,
                types=patient_updates.TYPES,
                poll_seconds=settings.delivery.poll_seconds,
            )
        )
        tasks.create_task(
            follow(
                parts.store,
                SqliteCursorStore(parts.store),
                PushedStudies(parts.archive, parts.store),
                stop,
                types=frozenset({"ImagingStudy"}),
                poll_seconds=settings.delivery.poll_seconds,
            )
        )
        tasks.create_task(sender.run(stop))
        tasks.create_task(reread(parts.store, stop))
        tasks.create_task(forget(parts.store, stop))
        tasks.create_task(report(parts, stop))
        if settings.duplicates.mute_unheeded:
            tasks.create_task(mute(parts.store, stop))
        if settings.search.urls:
            from .indexing import keep_index

            tasks.create_task(keep_index(settings.search, parts.store, stop))
        if settings.ecg.drop_folder:
            folder = parts.folder / "drop" / "ecg"
            folder.mkdir(parents=True, exist_ok=True)
            ingest = EcgIngest(parts.hub_client, parts.instances)
            tasks.create_task(DropFolder(folder, ingest, parts.caller_of_folder).run(stop))
        ready()
