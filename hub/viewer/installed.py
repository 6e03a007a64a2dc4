"""The folder of installed releases: ``hub viewer install`` writes it, the hub serves from it.

A release is laid out beside the place it will have and takes it by one rename, so that what is served is whole. It is
written once and never changed; a release of another version or layout has a folder of its own.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from .release import VERSION
from .unpack import LAYOUT, unpack

FOLDER = f"ohif-{VERSION}-{LAYOUT}"

_INCOMING = ".incoming-"
"""Beginning of the name of what is being laid out: on the same file system, so that a rename is all that is left."""
_LIST = "files.json"
"""SHA-256 of every file, so that damage is found."""


class Viewer:
    """OHIF under ``folder``, or its absence. May be used from any thread and process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._release = folder / FOLDER

    @property
    def release(self) -> Path | None:
        """Where the release lies that this hub knows how to serve; None where it is not installed."""
        return self._release if (self._release / _LIST).is_file() else None

    def is_whole(self) -> bool:
        """It is installed and every file is as it was written."""
        try:
            listed: dict[str, str] = json.loads((self._release / _LIST).read_bytes())
            return listed == _sums(self._release)
        except (OSError, ValueError):
            return False

    def verify(self) -> Iterator[str]:
        """A sentence where it is installed and damaged."""
        if self.release is not None and not self.is_whole():
            yield f"viewer: {self._release} is damaged; run hub viewer install."

    def install(self, fetch: Callable[[Path], None]) -> Path:
        """Install the tarball that ``fetch`` writes to a path; what is there and damaged makes room. Raises what
        ``fetch`` raises, Incorrect, OSError; then nothing has changed."""
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        with self._alone(), tempfile.TemporaryDirectory(prefix=_INCOMING, dir=self._folder) as name:
            if self.is_whole():
                return self._release
            tarball, made = Path(name) / f"{VERSION}.tgz", Path(name) / "made"
            fetch(tarball)
            made.mkdir(mode=0o750)
            unpack(tarball, made)
            (made / _LIST).write_text(json.dumps(_sums(made), indent=0, sort_keys=True), encoding="utf-8")
            _flush(made)
            if self._release.exists():
                self._release.rename(Path(name) / "before")
            made.rename(self._release)
        for other in self._folder.glob("ohif-*"):
            if other.name != FOLDER:
                shutil.rmtree(other, ignore_errors=True)
        return self._release

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One install at a time. What an ended one left half done is swept away."""
        with (self._folder / ".lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in self._folder.glob(f"{_INCOMING}*"):
                shutil.rmtree(left, ignore_errors=True)
            yield


def _sums(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != _LIST
    }


def _flush(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
