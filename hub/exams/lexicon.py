"""Reading of a name by a lexicon: words with what they mean, and what is left over.

A lexicon file has lines ``meaning meaning | word word``; a meaning is ``slot:value`` or a bare slot. Latin words match
whole runs of letters and digits only, so that CT is not found in CTA, nor PT in PTH; a run that is nothing but known
words (FT3FT4TSH) is taken apart.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from .mistaken_characters import easily_mistaken
from .normalise import normalised
from .vocabulary import table_text

Meaning = tuple[str, str]
_LATIN = re.compile(r"[A-Z0-9]")
_RUN = re.compile(r"[A-Z0-9]+")
_PLAIN_WORD = re.compile(r"[\u4e00-\u9fff]+|[A-Z]+")
_CHINESE_WORD = re.compile(r"[\u4e00-\u9fff]{2,}")
_SHORT_WORDS_MENDED = frozenset({"contrast", "modality", "region", "view"})


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

    def _with_gap(self) -> dict[str, list[str]]:
        """Chinese words with one character left open; words of two characters only where they are few and short by
        nature (phases, regions, views), not among analytes, where one character makes another element of it."""
        gapped: dict[str, list[str]] = {}
        for word, meanings in self._words.items():
            long_enough = len(word) > 2 or meanings[0][0] in _SHORT_WORDS_MENDED
            if _CHINESE_WORD.fullmatch(word) and long_enough and meanings[0][0] != "noise":
                for at in range(len(word)):
                    gapped.setdefault(word[:at] + "?" + word[at + 1 :], []).append(word)
        return gapped

    def _ends(self, name: str, start: int) -> Iterator[int]:
        """Where the words that begin at ``start`` end, the longest first."""
        longest = self._longest.get(name[start], 0)
        if start > 0 and _LATIN.match(name[start - 1]) and _LATIN.match(name[start]):
            return
        for end in range(min(len(name), start + longest), start, -1):
            inside_run = end < len(name) and _LATIN.match(name[end]) and _LATIN.match(name[end - 1])
            if not inside_run and name[start:end] in self._words:
                yield end

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

    def _reading(self, name: str) -> list[tuple[int, int, str]]:
        """From every place on: how many characters stay unknown, in how many words, and the first piece."""
        best: list[tuple[int, int, str]] = [(0, 0, "")] * (len(name) + 1)
        for at in range(len(name) - 1, -1, -1):
            options: list[tuple[int, int, str]] = []
            for end in self._ends(name, at):
                unknown, words, _ = best[end]
                options.append((unknown, words + 1, name[at:end]))
            run = _RUN.match(name, at)
            if run is not None:
                unknown, words, _ = best[run.end()]
                parts = self._apart(run.group())
                options.append((unknown + (parts is None), words + len(parts or " "), run.group()))
            else:
                unknown, words, _ = best[at + 1]
                blank = name[at] in " ()"
                options.append((unknown + (not blank), words + (not blank), name[at]))
            best[at] = min(options, key=lambda option: option[:2])
        return best

    def tokens(self, name: str) -> list[Token]:
        """The whole name as tokens, in order: as few characters unknown as can be, then as few words, then the longest
        first. Blanks and brackets are left out."""
        best = self._reading(name)
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
            piece = best[at][2]
            at += len(piece)
            if piece in self._words:
                close_unknown()
                found.append(Token(piece, self._words[piece], depth))
            elif piece in " ()":
                close_unknown()
                depth = max(0, depth + {"(": 1, ")": -1}.get(piece, 0))
            elif _RUN.fullmatch(piece):
                close_unknown()
                parts = self._apart(piece)
                found += [Token(part, self._words[part], depth) for part in parts or ()] or [Token(piece, (), depth)]
            else:
                unknown += piece
        close_unknown()
        return found

    def mended(self, name: str, unknown: str) -> str | None:
        """The name with the one word put right that ``unknown`` spoils by a single character that sounds or looks
        alike; None where no word, or more than one, would fit."""
        where = name.find(unknown)
        candidates: set[str] = set()
        for at in range(where, where + len(unknown)):
            for start in range(max(0, at - 5), at + 1):
                for end in range(max(at + 1, start + 2), min(len(name), at + 6) + 1):
                    pattern = name[start:at] + "?" + name[at + 1 : end]
                    for word in self._gapped.get(pattern, ()):
                        if easily_mistaken(name[at], word[at - start]):
                            candidates.add(name[:start] + word + name[end:])
        return candidates.pop() if len(candidates) == 1 else None


@cache
def imaging_lexicon() -> Lexicon:
    return Lexicon(("lexicon_billing.txt", "lexicon_regions.txt", "lexicon_imaging.txt"))


@cache
def laboratory_lexicon() -> Lexicon:
    return Lexicon(("lexicon_billing.txt", "lexicon_laboratory.txt"))
