"""``_content``, ``_text`` and people without an index: the bodies of candidates are opened and read, within the time of
the search."""

import re
import sqlite3
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from hub.fhir.fulltext import content_of, holds, narrative_of
from hub.fhir.people import keys_of, meets
from hub.fhir.search import FullText, SearchQuery

from .candidates import Found
from .limits import Deadline
from .names import Names
from .reading import rows_of, stored_of

_CHUNK = 64
_FOLDING = re.compile(rb"\xe2[\xba-\xbf]|\xe3[\x88-\x8f]|\xef[\xa4-\xab]|\xf0")
"""Radicals, enclosed and compatibility ideographs, and what lies beyond the first plane, in UTF-8."""


def holding(
    connection: sqlite3.Connection, names: Names, query: SearchQuery, found: Iterator[Found], deadline: Deadline
) -> Iterator[Found]:
    """Those of ``found`` that hold the texts, or are the people, that the query asks for; in their order."""
    while chunk := list(islice(found, _CHUNK)):
        deadline.check()
        rows = rows_of(connection, [row[-1] for _, row in chunk])
        for place, row in chunk:
            if row[-1] not in rows:
                continue
            body = stored_of(rows[row[-1]], names).body
            if all(_may_hold(body, text) for text in query.texts) and _meets(msgspec.json.decode(body), query):
                yield place, row


def _meets(resource: dict[str, Any], query: SearchQuery) -> bool:
    if query.people and not meets(keys_of(resource), query.people):
        return False
    for text in query.texts:
        words = narrative_of(resource) if text.narrative else content_of(resource)
        if not any(all(holds(words, sequence) for sequence in one) for one in text.alternatives):
            return False
    return True


def _may_hold(body: bytes, text: FullText) -> bool:
    """A quick look before the body is parsed: a Chinese character stands in it as it is, unless its JSON escapes
    something or holds characters that fold to others."""
    if b"\\u" in body or _FOLDING.search(body):
        return True
    return any(all(_first(sequence) in body for sequence in one) for one in text.alternatives)


def _first(sequence: str) -> bytes:
    """A character that must stand in the body; empty where none must."""
    char = sequence[0]
    return char.encode() if "\u4e00" <= char <= "\u9fa5" else b""
