"""The few types of ASGI 3 that this room speaks, the request, and small answers."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from hub.contracts.caller import Caller
from hub.contracts.errors import Busy, ExchangeError, Incorrect, NotFound, Unauthenticated
from hub.fhir.outcome import operation_outcome

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_HOST = re.compile(rb"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z")


@dataclass(slots=True)
class Request:
    """One request. ``path`` is what follows the prefix, split at slashes and decoded; ``root`` the URL of the prefix,
    as the client reached it."""

    method: str
    path: list[str]
    query: list[tuple[str, str]]
    headers: dict[bytes, bytes]
    caller: Caller
    root: str
    receive: Receive
    send: Send

    @property
    def accept(self) -> str:
        """The Accept header; the query parameter of that name goes first (PS3.18 8.3.3.1)."""
        for name, value in self.query:
            if name == "accept":
                return value
        return self.headers.get(b"accept", b"").decode("latin-1")


@dataclass(slots=True)
class Answer:
    """A whole answer in memory."""

    status: int
    body: bytes = b""
    content_type: str = ""
    headers: Headers = field(default_factory=list)

    async def give(self, send: Send) -> None:
        headers: Headers = [(b"content-length", str(len(self.body)).encode("ascii"))]
        if self.content_type:
            headers.append((b"content-type", self.content_type.encode("ascii")))
        await send({"type": "http.response.start", "status": self.status, "headers": headers + self.headers})
        await send({"type": "http.response.body", "body": self.body})


def request_of(scope: Message, receive: Receive, send: Send, prefix: str, configured_root: str | None) -> Request:
    """Raises NotFound for a path that is not below the prefix, Incorrect for a query that is not UTF-8."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers[name] = headers[name] + b", " + value if name in headers else value
    caller = (scope.get("state") or {}).get("caller")
    if not isinstance(caller, Caller):
        raise Unauthenticated("No credential.", remedy="Send Authorization: Bearer TOKEN.")
    path = scope.get("raw_path") or scope["path"].encode()
    text = path.split(b"?")[0].decode("ascii", "replace")
    if text != prefix and not text.startswith(prefix + "/"):
        raise no_such_route()
    try:
        query = parse_qsl(
            scope.get("query_string", b"").decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict",
            max_num_fields=200,
        )  # fmt: skip
    except ValueError:
        raise Incorrect(
            "The query string cannot be read.", remedy="Send UTF-8, percent-encoded.", http_status=400
        ) from None
    segments = [unquote(segment) for segment in text[len(prefix) + 1 :].split("/")]
    if segments and not segments[-1]:
        segments.pop()
    root = configured_root or _root(scope, headers, prefix)
    return Request(scope["method"], segments, query, headers, caller, root, receive, send)


def _root(scope: Message, headers: dict[bytes, bytes], prefix: str) -> str:
    """A Host header is the sender's data: used only where it is a plain host and port, and for nothing but URLs. Some
    clients leave the port out of it: where it is the very address they reached, the port is known."""
    scheme = scope.get("scheme", "http")
    host = headers.get(b"host", b"")
    address, port = scope.get("server") or ("localhost", None)
    literal = f"[{address}]" if ":" in address else address
    if _HOST.match(host) and host.decode("ascii") != literal:
        return f"{scheme}://{host.decode('ascii')}{prefix}"
    return f"{scheme}://{literal}:{port}{prefix}" if port else f"{scheme}://{literal}{prefix}"


def refusal(error: ExchangeError) -> Answer:
    headers: Headers = []
    if isinstance(error, Busy):
        headers.append((b"retry-after", str(error.retry_after_seconds).encode("ascii")))
    return Answer(error.http_status, operation_outcome(error), "application/fhir+json", headers)


def no_such_route() -> NotFound:
    return NotFound("There is no such resource.", remedy="See the conformance statement for the resources there are.")


def not_found() -> NotFound:
    """What does not exist and what is not the caller's to know of look the same."""
    return NotFound("There is no such study, series or instance here.", remedy="Check the UIDs.")
