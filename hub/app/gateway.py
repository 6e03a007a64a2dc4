"""A DICOM process."""

import socket
from collections.abc import Callable

from dicom_gateway import server
from dicom_gateway.scp.places import Places

from .parts import Parts
from .tls import tls_context

__all__ = ["Places", "run_gateway"]


def run_gateway(
    parts: Parts, listening: socket.socket, places: Places, process: int, ready: Callable[[], None]
) -> None:
    """Process number ``process``, from 0, of those that share socket and ``places``. Returns when the DICOM door has
    drained after SIGTERM."""
    try:
        server.run(
            parts.dicom_settings,
            parts.hub_client,
            parts.policy,
            parts.dicom_folder,
            parts.blobs,
            parts.audit,
            listening,
            ready=ready,
            process=process,
            places=places,
            ssl_context=tls_context(parts.settings.dicom),
        )
    finally:
        parts.close()
