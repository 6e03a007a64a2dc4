"""What kind of ECG file these bytes are, by content alone: file names and content types are not asked."""

import re
from collections.abc import Callable

from hub.contracts.errors import Incorrect, Unsupported

from . import aecg, dicom_ecg, muse, scp_ecg, sierra
from .recording import Format, Recording
from .scp_structure import looks_like_scp

READERS: dict[Format, Callable[[bytes], Recording]] = {
    Format.AECG: aecg.read,
    Format.SCP_ECG: scp_ecg.read,
    Format.DICOM: dicom_ecg.read,
    Format.MUSE: muse.read,
    Format.SIERRA: sierra.read,
}

CONTENT_TYPES = {
    Format.AECG: "application/xml",
    Format.SCP_ECG: "application/octet-stream",
    Format.DICOM: "application/dicom",
    Format.MUSE: "application/xml",
    Format.SIERRA: "application/xml",
}

_HEAD_BYTES = 64 << 10
_PROLOG = re.compile(r"\A\ufeff?\s*(?:<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>|\s)*", re.DOTALL)
_ROOT = re.compile(r"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)")
_FORMAT_OF_ROOT = {"AnnotatedECG": Format.AECG, "RestingECG": Format.MUSE, "restingecgdata": Format.SIERRA}

_UTF16 = (
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"<\x00?\x00", "utf-16-le"),
    (b"\x00<\x00?", "utf-16-be"),
)
_RASTER = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
_TRACING_ONLY = "Ask the cart for aECG, SCP-ECG or DICOM; a picture of a tracing is not taken yet."
_TAKEN = "Send aECG, SCP-ECG, DICOM, GE MUSE XML or Philips Sierra XML."


def format_of(content: bytes) -> Format:
    """Raises Incorrect where nothing is recognised, Unsupported for a format that is known and not taken."""
    if content[128:132] == b"DICM":
        return Format.DICOM
    if content.startswith(b"%PDF"):
        raise Unsupported("The file is a PDF: it holds no samples.", remedy=_TRACING_ONLY)
    if content.startswith(_RASTER):
        raise Unsupported("The file is a picture: it holds no samples.", remedy=_TRACING_ONLY)
    if looks_like_scp(content):
        return Format.SCP_ECG
    return _xml_format(content)


def _xml_format(content: bytes) -> Format:
    head = content[:_HEAD_BYTES]
    codec = next((name for start, name in _UTF16 if head.startswith(start)), "latin-1")
    text = head.decode(codec, "ignore").removeprefix("\xef\xbb\xbf")
    prolog = _PROLOG.match(text)
    root = _ROOT.match(text, prolog.end() if prolog else 0)
    if root is None:
        raise Incorrect("The file is no ECG format that is known here.", remedy=_TAKEN)
    known = _FORMAT_OF_ROOT.get(root[1])
    if known is None:
        raise Unsupported("The file is XML of a kind that is not taken.", where="root element", remedy=_TAKEN)
    return known
