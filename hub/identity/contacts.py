"""Telephone numbers and addresses as they are compared."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from .chinese import simplified

_NOT_DIGITS = re.compile(r"\D")
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_MOST = 3
_SHORTEST_PHONE = 7
_PUNCTUATION = re.compile(r"[\W_]+", re.UNICODE)
_REGION = re.compile(r".*(?:省|自治区|市|县|区|旗)(?=.{4,})")
_NUMERALS = str.maketrans("〇零一二三四五六七八九", "00123456789")
_HAS_NUMBER = re.compile(r"[0-9]")


def phones(telecom: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Telephone numbers in use, sorted, at most three."""
    found = set()
    for point in telecom:
        if point.get("system") in (None, "phone", "sms") and point.get("use") != "old":
            number = phone(str(point.get("value") or ""))
            if number is not None:
                found.add(number)
    return tuple(sorted(found))[:_MOST]


def phone(text: str) -> str | None:
    """Digits without country code and trunk zero of a mobile; None for what cannot be one person's number."""
    digits = _NOT_DIGITS.sub("", unicodedata.normalize("NFKC", text))
    for prefix in ("0086", "86", "0"):
        rest = digits.removeprefix(prefix)
        if rest != digits and _MOBILE.fullmatch(rest):
            digits = rest
    if len(digits) < _SHORTEST_PHONE or len(set(digits[-7:])) == 1 or digits[-8:] in ("12345678", "87654321"):
        return None
    return digits


def addresses(written: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Addresses in use, sorted, at most three."""
    found = {
        key
        for one in written
        if one.get("use") not in ("old", "billing")
        for text in (_text(one),)
        if (key := address(text))
    }
    return tuple(sorted(found))[:_MOST]


def address(text: str) -> str | None:
    """What follows county, district or city; numerals as digits, no punctuation."""
    plain = _PUNCTUATION.sub("", simplified(unicodedata.normalize("NFKC", text).casefold()))
    plain = _REGION.sub("", plain).translate(_NUMERALS)
    return plain if len(plain) >= 4 else None


def is_house(key: str) -> bool:
    """Whether an address names a house or a group of a village, not a whole village or town."""
    return _HAS_NUMBER.search(key) is not None


def _text(one: Mapping[str, Any]) -> str:
    text = one.get("text")
    if isinstance(text, str) and text:
        return text
    parts = [one.get("state"), one.get("city"), one.get("district"), *(one.get("line") or ())]
    return "".join(part for part in parts if isinstance(part, str))
