"""Acknowledgements in original mode (HL7 v2.5.1 chapter 2.9.2): MSH, MSA and, for a refusal, ERR. An accepted order is
answered by the response of its event (``order_response``), with NTE where the hub found something about it.

The answer to an accepted message is made of the message and its Receipt alone, so that a message sent again gets the
same bytes. Nothing of the message is echoed but its addresses, its number, its version and its processing id.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

from hub.contracts.errors import (
    Busy,
    Conflict,
    ExchangeError,
    Fault,
    Forbidden,
    Gone,
    NotFound,
    Precondition,
    TooLarge,
    Unauthenticated,
    Unsupported,
)
from hub.contracts.site import ZONE
from hub.contracts.submission import Receipt

from .charset import NAME_OF_CODEC
from .escapes import Escapes, escapes
from .message import FRAMING, Message, usable
from .order_response import notes, response_of

TABLE_0357: Mapping[int, str] = {
    100: "Segment sequence error",
    101: "Required field missing",
    102: "Data type error",
    103: "Table value not found",
    104: "Value too long",
    200: "Unsupported message type",
    201: "Unsupported event code",
    204: "Unknown key identifier",
    205: "Duplicate key identifier",
    206: "Application record locked",
    207: "Application internal error",
}

_CODE_OF_CATEGORY: tuple[tuple[type[ExchangeError], str, int], ...] = (
    (Busy, "AR", 207),
    (Fault, "AR", 207),
    (Unauthenticated, "AR", 204),
    (Forbidden, "AR", 204),
    (NotFound, "AE", 204),
    (Gone, "AE", 204),
    (Conflict, "AE", 205),
    (Precondition, "AE", 205),
    (TooLarge, "AE", 104),
    (Unsupported, "AE", 200),
)
_CODE_OF_ISSUE = {"structure": 100, "required": 101, "code-invalid": 103}
_FIELD = re.compile(r"([A-Z][A-Z0-9]{2})(?:-(\d{1,3})(?:\.(\d{1,3}))?)?", re.ASCII)
_VERSION = re.compile(r"2(?:\.\d{1,2}){1,2}", re.ASCII)
_LONGEST_ECHO = 227
"""HD is 227 characters at most (chapter 2.A.36)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``code`` is MSA-1. ``content`` has no framing."""

    content: bytes
    code: str
    content_type: str


def acknowledge(message: Message, receipt: Receipt) -> Answer:
    """AA: on disk."""
    number = sha256(f"{receipt.submission}|{message.header.raw(10)}".encode()).hexdigest()[:20].upper()
    envelope = Envelope.of(message)
    kind = response_of(message.header.text(9), envelope.event)
    return _answer(envelope, "AA", _stamp(receipt.accepted_at), number, None, kind, notes(message, receipt))


def refuse(message: Message, error: ExchangeError, now: datetime) -> Answer:
    """AE for what must change before it comes again, AR for what may come again as it is (207) or never (204)."""
    return _refuse(Envelope.of(message), error, now)


def refuse_unreadable(content: bytes, error: ExchangeError, now: datetime) -> Answer:
    """For what could not be parsed: as much of its header as is there is answered."""
    return _refuse(Envelope.guessed(content), error, now)


def codes_of(error: ExchangeError) -> tuple[str, int]:
    """MSA-1 and the code of table 0357."""
    code = getattr(error, "code", None)
    for category, answer, default in _CODE_OF_CATEGORY:
        if isinstance(error, category):
            return answer, code if isinstance(code, int) else default
    return "AE", code if isinstance(code, int) else _CODE_OF_ISSUE.get(error.issue_code, 102)


def message_number(content: bytes) -> str:
    """MSH-10 of a message that may not be readable; empty where there is none."""
    return Envelope.guessed(content).number


@dataclass(frozen=True, slots=True)
class Envelope:
    """What an answer repeats of a header, each field as it was sent."""

    delimiters: str = "|^~\\&"
    codec: str = "utf-8"
    charset: str = ""
    """The name of the character set, for MSH-18."""
    application: str = ""
    facility: str = ""
    to_application: str = ""
    to_facility: str = ""
    event: str = ""
    number: str = ""
    processing: str = "P"
    version: str = ""
    sender: str = ""
    """MSH-4.1, to look up; never told back."""

    @classmethod
    def of(cls, message: Message) -> "Envelope":
        header = message.header
        declared = message.declared_charset
        return cls(
            delimiters=message.delimiters,
            codec=message.codec,
            charset=declared if declared and not message.contradicted_charset else NAME_OF_CODEC.get(message.codec, ""),
            application=_one_line(header.raw(3)),
            facility=_one_line(header.raw(4)),
            to_application=_one_line(header.raw(5)),
            to_facility=_one_line(header.raw(6)),
            event=_one_line(header.text(9, 2)),
            number=_one_line(header.raw(10)),
            processing=_one_line(header.raw(11)) or "P",
            version=header.text(12),
            sender=header.text(4),
        )

    @classmethod
    def guessed(cls, content: bytes) -> "Envelope":
        start = content.find(b"MSH", 0, 4096)
        header = content[start : start + 4096] if start >= 0 else b""
        text = re.split("[\r\n]", header.decode("utf-8", "replace"), maxsplit=1)[0]
        separator = text[3:4]
        if not separator or separator.isalnum() or separator <= " ":
            return cls()
        fields = [_one_line(one) for one in text.split(separator, 20)] + [""] * 20
        chosen = separator + (fields[1] + "^~\\&"[len(fields[1]) :])[:4]
        if not usable(chosen):
            # The fields may hold what the usual delimiters mean: only the number is told back.
            stated = fields[3].split("^")[0].strip()
            return cls(number=re.sub(r"[|^~\\&]", "", fields[9])[:199], sender=stated)
        event = fields[8].split(chosen[1])
        return cls(
            delimiters=chosen,
            application=fields[2],
            facility=fields[3],
            to_application=fields[4],
            to_facility=fields[5],
            event=event[1] if len(event) > 1 else "",
            number=fields[9],
            processing=fields[10] or "P",
            version=fields[11].split(chosen[1])[0],
            sender=fields[3].split(chosen[1])[0].strip(),
        )


def _refuse(envelope: Envelope, error: ExchangeError, now: datetime) -> Answer:
    answer, code = codes_of(error)
    stamp = now.astimezone(ZONE).strftime("%Y%m%d%H%M%S+0800")
    number = sha256(f"{now.isoformat()}|{envelope.number}|{error.what}".encode()).hexdigest()[:20].upper()
    return _answer(envelope, answer, stamp, number, (code, error))


def _answer(
    envelope: Envelope,
    code: str,
    stamp: str,
    number: str,
    refusal: tuple[int, ExchangeError] | None,
    response: tuple[str, str, str] | None = None,
    told: Sequence[str] = (),
) -> Answer:
    if envelope.codec == "ascii" and not all(text.isascii() for text in told):
        envelope = replace(envelope, codec="utf-8", charset=NAME_OF_CODEC["utf-8"])
    field, component = envelope.delimiters[0], envelope.delimiters[1]
    version = envelope.version if _VERSION.fullmatch(envelope.version) else "2.5.1"
    parts = response or ("ACK", envelope.event, "ACK" if envelope.event else "")
    kind = component.join(part for part in parts if part)
    charset = envelope.charset if envelope.charset != "ASCII" else ""
    header = [
        "MSH",
        envelope.delimiters[1:],
        envelope.to_application,
        envelope.to_facility,
        envelope.application,
        envelope.facility,
        stamp,
        "",
        kind,
        number,
        envelope.processing,
        version,
        *(["", "", "", "", "", charset] if charset else ()),
    ]
    segments = [header, ["MSA", code, envelope.number]]
    if refusal is not None:
        text = escapes(envelope.delimiters, envelope.codec).write(refusal[1].what)[:80]
        segments[1].append(_whole(text, envelope.delimiters))
        segments.append(_err(envelope, version, *refusal))
    write = escapes(envelope.delimiters, envelope.codec).write
    segments += [["NTE", str(at), "L", write(text), "RE"] for at, text in enumerate(told, 1)]
    text = "".join(field.join(segment) + "\r" for segment in segments)
    codec = "utf-8" if envelope.codec == "utf-16" else envelope.codec
    return Answer(text.encode(codec, "replace"), code, f"x-application/hl7-v2+er7; charset={codec}")


def _err(envelope: Envelope, version: str, code: int, error: ExchangeError) -> list[str]:
    component, sub = envelope.delimiters[1], envelope.delimiters[4]
    write: Escapes = escapes(envelope.delimiters, envelope.codec)
    segment, sequence, field_number, component_number = _location(error)
    place = [segment, str(sequence), field_number, *(["1", component_number] if component_number else [])]
    location = component.join(place).rstrip(component) if segment else ""
    name = TABLE_0357.get(code, "Application internal error")
    old = ""
    if segment and version < "2.5":
        old = component.join([segment, str(sequence), field_number, sub.join((str(code), name, "HL70357"))])
    diagnostics = write.write(error.where if not segment else "")
    said = write.write(error.sentence())
    return ["ERR", old, location, component.join((str(code), name, "HL70357")), "E", "", "", diagnostics, said]


def _location(error: ExchangeError) -> tuple[str, int, str, str]:
    """Segment, sequence, field, component; empty where the error speaks of something else than a field."""
    found = _FIELD.fullmatch(error.where)
    if found is None:
        return "", 1, "", ""
    sequence = getattr(error, "sequence", 1)
    return found[1], sequence if isinstance(sequence, int) else 1, found[2] or "", found[3] or ""


def _one_line(field: str) -> str:
    if field.isprintable() and len(field) <= _LONGEST_ECHO:
        return field
    return "".join(one for one in field[:1000] if one >= " ")[:_LONGEST_ECHO]


def _whole(text: str, delimiters: str) -> str:
    """Without half an escape sequence at the end of a text that was cut."""
    return text if text.count(delimiters[3]) % 2 == 0 else text.rpartition(delimiters[3])[0]


@lru_cache(maxsize=64)
def _stamp(instant: str) -> str:
    """A FHIR instant as HL7 time in the site's zone, to the second."""
    return datetime.fromisoformat(instant.replace("Z", "+00:00")).astimezone(ZONE).strftime("%Y%m%d%H%M%S+0800")


def envelope_of_batch(content: bytes, answers: list[Answer]) -> Answer:
    """One MSA a message, in order, in a batch envelope like the one they came in."""
    codec = answers[0].content_type.rpartition("=")[2] if answers else "utf-8"
    body = b"".join(answer.content for answer in answers)
    start = content.lstrip(FRAMING + b"\xef\xbb\xbf")
    separator = start[3:4] if start[:1] in (b"F", b"B") else b"|"
    encoding = start[4:8] if separator != b"|" else b"^~\\&"
    head, tail = b"", b""
    if start[:3] in (b"FHS", b"BHS"):
        head = b"BHS" + separator + encoding + b"\r"
        tail = b"BTS" + separator + str(len(answers)).encode() + b"\r"
    if start[:3] == b"FHS":
        head = b"FHS" + separator + encoding + b"\r" + head
        tail += b"FTS" + separator + b"1\r"
    worst = max((answer.code for answer in answers), default="AE", key=("AA", "AE", "AR").index)
    return Answer(head + body + tail, worst, f"x-application/hl7-v2+er7; charset={codec}")
