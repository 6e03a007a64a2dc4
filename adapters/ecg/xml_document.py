"""XML of an ECG cart, parsed with nothing resolved: no DTD, no entity, no network."""

import re

from lxml import etree

from hub.contracts.errors import Incorrect

from .character_set import xml_text

Element = etree._Element

_DOCTYPE = re.compile(r"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_MUSE_DOCTYPE = re.compile(r"\A(\s*)<!DOCTYPE RestingECG SYSTEM \"restecg\.dtd\">")
"""Every file GE MUSE exports carries exactly this line. It declares nothing and is taken out unread; any other is
refused."""


_TAGS_LIMIT = 1_000_000
"""Starts of tags in one document; annotated beats of a long recording stay far below."""


def utf8_without_doctype(content: bytes) -> bytes:
    """The document in UTF-8, without XML declaration. Raises Incorrect for a DOCTYPE or an entity declaration."""
    text = _MUSE_DOCTYPE.sub(r"\1", xml_text(content), count=1)
    if _DOCTYPE.search(text):
        raise Incorrect(
            "The file carries a DOCTYPE or an entity declaration.",
            where="<!DOCTYPE",
            remedy="Export the recording without it; ECG files need none.",
        )
    if text.count("<") > _TAGS_LIMIT:
        raise Incorrect("The XML holds more elements than an ECG can.", remedy="Export one recording a file.")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise Incorrect("The XML holds characters that do not exist.", remedy="Export the file again.") from None


def root_of(content: bytes) -> Element:
    """The root element, namespaces taken off every name. Raises Incorrect for a DOCTYPE and for broken XML."""
    document = utf8_without_doctype(content)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise Incorrect(
            "The XML is not well-formed.",
            where=f"line {line}" if line else "",
            remedy="Send the file again as the cart wrote it.",
        ) from None
    for element in root.iter(etree.Element):
        if element.tag.startswith("{"):
            element.tag = element.tag.rpartition("}")[2]
    return root


def attribute(element: Element | None, name: str) -> str:
    """An attribute without white space around it; empty where element or attribute is missing."""
    return "" if element is None else (element.get(name) or "").strip()


def text_of(element: Element | None) -> str:
    """All text within, white space joined."""
    return "" if element is None else " ".join("".join(map(str, element.itertext())).split())
