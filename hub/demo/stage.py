"""The stage of the demonstration: a hub of its own in a fresh folder, and the county's clients registered with it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.demo.narrator import Narrator, StepFailed

READY_SECONDS = 60.0
PREFERRED_PORTS = {"http": 8080, "mllp": 2575, "dicom": 11112}
_MARK = ".hub-demo"


@dataclass(frozen=True, slots=True)
class Registered:
    name: str
    token: str
    organization: str


def free_port(preferred: int) -> int:
    """``preferred`` where nobody listens on it, else a free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stage:
    """Starts ``hub serve`` as anybody would and knows its doors. A folder that is not a demonstration's is refused."""

    def __init__(self, folder: Path, narrator: Narrator) -> None:
        self.folder = folder.resolve()
        self.doors: dict[str, Any] = {}
        self._narrator = narrator
        self._process: subprocess.Popen[str] | None = None

    def clean(self) -> None:
        """Begin with an empty folder: what an earlier play left is removed, anybody else's data is not touched."""
        if self.folder.exists() and any(self.folder.iterdir()):
            if not (self.folder / _MARK).exists():
                raise StepFailed(f"{self.folder} holds something else. Give another --data-dir.")
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / _MARK).touch()

    def start(self) -> None:
        command = [sys.executable, "-m", "hub", "serve", "--data-dir", str(self.folder)]
        for door, preferred in PREFERRED_PORTS.items():
            port = free_port(preferred)
            if port != preferred:
                self._narrator.note(f"端口 {preferred} 已被占用，改用 {port} · port {preferred} is taken, using {port}")
            command += [f"--{door}", f"127.0.0.1:{port}"]
        environment = {**os.environ, "HUB_DICOM__QUIET_SECONDS": "2"}
        log = (self.folder / "hub.log").open("w", encoding="utf-8")
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
        log.close()
        announced = self.folder / "run" / "doors.json"
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise StepFailed(f"hub serve ended with {self._process.returncode}; see {self.folder / 'hub.log'}.")
            if announced.exists():
                self.doors = json.loads(announced.read_text(encoding="utf-8"))
                return
            time.sleep(0.05)
        raise StepFailed(f"hub serve was not ready after {READY_SECONDS:.0f} s; see {self.folder / 'hub.log'}.")

    def register(self, name: str, role: str, organization: str, title: str, *more: str) -> Registered:
        """``hub client add``, as an operator would type it."""
        printed = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "hub", "client", "add", name, "--data-dir", str(self.folder), "--role", role,
             "--organization", organization, "--organization-name", title, "--json", *more],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if printed.returncode:
            raise StepFailed(printed.stderr.strip())
        answer = json.loads(printed.stdout)
        return Registered(name, answer["token"], organization)

    def wait(self) -> None:
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(timeout=40)
