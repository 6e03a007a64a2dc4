"""An examination name in Chinese or English to an ``Examination``, or to nothing: it abstains rather than guesses.

The name is read twice, as imaging and as laboratory work; a reading counts only when no word of it is left unknown
(in brackets, imaging may ignore what it does not know). Known misspellings are mended only when the name is not
understood as written, then a single wrong character where exactly one word fits.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..examination import Examination
from .imaging_name import imaging_from_tokens
from .laboratory_name import is_gloss, laboratory_from_tokens
from .lexicon import Lexicon, Token, imaging_lexicon, laboratory_lexicon
from .normalise import normalised, read_by_eye, typos_mended

_LONGEST_NAME = 200
_LONGEST_MENDED = 60
_MARK = re.compile(r"[^\w]+|\d+|[A-Z]?\d+[A-Z]?|[A-Z]")
_ANALYSER_OR_MARK = re.compile(r"[^\w]+|\d+|[A-Z]{1,3}\d{4,}[A-Z]*")
_TELLING = frozenset("液水尿便痰血浆清时分钟秒日型抗酶体原素肽酸醇游离间接直结合总复亚群谱段管阴阳")
"""Characters of a remark that may make another determination of it: a fluid, a time, a fraction, a type."""
_MENDING_STEPS = 2


@dataclass(frozen=True, slots=True)
class Parsed:
    """``examination`` is None where the parser abstains. ``evidence`` are the words with what they were taken for,
    ``unknown`` those nobody knew, ``mended`` says that a misspelling was put right."""

    examination: Examination | None
    evidence: tuple[tuple[str, str], ...] = ()
    unknown: tuple[str, ...] = ()
    mended: bool = False

    @property
    def answered(self) -> bool:
        return self.examination is not None


def _ignorable_in_imaging(tokens: Sequence[Token], at: int) -> bool:
    token = tokens[at]
    return token.depth > 0 or bool(_MARK.fullmatch(token.text)) or any(c.isdigit() for c in token.text)


def _ignorable_in_laboratory(tokens: Sequence[Token], at: int) -> bool:
    token = tokens[at]
    if _ANALYSER_OR_MARK.fullmatch(token.text) or is_gloss(tokens, at):
        return True
    if token.depth == 0 or token.text.isascii():
        return False
    return token.text.endswith(("法", "仪", "型", "院", "科")) or not _TELLING & set(token.text)


_READINGS: tuple[
    tuple[
        Callable[[], Lexicon], Callable[[Sequence[Token]], Examination | None], Callable[[Sequence[Token], int], bool]
    ],
    ...,
] = (
    (imaging_lexicon, imaging_from_tokens, _ignorable_in_imaging),
    (laboratory_lexicon, laboratory_from_tokens, _ignorable_in_laboratory),
)


def _evidence(tokens: Sequence[Token]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (token.text, " ".join(f"{slot}:{value}" if value else slot for slot, value in token.meanings))
        for token in tokens
        if token.known
    )


def _left(tokens: Sequence[Token], ignorable: Callable[[Sequence[Token], int], bool]) -> tuple[str, ...]:
    return tuple(
        token.text
        for at, token in enumerate(tokens)
        if token.has("other") or (not token.known and not ignorable(tokens, at))
    )


def _read(name: str, mended: bool) -> Parsed:
    """Of two readings that leave nothing unknown, the one in fewer words."""
    unknown: tuple[str, ...] = ()
    read: tuple[int, Parsed] | None = None
    for lexicon, assemble, ignorable in _READINGS:
        tokens = lexicon().tokens(name)
        left = _left(tokens, ignorable)
        if left:
            unknown = unknown or left
            continue
        examination = assemble(tokens)
        if examination is not None and (read is None or len(tokens) < read[0]):
            read = len(tokens), Parsed(examination, _evidence(tokens), (), mended)
    return read[1] if read else Parsed(None, (), unknown, mended)


def _mended(name: str) -> Parsed:
    """Put single wrong characters right, in one reading or the other."""
    for lexicon, _, ignorable in _READINGS:
        attempt = name
        for _step in range(_MENDING_STEPS):
            tokens = lexicon().tokens(attempt)
            left = _left(tokens, ignorable)
            better = next(filter(None, (lexicon().mended(attempt, each) for each in left)), None)
            if better is None:
                break
            attempt = better
            parsed = _read(attempt, mended=True)
            if parsed.answered:
                return parsed
    return Parsed(None)


@lru_cache(maxsize=65536)
def parse(text: str) -> Parsed:
    """The examination that ``text`` names. Pure; the same text gives the same answer under the same tables."""
    if len(text) > _LONGEST_NAME:
        return Parsed(None, unknown=("",))
    name = normalised(text)
    if not name:
        return Parsed(None)
    as_written = _read(name, mended=False)
    if as_written.answered:
        return as_written
    respelt = typos_mended(name)
    read = typos_mended(read_by_eye(name))
    for spelling in dict.fromkeys((respelt, read)):
        parsed = _read(spelling, mended=True)
        if parsed.answered:
            return parsed
    for spelling in dict.fromkeys((respelt, read)) if len(name) <= _LONGEST_MENDED else ():
        parsed = _mended(spelling)
        if parsed.answered:
            return parsed
    return as_written
