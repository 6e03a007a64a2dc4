"""An HTTP and MLLP worker: one event loop, the two shared listening sockets."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass

import uvloop

from adapters.hl7v2 import mllp
from adapters.hl7v2.ingest import Hl7v2Ingest

from .fair_accept import FairAcceptor, Shares
from .http import http_application
from .http_server import HttpServer
from .parts import Parts
from .tls import tls_context

DRAIN_SECONDS = 20


@dataclass(frozen=True, slots=True)
class SharedDoor:
    """A listening socket that all workers take connections from, and how many each holds."""

    listening: socket.socket
    shares: Shares


def run_worker(parts: Parts, http: SharedDoor, mllp_door: SharedDoor, worker: int, ready: Callable[[], None]) -> None:
    """Worker number ``worker``, from 0. Returns when both doors have drained after SIGTERM."""
    try:
        uvloop.run(_serve(parts, http, mllp_door, worker, ready))
    finally:
        parts.close()


async def _serve(parts: Parts, http: SharedDoor, mllp_door: SharedDoor, worker: int, ready: Callable[[], None]) -> None:
    settings = parts.settings
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = HttpServer(http_application(parts), settings.http, DRAIN_SECONDS, http.shares, worker)
    serving = asyncio.create_task(server.serve_on(http.listening))
    context = tls_context(settings.mllp)
    listener = await mllp.serve(
        lambda protocol: FairAcceptor(protocol, mllp_door.listening, context, mllp_door.shares, worker),
        Hl7v2Ingest(parts.hub_client).receive,
        max_message_bytes=settings.mllp.message_limit_bytes,
        idle_timeout_seconds=settings.mllp.idle_seconds,
    )
    await server.listening(serving)
    # What is loaded stays: a collector that walks it on every allocation costs more than parsing does. The first
    # threshold is more than a group of resources holds until its commit: walking those costs a twentieth of an ingest.
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
    ready()
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.stop()
    await asyncio.gather(serving, listener.close(DRAIN_SECONDS))
    await parts.searches.close()
