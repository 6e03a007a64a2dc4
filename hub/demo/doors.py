"""The play's hands: HTTP with a client's token, an MLLP socket, a C-STORE association. Nothing reaches past a door."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx

from hub.demo.narrator import StepFailed
from hub.demo.stage import Registered

T = TypeVar("T")
START, END = b"\x0b", b"\x1c\r"


class Session:
    """One registered client speaking HTTP."""

    def __init__(self, base: str, client: Registered, practitioner: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {client.token}"}
        if practitioner:
            headers["Acting-Practitioner"] = practitioner
        self._http = httpx.Client(base_url=base, headers=headers, timeout=30)

    def ask(self, method: str, path: str, expect: int = 200, **more: Any) -> dict[str, Any]:
        """One request; any other status than ``expect`` fails the step with what the hub said."""
        answer = self._http.request(method, path, **more)
        if answer.status_code != expect:
            raise StepFailed(f"{method} {path.split('?')[0]}: {answer.status_code}, expected {expect}: {_said(answer)}")
        return cast("dict[str, Any]", answer.json()) if answer.content else {}

    def search(self, path: str) -> list[dict[str, Any]]:
        entries = self.ask("GET", path).get("entry", [])
        return [entry["resource"] for entry in entries if entry.get("search", {}).get("mode") != "outcome"]


def _said(answer: httpx.Response) -> str:
    try:
        return "; ".join(issue.get("diagnostics", issue["code"]) for issue in answer.json()["issue"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]


def send_hl7(address: str, message: bytes) -> str:
    """Send one message over MLLP and return MSA-1."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(START + message + END)
        answer = b""
        while not answer.endswith(END):
            chunk = line.recv(65536)
            if not chunk:
                raise StepFailed("The MLLP door closed without an answer.")
            answer += chunk
    for segment in answer.strip(START + END).split(b"\r"):
        if segment.startswith(b"MSA|"):
            return segment.split(b"|")[1].decode()
    raise StepFailed("The answer has no MSA segment.")


def store_images(address: str, called: str, calling: str, files: list[Path]) -> None:
    """C-STORE files with pynetdicom's own sender, one association."""
    host, port = address.rsplit(":", 1)
    sent = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "pynetdicom", "storescu", "-q", "-cx", "-aet", calling, "-aec", called, host, port]
        + [str(path) for path in files],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if sent.returncode or "rror" in sent.stderr:
        raise StepFailed(f"storescu ended with {sent.returncode}: {sent.stderr.strip()[-300:]}")


def wait_for(what: str, look: Callable[[], T | None], seconds: float = 20.0) -> T:
    """Ask again until there is an answer."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise StepFailed(f"{what} did not come within {seconds:.0f} s.")
        time.sleep(0.1)
