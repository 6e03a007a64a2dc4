"""The MLLP listener over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.hl7v2 import mllp
from adapters.hl7v2.mllp_client import acknowledgment_code, send
from adapters.hl7v2.mllp_frames import Frames
from hub.contracts.far_end import FarEnd

START, END = b"\x0b", b"\x1c\r"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_writers: list[asyncio.StreamWriter] = []


async def echo(message: bytes, _: FarEnd) -> bytes:
    return b"ACK " + message


@asynccontextmanager
async def listening(receive: mllp.Receive = echo, **limits: float) -> AsyncIterator[tuple[mllp.MllpListener, int]]:
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    listener = await mllp.serve(sock, receive, **limits)  # type: ignore[arg-type]
    try:
        yield listener, sock.getsockname()[1]
    finally:
        while _writers:
            _writers.pop().close()
        await listener.close(5)


async def connect(port: int) -> Streams:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    _writers.append(writer)
    return reader, writer


async def answer(reader: asyncio.StreamReader) -> bytes:
    frame = await asyncio.wait_for(reader.readuntil(END), 10)
    assert frame.startswith(START)
    return frame[1:-2]


def test_many_messages_on_one_connection_are_answered_in_order() -> None:
    async def slowest_first(message: bytes, _: FarEnd) -> bytes:
        await asyncio.sleep(0.05 if message == b"0" else 0)
        return message

    async def run() -> list[bytes]:
        async with listening(slowest_first) as (_, port):
            reader, writer = await connect(port)
            writer.write(b"".join(START + str(number).encode() + END for number in range(50)))
            return [await answer(reader) for _ in range(50)]

    assert asyncio.run(run()) == [str(number).encode() for number in range(50)]


def test_frames_may_arrive_in_any_pieces() -> None:
    stream = b"\r\n" + START + b"one" + END + b"\n" + START + b"two\x1c" + START + b"three" + END
    for size in (1, 2, 3, 7, 100):
        frames, found = Frames(1000), []
        for at in range(0, len(stream), size):
            found += frames.feed(stream[at : at + size])
        assert found == [b"one", b"two", b"three"]
        assert not frames.unframed()


def test_a_frame_that_begins_again_is_the_new_one() -> None:
    assert Frames(1000).feed(START + b"MSH|half" + START + b"MSH|whole" + END) == [b"MSH|whole"]


def test_a_vertical_tab_inside_a_message_is_text() -> None:
    assert Frames(1000).feed(START + b"MSH|a\x0bb" + END) == [b"MSH|a\x0bb"]


def test_a_message_cut_off_leaves_nothing() -> None:
    received = []

    async def keep(message: bytes, _: FarEnd) -> bytes:
        received.append(message)
        return b"x"

    async def run() -> None:
        async with listening(keep) as (listener, port):
            reader, writer = await connect(port)
            writer.write(START + b"MSH|whole" + END + START + b"MSH|cut off in the mid")
            assert await answer(reader) == b"x"
            writer.close()
            await writer.wait_closed()
            for _ in range(100):
                if not listener.connections:
                    break
                await asyncio.sleep(0.01)
            assert not listener.connections
            assert listener.waiting_bytes == 0

    asyncio.run(run())
    assert received == [b"MSH|whole"]


def test_a_sender_that_stops_writing_still_gets_its_answer() -> None:
    async def later(message: bytes, _: FarEnd) -> bytes:
        await asyncio.sleep(0.05)
        return message

    async def run() -> bytes:
        async with listening(later) as (_, port):
            reader, writer = await connect(port)
            writer.write(START + b"MSH|1" + END)
            writer.write_eof()
            return await answer(reader)

    assert asyncio.run(run()) == b"MSH|1"


@pytest.mark.parametrize(
    "sent",
    [
        b"MSH|^~\\&|HIS|QS001|||20261122||ADT^A04|77|P|2.5.1\rPID|1\x1c\r",
        b"MSH|^~\\&|HIS|QS001|||20261122||ADT^A04|77|P|2.5.1\r" + b"PID|1\r" * 1000,
    ],
)
def test_a_message_without_a_frame_is_refused_and_the_connection_closed(sent: bytes) -> None:
    async def run() -> tuple[bytes, bytes]:
        async with listening() as (_, port):
            reader, writer = await connect(port)
            writer.write(sent)
            return await answer(reader), await asyncio.wait_for(reader.read(), 10)

    refused, rest = asyncio.run(run())
    assert (acknowledgment_code(refused, b"77"), rest) == ("AE", b"")


def test_a_message_that_waits_without_a_frame_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mllp, "UNFRAMED_SECONDS", 0.05)
    monkeypatch.setattr(mllp, "SWEEP_SECONDS", 0.02)

    async def run() -> bytes:
        async with listening() as (_, port):
            reader, writer = await connect(port)
            writer.write(b"MSH|^~\\&|HIS|QS001|||20261122||ADT^A04|77|P|2.5.1\rPID|1\r")
            return await answer(reader)

    assert acknowledgment_code(asyncio.run(run()), b"77") == "AE"


def test_noise_ends_the_connection_without_a_word() -> None:
    async def run() -> bytes:
        async with listening() as (_, port):
            reader, writer = await connect(port)
            writer.write(b"GET / HTTP/1.1\r\n" + b"x" * 5000)
            try:
                return await asyncio.wait_for(reader.read(), 10)
            except ConnectionResetError:
                return b""

    assert asyncio.run(run()) == b""


def test_a_message_over_the_limit_is_refused_after_those_before_it() -> None:
    async def run() -> tuple[bytes, bytes]:
        async with listening(max_message_bytes=1000) as (_, port):
            reader, writer = await connect(port)
            writer.write(START + b"MSH|first" + END)
            writer.write(START + b"MSH|^~\\&|HIS|QS001|||20261122||ADT^A04|78|P|2.5.1\rOBX|" + b"x" * 200_000)
            return await answer(reader), await answer(reader)

    first, second = asyncio.run(run())
    assert first == b"ACK MSH|first"
    assert acknowledgment_code(second, b"78") == "AE"


def test_more_unfinished_bytes_than_the_hub_may_hold_are_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mllp, "LARGEST_WAITING_BYTES", 10_000)

    async def run() -> bytes:
        async with listening() as (listener, port):
            reader, writer = await connect(port)
            writer.write(START + b"MSH|" + b"x" * 20_000)
            refused = await answer(reader)
            assert listener.waiting_bytes < 10_000
            return refused

    assert acknowledgment_code(asyncio.run(run()), b"") == "AR"


def test_a_slow_sender_is_dropped_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mllp, "SWEEP_SECONDS", 0.02)

    async def run() -> bytes:
        async with listening(message_timeout_seconds=0.1) as (_, port):
            reader, writer = await connect(port)
            writer.write(START + b"MSH|")
            try:
                return await asyncio.wait_for(reader.read(), 10)
            except ConnectionResetError:
                return b""

    assert asyncio.run(run()) == b""


def test_a_silent_connection_is_closed_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mllp, "SWEEP_SECONDS", 0.02)

    async def run() -> bytes:
        async with listening(idle_timeout_seconds=0.1) as (_, port):
            reader, _ = await connect(port)
            try:
                return await asyncio.wait_for(reader.read(), 10)
            except ConnectionResetError:
                return b""

    assert asyncio.run(run()) == b""


def test_connections_beyond_the_limit_are_turned_away() -> None:
    async def run() -> bytes:
        async with listening(max_connections=1) as (_, port):
            first, second = await connect(port), await connect(port)
            first[1].write(START + b"1" + END)
            assert await answer(first[0]) == b"ACK 1"
            try:
                return await asyncio.wait_for(second[0].read(), 10)
            except ConnectionResetError:
                return b""

    assert asyncio.run(run()) == b""


def test_on_closing_what_is_in_flight_is_answered_and_nothing_more_is_taken() -> None:
    begun = asyncio.Event()

    async def slow(message: bytes, _: FarEnd) -> bytes:
        begun.set()
        await asyncio.sleep(0.1)
        return message

    async def run() -> tuple[bytes, bytes]:
        async with listening(slow) as (listener, port):
            reader, writer = await connect(port)
            writer.write(START + b"MSH|1" + END)
            await begun.wait()
            closing = asyncio.create_task(listener.close(5))
            await asyncio.sleep(0)
            writer.write(START + b"MSH|2" + END)
            first = await answer(reader)
            await closing
            with pytest.raises(OSError):
                await connect(port)
            return first, await asyncio.wait_for(reader.read(), 10)

    assert asyncio.run(run()) == (b"MSH|1", b"")


def test_a_sender_that_reads_no_answers_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mllp, "SWEEP_SECONDS", 0.05)

    async def large(message: bytes, _: FarEnd) -> bytes:
        return b"x" * 1_000_000

    async def run() -> None:
        async with listening(large, message_timeout_seconds=0.2) as (listener, port):
            _, writer = await connect(port)
            writer.write((START + b"MSH" + END) * 2000)
            for _ in range(300):
                await asyncio.sleep(0.02)
                if not listener.connections:
                    return
            raise AssertionError("the connection is still there")

    asyncio.run(run())


def test_the_client_reads_the_code_of_the_answer_to_its_own_message() -> None:
    async def accept(message: bytes, _: FarEnd) -> bytes:
        return b"MSH|^~\\&|X\rMSA|AA|" + message.split(b"|")[9] + b"\r"

    async def other(message: bytes, _: FarEnd) -> bytes:
        return b"MSH|^~\\&|X\rMSA|AA|other\r"

    async def silent(message: bytes, _: FarEnd) -> bytes:
        await asyncio.sleep(1)
        return b""

    message = b"MSH|^~\\&|HUB|HUB|||20261122||ORU^R01|K1|P|2.5.1\rPID|1\r"

    async def run() -> None:
        async with listening(accept) as (_, port):
            assert await send("127.0.0.1", port, message, 5.0) == "AA"
        async with listening(other) as (_, port):
            with pytest.raises(ValueError, match="another message"):
                await send("127.0.0.1", port, message, 5.0)
        async with listening(silent) as (_, port):
            with pytest.raises(TimeoutError):
                await send("127.0.0.1", port, message, 0.05)
        with pytest.raises(OSError):
            await send("127.0.0.1", port, message, 5.0)

    asyncio.run(run())
