"""Every verdict can be given again from what is kept with it."""

from typing import Any

import msgspec
import pytest

from hub.exams.judging import intervals
from hub.exams.judging.intervals import SiteTables
from hub.exams.judging.prior import Context
from hub.exams.judging.verdict import Verdict
from hub.exams.telling import explaining
from hub.exams.telling.explaining import decode_record, encode_record, explained, lines, replay
from hub.exams.telling.kept_case import case_of, told

from . import story


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Plays a case; gives the verdict and the circumstances it was given in."""
    contexts: list[Context] = []
    judge_all = story.judge_all

    def watched(orders: Any, selected: Any, priors: Any, given: Any) -> list[Verdict]:
        contexts[:] = [given[selected[0]]]
        found: list[Verdict] = judge_all(orders, selected, priors, given)
        return found

    monkeypatch.setattr(story, "judge_all", watched)

    def play(case: dict[str, Any]) -> tuple[Verdict, Context]:
        return story.play(case), contexts[0]

    return play


def test_every_labelled_verdict_is_given_again_byte_for_byte(judged: Any) -> None:
    for case in story.cases():
        verdict, context = judged(case)
        record = decode_record(encode_record("v1", verdict, case_of(verdict, context)))
        again = replay(record, SiteTables())
        assert again["identical"], (case, again)
        assert bytes(record.verdict) == told(verdict)


def _case(**more: Any) -> dict[str, Any]:
    return {"o": "胸部CT平扫", "p": [{"t": "胸部CT平扫", "d": 10}], **more}


def test_a_replay_under_other_tables_says_so(judged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict, context = judged(_case())
    record = decode_record(encode_record("v1", verdict, case_of(verdict, context)))
    monkeypatch.setattr(intervals, "tables_version", lambda: "2031.01-other")
    again = replay(record, SiteTables())
    assert again["identical"] is False
    assert again["tables"] != again["tables_now"] == "2031.01-other"
    assert "the tables are now 2031.01-other" in explaining._replay(again)


def test_the_explanation_names_each_prior_with_what_became_of_it(judged: Any) -> None:
    priors = [
        {"t": "胸部CT平扫", "d": 3, "quality": "poor"},
        {"t": "胸部CT平扫", "d": 10},
        {"t": "CT引导下肺穿刺", "d": 2},
    ]
    verdict, context = judged(_case(p=priors))
    record = decode_record(encode_record("v1", verdict, case_of(verdict, context)))
    shown = explained(record, SiteTables())
    outcomes = {each["refs"][0]: (each["outcome"], each["decisive"]) for each in shown["priors"]}
    assert outcomes == {
        "DiagnosticReport/p0": ("quality-complaint", True),
        "DiagnosticReport/p1": ("covers", True),
        "DiagnosticReport/p2": ("answers-nothing", True),
    }
    text = "\n".join(lines(shown))
    for words in ("Window of chest: ", "rests on DiagnosticReport/p1", "by C7", "胸部 = region:chest", "same verdict"):
        assert words in text
    assert msgspec.json.encode(shown)


def test_a_replay_needs_the_site_tables_of_then(judged: Any) -> None:
    rows = (intervals.SiteRow("CT chest plain", 1.0, 1.0),)
    verdict, context = judged(_case())
    record = decode_record(encode_record("v1", verdict, case_of(verdict, context)))
    again = replay(record, SiteTables(organization=rows, version="abc"))
    assert (again["identical"], again["now"]["verdict"]) == (False, "none")
