"""The few types of ASGI 3 that this room speaks, and reading a body without trusting its sender."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from hub.contracts.errors import Busy, Incorrect, TooLarge

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class ClientGone(Exception):
    """The client closed the connection before its request was complete; there is nobody to answer."""


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """Header fields by lower-case name; repeated fields joined as RFC 9110 5.3 allows."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


class BodyBudget:
    """How much of request bodies this process may hold: one body at most ``limit_bytes``, all together at most
    ``total_bytes``, so that many large senders at once cost others nothing but a Retry-After."""

    def __init__(self, limit_bytes: int, total_bytes: int | None = None) -> None:
        self.limit_bytes = limit_bytes
        self.total_bytes = total_bytes or 2 * limit_bytes
        self.held_bytes = 0

    def hold(self, amount_bytes: int) -> None:
        """Raises Busy when the process holds too much; every ``hold`` needs its ``release``."""
        if self.held_bytes + amount_bytes > self.total_bytes:
            raise Busy("Too many large requests at once.", retry_after_seconds=2, remedy="Send it again shortly.")
        self.held_bytes += amount_bytes

    def release(self, amount_bytes: int) -> None:
        self.held_bytes -= amount_bytes


async def read_body(
    receive: Receive, headers: dict[bytes, bytes], budget: BodyBudget, limit_bytes: int | None = None
) -> bytes:
    """The whole request body; the caller releases its length from the budget when it is done with it.

    Refuses by Content-Length before a byte is read, and by count while reading; what comes after a refusal is never
    held in memory. Raises TooLarge, Busy, Incorrect (415 for a Content-Encoding), ClientGone."""
    limit_bytes = min(limit_bytes or budget.limit_bytes, budget.limit_bytes)
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding not in (b"identity", b""):
        raise Incorrect(
            "Compressed request bodies are not taken.",
            remedy="Send the body without Content-Encoding.",
            issue_code="not-supported",
            http_status=415,
        )
    stated = headers.get(b"content-length", b"")
    if stated.isdigit() and int(stated) > limit_bytes:
        raise _too_large(limit_bytes)
    chunks: list[bytes] = []
    size_bytes = 0
    try:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            if chunk := message.get("body", b""):
                if size_bytes + len(chunk) > limit_bytes:
                    raise _too_large(limit_bytes)
                budget.hold(len(chunk))
                size_bytes += len(chunk)
                chunks.append(chunk)
            if not message.get("more_body", False):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    except BaseException:
        budget.release(size_bytes)
        raise


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(
        f"The body is larger than {limit_bytes} bytes.", remedy="Split it into several requests and send them in turn."
    )
