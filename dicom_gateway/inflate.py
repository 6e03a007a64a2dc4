"""Data sets in a deflated transfer syntax (PS3.5 A.5), with a cap: 600 KB can inflate to more than a gigabyte."""

import mmap
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.contracts.errors import Incorrect, TooLarge

from .scan import Buffer

_STEP_BYTES = 1 << 20


@contextmanager
def inflated(compressed: Buffer, start: int, limit_bytes: int, folder: Path) -> Iterator[Buffer]:
    """The inflated data set that begins at ``compressed[start]``, as a map of a nameless file in ``folder``: memory
    stays bounded whatever the size. Raises TooLarge beyond ``limit_bytes``, Incorrect for what is not deflated."""
    with tempfile.TemporaryFile(dir=folder) as file:
        engine, size, at = zlib.decompressobj(-zlib.MAX_WBITS), 0, start
        pending = b""
        try:
            while not engine.eof:
                chunk = pending or bytes(compressed[at : at + _STEP_BYTES])
                if not pending:
                    at += len(chunk)
                if not chunk:
                    raise _not_deflated()
                piece = engine.decompress(chunk, _STEP_BYTES)
                pending = engine.unconsumed_tail
                size += len(piece)
                if size > limit_bytes:
                    raise TooLarge(
                        "The data set inflates beyond the limit.", remedy="Send it in an uncompressed transfer syntax."
                    )
                file.write(piece)
        except zlib.error:
            raise _not_deflated() from None
        if not size:
            raise _not_deflated()
        file.flush()
        with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as view:
            yield view


def _not_deflated() -> Incorrect:
    return Incorrect(
        "The data set is not what its deflated transfer syntax says.",
        remedy="Send the object again, complete.",
        issue_code="structure",
    )
