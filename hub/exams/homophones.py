"""Whether two Chinese characters are easily taken for each other at the keyboard: they sound alike."""

from functools import lru_cache

_MERGED = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ang", "an"), ("eng", "en"), ("ing", "in"), ("l", "n"))


def _merged(sound: str) -> str:
    for distinct, plain in _MERGED:
        sound = sound.replace(distinct, plain)
    return sound


@lru_cache(maxsize=4096)
def _sounds(character: str) -> frozenset[str]:
    from pypinyin import Style, pinyin  # 40,000 characters: loaded only where a name has to be mended

    return frozenset(map(_merged, pinyin(character, style=Style.NORMAL, heteronym=True)[0]))


def sounds_alike(one: str, other: str) -> bool:
    """Without tones, and without the differences that many speakers do not make."""
    return bool(_sounds(one) & _sounds(other))
