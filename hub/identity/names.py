"""Names as they are compared.

NFKC folds full-width letters and compatibility characters; traditional characters become simplified; the dots between
parts of a transliterated name (· • ・ .) and spaces go; Latin names lose case, marks and the order of their parts. What
is still different is graded: by sound, by order, by one character. Lengths are counted in code points, so that a rare
character outside the basic plane is one.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from functools import lru_cache
from typing import Any

import msgspec

from .chinese import HAN, may_sound_alike, nearly, simplified, syllables

_NOT_LETTERS = re.compile(r"[\W_]+", re.UNICODE)
_NEVER = frozenset({"anonymous", "temp", "nickname"})
_FORMER = frozenset({"old", "maiden"})
_USE_ORDER = {"official": 0, "usual": 1, None: 2}
_MOST_NAMES = 4

_PLACEHOLDER = re.compile(
    r"""无名|未知|不详|匿名|佚名|待查|新生儿|弃婴|婴儿|男婴|女婴|某|三无
    |[之的](?:子|女|婴|儿|孩|长子|次子|长女|次女|大女|小女|大子|小子|双[大小])[0-9一二三]?$
    |[Bb][Bb]$
    |\b(?:unknown|unnamed|anonymous|newborn|baby|doe)\b""",
    re.VERBOSE | re.IGNORECASE,
)


class Grade(IntEnum):
    """How alike two names are; higher is more. ``ABSENT``: one of them has none."""

    ABSENT = 0
    OTHER = 1
    CLOSE = 2
    """One character or two sounds apart, or a part of a long name."""
    REORDERED = 3
    """The same characters or sounds in another order."""
    SOUND = 4
    """The same pinyin, also where one is written in Latin letters."""
    SAME = 5


class Name(msgspec.Struct, frozen=True, array_like=True):
    """``form`` is the spelling that is compared, ``letters`` its sounds as sorted Latin letters: equal for all that
    are ``REORDERED`` or better."""

    form: str
    letters: str

    @property
    def is_han(self) -> bool:
        return HAN.search(self.form) is not None


def name_key(text: str) -> str | None:
    """What of a written name is compared; None where nothing of it is left."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    if HAN.search(folded):
        return simplified(_NOT_LETTERS.sub("", folded)) or None
    bare = "".join(char for char in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(char))
    return " ".join(sorted(part for part in _NOT_LETTERS.split(bare) if part)) or None


def name_of(text: str) -> Name | None:
    form = name_key(text)
    return None if form is None else _named(form)


@lru_cache(maxsize=16_384)
def _named(form: str) -> Name:
    sounds = "".join(syllables(form)) if HAN.search(form) else form
    # Figures are no sounds: those that number people are another number in another order.
    figures = "".join(char for char in sounds if char.isdigit())
    return Name(form, "".join(sorted(char for char in sounds if char != " " and not char.isdigit())) + figures)


def is_placeholder(key: str) -> bool:
    """Whether this stands for somebody whose name is not known (无名氏, 王某), or is borrowed from the mother (…之女),
    or is too short to tell people apart (one code point)."""
    return len(key) < 2 or _PLACEHOLDER.search(key) is not None


def patient_names(patient: Mapping[str, Any]) -> tuple[Name, ...]:
    """The names by which a FHIR Patient is compared, the one in use first: without an end before ended ones, in Chinese
    characters before any other, official before usual before the rest, former ones (old, maiden) last. Their order in
    the resource has no say."""
    ranked = set()
    for name in patient.get("name") or ():
        use = name.get("use")
        if use in _NEVER:
            continue
        ended = bool((name.get("period") or {}).get("end"))
        for text in _written(name):
            key = name_key(text)
            if key is not None:
                ranked.add((use in _FORMER, ended, HAN.search(key) is None, _USE_ORDER.get(use, 2), key))
                break
    return tuple(_named(key) for key in dict.fromkeys(one[-1] for one in sorted(ranked)))[:_MOST_NAMES]


def _written(name: Mapping[str, Any]) -> Iterator[str]:
    """The ways one HumanName writes itself, best first: text in Chinese characters is the name as it is spoken of; in
    Latin script the parts come first, since text may carry titles."""
    parts = [name.get("family"), *(name.get("given") or ())]
    joined = " ".join(part for part in parts if isinstance(part, str))
    text = name.get("text")
    if isinstance(text, str) and HAN.search(text):
        yield text
    if joined:
        yield joined
    if isinstance(text, str):
        yield text


def alike(some: Iterable[Name], others: Iterable[Name]) -> Grade:
    """The best grade of any name of the one with any name of the other."""
    best = Grade.ABSENT
    others = tuple(others)
    for one in some:
        for other in others:
            if one.form == other.form:
                return Grade.SAME
            best = max(best, _graded(one.form, other.form))
    return best


@lru_cache(maxsize=65_536)
def _graded(one: str, other: str) -> Grade:
    """For two different forms; symmetrical."""
    first, second = _named(one), _named(other)
    if first.is_han and second.is_han:
        return _han(one, other)
    if first.letters == second.letters:
        return Grade.SOUND
    if first.is_han or second.is_han:
        return Grade.OTHER
    return Grade.CLOSE if edits_at_most(one, other, 1 if min(len(one), len(other)) < 10 else 2) else Grade.OTHER


def _han(one: str, other: str) -> Grade:
    if len(one) == len(other):
        if all(map(may_sound_alike, one, other)):
            return Grade.SOUND
        sounds, other_sounds = syllables(one), syllables(other)
        if Counter(one) == Counter(other) or Counter(sounds) == Counter(other_sounds):
            return Grade.REORDERED
        if [nearly(sound) for sound in sounds] == [nearly(sound) for sound in other_sounds]:
            return Grade.CLOSE
    longer, shorter = (one, other) if len(one) >= len(other) else (other, one)
    if len(longer) >= 3 and edits_at_most(longer, shorter, 1 if len(longer) < 6 else 2):
        return Grade.CLOSE
    if len(shorter) >= 3 and len(longer) >= 5 and (longer.startswith(shorter) or longer.endswith(shorter)):
        return Grade.CLOSE  # one part of a transliterated name
    return Grade.OTHER


def edits_at_most(one: str, other: str, most: int) -> bool:
    """Whether ``most`` insertions, deletions, replacements or swaps of neighbours make one the other."""
    if abs(len(one) - len(other)) > most:
        return False
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, char in enumerate(one, 1):
        next_row = [i]
        for j, against in enumerate(other, 1):
            cost = min(row[j] + 1, next_row[j - 1] + 1, row[j - 1] + (char != against))
            if i > 1 and j > 1 and char == other[j - 2] and one[i - 2] == against:
                cost = min(cost, before[j - 2] + 1)
            next_row.append(cost)
        before, row = row, next_row
    return row[-1] <= most
