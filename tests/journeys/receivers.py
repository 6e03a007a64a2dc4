"""The clinics' own receivers, on real sockets: they keep what came and answer as a test tells them to."""

import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

START, END = b"\x0b", b"\x1c\r"


class Receiver:
    """``answers`` are used up in turn; then it is content. Closed and opened again it has the same port."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes]] = []
        self.answers: list[str] = []
        self._server: socketserver.TCPServer | None = None
        self._port = 0
        self.open()

    def open(self) -> None:
        self._server = self._listen(self._port)
        self._port = cast("tuple[str, int]", self._server.server_address)[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def url(self) -> str:
        raise NotImplementedError

    def _listen(self, port: int) -> socketserver.TCPServer:
        raise NotImplementedError

    def of(self, text: str) -> list[tuple[str, bytes]]:
        """What was received and speaks of this."""
        return [one for one in self.received if text.encode() in one[1]]


class RestHook(Receiver):
    """Takes Bundles by POST; keeps Idempotency-Key and body, answers the statuses it is told."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/reports"

    def _listen(self, port: int) -> socketserver.TCPServer:
        keep = self._keep

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(int(keep(self.headers["Idempotency-Key"], body, "200")))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        return _Http(("127.0.0.1", port), Handler)

    def _keep(self, key: str, body: bytes, content: str) -> str:
        self.received.append((key, body))
        return self.answers.pop(0) if self.answers else content


class MllpReceiver(Receiver):
    """Takes HL7 v2 messages; keeps MSH-10 and message, answers the MSA-1 it is told."""

    @property
    def url(self) -> str:
        return f"mllp://127.0.0.1:{self._port}"

    def _listen(self, port: int) -> socketserver.TCPServer:
        keep: Callable[[str, bytes], str] = self._keep

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                pending = b""
                while chunk := self.request.recv(65536):
                    pending += chunk
                    while (end := pending.find(END)) >= 0:
                        message, pending = pending[:end].lstrip(START), pending[end + len(END) :]
                        number = message.split(b"\r", 1)[0].split(b"|")[9].decode()
                        code = keep(number, message)
                        answer = f"MSH|^~\\&|HIS|BH|HUB|HUB|20261122||ACK|{number}|P|2.5.1\rMSA|{code}|{number}\r"
                        self.request.sendall(START + answer.encode() + END)

        return _Tcp(("127.0.0.1", port), Handler)

    def _keep(self, key: str, body: bytes) -> str:
        self.received.append((key, body))
        return self.answers.pop(0) if self.answers else "AA"


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
