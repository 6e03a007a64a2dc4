"""What must hold of every verdict: metamorphic relations over the labelled cases."""

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.exams.story import cases, play

CASES = cases()
case = st.sampled_from(CASES)
_SIDES = str.maketrans("左右", "右左")


def _told(found: dict[str, Any]) -> tuple[str, str | None]:
    verdict = play(found)
    return verdict.code, verdict.indicator


@settings(deadline=None)
@given(case)
def test_critical_is_never_used_and_silence_has_no_card(one: dict[str, Any]) -> None:
    code, indicator = _told(one)
    assert indicator in (None, "info", "warning")
    if code in ("none", "exempt", "not-understood"):
        assert indicator is None


@settings(deadline=None)
@given(case, st.sampled_from(["腹主动脉CTA", "右侧阴囊彩超", "丙戊酸", "膀胱镜", "地高辛"]))
def test_a_prior_that_has_nothing_to_do_with_it_changes_nothing(one: dict[str, Any], other: str) -> None:
    more = copy.deepcopy(one)
    more["p"].append({"t": other, "d": 1})
    assert _told(more) == _told(one)


@settings(deadline=None)
@given(case)
def test_left_and_right_swapped_everywhere_change_nothing(one: dict[str, Any]) -> None:
    def swapped(value: Any) -> Any:
        if isinstance(value, str):
            return value.translate(_SIDES)
        if isinstance(value, list):
            return [swapped(each) for each in value]
        if isinstance(value, dict):
            return {key: swapped(each) for key, each in value.items()}
        return value

    assert _told(swapped(one)) == _told(one)


@settings(deadline=None)
@given(case, st.randoms(use_true_random=False))
def test_the_order_of_priors_changes_nothing(one: dict[str, Any], chance: Any) -> None:
    shuffled = copy.deepcopy(one)
    chance.shuffle(shuffled["p"])
    assert _told(shuffled) == _told(one)


@settings(deadline=None)
@given(case)
def test_without_priors_and_siblings_there_is_nothing_to_tell(one: dict[str, Any]) -> None:
    alone = {**one, "p": [], "before": [], "sib": []}
    assert _told(alone) in (("none", None), ("not-understood", None))


@settings(deadline=None)
@given(case)
def test_a_cancelled_prior_is_as_good_as_none(one: dict[str, Any]) -> None:
    void = copy.deepcopy(one)
    for prior in void["p"]:
        prior["status"] = "revoked" if prior.get("as") == "order" else "entered-in-error"
    assert _told(void) == _told({**one, "p": []})


@settings(deadline=None)
@given(case, st.sampled_from([400, 800, 4000]))
def test_priors_beyond_every_window_tell_nothing(one: dict[str, Any], days: int) -> None:
    old = copy.deepcopy(one)
    for prior in old["p"]:
        if not prior.get("no_date") and not prior.get("same_stay"):
            prior.pop("h", None)
            prior["d"] = days
    if any(prior.get("no_date") or prior.get("same_stay") for prior in old["p"]):
        return
    assert _told(old) == _told({**one, "p": []})


@settings(deadline=None)
@given(case)
def test_an_emergency_never_warns(one: dict[str, Any]) -> None:
    there = copy.deepcopy(one)
    there.setdefault("x", {})["class"] = "EMER"
    assert play(there).indicator != "warning"


@settings(deadline=None)
@given(case)
def test_a_verdict_names_its_tables_and_rests_on_what_it_names(one: dict[str, Any]) -> None:
    verdict = play(one)
    assert verdict.tables
    if verdict.code in ("duplicate", "reusable", "in-flight", "narrow", "possible"):
        assert verdict.priors and verdict.rules
