"""Person names as they are searched for (PS3.5 6.2.1, PS3.4 C.2.2.2.1): without regard to case, width or component
marks, in any of the groups they are written in."""

import unicodedata

from .character_set import LOWEST_CJK

SEPARATOR = "\n"


def spellings(name: str) -> tuple[str, ...]:
    """Every way to ask for this name exactly: as written, each component group, each group without carets."""
    forms: dict[str, None] = {}
    for value in name.split("\\"):
        for text in (value, *value.split("=")):
            whole = normalised(text)
            if whole:
                forms[whole] = None
                forms[whole.replace("^", "")] = None
                forms[" ".join(whole.replace("^", " ").split())] = None
    return tuple(forms)


def name_key(name: str) -> str:
    """The spellings between line feeds, for one column of the index."""
    return SEPARATOR + SEPARATOR.join(spellings(name)) + SEPARATOR if name else ""


def normalised(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold().replace(SEPARATOR, " ")
    return text.strip().rstrip("^").strip()


def glob_match(pattern: str, text: str) -> bool:
    """Does the DICOM wildcard pattern (``*`` any characters, ``?`` one) match the whole text? Time is bounded by the
    product of the lengths, whatever the pattern."""
    at = place = 0
    star, resume = -1, 0
    while at < len(text):
        if place < len(pattern) and pattern[place] == "*":
            star, resume = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", text[at]):
            place += 1
            at += 1
        elif star >= 0:
            resume += 1
            place, at = star + 1, resume
        else:
            return False
    return all(rest == "*" for rest in pattern[place:])


def key_matches(pattern: str, key: str) -> bool:
    """Does any spelling of a ``name_key`` match the normalised wildcard pattern?"""
    return any(glob_match(pattern, form) for form in key.split(SEPARATOR) if form)


def is_cjk(text: str) -> bool:
    """Is every letter of it a CJK character?"""
    return bool(text) and all(ord(character) >= LOWEST_CJK for character in text if character.isalpha())
