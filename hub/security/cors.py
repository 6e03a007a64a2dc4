"""Cross-origin calls of browser clients (Fetch standard, CORS protocol) to the CDS services, from listed origins alone.

No cookie ever counts across origins: the answers carry no Access-Control-Allow-Credentials, and who calls is said by
the Authorization header as everywhere. An origin that is not listed is answered as if nobody had asked.
"""

from collections.abc import Iterable

from .door import App, Receive, Scope, Send

SHARED = "/cds-services"
METHODS = b"GET, POST"
HEADERS = b"Authorization, Content-Type, Acting-Practitioner, Purpose-Of-Use"
PREFLIGHT_SECONDS = 600


class Cors:
    """Wraps the whole HTTP application, the Door included: a preflight carries no credential."""

    def __init__(self, app: App, origins: Iterable[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.encode("ascii") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._origins or not _is_shared(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"")
        if origin not in self._origins:
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            answer = [
                (b"access-control-allow-origin", origin),
                (b"access-control-allow-methods", METHODS),
                (b"access-control-allow-headers", HEADERS),
                (b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS),
                (b"vary", b"Origin"),
            ]
            await send({"type": "http.response.start", "status": 204, "headers": answer})
            await send({"type": "http.response.body", "body": b""})
        else:
            await self._app(scope, receive, _sharing(send, origin))


def _is_shared(path: str) -> bool:
    return path == SHARED or path.startswith(SHARED + "/")


def _sharing(send: Send, origin: bytes) -> Send:
    async def shared(message: Scope) -> None:
        if message["type"] == "http.response.start":
            more = [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return shared
