"""Muting by default what nobody heeds, at sites that want it so; a committee's decision always stands."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from hub.contracts.caller import Caller, Role
from hub.contracts.site import ZONE
from hub.contracts.store import ResourceReader, ResourceWriter

from .figures import figures, unheeded
from .figures_reading import Period, asked_in
from .muting import mute_by_default

LOOK_BACK_DAYS = 90
_HUB = Caller("hub", Role.SERVICE, "hub")


class Store(ResourceReader, ResourceWriter, Protocol):
    """What is needed of the store."""


def mute_unheeded(store: Store, now: Callable[[], datetime] = lambda: datetime.now(ZONE)) -> int:
    """Look at the last days of all organizations; how many rules are unheeded."""
    today = now().astimezone(ZONE).date()
    period = Period(today - timedelta(days=LOOK_BACK_DAYS - 1), today)
    asked, _ = asked_in(store.side_rows, period, lambda patient: None)
    found = figures(
        asked,
        int(now().timestamp() * 1_000_000),
        lambda organization, item: None,
        lambda one: period.from_us <= one.at_us < period.to_us,
    )
    rules = unheeded(found.rules)
    if rules:
        store.act(lambda view: mute_by_default(view, rules), _HUB).result()
    return len(rules)
