"""Where a connection comes from, as far as its own door could verify it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FarEnd:
    """``certificate_names`` are what a verified TLS client certificate is made out to; None where none was shown."""

    address: str
    certificate_names: frozenset[str] | None = None


LOOPBACK = FarEnd("127.0.0.1")


def certificate_names(certificate: Mapping[str, Any] | None) -> frozenset[str] | None:
    """Common names and DNS names of what ``ssl.SSLSocket.getpeercert`` gives; None for no certificate."""
    if not certificate:
        return None
    common = [value for part in certificate.get("subject", ()) for name, value in part if name == "commonName"]
    alternative = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    return frozenset((*common, *alternative))
