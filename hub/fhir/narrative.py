"""XHTML of ``Narrative.div`` (R4 narrative.html, invariant txt-1): formatting only, nothing that acts."""

import re
from html import unescape

_ELEMENTS = frozenset(
    [
        *[
            "a",
            "abbr",
            "acronym",
            "address",
            "area",
            "b",
            "bdo",
            "big",
            "blockquote",
            "br",
            "caption",
            "center",
            "cite",
        ],
        *["code", "col", "colgroup", "dd", "del", "dfn", "div", "dl", "dt", "em", "font", "h1", "h2", "h3", "h4", "h5"],
        *["h6", "hr", "i", "img", "ins", "kbd", "li", "map", "ol", "p", "pre", "q", "s", "samp", "small", "span"],
        *[
            "strike",
            "strong",
            "sub",
            "sup",
            "table",
            "tbody",
            "td",
            "tfoot",
            "th",
            "thead",
            "tr",
            "tt",
            "u",
            "ul",
            "var",
        ],
    ]
)
_TAG = re.compile(r"""<\s*/?([^\s/>]*)((?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+)(>?)""")
_EVENT = re.compile(r"\bon[a-z]+\s*=", re.IGNORECASE)
_SCRIPT_LINK = re.compile(r"javascript:|vbscript:|data:text", re.IGNORECASE)
_INVISIBLE = re.compile(r"[\s\x00-\x20]+")


def fault(div: str) -> str | None:
    """What is wrong with a narrative, as a sentence that follows the element's name; or None."""
    if div.lstrip()[:4] != "<div":
        return "must be an XHTML div element (txt-1)."
    for name, attributes, end in _TAG.findall(div):
        if name.startswith("!--"):
            continue
        if name not in _ELEMENTS or not end:
            return "may use XHTML formatting elements only: no scripts, forms, objects or declarations (txt-1)."
        if "=" in attributes and _acts(attributes):
            return "may not hold event attributes or script links (txt-1)."
    return None


def _acts(attributes: str) -> bool:
    # Browsers decode entities and skip white space before they read the scheme of a link.
    plain = unescape(attributes) if "&" in attributes else attributes
    return bool(_EVENT.search(plain) or _SCRIPT_LINK.search(_INVISIBLE.sub("", plain)))
