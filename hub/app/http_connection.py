"""One HTTP connection, bounded in what a client may do before anything is known of it: bytes of a request's head, time
to send it, time without a byte of a body that was begun. What is no HTTP at all is refused in the form of every other
refusal.
"""

from asyncio import Transport

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from hub.contracts.errors import ExchangeError, Incorrect, TooLarge
from hub.fhir.outcome import operation_outcome

MOST_HEAD_BYTES = 512 << 10
"""More than the event loop reads at once, so that requests sent together are not taken for one large head."""
HEAD_SECONDS = 30.0
"""From the connection, or from the first byte of a request, to the end of its head."""
BODY_SECONDS = 60.0
"""Without a byte of a body that is still to come."""
LOOK_SECONDS = 5.0


class HttpConnection(HttpToolsProtocol):
    """uvicorn's connection within these bounds: one timer a connection, a look at the clock for each part of a
    request."""

    _since: float | None
    """Loop time since when the client owes us something; None while it owes nothing."""
    _patience_seconds = HEAD_SECONDS
    _in_head = True
    _head_bytes = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()
        self._timer = self.loop.call_later(LOOK_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        if self._since is not None and self.loop.time() - self._since > self._patience_seconds:
            self.transport.abort()
        else:
            self._timer = self.loop.call_later(LOOK_SECONDS, self._look)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
                self._refuse(
                    TooLarge(
                        f"The head of the request is larger than {MOST_HEAD_BYTES} bytes.",
                        remedy="Send search parameters by POST [type]/_search, and fewer header fields.",
                        http_status=431,
                    )
                )

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._since, self._patience_seconds = self.loop.time(), HEAD_SECONDS

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        self._since, self._patience_seconds = self.loop.time(), BODY_SECONDS
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._since = self.loop.time()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head, self._since = True, None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(
            Incorrect("This is no HTTP/1.1 request.", remedy="See RFC 9112.", issue_code="structure", http_status=400)
        )

    def _refuse(self, refusal: ExchangeError) -> None:
        body = operation_outcome(refusal)
        self.transport.write(
            STATUS_LINE[refusal.http_status]
            + b"content-type: application/fhir+json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
            + body
        )
        self.transport.close()
