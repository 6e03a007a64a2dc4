"""The first part of a multipart answer as it arrives (RFC 2046 5.1.1); of another answer the whole."""

from collections.abc import Iterable, Iterator
from email.message import Message

_MOST_HEAD_BYTES = 1 << 14


def first_part(content_type: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Raises ValueError for what is no multipart although it says so, and for a part without end: half an object."""
    said = Message()
    said["content-type"] = content_type
    if said.get_content_maintype() != "multipart":
        yield from pieces
        return
    boundary = said.get_boundary()
    if not boundary:
        raise ValueError("no boundary")
    delimiter = b"\r\n--" + boundary.encode("latin-1")
    waiting, begun = bytearray(b"\r\n"), False  # the first delimiter may lack the line end before it
    for piece in pieces:
        waiting += piece
        if not begun:
            begin = waiting.find(delimiter)
            head_end = waiting.find(b"\r\n\r\n", begin) if begin >= 0 else -1
            if head_end < 0:
                if len(waiting) > _MOST_HEAD_BYTES:
                    raise ValueError("no part")
                continue
            del waiting[: head_end + 4]
            begun = True
        end = waiting.find(delimiter)
        if end >= 0:
            yield bytes(waiting[:end])
            return
        safe = len(waiting) - len(delimiter)
        if safe > 0:
            yield bytes(waiting[:safe])
            del waiting[:safe]
    raise ValueError("the part has no end")
