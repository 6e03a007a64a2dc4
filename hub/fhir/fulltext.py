"""What ``_content`` and ``_text`` compare (R4 search.html#content).

A text becomes words: each Chinese character is one, and so is each run of letters and digits, without case, accents
and width; everything else only separates. A word sequence is found where its words stand one after the other. No
dictionary decides where Chinese words begin, so that what is found in one sentence is found in every other, and each
engine that keeps the words gives the same answer.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from html import unescape as unescape_html
from typing import Any

import msgspec

MOST_CHARACTERS = 100_000
"""Of one resource; what stands behind is not compared."""
BARRIER = "\u00b6"
"""Stands between the elements of a resource: a sequence does not reach from one into the next."""
EXCERPT_CHARACTERS = 40
"""Shown on either side of a hit."""

_NO_TEXT = frozenset(
    (
        *("contentType", "data", "fullUrl", "id", "lastUpdated", "profile", "reference", "resourceType", "source"),
        *("system", "url", "versionId"),
    )
)
"""Elements that speak to machines."""
_SHORT = 40
_MARKUP = re.compile(r"<[^>]*>")
_WORD = re.compile(
    r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]|[0-9a-z\u00b5\u00df-\u00f6\u00f8-\u02af\u0370-\u058f]{1,255}"
)


def words(text: str) -> str:
    """The words with one blank between; empty where there are none."""
    return _short_words(text) if len(text) < _SHORT else " ".join(_WORD.findall(_folded(text)))


def sequences(value: str) -> tuple[str, ...]:
    """The parts of a search value, each a word sequence that must be found; none where it holds no word."""
    return tuple(dict.fromkeys(found for part in value.split() if (found := words(part))))


def holds(content: str, sequence: str) -> bool:
    """Whether the words of ``sequence`` stand one after the other in ``content``, both made by this module."""
    return f" {sequence} " in f" {content} "


def content_of(resource: dict[str, Any]) -> str:
    """The words of everything that people read in a resource, given as JSON values."""
    return _joined(_texts(resource))


def narrative_of(resource: dict[str, Any]) -> str:
    """The words of its narrative (``text.div``)."""
    text = resource.get("text")
    return _joined([_plain(text["div"])] if isinstance(text, dict) and isinstance(text.get("div"), str) else [])


def excerpt(body: bytes, found: Sequence[str]) -> str:
    """Where the first of the sequences stands in a resource, as written, between 【 and 】; empty where nowhere."""
    for text in _texts(msgspec.json.decode(body)):
        for sequence in found:
            place = _place(text, sequence)
            if place is not None:
                start, end = place
                left, right = max(0, start - EXCERPT_CHARACTERS), end + EXCERPT_CHARACTERS
                before = ("…" if left else "") + text[left:start]
                after = text[end:right] + ("…" if right < len(text) else "")
                return f"{before}【{text[start:end]}】{after}"
    return ""


@lru_cache(maxsize=1 << 15)
def _short_words(text: str) -> str:
    """Most of what resources say is said in each of them."""
    return " ".join(_WORD.findall(_folded(text)))


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKD", text)
    return "".join(char for char in text if not unicodedata.combining(char)).casefold()


def _joined(texts: Iterable[str]) -> str:
    return f" {BARRIER} ".join(found for text in texts if (found := words(text)))[:MOST_CHARACTERS]


def _texts(resource: dict[str, Any]) -> list[str]:
    """In the order of the JSON."""
    found: list[str] = []
    _gather(resource, found)
    return found


def _gather(node: dict[str, Any], found: list[str]) -> None:
    for name, value in node.items():
        if name in _NO_TEXT:
            continue
        for item in value if type(value) is list else (value,):
            if type(item) is str:
                found.append(_plain(item) if name == "div" else item)
            elif type(item) is dict:
                _gather(item, found)


def _plain(xhtml: str) -> str:
    return unescape_html(_MARKUP.sub(" ", xhtml))


def _place(text: str, sequence: str) -> tuple[int, int] | None:
    """Of a sequence in a text as written: folded characters are followed back to those they came from."""
    if all(len(word) == 1 and word > "\u3000" for word in sequence.split(" ")):
        plain = sequence.replace(" ", "")
        if plain in text:  # Chinese, with nothing in between: by far the most
            return text.index(plain), text.index(plain) + len(plain)
    if not holds(words(text), sequence):
        return None
    folded: list[str] = []
    origin: list[int] = []
    for at, char in enumerate(text):
        for piece in _folded(char):
            folded.append(piece)
            origin.append(at)
    matches = list(_WORD.finditer("".join(folded)))
    wanted = sequence.split(" ")
    for first in range(len(matches) - len(wanted) + 1):
        if [match[0] for match in matches[first : first + len(wanted)]] == wanted:
            last = matches[first + len(wanted) - 1]
            return origin[matches[first].start()], origin[last.end() - 1] + 1
    return None
