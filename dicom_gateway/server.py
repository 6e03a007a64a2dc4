"""A DICOM process: listener and archive; in the first of them also study closer, aftercare and what recurs."""

import gc
import signal
import socket
import ssl
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from hub.contracts.audit import ReadAudit
from hub.contracts.blob_store import BlobStore
from hub.contracts.gate import Gate
from hub.contracts.hub_client import HubClient

from .aftercare import Aftercare
from .archive import Archive
from .catalogue import catalogue
from .commitment.report import CommitmentReports
from .distant.following import ArchiveFollowers
from .events import FAST_RECEIVE_OFF, SERVING
from .mpps.telling import StepTelling
from .recovery import recover
from .recurring import Recurring
from .routing.forwarding import Routing
from .scp.listener import Listener
from .scp.peers import Peers
from .scp.places import Places
from .scp.provider import Provider
from .scp.reception import ArchiveReceiver
from .scp.self_test import why_not
from .settings import DicomSettings
from .study_closer import StudyCloser

DRAIN_SECONDS = 20.0
SWITCH_SECONDS = 0.0005
"""A thread that answers a peer does not wait 5 ms, the interpreter's own figure, for one that describes objects."""


class DicomServer:
    """``folder`` holds what is the gateway's own (``DIR/dicom``). Nothing is opened or started before ``start``.

    Several processes may serve one folder and one listening socket; ``process`` is the number of this one, from 0, and
    ``places`` is what they share. What must be done once, the first does."""

    def __init__(
        self,
        settings: DicomSettings,
        hub: HubClient,
        gate: Gate,
        folder: Path,
        blobs: BlobStore,
        audit: ReadAudit,
        *,
        process: int = 0,
        places: Places | None = None,
    ) -> None:
        self._audit = audit
        self._process = process
        self._places = places or Places(process + 1)
        self._settings = settings
        self._hub = hub
        self._gate = gate
        self.archive = Archive(folder, settings, blobs, hub.quarantine, hub.archives)
        self._closer = StudyCloser(self.archive, hub)
        self._aftercare = Aftercare(self.archive)
        steps = StepTelling(settings, self.archive.index.performed_steps, hub)
        reports = CommitmentReports(self.archive, hub)
        self._routing = Routing(self.archive, hub)
        archives = ArchiveFollowers(self.archive, hub)
        recurring = (Recurring("steps", steps.tell_due), Recurring("commitments", reports.report_due))
        self._tending = () if process else (self._closer, self._aftercare, *recurring, archives, self._routing)
        self._listener: Listener | None = None

    def start(
        self,
        listening: socket.socket | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> int:
        """Serve on ``listening`` (bound and listening; stays the caller's), else on host and port; the port."""
        if not self._process:
            recover(self.archive)
            self.archive.distant.arrivals.clear()
            self._routing.prepare()
        self._places.begin(self._process)
        fast = self._settings.fast_receive
        if fast and (why := why_not()):
            FAST_RECEIVE_OFF.log(why=why)
            fast = False
        peers = Peers(
            self._hub,
            self._gate,
            most=self._settings.maximum_associations,
            most_per_ae_title=self._settings.maximum_associations_per_ae_title,
            recheck_seconds=self._settings.recheck_client_seconds,
            places=self._places,
        )
        services = catalogue(self.archive, self._hub, peers, self._gate, self._audit)
        receiver = ArchiveReceiver(self.archive, peers)
        provider = Provider(self._settings, peers, receiver, services, fast=fast)
        if listening is not None:
            self._listener = Listener(provider, listening, ssl_context)
        else:
            with socket.create_server((host, port), backlog=128) as own:
                self._listener = Listener(provider, own, ssl_context)
        self._listener.start()
        for one in self._tending:
            one.start()
        SERVING.log(port=self._listener.port, ae_title=self._settings.ae_title, fast_receive=fast)
        return self._listener.port

    def stop(self, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Refuse new associations, finish the messages on their way, abort the rest; then everything is on disk."""
        if self._listener is not None:
            self._listener.stop(drain_seconds)
        for one in reversed(self._tending):
            one.stop()
        self.archive.close()


def run(
    settings: DicomSettings,
    hub: HubClient,
    gate: Gate,
    folder: Path,
    blobs: BlobStore,
    audit: ReadAudit,
    listening: socket.socket,
    *,
    ready: Callable[[], None] = lambda: None,
    ssl_context: ssl.SSLContext | None = None,
    process: int = 0,
    places: Places | None = None,
) -> None:
    """The whole life of a DICOM process: returns when it has drained after SIGTERM or SIGINT. To be called in the
    main thread of a process of its own, after the fork."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()  # what was loaded stays: a full collection would walk the whole dictionary of attributes each time
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    server = DicomServer(settings, hub, gate, folder, blobs, audit, process=process, places=places)
    server.archive.spool.folder.mkdir(parents=True, exist_ok=True)
    # The library's own receive path writes temporary files: let them lie where the sweep finds them.
    tempfile.tempdir = str(server.archive.spool.folder)
    server.start(listening, ssl_context=ssl_context)
    ready()
    while not stopping.wait(1.0):
        pass
    server.stop()
