"""The DICOM process."""

import socket
from collections.abc import Callable

from dicom_gateway import server

from .parts import Parts
from .tls import tls_context


def run_gateway(parts: Parts, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Returns when the DICOM door has drained after SIGTERM."""
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
            ssl_context=tls_context(parts.settings.dicom),
        )
    finally:
        parts.close()
