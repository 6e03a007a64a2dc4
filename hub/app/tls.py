"""TLS of a door, from its certificate files. TLS 1.2 and 1.3 alone (BCP 195, RFC 9325; PS3.15 B.9)."""

import ssl

from hub.settings import Door

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""TLS 1.2 suites with forward secrecy and AEAD; TLS 1.3 chooses its own."""


def tls_context(door: Door) -> ssl.SSLContext | None:
    """The context for a door with a certificate, None for one without. Raises OSError where a file cannot be used."""
    if door.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.load_cert_chain(door.certificate, door.key)
    if door.client_ca is not None:
        context.load_verify_locations(door.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
