"""A message as segments, fields, repetitions and components (HL7 v2.5.1 chapter 2.5), split only when asked.

Tolerated, because it is sent: VT, FS and BOM left in place, LF and CRLF ends, blank lines, a line that does not begin
with a segment name (it continues the field before), any delimiters that MSH states, four or five of them.
"""

import re
from functools import lru_cache

from .charset import Decoded, decode
from .escapes import Escapes, escapes
from .refusal import MessageIncorrect, MessageTooLarge

LARGEST_LINES = 50_000
LARGEST_SEGMENTS = 10_000
LARGEST_BATCH = 5_000
LARGEST_SPLIT = 1_000
"""Parts of one field, repetition or component; what lies beyond stays in the last one, so that memory is bounded."""

FRAMING = b"\x0b\x1c\r\n \t"
_BOM = "﻿"
_LINE_ENDS = re.compile("[\r\n\x0b\x1c]+")
_PADDING = [""] * 32
_HEADERS = frozenset(("MSH", "FHS", "BHS"))
_USUAL_NAMES = frozenset(
    ("MSH", "EVN", "PID", "PD1", "NK1", "PV1", "PV2", "ORC", "OBR", "OBX", "NTE", "SPM", "TQ1", "DG1", "AL1", "IN1")
)
_BARE_NAMES = _USUAL_NAMES - {"MSH"}
"""Known without a field behind them; any other word alone on its line is text."""


class Segment:
    """One segment. ``sequence`` counts the segments of its name from 1. Fields are numbered as HL7 numbers them."""

    __slots__ = ("_message", "fields", "line", "name", "sequence")

    fields: list[str]
    """The fields as sent, ``fields[3]`` being field 3, padded so that 0 to 31 are always there; made when first asked
    for. The HL7 null (two quotation marks) reads as empty."""

    def __init__(self, message: "Message", name: str, line: str, sequence: int) -> None:
        self._message = message
        self.name = name
        self.line = line
        self.sequence = sequence

    def __getattr__(self, name: str) -> list[str]:
        if name != "fields":
            raise AttributeError(name)
        separator = self._message.field_separator
        fields = self.line.split(separator, LARGEST_SPLIT)
        if '""' in self.line:
            fields = ["" if one == '""' else one for one in fields]
        if self.name in _HEADERS:
            fields.insert(1, separator)
        if len(fields) < 32:
            fields += _PADDING[len(fields) :]
        self.fields = fields
        return fields

    def raw(self, field: int) -> str:
        """A field as sent, all repetitions; empty where it is absent or null."""
        try:
            return self.fields[field]
        except IndexError:
            return ""

    def text(self, field: int, component: int = 1) -> str:
        """One component of the first repetition, unescaped and stripped; empty where there is none."""
        try:
            value = self.fields[field]
        except IndexError:
            return ""
        if not value:
            return ""
        return self._message.component(self._message.first_repetition(value), component)

    def whole(self, field: int) -> str:
        """The field as one text, unescaped, whatever delimiters its sender forgot to escape."""
        value = self.raw(field)
        return self._message.escapes.resolve(value) if value else ""

    def resolve(self, raw: str) -> str:
        return self._message.escapes.resolve(raw)

    def repetitions(self, field: int) -> list[str]:
        """The field's repetitions as sent, empty ones left out."""
        value = self.raw(field)
        if not value:
            return []
        separator = self._message.repetition_separator
        if separator not in value:
            return [value]
        return [one for one in value.split(separator, LARGEST_SPLIT) if one and one != '""']


class Message:
    """One message. ``codec`` and ``declared_charset`` say how its bytes were read."""

    __slots__ = (
        "_by_name",
        "codec",
        "component_separator",
        "contradicted_charset",
        "declared_charset",
        "delimiters",
        "escapes",
        "field_separator",
        "header",
        "repetition_separator",
        "segments",
        "subcomponent_separator",
    )

    escapes: Escapes

    def __init__(self, decoded: Decoded) -> None:
        """Raises MessageIncorrect where there is no usable MSH."""
        self.codec = decoded.codec
        self.declared_charset = decoded.declared
        self.contradicted_charset = decoded.contradicted
        lines = _lines(decoded.text)
        self._read_delimiters(lines[0])
        self.segments = self._segments(lines)
        self.header = self.segments[0]
        self._by_name: dict[str, list[Segment]] = {}
        for segment in self.segments:
            self._by_name.setdefault(segment.name, []).append(segment)

    def all(self, name: str) -> list[Segment]:
        return self._by_name.get(name, [])

    def first(self, name: str) -> Segment | None:
        found = self._by_name.get(name)
        return found[0] if found else None

    def need(self, name: str) -> Segment:
        """Raises MessageIncorrect (code 100) where the segment is not there."""
        found = self.first(name)
        if found is None:
            raise MessageIncorrect(
                f"Segment {name} is required.", segment=name, code=100, remedy=f"Send {name} in its place."
            )
        return found

    def first_repetition(self, raw: str) -> str:
        return raw.split(self.repetition_separator, 1)[0] if self.repetition_separator in raw else raw

    def component(self, repetition: str, number: int = 1) -> str:
        """Unescaped and stripped; of a component with subcomponents the first."""
        value = repetition
        if self.component_separator in value:
            parts = value.split(self.component_separator, number)
            if number > len(parts):
                return ""
            value = parts[number - 1]
        elif number > 1:
            return ""
        if self.subcomponent_separator in value:
            value = value.split(self.subcomponent_separator, 1)[0]
        if value == '""':
            return ""
        return self.escapes.resolve(value).strip()

    def components(self, repetition: str) -> list[str]:
        """Unescaped and stripped, each the first of its subcomponents; the HL7 null reads as empty."""
        sub, resolve = self.subcomponent_separator, self.escapes.resolve
        if sub not in repetition and self.escapes.character not in repetition and '""' not in repetition:
            return [one.strip() for one in repetition.split(self.component_separator, LARGEST_SPLIT)]
        return [
            "" if one == '""' else resolve(one.split(sub, 1)[0]).strip()
            for one in repetition.split(self.component_separator, LARGEST_SPLIT)
        ]

    def subcomponents(self, repetition: str, component: int) -> list[str]:
        """The subcomponents of one component, unescaped and stripped."""
        parts = repetition.split(self.component_separator, component)
        if component > len(parts):
            return []
        raw = parts[component - 1].split(self.subcomponent_separator, LARGEST_SPLIT)
        return ["" if one == '""' else self.escapes.resolve(one).strip() for one in raw]

    def _read_delimiters(self, header: str) -> None:
        if len(header) < 5 or not _is_sign(header[3]):
            raise MessageIncorrect(
                "The header states no field separator.", segment="MSH", field=1, remedy="Begin with MSH|^~\\&|."
            )
        self.field_separator = header[3]
        stated = header[4:].split(self.field_separator, 1)[0][:5]
        given = stated + "^~\\&"[len(stated) :]
        component, repetition, escape, sub = (given[at] for at in range(4))
        if sub == escape and len(given) > 4:
            sub = given[4]  # an escape character doubled by a sender that escaped its own header
        chosen = self.field_separator + component + repetition + escape + sub
        if not usable(chosen):
            raise MessageIncorrect(
                "The encoding characters are not four different signs.",
                segment="MSH",
                field=2,
                remedy="State four different signs in MSH-2, usually ^~\\&.",
            )
        self.delimiters = chosen
        self.component_separator, self.repetition_separator, self.subcomponent_separator = component, repetition, sub
        self.escapes = escapes(chosen, self.codec)

    def _segments(self, lines: list[str]) -> list[Segment]:
        separator, found, counted = self.field_separator, list[Segment](), dict[str, int]()
        more: list[str] = []
        for line in lines:
            whole, name = line, line[:3]
            if line[3:4] != separator or (name not in _USUAL_NAMES and not _is_name(name)):
                whole = line.lstrip(" \t")
                name = whole[:3]
                begins = whole[3:4] == separator and _is_name(name)
                if not begins and whole.rstrip() not in _BARE_NAMES:
                    more.append(line)
                    continue
            if more:
                found[-1].line = "\n".join((found[-1].line, *more))
                more.clear()
            counted[name] = sequence = counted.get(name, 0) + 1
            found.append(Segment(self, name, whole, sequence))
        if more:
            found[-1].line = "\n".join((found[-1].line, *more))
        if len(found) > LARGEST_SEGMENTS:
            raise MessageTooLarge(
                f"The message has more than {LARGEST_SEGMENTS} segments.",
                where="MSH",
                remedy="Send it in several messages.",
            )
        return found


@lru_cache(maxsize=256)
def usable(delimiters: str) -> bool:
    """Five different visible signs, none a letter or digit."""
    return len(set(delimiters)) == 5 and all(_is_sign(one) for one in delimiters)


def _is_sign(character: str) -> bool:
    return character.isprintable() and not character.isalnum() and not character.isspace()


def _is_name(name: str) -> bool:
    """A capital letter and two capitals or digits (chapter 2.5.2)."""
    return len(name) == 3 and name.isascii() and name.isalnum() and name == name.upper() and name[0].isalpha()


def _lines(text: str) -> list[str]:
    """Not empty, the first begins with MSH."""
    if text.count("\r") + text.count("\n") > LARGEST_LINES:
        raise MessageTooLarge(
            f"The message has more than {LARGEST_LINES} lines.", where="MSH", remedy="Send it in several messages."
        )
    text = text.lstrip(_BOM + "\x0b\r\n \t")
    if "\n" not in text and "\x0b" not in text and "\x1c" not in text and "\r\r" not in text:
        lines = text.split("\r")
        if not lines[-1]:
            lines.pop()
    else:
        lines = [line for line in _LINE_ENDS.split(text) if line]
    if not lines or not lines[0].startswith("MSH"):
        raise MessageIncorrect(
            "The message does not begin with MSH.", segment="MSH", code=100, remedy="Begin with MSH|^~\\&|."
        )
    return lines


def parse(content: bytes) -> Message:
    """Read the bytes of one message, framed or not. Raises MessageIncorrect or MessageTooLarge."""
    return Message(decode(content.strip(FRAMING)))


_FRAME = re.compile(rb"\A[\x0b\r\n \t]*\x0b|\x1c[\x0b\x1c\r\n \t]*\Z")


def unframed(content: bytes) -> bytes:
    """The message as its sender wrote it: MLLP framing goes, the line end of its last segment stays."""
    return _FRAME.sub(b"", content)


_MESSAGE_START = re.compile(
    rb"(?:\A|(?<=[\r\n\x0b]))[ \t]*(?:\xef\xbb\xbf)?(MSH|[FB][HT]S)(?=[^A-Za-z0-9\r\n]|[\r\n]|\Z)"
)


def split_batch(content: bytes) -> list[bytes]:
    """The messages of a batch (FHS/BHS, chapter 2.10.3) byte for byte, without the envelope; also of several messages
    sent as one without it. Line ends are never part of a Chinese character, so this is safe before decoding.

    Raises MessageTooLarge."""
    starts = []
    for found in _MESSAGE_START.finditer(content):
        starts.append((found.start(1), found[1]))
        if len(starts) > LARGEST_BATCH:
            raise MessageTooLarge(
                f"The batch has more than {LARGEST_BATCH} messages.", where="MSH", remedy="Send it in several batches."
            )
    return [
        unframed(content[start:end])
        for (start, name), end in zip(starts, [*(at for at, _ in starts[1:]), len(content)], strict=True)
        if name == b"MSH"
    ]


def is_batch(content: bytes) -> bool:
    """Whether more than one message or an envelope is in these bytes."""
    if content.count(b"MSH") <= 1 and content[:24].lstrip(FRAMING + b"\xef\xbb\xbf")[:3] == b"MSH":
        return False
    starts = _MESSAGE_START.finditer(content)
    first = next(starts, None)
    return first is not None and (first[1] != b"MSH" or next(starts, None) is not None)
