"""One spelling for a name: NFKC, simplified characters, upper case, brackets and hyphens in one form."""

import re
import unicodedata
from functools import cache

from ..vocabulary import table_rows, table_text

_INNER_HYPHEN = re.compile(
    r"(?<=[A-Z0-9\u0370-\u03ff])[-‐‑–—·](?=[A-Z0-9\u4e00-\u9fff\u0370-\u03ff])|(?<=[\u4e00-\u9fff])[-‐‑–—·](?=\d)|"
    r"(?<=[\u4e00-\u9fff])[-‐‑–—](?=[A-Z])"
)
_HYPHEN = re.compile(r"[-‐‑–—_·~]+")
_SPACES = re.compile(r"\s+")
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\u00ad]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_PHASE_SIGNS = (
    (re.compile(r"(?<![A-Z0-9素肽])C ?[-−–—](?![^\W_])|(?<![^\s(])[-−–—] ?C(?![^\W_])|C?\([-−–—]C?\)"), " 平扫 "),
    (re.compile(r"(?<![A-Z0-9素肽])C ?\+(?![^\W_])|(?<![^\s(])\+ ?C(?![^\W_])|C\(\+\)|\(\+C\)"), " 增强 "),
)
"""C- and C+, as radiographers write plain and contrast."""
_LATIN_LETTERS = str.maketrans(
    "АВЕКМНОРСТУХаеорсухΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "ABEKMHOPCTYXaeopcyxABEZHIKMNOPTYX",
)
"""Cyrillic and Greek capitals that look like Latin ones."""
_ELL_FOR_ONE = re.compile(r"(?<![a-z])l(?=\d)")
_LISTED = re.compile(r"[①-⑳]|(?<=[^A-Z\d])[X×*] ?\d{1,2}$|(?<=[A-Z])[×*] ?\d{1,2}$|^NO\.? ?\d+ ?")
_CODE = re.compile(r"^(?!CA\d)[A-Z]{0,3}\d{3,}[ _:-]+(?=[\u4e00-\u9fff])")
"""A count or a number in a list; an item's own code before its name."""
_SIDE_LETTER = re.compile(r"(?<![A-Z0-9])([LR])[-_](?=[A-Z]{3})")
_LABEL = re.compile(r"^(?:HIS|LIS|RIS|PACS|检验|生化|免疫|临检|急诊)[-_:/ ]+(?=\S)")
"""The system or desk a name comes from, set before it."""
_MISREAD = (
    (re.compile(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])"), ""),
    (re.compile(r"(?<![A-Z0-9])([A-Z]) (?=[A-Z](?![A-Z0-9]))"), r"\1"),
    (re.compile(r"十(?![一二三四五六七八九项导通])(?=[A-Z\u4e00-\u9fff])"), "+"),
    (re.compile(r"(?<=[A-Z0-9Γ])一(?=[\u4e00-\u9fffA-Z0-9])"), ""),
)
_VERTEBRAE = re.compile(
    r"(颈|胸|腰|骶|[CTLS](?=\d[-\d~/、CTLS ]*椎))\d{1,2}"
    r"(?:[-~/、]?(颈|胸|腰|骶|[CTLS])\d{1,2}|[-~/、]\d{1,2})?椎?"
)
_SEGMENT = {"颈": "颈椎", "胸": "胸椎", "腰": "腰椎", "C": "颈椎", "T": "胸椎", "L": "腰椎"}
_TIME_OF_DAY = re.compile(r"(?<![\d.])(?:[01]?\d|2[0-4])(?: ?[AP]M(?![A-Z])|:[0-5]\d|点钟?)")
_EQUIPMENT = re.compile(
    r"(?:\d+|[一二三四五六七八九十百]+)(?:层螺旋|排螺旋|排|层)(?:以上|及以上)?|"
    r"\d+(?:\.\d+)?元|\d(?:\.\d+)?T(?![A-Z0-9])|(?:50|75|100) ?G(?![A-Z0-9])|\d+(?:MM|CM)(?![A-Z0-9])|"
    r"第?[一二两三四五六七八九十\d]+(?:人次|次|个?部位)|(?<=孕)\d+周"
)
"""Detector rows, field strength, slice thickness, counts of parts: what a price list adds to a name."""
_SPELT = str.maketrans(
    {
        **dict.fromkeys("【[〔《{〈<", "("),
        **dict.fromkeys("】]〕》}〉>", ")"),
        **dict.fromkeys("。：:*★☆#'\"“”?！!^|•●◆", " "),
        "；": ";",
        "，": ",",
        "\\": "/",
    }
)


@cache
def _simplified() -> dict[int, str]:
    lines = table_text("simplified.txt").splitlines()
    return {ord(pair[0]): pair[1] for line in lines if not line.startswith("#") for pair in line.split()}


@cache
def _typos() -> tuple[tuple[str, str], ...]:
    return tuple((row["wrong"], row["right"]) for row in table_rows("typos.csv"))


def normalised(text: str) -> str:
    """The name in the one spelling the lexicon knows; what describes only the equipment is gone."""
    visible = _CONTROLS.sub(" ", _INVISIBLE.sub("", text))
    folded = unicodedata.normalize("NFKC", _LISTED.sub(" ", visible))
    folded = _ELL_FOR_ONE.sub("1", folded).translate(_simplified()).upper().translate(_LATIN_LETTERS).strip()
    folded = _SIDE_LETTER.sub(r"\1 ", folded)
    folded = _CODE.sub("", _LISTED.sub(" ", folded))
    folded = _TIME_OF_DAY.sub(" ", folded).translate(_SPELT)
    folded = _VERTEBRAE.sub(_segments_of_the_spine, folded)
    folded = _LABEL.sub("", folded.strip())
    for written, phase in _PHASE_SIGNS:
        folded = written.sub(phase, folded)
    folded = _EQUIPMENT.sub(" ", folded)
    folded = _INNER_HYPHEN.sub("", folded)
    folded = _HYPHEN.sub(" ", folded)
    return _SPACES.sub(" ", folded).strip()


def _segments_of_the_spine(found: re.Match[str]) -> str:
    """颈4-7 is the cervical spine, L3-S1 the lumbar one: a disc belongs to the segment above it."""
    first, last = found.groups()
    named = dict.fromkeys(_SEGMENT[each] for each in (first, last) if each in _SEGMENT)
    return "".join(named) or found.group()


def read_by_eye(name: str) -> str:
    """A normalised name mended where a machine or a tired eye misread it: blanks inside words, 十 for +, 一 for -."""
    for wrong, right in _MISREAD:
        name = wrong.sub(right, name)
    return name


def typos_mended(name: str) -> str:
    """A normalised name with the known misspellings put right."""
    for wrong, right in _typos():
        if wrong in name:
            name = name.replace(wrong, right)
    return name
