"""An examination name in Chinese or English to an ``Examination``, or to nothing: it abstains rather than guesses.

The name is read twice, as imaging and as laboratory work; a reading counts only when no word of it is left unknown
(in brackets, imaging may ignore what it does not know). Known misspellings are mended only when the name is not
understood as written, then a single wrong character where exactly one word fits.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from .examination import Examination
from .imaging_name import imaging_from_tokens
from .laboratory_name import laboratory_from_tokens
from .lexicon import Lexicon, Token, imaging_lexicon, laboratory_lexicon
from .normalise import normalised, typos_mended

_LONGEST_NAME = 200
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_MARK = re.compile(r"[^\w]+|\d+|[A-Z]?\d+[A-Z]?|[A-Z]")
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


def _ignorable_in_imaging(token: Token) -> bool:
    return token.depth > 0 or bool(_MARK.fullmatch(token.text)) or any(c.isdigit() for c in token.text)


def _ignorable_in_laboratory(token: Token) -> bool:
    if re.fullmatch(r"[^\w]+|\d+", token.text):
        return True
    return token.depth > 0 and token.text.endswith(("法", "仪", "型", "院", "科"))


_READINGS: tuple[
    tuple[Callable[[], Lexicon], Callable[[Sequence[Token]], Examination | None], Callable[[Token], bool]], ...
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


def _read(name: str, mended: bool) -> Parsed:
    unknown: tuple[str, ...] = ()
    for lexicon, assemble, ignorable in _READINGS:
        tokens = lexicon().tokens(name)
        left = tuple(token.text for token in tokens if not token.known and not ignorable(token))
        if left:
            unknown = unknown or left
            continue
        examination = assemble([token for token in tokens if token.known])
        if examination is not None:
            return Parsed(examination, _evidence(tokens), (), mended)
    return Parsed(None, (), unknown, mended)


def _mended(name: str) -> Parsed:
    """Put single wrong characters right, in one reading or the other."""
    for lexicon, _, ignorable in _READINGS:
        attempt = name
        for _step in range(_MENDING_STEPS):
            tokens = lexicon().tokens(attempt)
            left = [t.text for t in tokens if not t.known and not ignorable(t) and _CHINESE.search(t.text)]
            better = lexicon().mended(attempt, left[0]) if left else None
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
    if respelt != name:
        parsed = _read(respelt, mended=True)
        if parsed.answered:
            return parsed
    parsed = _mended(respelt)
    return parsed if parsed.answered else as_written
