"""Every labelled order/prior case, judged from resources without a store."""

import pytest

from .story import cases, play


def _named(case: dict) -> str:
    return f"{case['n']}-{case['s']}"


@pytest.mark.parametrize("case", cases(), ids=_named)
def test_the_labelled_verdict_is_given(case: dict) -> None:
    verdict = play(case)
    assert (verdict.code, verdict.indicator) == (case["v"], case.get("i")), verdict
    if "rem" in case:
        assert verdict.remainder == tuple(sorted(case["rem"]))
    if "ps" in case:
        assert {f"{number}" for number in case["ps"]} == {ref.rpartition("p")[2] for ref in verdict.priors}


@pytest.mark.parametrize("stratum", ["laterality", "contrast", "status"])
def test_no_false_warning_where_it_would_do_harm(stratum: str) -> None:
    for case in cases():
        if case["s"] == stratum and case.get("i") != "warning":
            assert play(case).indicator != "warning", case


def test_the_same_case_gives_the_same_verdict_again() -> None:
    for case in cases()[::7]:
        first, again = play(case), play(case)
        assert (first.code, first.priors, first.rules, first.tables) == (
            again.code, again.priors, again.rules, again.tables,
        )  # fmt: skip
