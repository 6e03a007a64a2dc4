"""The base URL that stands in Location, Bundle.link and fullUrl.

A Host header is data of the sender: it is used only where it is a plain host and port (RFC 3986 3.2.2), never for
routing or authorization, and never where the site has configured its own base URL.
"""

import re
from functools import lru_cache

from .asgi import Scope

_HOST = re.compile(rb"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z")


def base_url(scope: Scope, headers: dict[bytes, bytes], configured: str | None, mount: str) -> str:
    """``configured`` if there is one, else what the client called us, else the address it reached. No final slash."""
    if configured:
        return configured
    server = scope.get("server") or ("localhost", None)
    return _base(str(scope.get("scheme", "http")), headers.get(b"host", b""), server[0], server[1], mount)


@lru_cache(maxsize=256)
def _base(scheme: str, host: bytes, address: str, port: int | None, mount: str) -> str:
    if _HOST.match(host):
        return f"{scheme}://{host.decode('ascii')}{mount}"
    literal = f"[{address}]" if ":" in address else address
    return f"{scheme}://{literal}:{port}{mount}" if port else f"{scheme}://{literal}{mount}"
