"""The clinics' own receivers in the demonstration: a FHIR rest-hook and an MLLP listener.

They are small on purpose and keep what arrived, so that the play can show it and count it.
"""

import json
import queue
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

START, END = b"\x0b", b"\x1c\r"


class RestHook:
    """Takes transaction Bundles by POST on a free loopback port."""

    def __init__(self) -> None:
        self.received: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.put((self.headers.get("Idempotency-Key", ""), json.loads(body)))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing: the narrator speaks."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/reports"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class MllpReceiver:
    """Takes HL7 v2 messages on a free loopback port and answers AA."""

    def __init__(self) -> None:
        self.received: queue.Queue[str] = queue.Queue()
        received = self.received

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                pending = b""
                while chunk := self.request.recv(65536):
                    pending += chunk
                    while (end := pending.find(END)) >= 0:
                        message, pending = pending[:end].lstrip(START), pending[end + len(END) :]
                        text = message.decode("utf-8")
                        received.put(text)
                        header = text.split("\r", 1)[0].split("|")
                        ack = (
                            f"MSH|^~\\&|{header[4]}|{header[5]}|{header[2]}|{header[3]}|{header[6]}||ACK^R01|"
                            f"{header[9]}|P|2.5.1\rMSA|AA|{header[9]}\r"
                        )
                        self.request.sendall(START + ack.encode() + END)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Handler)
        port = cast("tuple[str, int]", self._server.server_address)[1]
        self.url = f"mllp://127.0.0.1:{port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
