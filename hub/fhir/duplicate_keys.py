"""Names given twice in one JSON object (RFC 8259 section 4; R4 json.html: names are unique).

A decoder takes the last of two equal names, so another reader of the stored bytes might see the first. Writing the
decoded struct again gives each name once: as many colons in both texts means that no name was lost. Only where the
counts differ, or an escaped colon could hide a difference, is the body read again the slow way.
"""

import json
from collections import Counter
from typing import Any

from hub.contracts.errors import Incorrect


class _Twice(Exception):
    """``name`` is the name that came again."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def refuse(body: bytes, written: bytes, resource_type: str) -> None:
    """Raises Incorrect if ``body`` repeats a name; ``written`` is its struct, encoded."""
    if body.count(b":") == written.count(b":") and (b"\\" not in body or b"\\u003" not in body):
        return
    try:
        json.loads(body, object_pairs_hook=_unique, parse_int=len, parse_float=len)
    except _Twice as twice:
        # Names that R4 does not define were refused before: this one is an element's.
        raise Incorrect(
            f"{resource_type} has an object in which {twice.name} stands twice.",
            where=resource_type,
            remedy="Send each name once per object.",
            issue_code="structure",
        ) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        counted = Counter(name for name, _ in pairs)
        raise _Twice(next(name for name, times in counted.items() if times > 1))
    return out
