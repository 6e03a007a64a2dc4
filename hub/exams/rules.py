"""The constants of the rules, from ``tables/rules.json``: what contains what for a modality, what never counts."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from .vocabulary import table_text, words


@cache
def rules() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = json.loads(table_text("rules.json"))
    return loaded


@cache
def ignored_techniques() -> frozenset[str]:
    """Techniques that do not make another examination of it."""
    return frozenset(words()["technique_ignored"])


@cache
def incompatible_methods() -> frozenset[frozenset[str]]:
    return frozenset(frozenset(pair) for pair in rules()["incompatible_methods"])


@cache
def view_names() -> Mapping[str, str]:
    """Equivalent views under one name: PA and frontal are AP."""
    return {name: group[0] for group in words()["view_equivalents"] for name in group}
