"""TLS of the associations that we open (PS3.15 B.9: TLS 1.2 and 1.3, BCP 195)."""

import ssl
from dataclasses import dataclass
from pathlib import Path

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass(frozen=True, slots=True)
class OutgoingTls:
    """How a destination is spoken to over TLS. ``ca``: who signs its certificate; None asks the system's authorities.
    ``certificate`` and ``key``: what we show it. ``name``: whom its certificate must be made out to; "" is the host
    that it is registered with."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    name: str = ""

    def context(self) -> ssl.SSLContext:
        """Made anew each time, so that renewed files count at once. Raises OSError where one cannot be used."""
        context = ssl.create_default_context(cafile=self.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context
