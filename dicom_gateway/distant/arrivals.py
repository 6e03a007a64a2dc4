"""Objects that an archive sends because we asked it to (C-MOVE): they come in by our own DICOM door, perhaps in another
process than the one that waits for them. A file marks what is awaited; names are hashes, nothing from outside is in
them."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_AWAITED, _HERE = ".awaited", ".here"


class Arrivals:
    def __init__(self, folder: Path) -> None:
        """``folder`` lies on the file system of the spool and of the cache."""
        self._folder = folder

    @contextmanager
    def awaiting(self, archive: str, sop_instance_uid: str) -> Iterator[Path]:
        """Within it an object of this archive and UID is taken as what was asked for; the path where it then lies."""
        self._folder.mkdir(parents=True, exist_ok=True)
        awaited, here = self._place(archive, sop_instance_uid, _AWAITED), self._place(archive, sop_instance_uid, _HERE)
        here.unlink(missing_ok=True)
        awaited.touch()
        try:
            yield here
        finally:
            awaited.unlink(missing_ok=True)
            here.unlink(missing_ok=True)

    def take(self, archive: str, sop_instance_uid: str, file: Path) -> bool:
        """Take over a complete file, if it is awaited."""
        if not self._place(archive, sop_instance_uid, _AWAITED).exists():
            return False
        file.replace(self._place(archive, sop_instance_uid, _HERE))
        return True

    def clear(self) -> None:
        """What a crash left. Only before anybody waits."""
        if self._folder.is_dir():
            for file in self._folder.iterdir():
                file.unlink(missing_ok=True)

    def _place(self, archive: str, sop_instance_uid: str, kind: str) -> Path:
        return self._folder / (hashlib.sha256(f"{archive}/{sop_instance_uid}".encode()).hexdigest() + kind)
