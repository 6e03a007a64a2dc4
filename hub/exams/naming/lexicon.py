"""Reading of a name by a lexicon: words with what they mean, and what is left over.

A lexicon file has lines ``meaning meaning | word word``; a meaning is ``slot:value`` or a bare slot. Latin words match
whole runs of letters and digits only, so that CT is not found in CTA, nor PT in PTH; a run that is nothing but known
words (FT3FT4TSH) is taken apart.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import permutations

from ..vocabulary import table_text
from .mistaken_characters import looks_alike, sounds_alike
from .normalise import normalised

Meaning = tuple[str, str]
_LATIN = re.compile(r"[A-Z0-9]")
_RUN = re.compile(r"[A-Z0-9]+")
_PLAIN_WORD = re.compile(r"[\u4e00-\u9fff]+|[A-Z]+")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_CHINESE_WORD = re.compile(r"[\u4e00-\u9fff]{2,}")
_ENGLISH = re.compile(r"[A-Z][A-Z0-9]*")
_AS_DIGITS = str.maketrans("OIL", "011")
"""Letters that are taken for digits, and digits for them."""
_SHORT_WORDS_MENDED = frozenset({"contrast", "modality", "region", "view", "side", "analyte", "panel", "bare"})
_NEVER_MENDED = frozenset({"noise", "other", "clinical"})


@dataclass(frozen=True, slots=True)
class Token:
    """A stretch of the name; no meanings: nobody knows what it is."""

    text: str
    meanings: tuple[Meaning, ...]
    depth: int
    """How many brackets it stands in."""
    bracket: int = 0
    """Which bracket of the name it stands in, counted from one."""

    @property
    def known(self) -> bool:
        return bool(self.meanings)

    def has(self, slot: str) -> bool:
        return any(each[0] == slot for each in self.meanings)


def _meaning(word: str) -> Meaning:
    slot, _, value = word.partition(":")
    return slot, value


def _english_forms(word: str, meanings: tuple[Meaning, ...]) -> Iterator[str]:
    """Catalogues put the noun first (BILIRUBIN DIRECT), and parts of the body in the plural."""
    parts = word.split(" ")
    if 1 < len(parts) < 4 and all(map(_ENGLISH.fullmatch, parts)):
        yield from map(" ".join, permutations(parts))
    if all(map(_ENGLISH.fullmatch, parts)) and len(word) > 2 and meanings[0][0] == "region":
        yield f"{word}S"


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
        for known, meanings_of in list(self._words.items()):
            for other in _english_forms(known, meanings_of):
                self._words.setdefault(other, meanings_of)
        self._longest: dict[str, int] = {}
        for word in self._words:
            self._longest[word[0]] = max(self._longest.get(word[0], 0), len(word))
        self._gapped = self._with_gap()
        runs = {run for word in self._words for run in _RUN.findall(word) if len(run) > 3}
        self._digits_for_letters = {run.translate(_AS_DIGITS): run for run in runs}

    def characters(self) -> Iterator[str]:
        for word in self._words:
            yield from word

    def _with_gap(self) -> dict[str, list[str]]:
        """Chinese words with one character left open."""
        gapped: dict[str, list[str]] = {}
        for word, meanings in self._words.items():
            short = len(word) == 2 and meanings[0][0] not in _SHORT_WORDS_MENDED
            if _CHINESE_WORD.fullmatch(word) and not short and meanings[0][0] not in _NEVER_MENDED:
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

    def _reading(self, name: str) -> list[tuple[int, int, int, str]]:
        """From every place on: how many characters stay unknown, in how many words, how many of them say nothing, and
        the first piece."""
        best: list[tuple[int, int, int, str]] = [(0, 0, 0, "")] * (len(name) + 1)
        for at in range(len(name) - 1, -1, -1):
            options: list[tuple[int, int, int, str]] = []
            for end in self._ends(name, at):
                unknown, words, idle, _ = best[end]
                says_nothing = self._words[name[at:end]][0][0] == "noise"
                options.append((unknown, words + 1, idle + says_nothing, name[at:end]))
            run = _RUN.match(name, at)
            if run is not None:
                unknown, words, idle, _ = best[run.end()]
                parts = self._apart(run.group())
                options.append((unknown + (parts is None), words + len(parts or " "), idle, run.group()))
            else:
                unknown, words, idle, _ = best[at + 1]
                blank = name[at] in " ()"
                options.append((unknown + (not blank), words + (not blank), idle, name[at]))
            best[at] = min(options, key=lambda option: option[:3])
        return best

    def tokens(self, name: str) -> list[Token]:
        """The whole name as tokens, in order: as few characters unknown as can be, then as few words, then as few that
        say nothing, then the longest first. Blanks and brackets are left out."""
        best = self._reading(name)
        found: list[Token] = []
        unknown = ""
        depth = bracket = brackets = 0
        at = 0

        def add(text: str) -> None:
            nonlocal unknown
            if unknown:
                found.append(Token(unknown, (), depth, bracket))
                unknown = ""
            if text:
                found.append(Token(text, self._words.get(text, ()), depth, bracket))

        while at < len(name):
            piece = best[at][3]
            at += len(piece)
            if piece in self._words:
                add(piece)
            elif piece in " ()":
                add("")
                if piece == "(":
                    brackets += 1
                depth = max(0, depth + {"(": 1, ")": -1}.get(piece, 0))
                bracket = brackets if depth else 0
            elif _RUN.fullmatch(piece):
                for part in self._apart(piece) or [piece]:
                    add(part)
            else:
                unknown += piece
        add("")
        return found

    def mended(self, name: str, unknown: str) -> str | None:
        """The name with the one word put right that ``unknown`` spoils by a single character: one that sounds or looks
        alike, or in a long word one that no examination is written with. The longest word that fits is meant; None
        where none fits, or several that mean different things."""
        if _RUN.fullmatch(unknown):
            meant = self._digits_for_letters.get(unknown.translate(_AS_DIGITS)) if len(unknown) > 3 else None
            return name.replace(unknown, meant) if meant else None
        for likely in (self._mistaken, _strange_in_a_long_word):
            found = self._fitting(name, unknown, likely)
            if found:
                return found[0] if len(found) == 1 else None
        return None

    def _mistaken(self, written: str, word: str, at: int) -> bool:
        """Sounds alike or looks alike; of two characters that name an analyte only the latter: 铝 is not 氯. 左 and 右
        are never put right: a side is not guessed."""
        if self._words[word][0][0] == "side" and at == 0:
            return False
        element = len(word) == 2 and self._words[word][0][0] in ("analyte", "panel", "bare")
        return looks_alike(written, word[at]) or (not element and sounds_alike(written, word[at]))

    def _fitting(self, name: str, unknown: str, likely: Callable[[str, str, int], bool]) -> list[str]:
        """The name with each word put right that a single ``likely`` mistake may have spoilt, of the longest words."""
        where = name.find(unknown)
        fitting: dict[tuple[Meaning, ...], str] = {}
        longest = 1
        for at in range(where, where + len(unknown)):
            for start in range(max(0, at - 7), at + 1):
                for end in range(max(at, start + longest - 1) + 1, min(len(name), at + 8) + 1):
                    pattern = name[start:at] + "?" + name[at + 1 : end]
                    for word in self._gapped.get(pattern, ()):
                        if likely(name[at], word, at - start):
                            if len(word) > longest:
                                fitting.clear()
                                longest = len(word)
                            fitting.setdefault(self._words[word], name[:start] + word + name[end:])
        return list(fitting.values())


def _strange_in_a_long_word(written: str, word: str, _: int) -> bool:
    return len(word) > 3 and bool(_CHINESE.match(written)) and written not in _characters()


@cache
def _characters() -> frozenset[str]:
    """All characters that words of the lexicons are written with."""
    return frozenset(c for lexicon in (imaging_lexicon(), laboratory_lexicon()) for c in lexicon.characters())


@cache
def imaging_lexicon() -> Lexicon:
    return Lexicon(("lexicon_billing.txt", "lexicon_other.txt", "lexicon_regions.txt", "lexicon_imaging.txt"))


@cache
def laboratory_lexicon() -> Lexicon:
    return Lexicon(("lexicon_billing.txt", "lexicon_other.txt", "lexicon_laboratory.txt"))
