"""Chinese text under the wrong label.

Carts write GB2312, GBK or GB18030 and declare that, or UTF-8, or nothing. XML is decoded here before any parser sees it
(expat and others know no multi-byte GB) and handed on as UTF-8; single strings that a library has read as Latin-1 are
read again.
"""

import codecs
import re

from hub.contracts.errors import Incorrect

_DECLARATION = re.compile(rb"^\s*<\?xml\b[^>]*?\bencoding\s*=\s*[\"']([A-Za-z0-9._:-]+)[\"'][^>]*?\?>", re.DOTALL)
_DECLARATION_TEXT = re.compile(r"^\s*<\?xml\b[^>]*?\?>", re.DOTALL)
_GB = frozenset({"gb2312", "gbk", "gb18030", "hz"})
_OTHERS = frozenset({"big5", "shift_jis", "euc_jp", "euc_kr", "cp949", "cp1252", "cp1251", "cp1250", "ascii"})
_LATIN_RUN = re.compile(r"[\x80-\xff]")
_THREE_BYTES = re.compile(rb"[\xe0-\xef][\x80-\xbf][\x80-\xbf]")


def xml_text(content: bytes) -> str:
    """The document as text without its XML declaration. Raises Incorrect where the bytes fit no encoding."""
    for mark, name in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if content.startswith(mark):
            text = _decoded(content, "utf-8-sig" if name == "utf-8" else name)
            return _undeclared(_known(text))
    if content[:4] in (b"<\x00?\x00", b"\x00<\x00?"):
        return _undeclared(_known(_decoded(content, "utf-16-le" if content[0] == 0x3C else "utf-16-be")))
    declared = _codec_name(_DECLARATION.match(content))
    utf8 = _decoded(content, "utf-8")
    if utf8 is not None and not (declared in _GB and not _THREE_BYTES.search(content) and not content.isascii()):
        return _undeclared(utf8)
    western = declared.startswith(("iso8859", "cp125", "ascii"))
    if declared in _GB or declared in ("", "utf-8") or (western and _decoded(content, "gb2312") is not None):
        return _undeclared(_known(_decoded(content, "gb18030")))
    return _undeclared(_known(_decoded(content, declared)))


def repaired(text: str) -> str:
    """GB bytes that were read as Latin-1, read again as GB18030; any other text unchanged.

    Only text whose upper-half characters all come in GB2312 pairs is touched, so that ``Müller`` stays what it is.
    """
    if not _LATIN_RUN.search(text):
        return text
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        return text
    return text if _decoded(raw, "gb2312") is None else raw.decode("gb18030", "replace")


def _codec_name(declaration: re.Match[bytes] | None) -> str:
    if declaration is None:
        return ""
    try:
        name = codecs.lookup(declaration[1].decode("ascii")).name
    except LookupError:
        raise Incorrect("The XML declares an encoding that is not known.", remedy="Export the file as UTF-8.") from None
    name = "utf-8" if name == "utf-8-sig" else name
    if name not in _GB and name not in _OTHERS and not name.startswith(("utf-8", "utf-16", "iso8859")):
        raise Incorrect("The XML declares an encoding that is not read here.", remedy="Export the file as UTF-8.")
    return name


def _decoded(content: bytes, codec: str) -> str | None:
    try:
        return content.decode(codec)
    except UnicodeDecodeError:
        return None


def _known(text: str | None) -> str:
    if text is None:
        raise Incorrect(
            "The bytes of the XML fit neither their declared encoding nor GB18030.",
            remedy="Export the file again as UTF-8; it may be damaged.",
        )
    return text


def _undeclared(text: str) -> str:
    return _DECLARATION_TEXT.sub("", text, count=1)
