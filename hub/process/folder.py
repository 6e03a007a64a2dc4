"""The data folder: one hub at a time, and where it says which doors it opened."""

import fcntl
import json
import os
from pathlib import Path
from typing import Any


class FolderTaken(Exception):
    """Another hub serves this folder; ``pid`` is its supervisor (0 where unknown)."""

    def __init__(self, folder: Path, pid: int) -> None:
        super().__init__(f"A hub already serves {folder} (pid {pid}). Stop it, or give another --data-dir.")
        self.pid = pid


class DataFolder:
    """Holds the lock of a data folder for as long as this object lives in this process.

    The lock belongs to the open file, so a killed supervisor leaves it free; children must call ``forget``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        for part in (path, path / "run"):
            part.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._file = (path / "run" / "hub.pid").open("a+", encoding="ascii")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            text = self._file.read().strip()
            self._file.close()
            raise FolderTaken(path, int(text) if text.isdigit() else 0) from None
        self._file.seek(0)
        self._file.truncate()
        self._file.write(str(os.getpid()))
        self._file.flush()
        self.doors.unlink(missing_ok=True)

    @property
    def doors(self) -> Path:
        return self.path / "run" / "doors.json"

    def announce(self, line: dict[str, Any]) -> None:
        """Write ``run/doors.json`` whole or not at all."""
        draft = self.doors.with_suffix(".part")
        draft.write_text(json.dumps(line) + "\n", encoding="utf-8")
        draft.replace(self.doors)

    def forget(self) -> None:
        """In a child: close the inherited file without giving up the supervisor's lock."""
        self._file.close()

    def release(self) -> None:
        self.doors.unlink(missing_ok=True)
        self._file.close()


def running_doors(path: Path) -> dict[str, Any] | None:
    """What the hub that serves this folder announced, or None where none is running."""
    try:
        line: dict[str, Any] = json.loads((path / "run" / "doors.json").read_text(encoding="utf-8"))
        os.kill(int(line["pid"]), 0)
    except (OSError, ValueError, KeyError):
        return None
    return line
