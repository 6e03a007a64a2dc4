"""A real ``hub serve`` in a temporary folder, with clients registered by ``hub client add``."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

START, END = b"\x0b", b"\x1c\r"


class RunningHub:
    """Starts, stops and kills one hub; every door on a free port of 127.0.0.1."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        # A check may take as long as a busy machine makes it.
        self.environment = {"HUB_DICOM__QUIET_SECONDS": "1", "HUB_DUPLICATES__BUDGET_SECONDS": "20", **environment}
        self.doors: dict[str, Any] = {}
        self.clients: dict[str, dict[str, str]] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str, workers: int = 2) -> "RunningHub":
        log = (self.folder.parent / f"{self.folder.name}.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hub", "serve", "--data-dir", str(self.folder), "--http", self._at("http"),
             "--mllp", self._at("mllp"), "--dicom", self._at("dicom"), "--workers", str(workers), *options],
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, **self.environment},
            start_new_session=True,
        )  # fmt: skip
        log.close()
        out = self._process.stdout
        assert out is not None
        ready, _, _ = select.select([out], [], [], 60)
        line = out.readline() if ready else b""
        if not line:
            raise AssertionError(f"no ready line; log: {self.log()[-3000:]}")
        self.doors = json.loads(line)
        return self

    def _at(self, door: str) -> str:
        """The same port after a restart, a free one the first time."""
        if self.doors:
            return str(self.doors[door]).removeprefix("http://")
        return "127.0.0.1:0"

    def log(self) -> str:
        return (self.folder.parent / f"{self.folder.name}.log").read_text(encoding="utf-8")

    @property
    def http(self) -> str:
        return str(self.doors["http"])

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def register(self, name: str, role: str, organization: str, *more: str) -> str:
        """``hub client add``; returns the token."""
        done = subprocess.run(
            [sys.executable, "-m", "hub", "client", "add", name, "--data-dir", str(self.folder), "--role", role,
             "--organization", organization, "--json", *more],
            capture_output=True, text=True, check=False, env={**os.environ, **self.environment},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        self.clients[name] = json.loads(done.stdout)
        return self.clients[name]["token"]

    def session(self, client: str) -> httpx.Client:
        return httpx.Client(
            base_url=self.http, headers={"Authorization": f"Bearer {self.clients[client]['token']}"}, timeout=30
        )

    def run(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "hub", *arguments], input=stdin, capture_output=True, text=True, check=False,
            env={**os.environ, **self.environment},
        )  # fmt: skip

    def send_hl7(self, *messages: bytes, timeout: float = 30) -> list[bytes]:
        """Send messages over one MLLP connection, in turn, and return the answers without framing."""
        host, port = str(self.doors["mllp"]).rsplit(":", 1)
        answers = []
        with socket.create_connection((host, int(port)), timeout=timeout) as line:
            for message in messages:
                line.sendall(START + message + END)
                answer = b""
                while not answer.endswith(END):
                    chunk = line.recv(65536)
                    assert chunk, "the MLLP door closed"
                    answer += chunk
                answers.append(answer[len(START) : -len(END)])
        return answers

    def terminate(self, timeout: float = 40) -> int:
        """SIGTERM to the supervisor; returns its exit status."""
        assert self._process is not None
        self._process.terminate()
        status = self._process.wait(timeout=timeout)
        self._close()
        return status

    def kill(self) -> None:
        """kill -9 of the whole tree at one moment."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._close()

    def _close(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def stop(self) -> None:
        """End it however it stands; for fixtures."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self._close()


def msa(answer: bytes) -> str:
    """MSA-1 of an ACK."""
    return next(line for line in answer.split(b"\r") if line.startswith(b"MSA|")).split(b"|")[1].decode()


def wait_for(look: Any, seconds: float = 15.0) -> Any:
    """Ask until the answer is true; the last answer else."""
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found
