"""How text is compared in a string search (R4 search.html#string): without case, accents and width."""

import unicodedata
from functools import lru_cache

MAX_CHARACTERS = 400
"""Longer text is indexed, and searched, by its beginning."""


@lru_cache(maxsize=65536)
def normalised(text: str) -> str:
    """Casefolded, compatibility-decomposed (full-width letters become plain ones), without combining marks, white space
    as single blanks; Chinese characters stay. At most ``MAX_CHARACTERS``."""
    text = text[:MAX_CHARACTERS]
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(text.casefold().split())[:MAX_CHARACTERS]


def has_chinese(text: str) -> bool:
    """Whether a CJK ideograph stands in it."""
    return any("\u3400" <= c <= "\u9fff" or "\uf900" <= c <= "\ufaff" or c >= "\U00020000" for c in text)
