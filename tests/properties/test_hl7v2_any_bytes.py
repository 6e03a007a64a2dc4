"""Nothing that may arrive breaks the door: every message is stored or refused, and every answer is HL7."""

import asyncio
import sys
from concurrent.futures import Future
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.hl7v2.ingest import Hl7v2Ingest
from adapters.hl7v2.message import parse
from adapters.hl7v2.mllp_frames import Frames
from hub.contracts.caller import Caller, Role
from hub.contracts.far_end import LOOPBACK, FarEnd
from hub.contracts.quarantine import Refusal
from hub.contracts.submission import Receipt, Submission
from hub.fhir.model import decode

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "hl7v2"
MESSAGES = [path.read_bytes() for path in sorted(SAMPLES.rglob("*.hl7"))]
CLINIC = Caller("clinic", Role.CLINIC, "clinic")


class ValidatingHub:
    """Takes everything that is valid R4; whatever is not fails the test."""

    def submit(self, submission: Submission) -> "Future[Receipt]":
        for entry in submission.entries:
            decode(entry.body, entry.type)
        done: Future[Receipt] = Future()
        done.set_result(Receipt("s1", "2026-11-22T04:00:00Z"))
        return done

    def quarantine(self, refusal: Refusal, caller: Caller) -> str:
        assert "could not be understood" not in refusal.reason
        return "q1"

    def caller_by_facility(self, facility: str, far_end: FarEnd | None = None) -> Caller | None:
        return CLINIC

    def caller_by_ae_title(self, ae_title: str, far_end: FarEnd) -> Caller | None:
        return None

    def destination_of_ae_title(self, ae_title: str) -> tuple[str, int] | None:
        return None

    def security_event(self, kind: str, detail: str) -> None:
        return None


def answered(content: bytes) -> bool:
    """Whether the answer is an acknowledgement, bounded and well-formed."""
    answer = asyncio.run(Hl7v2Ingest(ValidatingHub()).receive(content, LOOPBACK))
    if answer.startswith((b"FHS", b"BHS")):
        return b"MSA" in answer
    return parse(answer).need("MSA").raw(1) in ("AA", "AE", "AR") and sys.getsizeof(answer) < 200_000


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_answered(content: bytes) -> None:
    assert answered(content)


@given(st.binary(max_size=200), st.sampled_from([b"|^~\\&", b"|^~", b"||", b"$%*!@", b"|^~\\\\&", b"\xb5^~\\&"]))
@settings(max_examples=100, deadline=None)
def test_any_bytes_after_a_header_are_answered(rest: bytes, delimiters: bytes) -> None:
    assert answered(b"MSH" + delimiters + rest)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_damaged_message_is_answered(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(MESSAGES)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                content[at] = data.draw(st.integers(0, 255))
            case 1:
                del content[at : at + data.draw(st.integers(1, 40))]
            case 2:
                content[at:at] = data.draw(
                    st.sampled_from([b"|", b"^", b"~", b"\\", b"&", b"\r", b"\n", b'""', b"\x00", "倈".encode()])
                )
            case _:
                content[at:at] = data.draw(st.binary(max_size=10))
        if not content:
            break
    assert answered(bytes(content))


@given(st.sampled_from(MESSAGES), st.data())
@settings(max_examples=200, deadline=None)
def test_a_field_of_any_text_is_answered(message: bytes, data: st.DataObject) -> None:
    lines = message.split(b"\r")
    at = data.draw(st.integers(0, len(lines) - 1))
    fields = lines[at].split(b"|")
    number = data.draw(st.integers(0, len(fields) - 1))
    fields[number] = data.draw(st.text(max_size=30)).encode("utf-8", "surrogatepass")
    lines[at] = b"|".join(fields)
    assert answered(b"\r".join(lines))


@given(
    st.lists(st.binary(max_size=30).filter(lambda part: b"\x1c" not in part and b"\x0b" not in part), max_size=8),
    st.data(),
)
@settings(deadline=None)
def test_frames_come_out_as_they_went_in_however_they_are_cut(messages: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(b"\x0b" + message + b"\x1c\r" for message in messages)
    frames, found, rest = Frames(1000), list[bytes](), stream
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        found += frames.feed(rest[:size])
        rest = rest[size:]
    assert found == messages
    assert frames.error is None


@given(st.binary(max_size=10_000))
@settings(deadline=None)
def test_no_stream_makes_the_buffer_grow_without_end(stream: bytes) -> None:
    frames = Frames(500)
    for at in range(0, len(stream), 100):
        frames.feed(stream[at : at + 100])
        if frames.error is not None:
            break
        assert frames.waiting_bytes <= 500 + 4096 + 100
