"""What must hold of every examination name, whatever it is."""

import csv
import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.exams.examination import Kind, Side, attributes, decode, encode
from hub.exams.judging.coverage import Coverage, answer
from hub.exams.judging.regions import cells
from hub.exams.naming.name_parser import parse
from hub.exams.telling.wording import name_in_words
from hub.exams.vocabulary import regions

_DATA = Path(__file__).resolve().parents[1] / "unit" / "exams" / "data"


def _names() -> list[str]:
    found = []
    for file in sorted([*_DATA.glob("names_*imaging.csv"), *_DATA.glob("names_*laboratory.csv")]):
        with file.open(encoding="utf-8", newline="") as lines:
            found += [row["text"] for row in csv.DictReader(lines)]
    return found


NAMES = _names()
named = st.sampled_from(NAMES)
fragments = st.lists(
    st.sampled_from(
        ["左", "右", "双", "膝", "胸部", "CT", "MR", "平扫", "+", "、", "(", ")", "血", "尿", "IgG", "抗", "3", "引导"]
    ),
    max_size=12,
).map("".join)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=60), fragments))
def test_no_text_whatever_makes_the_parser_fail(text: str) -> None:
    told = attributes(parse(text).examination)
    assert set(told["regions"]) <= set(regions())


@settings(deadline=None)
@given(named, st.sampled_from(["(门诊)", "(急)", "[住院]", " 检查", "(加收)", "（体检）"]))
def test_billing_noise_changes_nothing(name: str, noise: str) -> None:
    assert parse(name + noise).examination == parse(name).examination


@settings(deadline=None)
@given(named)
def test_full_width_letters_change_nothing(name: str) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c.isalnum() else c for c in name)
    assert parse(wide).examination == parse(name).examination


@settings(deadline=None)
@given(named)
def test_lower_case_changes_nothing(name: str) -> None:
    if re.search(r"[A-Z]l\d", name):
        return  # Bl2: in lower case nobody could tell the misread one
    assert parse(name.lower()).examination == parse(name).examination


@settings(deadline=None)
@given(named)
def test_sides_swapped_in_the_name_are_swapped_in_the_answer(name: str) -> None:
    exam = parse(name).examination
    if exam is None or not set("左右") & set(name) or {"OBL-L", "OBL-R"} & set(exam.views):
        return
    swapped = parse(name.translate(str.maketrans("左右", "右左"))).examination
    assert swapped is not None
    mirrored = {"left": "right", "right": "left", "bilateral": "bilateral", None: None}
    told = attributes(exam)
    assert attributes(swapped) == told | {"laterality": mirrored[told["laterality"]]}


@settings(deadline=None)
@given(named)
def test_what_is_stored_is_what_is_read(name: str) -> None:
    exam = parse(name).examination
    if exam is not None:
        assert decode(encode(exam)) == exam


@settings(deadline=None)
@given(named)
def test_an_examination_covers_itself_unless_a_side_or_rule_forbids(name: str) -> None:
    exam = parse(name).examination
    if (
        exam is None
        or exam.guidance
        or "abo" in exam.analytes
        or "crossmatch" in exam.analytes
        or "rh" in exam.analytes
    ):
        return
    unsided = any(cell.side is Side.UNSAID for target in exam.targets for cell in cells(exam.modality, target))
    assert answer(exam, exam).coverage in ({Coverage.POSSIBLE, Coverage.PARTIAL} if unsided else {Coverage.FULL})


@settings(deadline=None)
@given(named, named)
def test_different_modalities_never_cover_each_other(first: str, second: str) -> None:
    one, other = parse(first).examination, parse(second).examination
    if one is None or other is None or one.modality == other.modality:
        return
    assert answer(one, other).coverage is Coverage.NONE


@settings(deadline=None)
@given(named)
def test_a_name_in_our_words_is_read_as_the_same_examination(name: str) -> None:
    exam = parse(name).examination
    if exam is None or exam.guidance or exam.modality not in ("CT", "MR", "XR", "US") or exam.technique:
        return
    again = parse(name_in_words(exam)).examination
    assert again is not None, name_in_words(exam)
    assert answer(exam, again).coverage in (Coverage.FULL, Coverage.POSSIBLE)
    assert {t.region for t in again.targets} == {t.region for t in exam.targets}


@settings(deadline=None)
@given(named)
def test_laboratory_names_in_our_words_keep_their_analytes(name: str) -> None:
    exam = parse(name).examination
    if exam is None or exam.kind is not Kind.LABORATORY:
        return
    again = parse(name_in_words(exam)).examination
    assert again is not None, name_in_words(exam)
    assert set(again.analytes) == set(exam.analytes)
