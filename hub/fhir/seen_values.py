"""Patterns of the commonest primitives, checked once per distinct value.

Code systems, codes, dates and references repeat from resource to resource; looking a value up among those already found
good takes a tenth of matching it again. The sets are bounded and hold nothing but well-formed values.
"""

import re
from collections.abc import Callable

from msgspec import UNSET

from hub.fhir.violations import sentence_of, violation

_MOST_VALUES = 20_000
_MOST_CHARACTERS = 200

Seen = set[object]


def checker(pattern: str) -> tuple[Seen, Callable[[str, str], None]]:
    """The set of values known to match ``pattern``, and what to call with a value not in it and its path: it raises a
    violation or adds the value."""
    matches = re.compile(pattern).search
    seen: Seen = {UNSET}

    def check(value: str, path: str) -> None:
        if matches(value) is None:
            raise violation("value", path, sentence_of(pattern))
        if len(value) <= _MOST_CHARACTERS:
            if len(seen) >= _MOST_VALUES:
                seen.clear()
                seen.add(UNSET)
            seen.add(value)

    return seen, check
