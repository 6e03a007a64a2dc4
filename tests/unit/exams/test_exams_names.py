"""The name parser against the labelled names."""

import json
from io import StringIO

import pytest

from hub.exams.cli import parse_lines
from hub.exams.examination import attributes
from hub.exams.name_parser import parse

from .scoring import answered_although_nothing_is_named, score


@pytest.fixture(scope="module")
def report():
    return score()


def test_every_attribute_of_the_answered_names_is_right_in_97_of_100(report) -> None:
    for attribute, compared in report.compared.items():
        assert report.right[attribute] >= 0.97 * compared, [w for w in report.wrong if f": {attribute} " in w]


def test_nine_names_of_ten_are_answered_in_every_stratum(report) -> None:
    for stratum, names in report.names.items():
        assert report.answered[stratum] >= 0.9 * names, (stratum, report.wrong)


def test_a_name_that_names_no_examination_is_not_answered() -> None:
    assert answered_although_nothing_is_named() == []


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
    out = StringIO()
    parse_lines(["胸部CT平扫\n", "\n", "血常规\r\n", "???"], out)
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [each["answered"] for each in told] == [True, False, True, False]
    assert told[0]["attributes"]["regions"] == ["chest"]
    assert set(told[1]["attributes"]) == {
        "kind", "modality", "regions", "laterality", "contrast", "technique", "views", "guidance", "analytes",
        "specimen", "time_aspect", "method",
    }  # fmt: skip
    assert told[1]["attributes"]["kind"] == "none"
