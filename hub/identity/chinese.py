"""Chinese characters as they are written simply and as they sound."""

import re
import unicodedata
from functools import cache, lru_cache
from importlib import resources

HAN = re.compile(r"[\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")

_AS_SURNAME = {
    "单": "shan", "曾": "zeng", "查": "zha", "仇": "qiu", "解": "xie", "区": "ou", "朴": "piao", "盖": "ge",
    "翟": "zhai", "乐": "yue", "覃": "qin", "缪": "miao", "卜": "bu", "盛": "sheng", "宁": "ning", "尉": "yu",
}  # fmt: skip
"""Characters that are read otherwise where they begin a name."""


@cache
def _simplified() -> dict[int, str]:
    text = resources.files("hub.identity").joinpath("reference", "simplified.txt").read_text(encoding="utf-8")
    return {ord(pair[0]): pair[1] for line in text.splitlines() if not line.startswith("#") for pair in line.split()}


def simplified(text: str) -> str:
    """``text`` with every traditional character in its simplified form."""
    return text if text.isascii() else text.translate(_simplified())


@cache
def _pinyin() -> dict[int, str]:
    from pypinyin.constants import PINYIN_DICT  # 42,000 characters: loaded with the first Chinese name

    return dict(PINYIN_DICT)


@lru_cache(maxsize=16_384)
def readings(character: str) -> tuple[str, ...]:
    """Its syllables without tones, the usual one first; a character nobody wrote down sounds like itself alone."""
    written = _pinyin().get(ord(character))
    if not written:
        return (character,)
    return tuple(dict.fromkeys(_toneless(one) for one in written.split(",")))


def warm() -> None:
    """Load both tables, once for all processes: a third of a second that no first Patient should wait for."""
    simplified("陳")
    readings("陈")


def syllables(name: str) -> tuple[str, ...]:
    """One syllable for each character of a name: as a surname is read where the name begins, else the usual."""
    return tuple(
        _AS_SURNAME.get(character, readings(character)[0]) if place == 0 else readings(character)[0]
        for place, character in enumerate(name)
    )


def may_sound_alike(one: str, other: str) -> bool:
    """Whether two characters share any reading."""
    return one == other or not set(readings(one)).isdisjoint(readings(other))


def nearly(syllable: str) -> str:
    """The syllable with what southern ears and hasty fingers confuse made equal: zh/z, ch/c, sh/s, n/l, -ng/-n."""
    if syllable[1:2] == "h" and syllable[0] in "zcs":
        syllable = syllable[0] + syllable[2:]
    if syllable.startswith("n"):
        syllable = "l" + syllable[1:]
    return syllable.removesuffix("g") if syllable.endswith("ng") else syllable


def _toneless(syllable: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKD", syllable) if not unicodedata.combining(one))
