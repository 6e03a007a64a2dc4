"""The figures against a recount that goes through everything again for each number."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from hub.cds.figures import Asked, Row, figures, pooled

HOUR = 3_600_000_000
DAY = 24 * HOUR
NOW = 60 * DAY

_hours = st.integers(0, 50 * 24)
_orders = st.lists(st.tuples(st.integers(0, 20 * 24), st.sampled_from("ab")), max_size=2)


@st.composite
def asked(draw: st.DrawFn) -> list[Asked]:
    found = []
    for number in range(draw(st.integers(0, 14))):
        at_us = draw(_hours) * HOUR
        shown = draw(st.booleans())
        patient = draw(st.sampled_from("pq"))
        found.append(
            Asked(
                id=f"{number:02}",
                at_us=at_us,
                call=f"{draw(st.integers(0, 4))}",
                organization=draw(st.sampled_from("ab")),
                department=draw(st.sampled_from(["", "内科"])),
                patient=patient,
                person=draw(st.sampled_from([patient, "one"])),
                item=draw(st.sampled_from(["ct", "cbc"])),
                verdict=draw(st.sampled_from(["duplicate", "narrow", "exempt"])),
                coverage=draw(st.sampled_from(["full", "partial"])),
                indicator="warning" if shown else None,
                card=f"c{number}" if shown else None,
                outcome=draw(st.sampled_from([None, "accepted", "overridden"])) if shown else None,
                orders=tuple((at_us + hours * HOUR, whose) for hours, whose in draw(_orders)) if shown else (),
            )
        )
    return found


def _fate(one: Asked, everything: list[Asked]) -> str:
    if one.outcome:
        return one.outcome
    for other in everything:
        same = (other.organization, other.patient, other.item) == (one.organization, one.patient, one.item)
        nearest = other.card and same and (other.at_us, other.id) > (one.at_us, one.id)
        between = [
            each for each in everything
            if each.card and (each.organization, each.patient, each.item) == (one.organization, one.patient, one.item)
            and (one.at_us, one.id) < (each.at_us, each.id) < (other.at_us, other.id)
        ]  # fmt: skip
        if nearest and not between and other.call != one.call and other.at_us - one.at_us <= DAY:
            return "replaced"
    if any(whose == one.organization and at - one.at_us <= DAY for at, whose in one.orders):
        return "ignored"
    return "open"


def _spares(one: Asked) -> bool:
    return one.outcome == "accepted" and one.coverage == "full" and one.verdict == "duplicate"


def _follows_another(one: Asked, everything: list[Asked]) -> bool:
    return any(
        _spares(other) and (other.person, other.item) == (one.person, one.item)
        and (other.at_us, other.id) < (one.at_us, one.id) and one.at_us - other.at_us <= 14 * DAY
        for other in everything
    )  # fmt: skip


@given(asked(), st.integers(0, 30), st.integers(0, 30))
def test_the_figures_are_those_of_a_recount(everything: list[Asked], first: int, days: int) -> None:
    def counts(one: Asked) -> bool:
        return first * DAY <= one.at_us < (first + days) * DAY

    found = figures(everything, NOW, lambda whose, item: 100 if item == "ct" else None, counts)
    counted = [one for one in everything if counts(one)]
    cards = [one for one in counted if one.card]
    total = found.total
    assert (total.lookups, total.shown, total.reminders) == (len(counted), len(cards), len(cards))
    assert total.calls == len({(one.organization, one.call) for one in counted})
    for fate in ("accepted", "overridden", "ignored", "replaced", "open"):
        assert getattr(total, fate) == sum(_fate(one, everything) == fate for one in cards), fate
    assert total.shown == total.accepted + total.overridden + total.ignored + total.replaced + total.open
    spared = [one for one in counted if _spares(one) and not _follows_another(one, everything)]
    again = [one for one in spared if any(at - one.at_us <= 14 * DAY for at, _ in one.orders)]
    soon = [one for one in spared if any(at - one.at_us <= 72 * HOUR for at, _ in one.orders)]
    kept = [one for one in spared if one not in again and NOW - one.at_us > 14 * DAY]
    assert (total.reordered, total.reordered_72h, total.saved) == (len(again), len(soon), len(kept))
    assert total.awaiting == len(spared) - len(again) - len(kept)
    assert total.fen_saved == 100 * sum(one.item == "ct" for one in kept)
    assert total.unpriced == sum(one.item != "ct" for one in kept)


@given(asked())
def test_each_way_of_grouping_adds_up_to_the_whole(everything: list[Asked]) -> None:
    found = figures(everything, NOW, lambda whose, item: 1, lambda one: True)
    for group in (found.clinics, found.departments, found.items, found.verdicts):
        for rows in (group, pooled(group)):
            whole = defaultdict(int)
            for row in rows.values():
                for name in ("lookups", "shown", "accepted", "saved", "fen_saved", "reordered"):
                    whole[name] += getattr(row, name)
            assert dict(whole) == {name: getattr(found.total, name) for name in whole}


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 12), max_size=8))
def test_no_group_that_is_shown_is_small(sizes: dict[str, int]) -> None:
    group = {key: Row(lookups=size) for key, size in sizes.items()}
    shown = pooled(group)
    assert sum(row.lookups for row in shown.values()) == sum(sizes.values())
    small = [row for row in shown.values() if row.lookups < 5]
    assert not small or len(shown) == 1
