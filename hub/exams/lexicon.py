"""Longest-match reading of a name by a lexicon: words with what they mean, and what is left over.

A lexicon file has lines ``meaning meaning | word word``; a meaning is ``slot:value`` or a bare slot. Latin words match
whole runs of letters and digits only, so that CT is not found in CTA, nor PT in PTH; a run that is nothing but known
words (FT3FT4TSH) is taken apart.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from .homophones import sounds_alike
from .normalise import normalised
from .vocabulary import table_text

Meaning = tuple[str, str]
_LATIN = re.compile(r"[A-Z0-9]")
_RUN = re.compile(r"[A-Z0-9]+")
_PLAIN_WORD = re.compile(r"[\u4e00-\u9fff]+|[A-Z]+")
_CHINESE_WORD = re.compile(r"[\u4e00-\u9fff]{3,}")


@dataclass(frozen=True, slots=True)
class Token:
    """A stretch of the name; no meanings: nobody knows what it is."""

    text: str
    meanings: tuple[Meaning, ...]
    depth: int
    """How many brackets it stands in."""

    @property
    def known(self) -> bool:
        return bool(self.meanings)

    def has(self, slot: str) -> bool:
        return any(each[0] == slot for each in self.meanings)


def _meaning(word: str) -> Meaning:
    slot, _, value = word.partition(":")
    return slot, value


class Lexicon:
    """Words of several files as one; a word in a later file overrides."""

    def __init__(self, files: Iterable[str]) -> None:
        self._words: dict[str, tuple[Meaning, ...]] = {}
        for name in files:
            for line in table_text(name).splitlines():
                if not line or line.startswith("#"):
                    continue
                meanings, _, words = line.partition(" | ")
                read = tuple(_meaning(part) for part in meanings.split())
                for word in words.split():
                    as_is = len(word) == 1 or _PLAIN_WORD.fullmatch(word)
                    spelt = word if as_is else normalised(word.replace("_", " "))
                    self._words[spelt or word] = read
        self._longest: dict[str, int] = {}
        for word in self._words:
            self._longest[word[0]] = max(self._longest.get(word[0], 0), len(word))
        self._gapped = self._with_gap()

    def _with_gap(self) -> dict[str, str | None]:
        """Chinese words of three characters and more with one character left open; None where two words fit."""
        gapped: dict[str, str | None] = {}
        for word, meanings in self._words.items():
            if _CHINESE_WORD.fullmatch(word) and meanings[0][0] != "noise":
                for at in range(len(word)):
                    pattern = word[:at] + "?" + word[at + 1 :]
                    other = gapped.get(pattern, word)
                    same = other is not None and self._words[other] == meanings
                    gapped[pattern] = word if same else None
        return gapped

    def _word_at(self, name: str, start: int) -> str | None:
        longest = self._longest.get(name[start])
        if longest is None:
            return None
        inside_run = start > 0 and bool(_LATIN.match(name[start - 1])) and bool(_LATIN.match(name[start]))
        if inside_run:
            return None
        for end in range(min(len(name), start + longest), start, -1):
            word = name[start:end]
            if word in self._words:
                if end < len(name) and _LATIN.match(name[end]) and _LATIN.match(name[end - 1]):
                    continue
                return word
        return None

    def _apart(self, run: str) -> list[str] | None:
        """A run of letters and digits as known words of two characters and more, longest first."""
        if not run:
            return []
        for end in range(len(run), 1, -1):
            if run[:end] in self._words:
                rest = self._apart(run[end:])
                if rest is not None:
                    return [run[:end], *rest]
        return None

    def tokens(self, name: str) -> list[Token]:
        """The whole name as tokens, in order; blanks and brackets are left out."""
        found: list[Token] = []
        unknown = ""
        depth = 0
        at = 0

        def close_unknown() -> None:
            nonlocal unknown
            if unknown:
                found.append(Token(unknown, (), depth))
                unknown = ""

        while at < len(name):
            character = name[at]
            word = self._word_at(name, at)
            if word is not None:
                close_unknown()
                found.append(Token(word, self._words[word], depth))
                at += len(word)
            elif character in " ()":
                close_unknown()
                depth = max(0, depth + {"(": 1, ")": -1}.get(character, 0))
                at += 1
            elif (run := _RUN.match(name, at)) is not None:
                close_unknown()
                parts = self._apart(run.group())
                if parts is None:
                    found.append(Token(run.group(), (), depth))
                else:
                    found += [Token(part, self._words[part], depth) for part in parts]
                at = run.end()
            else:
                unknown += character
                at += 1
        close_unknown()
        return found

    def mended(self, name: str, unknown: str) -> str | None:
        """The name with the one word put right that ``unknown`` spoils by a single character of the same sound; None
        where no word, or more than one, would fit."""
        where = name.find(unknown)
        candidates: set[str] = set()
        for at in range(where, where + len(unknown)):
            for start in range(max(0, at - 5), at + 1):
                for end in range(max(at + 1, start + 3), min(len(name), at + 6) + 1):
                    piece = name[start:end]
                    word = self._gapped.get(piece[: at - start] + "?" + piece[at - start + 1 :])
                    if word is not None and sounds_alike(name[at], word[at - start]):
                        candidates.add(name[:start] + word + name[end:])
        if not candidates:
            return None
        return candidates.pop() if len(candidates) == 1 else None


@cache
def imaging_lexicon() -> Lexicon:
    return Lexicon(("lexicon_billing.txt", "lexicon_regions.txt", "lexicon_imaging.txt"))


@cache
def laboratory_lexicon() -> Lexicon:
    return Lexicon(("lexicon_billing.txt", "lexicon_laboratory.txt"))
