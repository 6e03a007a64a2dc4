"""multipart/related bodies (RFC 2387, RFC 2046 5.1), written and read in pieces."""

import secrets
from collections.abc import Iterator

from hub.contracts.errors import Incorrect

from .streaming import Segment

LONGEST_HEADER_BYTES = 16 << 10
MOST_PARTS = 10_000

PartEvent = tuple[str, bytes]
"""("begin", header block), ("data", piece) or ("end", b"")."""


def boundary() -> str:
    return secrets.token_hex(16)


def parts(mark: str, bodies: list[tuple[str, list[Segment], str]]) -> list[Segment]:
    """Segments of a multipart body; each part is (content type, segments, Content-Location or "")."""
    segments: list[Segment] = []
    line = f"--{mark}\r\nContent-Type: "
    for content_type, content, location in bodies:
        head = f"{line}{content_type}\r\n"
        if location:
            head += f"Content-Location: {location}\r\n"
        segments += [f"{head}\r\n".encode("ascii"), *content]
        line = f"\r\n--{mark}\r\nContent-Type: "
    segments.append(f"\r\n--{mark}--\r\n".encode("ascii"))
    return segments


class PartReader:
    """Takes a body piece by piece and says what parts it holds; keeps no more than a boundary and a header block."""

    def __init__(self, mark: str) -> None:
        self._delimiter = b"\r\n--" + mark.encode("latin-1")
        self._buffer = bytearray(b"\r\n")  # so that the first boundary looks like the others
        self._state = "preamble"
        self._count = 0

    @property
    def complete(self) -> bool:
        """The closing boundary has been read."""
        return self._state == "epilogue"

    def feed(self, piece: bytes) -> Iterator[PartEvent]:
        self._buffer += piece
        progress = True
        while progress:
            progress = False
            if self._state in ("preamble", "body"):
                at = self._buffer.find(self._delimiter)
                if at >= 0:
                    if self._state == "body":
                        if at:
                            yield "data", bytes(self._buffer[:at])
                        yield "end", b""
                    del self._buffer[: at + len(self._delimiter)]
                    self._state, progress = "boundary", True
                else:
                    safe = len(self._buffer) - len(self._delimiter) + 1
                    if safe > 0:
                        if self._state == "body":
                            yield "data", bytes(self._buffer[:safe])
                        del self._buffer[:safe]
            if self._state == "boundary":
                if self._buffer.startswith(b"--"):
                    self._state = "epilogue"
                elif (end := self._buffer.find(b"\r\n")) >= 0:
                    # the line break stays: a part without header fields begins with an empty line
                    del self._buffer[:end]
                    self._state, progress = "headers", True
                elif len(self._buffer) > LONGEST_HEADER_BYTES:
                    raise _malformed()
            if self._state == "headers":
                end = self._buffer.find(b"\r\n\r\n")
                if end >= 0:
                    self._count += 1
                    if self._count > MOST_PARTS:
                        raise _malformed()
                    yield "begin", bytes(self._buffer[:end])
                    del self._buffer[: end + 2]  # the body may begin with the delimiter's own line break
                    self._state, progress = "first", True
                elif len(self._buffer) > LONGEST_HEADER_BYTES:
                    raise _malformed()
            if self._state == "first":
                if self._buffer.startswith(self._delimiter):
                    self._state, progress = "body", True
                elif len(self._buffer) >= len(self._delimiter):
                    del self._buffer[:2]
                    self._state, progress = "body", True
            if self._state == "epilogue":
                self._buffer.clear()


def _malformed() -> Incorrect:
    return Incorrect(
        "The multipart body cannot be read.",
        remedy='Send multipart/related; type="application/dicom"; boundary=… as RFC 2046 says.',
        issue_code="structure",
        http_status=400,
    )


def part_header(header_block: bytes, wanted: str) -> str:
    """One field of a part's header; "" where it has none."""
    for line in header_block.decode("latin-1").split("\r\n"):
        name, _colon, value = line.partition(":")
        if name.strip().lower() == wanted:
            return value.strip()
    return ""
