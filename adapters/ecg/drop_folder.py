"""Files that carts or scripts put into ``<folder>/<client name>/``: each is taken once, as sent by that client.

A file is taken when its size has stood still for two looks. Then it goes to ``done/`` or ``refused/`` beside it, with a
small JSON that says why (reason, remedy, quarantine id, receipt; nothing about the patient). A file that could not be
taken for no fault of its own stays and is tried again. After a restart a file that was taken but not moved is taken
again: its hash makes that one effect.
"""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hub.contracts.caller import Caller
from hub.contracts.errors import Busy, ExchangeError, Fault
from hub.contracts.submission import Receipt
from hub.telemetry import events

from .ingest import EcgIngest
from .read import LIMIT_BYTES

_UNFINISHED = (".part", ".tmp", ".partial", ".crdownload", ".swp", "~")
_DONE, _REFUSED = "done", "refused"

TAKEN = events.declare("ecg.drop_folder.taken", "info", ("client",), "A file of the drop folder was stored.")
REFUSED = events.declare(
    "ecg.drop_folder.refused", "warning", ("client", "quarantine"), "A file of the drop folder was refused."
)
POSTPONED = events.declare(
    "ecg.drop_folder.postponed", "warning", ("client", "error"), "A file could not be stored now; it is tried again."
)


@dataclass(frozen=True, slots=True)
class _Look:
    size_bytes: int
    modified_ns: int


class DropFolder:
    """``caller_of`` gives the client registered under a folder's name, None where there is none: its files then stay.

    Not promised: order between files, nor notice of files that are rewritten after they were taken."""

    def __init__(
        self,
        folder: Path,
        ingest: EcgIngest,
        caller_of: Callable[[str], Caller | None],
        *,
        poll_seconds: float = 2.0,
    ) -> None:
        self._folder = folder
        self._ingest = ingest
        self._caller_of = caller_of
        self._poll_seconds = poll_seconds
        self._seen: dict[Path, _Look] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``; a fault of one file never ends it."""
        while not stop.is_set():
            await self.look()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._poll_seconds)

    async def look(self) -> int:
        """One round over all folders; returns how many files were taken or refused."""
        ready = await asyncio.to_thread(self._ready)
        finished = 0
        for path, caller in ready:
            finished += await self._take(path, caller)
        return finished

    def _ready(self) -> list[tuple[Path, Caller]]:
        """Files whose size and time are those of the last look."""
        now: dict[Path, _Look] = {}
        ready = []
        for folder in _folders(self._folder):
            caller = self._caller_of(folder.name)
            if caller is None:
                continue
            for path in _files(folder):
                with contextlib.suppress(OSError):
                    state = path.stat()
                    now[path] = _Look(state.st_size, state.st_mtime_ns)
                    if state.st_size and self._seen.get(path) == now[path]:
                        ready.append((path, caller))
        self._seen = now
        return ready

    async def _take(self, path: Path, caller: Caller) -> bool:
        try:
            content = await asyncio.to_thread(_content, path, self._seen[path])
            if content is None:
                return False
            receipt = await self._ingest.receive(content, caller, {})
            await asyncio.to_thread(_file_away, path, _DONE, _receipt(receipt))
        except (Busy, Fault) as later:
            POSTPONED.log(client=caller.client, error=type(later).__name__)
            return False
        except ExchangeError as refused:
            await asyncio.to_thread(_file_away, path, _REFUSED, _refusal(refused))
            REFUSED.log(client=caller.client, quarantine=refused.quarantine_id)
            return True
        except Exception as fault:  # one file must not stop the others
            POSTPONED.log(client=caller.client, error=type(fault).__name__)
            return False
        TAKEN.log(client=caller.client)
        return True


def _folders(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from sorted(one for one in folder.iterdir() if one.is_dir() and not one.is_symlink())


def _files(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir()):
            name = path.name.lower()
            if path.is_file() and not path.is_symlink() and not name.startswith(".") and not name.endswith(_UNFINISHED):
                yield path


def _content(path: Path, seen: _Look) -> bytes | None:
    """The file, at most one byte over the limit (more is refused anyway); None where it is still being written."""
    with path.open("rb") as file:
        content = file.read(LIMIT_BYTES + 1)
        state = os.fstat(file.fileno())
    return content if _Look(state.st_size, state.st_mtime_ns) == seen else None


def _file_away(path: Path, where: str, note: dict[str, object]) -> None:
    """The note first, so that no file lies in ``refused/`` without its reason. Another file of that name stays."""
    folder = path.parent / where
    folder.mkdir(exist_ok=True)
    target = folder / path.name
    if target.exists():
        with path.open("rb") as file:
            mark = hashlib.file_digest(file, "sha256").hexdigest()[:12]
        target = folder / f"{path.stem}.{mark}{path.suffix}"
    (folder / f"{target.name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(note), indent=1) + b"\n")
    path.replace(target)


def _refusal(refused: ExchangeError) -> dict[str, object]:
    return {
        "status": "refused", "reason": refused.what, "where": refused.where, "remedy": refused.remedy,
        "quarantine": refused.quarantine_id or None,
    }  # fmt: skip


def _receipt(receipt: Receipt) -> dict[str, object]:
    return {
        "status": "accepted",
        "submission": receipt.submission,
        "resources": [one.reference for one in receipt.outcomes],
    }
