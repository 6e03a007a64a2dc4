"""Sends one message over MLLP and reads the answer (HL7 transport specification, MLLP release 1)."""

import asyncio
import contextlib
import ssl as tls

from .mllp_frames import FRAME_END, START, Frames

LARGEST_ANSWER_BYTES = 1024 * 1024


async def send(
    host: str, port: int, message: bytes, timeout_seconds: float, *, ssl: tls.SSLContext | None = None
) -> str:
    """MSA-1 of the answer to ``message``: AA, AE, AR, or CA, CE, CR.

    Raises OSError where there is no connection or it breaks, TimeoutError where no answer comes in time, ValueError
    where what comes is no answer to this message."""
    async with asyncio.timeout(timeout_seconds):
        reader, writer = await asyncio.open_connection(host, port, ssl=ssl)
        try:
            writer.write(START + message + FRAME_END)
            await writer.drain()
            return acknowledgment_code(await _frame(reader), _control_id(message))
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                await writer.wait_closed()


async def _frame(reader: asyncio.StreamReader) -> bytes:
    frames = Frames(LARGEST_ANSWER_BYTES)
    while data := await reader.read(65536):
        whole = frames.feed(data)
        if whole:
            return whole[0]
        if frames.error is not None:
            raise ValueError("the answer is not MLLP")
    raise ConnectionResetError("the connection ended without an answer")


def acknowledgment_code(answer: bytes, control_id: bytes) -> str:
    """MSA-1. Raises ValueError where there is none, or MSA-2 names another message."""
    for line in answer.replace(b"\n", b"\r").split(b"\r"):
        if line[:3] == b"MSA" and len(line) > 4:
            fields = line.split(line[3:4])
            if len(fields) > 2 and fields[2].strip() not in (b"", control_id):
                raise ValueError("the answer is to another message")
            return fields[1].strip()[:2].decode("ascii", "replace").upper()
    raise ValueError("the answer has no MSA")


def _control_id(message: bytes) -> bytes:
    header = message.partition(b"\r")[0]
    fields = header.split(header[3:4])
    return fields[9].strip() if len(fields) > 9 else b""
