"""Bytes to text: MSH-18 and HL7 table 0211 (HL7 v2.5.1 chapter 2.15.9.18, 2.9.2).

Text is decoded before it is split: 464 common Hanzi hold a delimiter byte in GB18030 (倈 億 俓 亊).
"""

import re
from dataclasses import dataclass

from .refusal import MessageIncorrect

TABLE_0211 = {
    "ASCII": "ascii",
    "ISOIR6": "ascii",
    **{f"8859/{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    **{f"ISO8859{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    "UNICODE": "utf-8",
    "UNICODEUTF8": "utf-8",
    "UTF8": "utf-8",
    "UNICODEUTF16": "utf-16",
    "UTF16": "utf-16",
    "GB180302000": "gb18030",
    "GB180302005": "gb18030",
    "GB180302022": "gb18030",
    "GB18030": "gb18030",
    # Senders that say GB2312 or GBK send their superset: the name is the only difference.
    "GB2312": "gb18030",
    "GB23121980": "gb18030",
    "GBK": "gb18030",
    "CP936": "gb18030",
    "BIG5": "big5hkscs",
    "KSX1001": "euc_kr",
}
"""Names of MSH-18 without blanks, hyphens and underscores, to Python codecs."""

NAME_OF_CODEC = {"ascii": "ASCII", "utf-8": "UNICODE UTF-8", "gb18030": "GB 18030-2000", "utf-16": "UNICODE UTF-16"}

_PRIVATE = re.compile("[\ue78d-\ue796\ue7c7\ue81e-\ue864]")
_LATER_ASSIGNED = str.maketrans(
    dict(
        zip(
            "\ue78d\ue78e\ue78f\ue790\ue791\ue792\ue793\ue794\ue795\ue796\ue7c7"
            "\ue81e\ue826\ue82b\ue82c\ue832\ue843\ue854\ue864",
            "\ufe10\ufe12\ufe11\ufe13\ufe14\ufe15\ufe16\ufe17\ufe18\ufe19\u1e3f"
            "\u9fb4\u9fb5\u9fb6\u9fb7\u9fb8\u9fb9\u9fba\u9fbb",
            strict=True,
        )
    )
)
"""Characters that GB 18030-2000 could only place in Unicode's private area; GB 18030-2022 gives them their own."""

_CONTROLS = bytes([*range(9), *range(14, 28), 29, 30, 31, 127])
"""Never part of a longer character in any of these sets, so they can go before decoding."""
_LINE_END, _LINE_END_BYTES = re.compile("[\r\n]"), re.compile(rb"[\r\n]")
_UTF8_HAN = re.compile(rb"[\xe2-\xef][\x80-\xbf]{2}")
_BEYOND_CHINESE = re.compile("[^\x00-\x7f\u2000-\u206f\u3000-\u303f\u3400-\u9fff\uff00-\uffef·×°±μ]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """``codec`` is the one that was used; ``declared`` what MSH-18 said, empty where it said nothing."""

    text: str
    codec: str
    declared: str = ""

    @property
    def contradicted(self) -> str:
        """What MSH-18 said where the bytes are something else: a codec, or ``unknown`` for what no table knows (never
        the text itself, which may be anything); empty where it was right or said nothing."""
        named = codec_of(self.declared)
        if not self.declared or named == self.codec or (self.codec == "ascii" and named is not None):
            return ""
        return named or "unknown"


def codec_of(declared: str) -> str | None:
    """The codec of an MSH-18 name, None where table 0211 or habit knows none."""
    plain = declared.upper().replace(" ", "").replace("-", "").replace("_", "")
    return TABLE_0211.get(plain)


def decode(content: bytes) -> Decoded:
    """Text of one message without framing: by MSH-18, else strict UTF-8, else GB18030.

    An MSH-18 that the bytes contradict is passed over. Control characters other than line ends, tabs and the framing
    are dropped: no data type of FHIR may hold them. Raises MessageIncorrect where nothing fits."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return Decoded(_strict(content, "utf-16") or _refuse(), "utf-16")
    content = content.translate(None, _CONTROLS)
    if content.isascii():
        text = content.decode("ascii")
        return Decoded(text, "ascii", _declared(text))
    declared = _declared_in_bytes(content)
    named = codec_of(declared)
    as_utf8 = _strict(content, "utf-8")
    if named not in (None, "utf-8"):
        text_as_named = _strict(content, named)
        if text_as_named is not None and not (as_utf8 and _rather_utf8(content, as_utf8, text_as_named, named)):
            return Decoded(text_as_named, named, declared)
    if as_utf8 is not None:
        return Decoded(as_utf8, "utf-8", declared)
    return Decoded(_strict(content, "gb18030") or _refuse(), "gb18030", declared)


def _refuse() -> str:
    raise MessageIncorrect(
        "The message is neither in the character set of MSH-18 nor UTF-8 nor GB18030.",
        segment="MSH",
        field=18,
        code=102,
        remedy="Name the character set in MSH-18 as HL7 table 0211 writes it and encode the whole message in it.",
    )


def _strict(content: bytes, codec: str) -> str | None:
    try:
        text = content.decode(codec)
    except (UnicodeDecodeError, LookupError):
        return None
    if codec == "gb18030" and _PRIVATE.search(text):
        text = text.translate(_LATER_ASSIGNED)
    return text


def _declared(header: str) -> str:
    """MSH-18, first repetition, of a text that begins with MSH; empty where it is not there."""
    line = _LINE_END.split(header[:8192].lstrip("\r\n"), 1)[0]
    start = line.find("MSH")
    if start < 0 or len(line) < start + 9:
        return ""
    separator, repetition = line[start + 3], line[start + 5]
    fields = line[start:].split(separator, 18)
    if len(fields) < 18:
        return ""
    return fields[17].split(repetition)[0].strip() if repetition != separator else fields[17].strip()


def _declared_in_bytes(content: bytes) -> str:
    header = _LINE_END_BYTES.split(content[:8192].lstrip(b"\r\n"), 1)[0]
    for codec in ("utf-8", "gb18030"):
        text = _strict(header, codec)
        if text is not None:
            return _declared(text)
    return _declared(header.decode("latin-1"))


def _rather_utf8(content: bytes, as_utf8: str, as_named: str, named: str) -> bool:
    """Whether valid UTF-8 is the better reading although the declared codec, which takes almost any bytes, fits too:
    so it is for every single-byte set, and for a Chinese one where only the UTF-8 reading is ordinary Chinese."""
    if named.startswith("iso8859"):
        return True
    if _UTF8_HAN.search(content) is None or _BEYOND_CHINESE.search(as_utf8):
        return False
    try:
        as_named.encode("gb2312")
    except UnicodeEncodeError:
        return True
    return False
