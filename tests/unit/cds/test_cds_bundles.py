"""Labelled bundles as strangers send them, through the doors of a whole hub, scored against the bars."""

from collections.abc import Iterator

import pytest

from hub.contracts.caller import Caller, Role
from hub.exams.cli import explain

from .bundle_scores import SAFETY, Scores, in_words
from .bundles import FILES, NearDoors, load, near_doors, play_all

FLOOR = 0.93
"""Of every stratum, right in verdict, card and implicated priors; what is measured is higher (see the report)."""


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NearDoors]:
    with near_doors(tmp_path_factory.mktemp("bundles") / "data") as doors:
        yield doors


@pytest.fixture(scope="module")
def scores(doors: NearDoors) -> Scores:
    return Scores(play_all(doors, load(*FILES)))


def test_warnings_are_right_and_few_are_missed(scores: Scores) -> None:
    assert scores.precision >= 0.995, [in_words(one) for one in scores.false_warnings]
    assert scores.recall >= 0.985, [in_words(one) for one in scores.missed_warnings]


def test_no_warning_is_false_where_it_would_do_harm(scores: Scores) -> None:
    assert [in_words(one) for one in scores.false_warnings if one.case["stratum"] in SAFETY] == []


def test_every_verdict_is_told_apart(scores: Scores) -> None:
    assert scores.macro_f1 >= 0.97, scores.lines()


def test_no_stratum_falls_below_its_floor(scores: Scores) -> None:
    low = {stratum: scores.accuracy(stratum) for stratum in scores.cases if scores.accuracy(stratum) < FLOOR}
    assert low == {}, [in_words(one) for one in scores.wrong if one.case["stratum"] in low]


def test_every_verdict_is_given_again_byte_for_byte_from_what_was_kept_with_it(
    scores: Scores, doors: NearDoors
) -> None:
    store = doors.parts.store
    store.act(lambda view: None, Caller("hub", Role.SERVICE, "hub")).result(30)  # what was answered last is kept too
    kept = [number for (number,) in store.side_rows("SELECT id FROM cds_verdict")]
    assert len(kept) > 0.9 * len(scores.told)  # some calls are refused, and nothing was judged
    assert [number for number in kept if not explain(store, number)["replay"]["identical"]] == []
