"""Which character set a data set is really written in (PS3.5 clause 6.1, PS3.3 C.12.1.1.2).

In the field Chinese names come as GB18030 or GBK under the right label, under ISO_IR 100, under the label of another
encoding, or under none. The bytes decide:

- text that is ASCII alone needs no decision;
- under the label ISO_IR 192, strict UTF-8 is UTF-8;
- otherwise UTF-8 is believed only where every character beyond ASCII is U+2E80 or above: one in thirty two-character
  GBK names happens to be valid UTF-8, but then of Latin or Arabic letters, never of CJK;
- anything else is GB18030 (a superset of GBK and GB2312), in any case where the label is absent, says Latin-1 or says a
  Chinese set; a Latin label is believed where every byte beyond ASCII stands alone, as in Müller;
- a device that is known to write in another set (profile ``written_in``) is read in that, where there is no label or a
  Latin one, and the bytes are neither of that nor UTF-8.

The file stays as it was received; what was decided is evidence, kept beside the index row.
"""

import re
import warnings
from codecs import getincrementaldecoder
from collections.abc import Iterable
from dataclasses import dataclass

from pydicom.charset import convert_encodings, decode_bytes

UTF_8, GB18030 = "utf-8", "gb18030"

LOWEST_CJK = 0x2E80
_ESCAPE_TO_GB2312 = b"\x1b$)A"
_ESCAPES = re.compile(rb"\x1b\$\)A|\x1b\(B|\x1b\)A")
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_CHINESE = frozenset({"GB18030", "GBK", "ISO 2022 IR 58", "ISO_IR 58", "ISO 2022 GBK", "GB2312"})
_DEFAULT_REPERTOIRE = frozenset({"", "ISO_IR 6", "ISO 2022 IR 6"})
_LATIN = _DEFAULT_REPERTOIRE | {"ISO_IR 100", "ISO 2022 IR 100", "ISO_IR 101", "ISO 2022 IR 101"}
DEVICE_CODECS = {
    "GB18030": GB18030, "ISO_IR 192": UTF_8, "ISO_IR 100": "latin-1", "ISO_IR 101": "iso8859_2",
    "ISO_IR 144": "iso8859_5", "ISO_IR 13": "shift_jis", "ISO_IR 149": "euc_kr", "BIG5": "big5",
}  # fmt: skip
"""What a device may be known to write in, under no label or a Latin one."""
_DEVICE = re.compile(r" \(device: ([\w-]+)\)\Z")
_PN_DELIMITERS = {0x5E, 0x3D}
_TEXT_DELIMITERS = {0x5C, 0x0A, 0x0C, 0x0D}


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """How to decode the text of one data set. ``codec`` is the Python codec that its text has shown itself to be in;
    None where nothing needed a decision, where values disagree, or where the label is to be believed: then each value
    is decided on its own."""

    labels: tuple[str, ...]
    codec: str | None
    default: str | None = None
    """The codec that the device is known to write in where neither label nor bytes say it."""

    @property
    def evidence(self) -> str:
        """Label and verdict, for the index row; no text of the patient."""
        default = f" (device: {self.default})" if self.default else ""
        return "\\".join(self.labels)[:64] + " -> " + (self.codec or "each value on its own") + default

    def decode(self, raw: bytes, *, person_name: bool = False) -> str:
        """Text without padding. Never raises: what cannot be decoded is shown by replacement characters."""
        raw = raw.rstrip(b"\0 ")
        if raw.isascii() and b"\x1b" not in raw:
            return raw.decode("ascii")
        codec = self.codec or _decide(self.labels, raw, self.default)
        if codec is not None:
            return _ESCAPES.sub(b"", raw).decode(codec, "replace")
        return _as_labelled(self.labels, raw, person_name=person_name)


def default_in(evidence: str) -> str | None:
    """The device's codec that stands in the evidence of an index row."""
    found = _DEVICE.search(evidence)
    return found[1] if found else None


def choose(declared: bytes | None, texts: Iterable[bytes], default: str | None = None) -> CharacterSet:
    """The character set of a data set with this (0008,0005) and these raw text values. ``default`` is the codec that
    its device is known to write in."""
    labels = tuple(part.strip().decode("ascii", "replace") for part in (declared or b"").rstrip(b"\0 ").split(b"\\"))
    verdicts = {_decide(labels, text, default) for text in texts if not text.isascii() or b"\x1b" in text}
    return CharacterSet(labels, verdicts.pop() if len(verdicts) == 1 else None, default)


def _decide(labels: tuple[str, ...], raw: bytes, default: str | None = None) -> str | None:
    """The codec of one value, or None for: as the label says."""
    raw = raw.rstrip(b"\0 ")
    if _ESCAPE_TO_GB2312 in raw:
        return GB18030
    if b"\x1b" in raw:
        return None
    if "ISO_IR 192" in labels:
        return UTF_8 if _decodes(raw, UTF_8) or not _decodes(raw, GB18030) else GB18030
    chinese = any(label in _CHINESE for label in labels)
    if not chinese and not all(label in _LATIN for label in labels):
        return None
    if _is_cjk_in_utf_8(raw):
        return UTF_8
    if chinese:
        return GB18030
    unlabelled = all(label in _DEFAULT_REPERTOIRE for label in labels)
    if not unlabelled and all(len(run) == 1 for run in _HIGH_RUN.findall(raw)):
        return None
    if default is not None and _decodes(raw, default):
        return default
    return GB18030 if _decodes(raw, GB18030) else None


def _is_cjk_in_utf_8(raw: bytes) -> bool:
    try:
        return all(ord(character) >= LOWEST_CJK for character in raw.decode(UTF_8) if ord(character) > 0x7F)
    except UnicodeDecodeError:
        return False


def _decodes(raw: bytes, codec: str) -> bool:
    """A value that was cut within a character still decodes."""
    try:
        getincrementaldecoder(codec)().decode(raw, final=False)
    except UnicodeDecodeError:
        return False
    return True


def _as_labelled(labels: tuple[str, ...], raw: bytes, *, person_name: bool) -> str:
    if all(label in _DEFAULT_REPERTOIRE for label in labels):
        return raw.decode("latin-1")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library warns of each byte it replaces
            codecs = convert_encodings(list(labels))
            return decode_bytes(raw, codecs, _PN_DELIMITERS if person_name else _TEXT_DELIMITERS)
    except (LookupError, ValueError):
        return raw.decode("latin-1")
