"""The name parser against the labelled names."""

import json
from io import BytesIO

import pytest

from hub.exams.cli import parse_lines
from hub.exams.examination import Contrast, attributes
from hub.exams.naming.name_parser import parse
from hub.exams.vocabulary import analytes, panels, regions, words

from .scoring import Report, answered_although_nothing_is_named, score, words_reached

SETS = ("", "county", "province", "words", "north", "ward", "evening")


@pytest.fixture(scope="module", params=[(of, half) for of in SETS for half in ("seen", "held-out")], ids="-".join)
def report(request: pytest.FixtureRequest) -> Report:
    return score(*request.param)


def test_every_attribute_of_the_answered_names_is_right_in_98_of_100(report) -> None:
    for attribute, compared in report.compared.items():
        assert report.right[attribute] >= 0.98 * compared, [w for w in report.wrong if f": {attribute} " in w]


def test_97_names_of_100_are_answered(report) -> None:
    assert report.answered.total() >= 0.97 * report.names.total(), report.wrong


def test_no_kind_of_name_is_left_behind(report) -> None:
    for stratum, names in report.names.items():
        assert report.answered[stratum] >= 0.9 * names, (stratum, report.wrong)


def test_every_word_of_the_vocabulary_is_reached_by_several_names() -> None:
    reached = words_reached(SETS)
    vocabulary = {
        "modality": words()["modalities"], "regions": regions(), "technique": words()["technique"],
        "views": words()["views"], "laterality": ["left", "right", "bilateral"], "contrast": list(Contrast),
        "analytes": analytes(), "panel": panels(), "specimen": words()["specimens"],
        "time_aspect": words()["time_aspects"], "method": words()["methods"],
    }  # fmt: skip
    counts = {(kind, word): reached[kind, word] for kind, listed in vocabulary.items() for word in listed}
    assert {word: count for word, count in counts.items() if count < 3} == {}


@pytest.mark.parametrize("of", SETS)
def test_a_name_that_names_no_examination_is_not_answered(of: str) -> None:
    assert answered_although_nothing_is_named(of) == []


@pytest.mark.parametrize(
    "text",
    ["抗XYZ抗体IgG", "结核抗体", "血小板压积", "尿某某因子", "胸部CT+颅脑MR", "上中腹部CT", "头部按摩", "CT123"],
)
def test_what_is_only_half_understood_is_not_answered(text: str) -> None:
    assert not parse(text).answered


def test_a_side_is_never_guessed() -> None:
    assert attributes(parse("膝关节MR平扫").examination)["laterality"] is None


def test_a_phase_that_is_not_said_stays_open() -> None:
    assert attributes(parse("胸部CT").examination)["contrast"] is None


def test_the_evidence_names_the_words() -> None:
    assert ("胸部", "region:chest") in parse("胸部CT平扫").evidence


def test_a_member_named_with_its_panel_is_meant_alone() -> None:
    assert attributes(parse("免疫球蛋白IgG").examination)["analytes"] == ["igg"]


def test_a_very_long_name_is_refused_without_work() -> None:
    assert not parse("胸" * 100_000).answered


def test_parse_lines_answers_every_line_in_order() -> None:
    out = BytesIO()
    parse_lines(BytesIO("胸部CT平扫\n\n血常规\r\n???".encode()), out)
    told = [json.loads(line) for line in out.getvalue().decode().splitlines()]
    assert [each["answered"] for each in told] == [True, False, True, False]
    assert told[0]["attributes"]["regions"] == ["chest"]
    assert set(told[1]["attributes"]) == {
        "kind", "modality", "regions", "laterality", "contrast", "technique", "views", "guidance", "analytes",
        "specimen", "time_aspect", "method",
    }  # fmt: skip
    assert told[1]["attributes"]["kind"] == "none"


@pytest.mark.parametrize(
    "line",
    [b"", b" ", b"\x00", b"\xff\xfe\x80", b"\xe8\x83", b"\r\r", b"a\x0bb\x0cc", "胸部\u2028CT\x85".encode(), b'"\\\t',
     "胸".encode() * 10_000, b"(" * 10_000, b"A1" * 5_000, "\ufeff胸部CT".encode(), b"\xed\xa0\x80", "😀CT".encode()],
    ids=repr,
)  # fmt: skip
def test_whatever_a_line_holds_is_answered_by_one_line_of_json(line: bytes) -> None:
    out = BytesIO()
    parse_lines(BytesIO(b"CT\n" + line + b"\nECG\n"), out)
    told = [json.loads(each) for each in out.getvalue().decode().splitlines()]
    assert [len(told), told[0]["answered"], told[2]["answered"]] == [3, False, True]
    assert told[1]["text"] == line.removesuffix(b"\r").decode(errors="replace")


def test_marks_that_nobody_sees_change_nothing() -> None:
    assert parse("\ufeff胸\u200b部C\u200dT平扫").examination == parse("胸部CT平扫").examination
