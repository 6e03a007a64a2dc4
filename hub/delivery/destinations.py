"""Where things go, as this room asks the registry of clients (``hub.security.clients.Clients``)."""

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit


class Destinations(Protocol):
    def destinations_of_organization(self, organization: str) -> Sequence[str]:
        """URLs (``http``, ``https``, ``mllp``) registered for an organization now; empty where there is none."""
        ...

    def organization_of_client(self, name: str) -> str | None:
        """The organization of a registered client."""
        ...


def scheme_of(destination: str) -> str:
    return destination.partition("://")[0]


def mllp_address(destination: str) -> tuple[str, int]:
    """Host and port of ``mllp://HOST:PORT``. Raises ValueError."""
    parts = urlsplit(destination)
    if parts.scheme != "mllp" or not parts.hostname or parts.port is None:
        raise ValueError("not an mllp destination")
    return parts.hostname, parts.port
