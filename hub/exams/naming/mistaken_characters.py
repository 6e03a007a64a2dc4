"""Whether two Chinese characters are easily taken for each other: at the keyboard, where they sound alike, or by eye,
where they look alike (a form read by machine, a name copied by hand)."""

from collections.abc import Mapping
from functools import cache, lru_cache

from ..vocabulary import table_text

_MERGED = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ang", "an"), ("eng", "en"), ("ing", "in"), ("l", "n"))


def _merged(sound: str) -> str:
    for distinct, plain in _MERGED:
        sound = sound.replace(distinct, plain)
    return sound


@lru_cache(maxsize=4096)
def _sounds(character: str) -> frozenset[str]:
    from pypinyin import Style, pinyin  # 40,000 characters: loaded only where a name has to be mended

    return frozenset(map(_merged, pinyin(character, style=Style.NORMAL, heteronym=True)[0]))


@cache
def _groups() -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for line in table_text("lookalikes.txt").splitlines():
        if not line.startswith("#"):
            for group in line.split():
                for character in group:
                    found[character] = found.get(character, frozenset()) | frozenset(group)
    return found


def looks_alike(one: str, other: str) -> bool:
    """By the table, which knows only characters that examinations are written with."""
    return other in _groups().get(one, ())


def sounds_alike(one: str, other: str) -> bool:
    """Without tones, and without the differences that many speakers do not make."""
    return bool(_sounds(one) & _sounds(other))
