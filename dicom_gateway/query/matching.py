"""Attribute matching (PS3.4 C.2.2.2) on attributes in the DICOM JSON Model, where no index answers it."""

import re
from collections.abc import Mapping
from typing import Any

from hub.contracts.errors import Incorrect

from .. import uids
from ..data_set_bytes import person_name
from ..person_name import glob_match, key_matches, name_key, normalised
from .identifier import where

_RANGES = frozenset({"DA", "TM", "DT"})
_NUMBERS = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "UL", "US", "SV", "UV"})
_NO_MATCHING = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN", "AT"})
_MOMENT = {"DA": re.compile(r"\d{8}\Z"), "TM": re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?\Z"),
           "DT": re.compile(r"\d{4,14}(\.\d{1,6})?([+-]\d{4})?\Z")}  # fmt: skip
_AFTER_ANY_DIGIT = "~"


def is_universal(key: Mapping[str, Any]) -> bool:
    """Zero length, asterisks alone, or a sequence whose one item asks for nothing in particular."""
    values = [value for value in key.get("Value", ()) if value not in (None, "", {})]
    if key["vr"] == "SQ":
        return all(is_universal(inner) for item in values for inner in item.values())
    return all(isinstance(value, str) and set(value) == {"*"} for value in values)


def matches(keys: Mapping[str, Mapping[str, Any]], found: Mapping[str, Mapping[str, Any]]) -> bool:
    """Do the attributes ``found`` match every key? Raises Incorrect for a key that is malformed."""
    return all(_matches(name, key, found.get(name, {})) for name, key in keys.items())


def _matches(name: str, key: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    representation = key["vr"]
    if is_universal(key) or representation in _NO_MATCHING:
        return True
    asked = [value for value in key["Value"] if value not in (None, "")]
    there = [value for value in found.get("Value", ()) if value not in (None, "")]
    if representation == "SQ":
        if len(asked) != 1:
            raise Incorrect("A sequence is matched by one item.", where=where(name), issue_code="value")
        return any(matches(asked[0], item) for item in there)
    if representation == "UI":
        for value in asked:
            if not uids.is_uid(str(value)):
                raise Incorrect("This is not a DICOM UID.", where=where(name), issue_code="value")
        return not {str(value) for value in asked}.isdisjoint(map(str, there))
    if representation in _RANGES:
        low, high = _range(name, representation, str(asked[0]))
        return any(low <= str(value) <= high for value in there)
    if representation == "PN":
        patterns = [normalised(person_name(value)) for value in asked]
        keys = [name_key(person_name(value)) for value in there]
        return any(key_matches(pattern, one) for pattern in patterns for one in keys)
    if representation in _NUMBERS:
        return any(_same_number(one, other) for one in asked for other in there)
    return any(glob_match(str(pattern), str(value)) for pattern in asked for value in there)


def _range(name: str, representation: str, value: str) -> tuple[str, str]:
    low, dash, high = value.strip().partition("-")
    pattern = _MOMENT[representation]
    if not (low or high) or any(part and not pattern.match(part) for part in (low, high)):
        raise Incorrect("A date or time is malformed.", where=where(name), remedy="Send one, or low-high.",
                        issue_code="value")  # fmt: skip
    return low, (high if dash else low) + _AFTER_ANY_DIGIT if (high or not dash) else _AFTER_ANY_DIGIT


def _same_number(one: Any, other: Any) -> bool:
    try:
        return float(one) == float(other)
    except (TypeError, ValueError):
        return str(one) == str(other)
