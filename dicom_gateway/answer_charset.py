"""The character set of what we answer (PS3.3 C.12.1.1.2): the one the peer reads.

In this order: what its device profile says; what its request was written in, by label or by evidence; the site's
default. A set that cannot hold the text gives way to the default, because a name of question marks helps nobody.
"""

import re
import warnings
from dataclasses import dataclass
from functools import lru_cache

from pydicom.charset import convert_encodings, encode_string

from .character_set import GB18030, UTF_8, CharacterSet

_CODECS = {
    "ISO_IR 192": "utf-8", "GB18030": "gb18030", "GBK": "gbk", "ISO_IR 100": "latin-1", "ISO_IR 6": "ascii",
    "": "ascii",
}  # fmt: skip
_BY_EVIDENCE = {UTF_8: "ISO_IR 192", GB18030: "GB18030"}
_GB2312_IN_G1 = "ISO 2022 IR 58"
_ESCAPE = b"\x1b$)A"
_DELIMITERS = re.compile(r"([\\^=\r\n\f])")
_NO_SET = frozenset({"", "ISO_IR 6", "ISO 2022 IR 6"})


@dataclass(frozen=True, slots=True)
class AnswerCharset:
    """``label`` is the value of Specific Character Set (0008,0005) where an answer holds text beyond ASCII; a text that
    it cannot hold is given in ``fallback`` with the whole answer."""

    label: str
    fallback: str = "GB18030"

    def for_text(self, text: str) -> str:
        """The label under which ``text`` can be written; "" for plain ASCII."""
        if text.isascii():
            return ""
        return self.label if _encode(self.label, text) is not None else self.fallback


def encode(label: str, text: str) -> bytes:
    """``text`` under that label; what it cannot hold becomes question marks."""
    raw = _encode(label, text)
    return raw if raw is not None else text.encode(_CODECS.get(label, "ascii"), "replace")


def can_write(label: str, text: str) -> bool:
    """Whether ``text`` can be written under that label."""
    return _encode(label, text) is not None


def answer_charset(profile: str, request: CharacterSet, default: str) -> AnswerCharset:
    """``profile`` is the label a device is known to read ("" where none is known)."""
    if profile:
        return AnswerCharset(profile, default)
    labels = request.labels
    if request.codec in _BY_EVIDENCE and all(label in _NO_SET for label in labels):
        return AnswerCharset(_BY_EVIDENCE[request.codec], default)
    if all(label in _NO_SET for label in labels):
        return AnswerCharset(default, default)
    return AnswerCharset("\\".join(labels), default)


@lru_cache(maxsize=4096)
def _encode(label: str, text: str) -> bytes | None:
    try:
        codec = _CODECS.get(label)
        if codec is not None:
            return text.encode(codec)
        if label.split("\\")[-1] == _GB2312_IN_G1:
            return b"".join(_with_escape(part) for part in _DELIMITERS.split(text))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return encode_string(text, convert_encodings(label.split("\\")))
    except (LookupError, ValueError, UserWarning):
        return None


def _with_escape(part: str) -> bytes:
    """The designation of GB 2312 does not outlive a delimiter (PS3.5 6.1.2.5.3, annex K)."""
    return part.encode("ascii") if part.isascii() else _ESCAPE + part.encode("gb2312")
