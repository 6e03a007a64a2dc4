"""Which weights a site decides by: its own where it has applied some, else those of this release."""

import json
from functools import cache

from .records import Rows
from .weights import Weights, built_in


def weights_in_force(rows: Rows) -> Weights:
    found = rows("SELECT version FROM identity_weights WHERE in_force = 1")
    return _site(rows, str(found[0][0])) if found else _released()


@cache
def _released() -> Weights:
    return built_in()


_kept: dict[str, Weights] = {}


def _site(rows: Rows, version: str) -> Weights:
    """A version never changes, so it is read once in a process."""
    if version not in _kept:
        ((text,),) = rows("SELECT content FROM identity_weights WHERE version = ?", (version,))
        _kept[version] = Weights(json.loads(text))
    return _kept[version]
