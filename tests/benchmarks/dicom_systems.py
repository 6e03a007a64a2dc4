"""The DICOM servers under measurement: hub, Orthanc, storescp; each in a session of its own, as a busy machine shares
by session. Processor time and memory are those of the whole process tree."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.journeys.running_hub import RunningHub

PROMPT = {**os.environ, "TCP_NODELAY": "1"}
"""DCMTK on either side without Nagle's algorithm, so that the peers are at their best."""
Place = tuple[str, int]


@dataclass(frozen=True)
class System:
    """A server under measurement: where it listens, by which AE title, and the process at the root of its tree."""

    place: Place
    ae_title: str
    pid: int
    folder: Path

    def _tree(self) -> dict[int, int]:
        """Clock ticks by process."""
        parents: dict[int, tuple[int, int]] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                parents[int(stat.parent.name)] = int(fields[1]), int(fields[11]) + int(fields[12])
        tree = {self.pid}
        while more := {pid for pid, (parent, _ticks) in parents.items() if parent in tree} - tree:
            tree |= more
        return {pid: parents[pid][1] for pid in tree if pid in parents}

    def processor_seconds(self) -> float:
        """So far; to the hundredth."""
        return sum(self._tree().values()) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> int:
        """Memory of its own: what its processes share, files in the page cache and forked pages, counts once or not."""
        total = 0
        for pid in self._tree():
            with suppress(OSError):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss_Anon:"))
        return total

    def settle(self) -> None:
        """The hub: until it has finished what follows the acknowledgement, telling its record of the studies
        included."""
        index = self.folder / "dicom" / "index.sqlite"
        if not index.exists():
            return
        with sqlite3.connect(f"file:{index}?mode=ro", uri=True) as rows:
            for left in (
                "SELECT 1 FROM instance WHERE described = 0 OR spool IS NOT NULL LIMIT 1",
                "SELECT 1 FROM study WHERE revision > told LIMIT 1",
            ):
                while rows.execute(left).fetchone():
                    time.sleep(0.2)


def start_hub(folder: Path, running: ExitStack, *, receiver: int = 0, **environment: str) -> System:
    """``receiver``: the port of 127.0.0.1 where C-MOVE to BENCH goes."""
    hub = RunningHub(folder, **environment).start(workers=1)
    running.callback(hub.stop)
    title = f"BENCH@127.0.0.1:{receiver}" if receiver else "BENCH"
    hub.register("bench", "clinic", "bench", "--ae-title", title)
    return System(("127.0.0.1", int(str(hub.doors["dicom"]).rsplit(":", 1)[1])), "HUB", hub.pid, folder)


def start_orthanc(folder: Path, running: ExitStack, *, receiver: int = 0, **more: Any) -> System:
    """With its own defaults, among them an fsync for each file (SyncStorageArea); ``more`` are settings of its own.
    ``ORTHANC`` in the environment names another one than that of the path."""
    folder.mkdir()
    port = free_port()
    settings = {
        "StorageDirectory": str(folder), "IndexDirectory": str(folder), "DicomPort": port, "HttpServerEnabled": False,
        "DicomAlwaysAllowStore": True, "DicomAlwaysAllowFind": True, "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowMove": True, "DicomCheckCalledAet": False, "StorageCompression": False, "Plugins": [],
        "LimitFindResults": 0, "DicomModalities": {"bench": ["BENCH", "127.0.0.1", receiver]} if receiver else {},
    } | more  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
    return _start(
        [os.environ.get("ORTHANC", "Orthanc"), str(folder / "orthanc.json")], port, "ORTHANC", folder, running
    )


def start_storescp(folder: Path, running: ExitStack, *options: str, port: int = 0) -> System:
    folder.mkdir()
    port = port or free_port()
    command = ["storescp", *options, "-pdu", "131072", "-od", str(folder), str(port)]
    return _start(command, port, "ANY-SCP", folder, running)


def _start(command: list[str], port: int, ae_title: str, folder: Path, running: ExitStack) -> System:
    peer = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=PROMPT, start_new_session=True
    )
    running.callback(peer.wait)
    running.callback(peer.terminate)
    _wait(port)
    return System(("127.0.0.1", port), ae_title, peer.pid, folder)


def orthanc_is_here() -> bool:
    return shutil.which(os.environ.get("ORTHANC", "Orthanc")) is not None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the peer did not start")
