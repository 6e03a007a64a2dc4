"""``hub verify`` on the tables of identity."""

from collections.abc import Callable
from typing import Any

import pytest

from hub.contracts.caller import Caller, Role
from hub.contracts.resident_id import check_character
from hub.identity.verifying import verify

County = Any
ONE, TWO = (first + check_character(first) for first in ("99010119620415002", "99010119620415004"))


@pytest.fixture
def sound(county: County) -> County:
    county.record("a", ONE, phone="13800138001")
    county.record("b", ONE)
    county.record("c", TWO, "李梅花")
    county.record("d", None, "无名氏")
    county.record("b", ONE, phone="13900139001")
    assert list(verify(county.store.side_rows)) == []
    return county


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        ("DELETE FROM identity_key WHERE n = 1", "cannot be found"),
        (
            "UPDATE identity_link SET person_id = (SELECT person_id FROM identity_link WHERE n = 1)",
            "two checked numbers",
        ),
        (f"UPDATE identity_claim SET value = '{ONE[:-1]}Z' WHERE value = '{ONE}'", "none of its records states"),
    ],
)
def test_what_does_not_agree_is_told(sound: County, damage: str, fault: str) -> None:
    act: Callable[..., Any] = sound.store.act
    act(lambda view: view.execute(damage), Caller("hub", Role.SERVICE, "hub")).result()
    assert any(fault in sentence for sentence in verify(sound.store.side_rows))
