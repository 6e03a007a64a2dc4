"""Frames in a byte stream: VT message FS CR (MLLP release 1, HL7 transport specification).

Tolerated between frames: line ends and blanks, and a little junk. Tolerated at the end: a missing CR. A frame that
begins again before it ended is the new one: its sender gave the old one up.
"""

from typing import NamedTuple

START, END = b"\x0b", b"\x1c"
FRAME_END = b"\x1c\r"

JUNK_BYTES = 4096
"""What may lie between frames before the connection is given up."""


class FrameError(NamedTuple):
    """The stream is not MLLP, or a frame is too large. ``begun`` is what there is of the message."""

    too_large: bool
    begun: bytes


class Frames:
    """Fed with what comes; gives whole messages without framing. ``error`` is set when the stream is of no more use."""

    __slots__ = ("_buffer", "_inside", "_largest_bytes", "_searched", "error")

    def __init__(self, largest_bytes: int) -> None:
        self._buffer = bytearray()
        self._inside = False
        self._searched = 0
        self._largest_bytes = largest_bytes
        self.error: FrameError | None = None

    @property
    def waiting_bytes(self) -> int:
        return len(self._buffer)

    @property
    def incomplete(self) -> bool:
        """A frame, or something that is none, has begun and not ended."""
        return self._inside or bool(self._buffer)

    def unframed(self) -> bytes:
        """What lies there without a VT before it."""
        return b"" if self._inside else bytes(self._buffer[:JUNK_BYTES]).strip(b"\r\n \t\x00")

    def clear(self) -> None:
        self._buffer.clear()
        self._inside = False
        self._searched = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Messages that are whole now; look at ``error`` after them."""
        buffer = self._buffer
        buffer += data
        whole: list[bytes] = []
        while buffer and self.error is None:
            if not self._inside and not self._enter():
                break
            end = buffer.find(END, self._searched)
            if end < 0:
                self._searched = len(buffer)
            if max(end, len(buffer) if end < 0 else 0) > self._largest_bytes:
                self.error = FrameError(True, bytes(buffer[:JUNK_BYTES]))
            if end < 0 or self.error is not None:
                break
            message = bytes(buffer[:end])
            again = message.rfind(b"\x0bMSH")
            whole.append(message if again < 0 else message[again + 1 :])
            del buffer[: end + 1]
            self._inside = False
            self._searched = 0
        return whole

    def _enter(self) -> bool:
        """Drop what lies before the next VT; False where there is none yet."""
        buffer = self._buffer
        if buffer[0] == 0x0B:
            del buffer[0]
            self._inside = True
            return True
        start = buffer.find(START)
        junk = bytes(buffer[: start if start >= 0 else JUNK_BYTES + 1]).strip(b"\r\n \t\x00\x1c")
        if len(junk) >= JUNK_BYTES or (junk and END in buffer[: start if start >= 0 else len(buffer)]):
            self.error = FrameError(False, junk)
            return False
        if start < 0:
            if not junk:
                buffer.clear()
            return False
        del buffer[: start + 1]
        self._inside = True
        return True
