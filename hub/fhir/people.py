"""Finding a person by what is at hand: ``Patient?_query=people&find=…`` (R4 search.html#query).

Each word of ``find`` must be the beginning of something a Patient can be called by: a name in characters, its pinyin
(with any reading of each character) or its initials, a Latin name; a phone number or its last digits; a number on a
card or its end. Pure; every engine compares the same keys.
"""

import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import islice, product
from typing import Any

from hub.fhir.strings import has_chinese, normalised

LEAST_DIGITS = 4
"""Of the end of a number; fewer would find everybody."""
MOST_READINGS = 24
"""Of one name, all characters' readings combined."""
_MOST_CHARACTERS = 64

NAME, SOUND, NUMBER, TAIL = "n", "s", "i", "t"
"""What a key tells of, as its first letter; a tail is written backwards."""


def keys_of(patient: dict[str, Any]) -> frozenset[str]:
    """Everything that a Patient, given as JSON values, can be found by."""
    return frozenset(_keys(patient))


def terms_of(find: str) -> tuple[tuple[str, ...], ...]:
    """For each word, the beginnings of keys one of which must be there; nothing for a word that can begin none."""
    return tuple(_alternatives(_compact(word)) for word in find.split() if _compact(word))


def meets(keys: frozenset[str], terms: tuple[tuple[str, ...], ...]) -> bool:
    return all(any(key.startswith(one) for one in term for key in keys) for term in terms)


def _alternatives(word: str) -> tuple[str, ...]:
    if has_chinese(word):
        return (NAME + word,)
    found = [] if word.isdigit() else [SOUND + word]
    if any(char.isdigit() for char in word) and len(word) >= LEAST_DIGITS:
        found += [NUMBER + word, TAIL + word[::-1]]
    return tuple(found)


def _keys(patient: dict[str, Any]) -> Iterator[str]:
    for name in _dicts(patient, "name"):
        family, text = name.get("family"), name.get("text")
        given = [part for part in name.get("given") or () if isinstance(part, str)]
        whole = "".join([family if isinstance(family, str) else "", *given])
        for written in {family, text, whole, *given}:
            if isinstance(written, str) and written:
                yield from _name_keys(_compact(written)[:_MOST_CHARACTERS])
    for contact in _dicts(patient, "telecom"):
        yield from _number_keys("".join(char for char in str(contact.get("value") or "") if char.isdigit()))
    for identifier in _dicts(patient, "identifier"):
        yield from _number_keys(_compact(str(identifier.get("value") or "")))


def _dicts(patient: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [one for one in patient.get(name) or () if isinstance(one, dict)]


def _name_keys(name: str) -> Iterator[str]:
    if not has_chinese(name):
        yield SOUND + name
        return
    yield NAME + name
    for reading in islice(product(*(_readings(char) for char in name[:8])), MOST_READINGS):
        yield SOUND + "".join(reading)
        yield SOUND + "".join(syllable[0] for syllable in reading)


def _number_keys(number: str) -> Iterator[str]:
    if number:
        yield NUMBER + number
        yield TAIL + number[::-1]


def _compact(text: str) -> str:
    return "".join(char for char in normalised(text) if char.isalnum())


@cache
def _pinyin() -> dict[int, str]:
    from pypinyin.constants import PINYIN_DICT  # 42,000 characters: loaded with the first Chinese name

    return dict(PINYIN_DICT)


@lru_cache(maxsize=16_384)
def _readings(character: str) -> tuple[str, ...]:
    """Syllables without tones, the usual one first (ü is written v too); any other character stands for itself."""
    found: dict[str, None] = {}
    for syllable in (_pinyin().get(ord(character)) or character).split(","):
        plain = "".join(one for one in unicodedata.normalize("NFD", syllable) if one not in _TONES)
        plain = unicodedata.normalize("NFC", plain)
        for written in (plain.replace("ü", "v"), plain.replace("ü", "u")):
            found[written] = None
    return tuple(found)


_TONES = "\u0300\u0301\u0304\u030c"
