"""Names as they are compared: what differs only in writing habit becomes equal, nothing else does.

NFKC folds full-width letters and compatibility characters; the dots between parts of a transliterated name (· • ・ .)
and spaces go; Latin names lose case, marks and the order of their parts. No traditional-to-simplified and no pinyin:
those are grades of likeness, for the full matcher.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

_HAN = re.compile(r"[\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_NOT_LETTERS = re.compile(r"[\W_]+", re.UNICODE)
_NOT_IN_USE = frozenset({"old", "maiden", "nickname", "anonymous", "temp"})
_USE_ORDER = {"official": 0, "usual": 1, None: 2}

_PLACEHOLDER = re.compile(
    r"""无名|未知|不详|匿名|佚名|待查|新生儿|弃婴|婴儿|男婴|女婴|某
    |[之的](?:子|女|婴|儿|孩|长子|次子|长女|次女|大女|小女|大子|小子|双[大小])$
    |\b(?:unknown|unnamed|anonymous|newborn|baby)\b""",
    re.VERBOSE | re.IGNORECASE,
)


def name_key(text: str) -> str | None:
    """What of a written name is compared; None where nothing of it is left."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    if _HAN.search(folded):
        return _NOT_LETTERS.sub("", folded) or None
    bare = "".join(char for char in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(char))
    return " ".join(sorted(part for part in _NOT_LETTERS.split(bare) if part)) or None


def is_placeholder(key: str) -> bool:
    """Whether this stands for somebody whose name is not known (无名氏, 王某), or is borrowed from the mother (…之女),
    or is too short to tell people apart (one code point)."""
    return len(key) < 2 or _PLACEHOLDER.search(key) is not None


def patient_name_key(patient: dict[str, Any]) -> str | None:
    """The key of the one name by which a FHIR Patient is compared: one in use, without an end before ended ones, in
    Chinese characters before any other, official before usual before the rest.

    One name, not all of them: with several, who is equal to whom would depend on who else is there. Two different names
    of the same rank: the smaller key, so that their order has no say."""
    ranked = []
    for name in patient.get("name") or ():
        if name.get("use") in _NOT_IN_USE:
            continue
        ended = bool((name.get("period") or {}).get("end"))
        for text in _written(name):
            key = name_key(text)
            if key is not None:
                ranked.append((ended, _HAN.search(key) is None, _USE_ORDER.get(name.get("use"), 2), key))
                break
    return min(ranked)[3] if ranked else None


def _written(name: dict[str, Any]) -> Iterator[str]:
    """The ways one HumanName writes itself, best first: text in Chinese characters is the name as it is spoken of; in
    Latin script the parts come first, since text may carry titles."""
    parts = [name.get("family"), *(name.get("given") or ())]
    joined = " ".join(part for part in parts if isinstance(part, str))
    text = name.get("text")
    if isinstance(text, str) and _HAN.search(text):
        yield text
    if joined:
        yield joined
    if isinstance(text, str):
        yield text
