"""Two clinics order the same for the same person at the same moment: at least one of them is told, every time."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from hub.contracts.caller import Role
from hub.contracts.errors import NotFound

from .county import County, ago, order, organization, patient

ROUNDS = 40
NAMES = ("胸部CT平扫", "腹部彩超", "头颅MR平扫", "甲状腺彩超")


def _has_issue(county: County, number: str) -> bool:
    try:
        county.read("DetectedIssue", f"dup-{hashlib.sha256(f'ServiceRequest/{number}'.encode()).hexdigest()[:24]}")
    except NotFound:
        return False
    return True


@pytest.mark.parametrize("signs_first", [True, False])
def test_at_least_one_of_two_is_told(county: County, signs_first: bool) -> None:
    """Told by the card of its own signing, or by the issue that its order brings."""
    county.send(organization("other", "乙卫生院"))
    untold = []
    for turn in range(ROUNDS):
        people = [(f"x{turn}", "hospital", f"ox{turn}"), (f"y{turn}", "other", f"oy{turn}")]
        for who, owner, _ in people:
            county.send(patient(who, serial=100 + turn), organization=owner)
        together = Barrier(2)

        def ordered(
            one: tuple[str, str, str], name: str = NAMES[turn % len(NAMES)], together: Barrier = together
        ) -> bool:
            who, owner, number = one
            told = False
            together.wait(30)
            if signs_first:
                told = bool(county.cards(order(number, name, who=who), patient=who))
            placed = order(number, name, who=who, status="active", authoredOn=ago(seconds=1))
            county.send(placed, organization=owner, role=Role.PHYSICIAN)
            return told

        with ThreadPoolExecutor(2) as clinics:
            cards = list(clinics.map(ordered, people))
        issues = [_has_issue(county, number) for _, _, number in people]
        if not any(cards) and not any(issues):
            untold.append(turn)
        assert not all(issues), "both were told of the other: the first to arrive has nothing before it"
    assert untold == []
