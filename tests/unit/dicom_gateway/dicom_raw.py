"""A requestor over a bare socket, which may send whatever it likes."""

import socket
import struct
from typing import Any

from dicom_objects import CT, EXPLICIT

RELEASE_RQ = bytes((5, 0, 0, 0, 0, 4, 0, 0, 0, 0))
ABORT = bytes((7, 0, 0, 0, 0, 4, 0, 0, 0, 0))


class Raw:
    """An established association over a bare socket."""

    def __init__(self, server: Any) -> None:
        self.line = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        self.line.sendall(associate_request())
        assert self.pdu()[0] == 2

    def pdu(self) -> bytes:
        """The next PDU; empty where the peer closed the connection."""
        try:
            head = self._exactly(6)
        except (OSError, AssertionError):
            return b""
        return head + self._exactly(int.from_bytes(head[2:], "big"))

    def _exactly(self, size: int) -> bytes:
        content = b""
        while len(content) < size:
            piece = self.line.recv(size - len(content))
            assert piece
            content += piece
        return content

    def send(self, *values: tuple[int, bytes], context: int = 1) -> None:
        for control, content in values:
            self.line.sendall(p_data(context, control, content))

    def status(self) -> int:
        answer = self.pdu()
        at = answer.index(b"\0\0\0\x09\x02\0\0\0")
        return int.from_bytes(answer[at + 8 : at + 10], "little")

    def aborted(self) -> bool:
        return self.pdu()[:1] in (b"\x07", b"")


def _item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(content)) + content


def associate_request(syntax: str = EXPLICIT) -> bytes:
    context = _item(0x20, b"\x01\0\0\0" + _item(0x30, CT.encode()) + _item(0x40, syntax.encode()))
    user = _item(0x50, _item(0x51, struct.pack(">L", 16384)) + _item(0x52, b"1.2.3"))
    body = (
        struct.pack(">HH16s16s32s", 1, 0, b"HUB".ljust(16), b"QINGSHAN".ljust(16), b"")
        + _item(0x10, b"1.2.840.10008.3.1.1.1") + context + user
    )  # fmt: skip
    return struct.pack(">BBL", 1, 0, len(body)) + body


def p_data(context: int, control: int, content: bytes) -> bytes:
    value = struct.pack(">LBB", len(content) + 2, context, control) + content
    return struct.pack(">BBL", 4, 0, len(value)) + value


def command(sop_instance: str, *, field: int = 1, sop_class: str = CT, data_set: int = 0) -> bytes:
    def element(number: int, value: bytes) -> bytes:
        value += b"\0" * (len(value) & 1)
        return struct.pack("<HHL", 0, number, len(value)) + value

    body = (
        element(2, sop_class.encode()) + element(0x100, struct.pack("<H", field)) + element(0x110, b"\x07\0")
        + element(0x700, b"\0\0") + element(0x800, struct.pack("<H", data_set)) + element(0x1000, sop_instance.encode())
    )  # fmt: skip
    return element(0, struct.pack("<L", len(body))) + body
