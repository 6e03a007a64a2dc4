"""An order cut down to what no prior answers: the resource a physician can sign instead."""

from collections.abc import Sequence
from typing import Any

import msgspec

from ..examination import Determination, Examination, Kind, Side, Target
from ..judging.verdict import Verdict
from ..naming.name_parser import parse
from ..vocabulary import regions
from .wording import name_in_words


def _remaining_targets(remainder: Sequence[str]) -> tuple[Target, ...]:
    known = regions()
    found = []
    for name in remainder:
        region, _, side = name.partition(":")
        if region not in known:
            return ()
        found.append(Target(region, Side(side)))
    return tuple(found)


def remaining(order: Examination, remainder: Sequence[str]) -> Examination | None:
    """The examination that is left; None where a remainder cannot be ordered by itself."""
    if not remainder:
        return None
    if order.kind is Kind.LABORATORY:
        kept: tuple[Determination, ...] = tuple(
            msgspec.structs.replace(each, panel="") for each in order.determinations if each.analyte in remainder
        )
        return (
            msgspec.structs.replace(order, determinations=kept) if 0 < len(kept) < len(order.determinations) else None
        )
    if order.views and set(remainder) < set(order.views):
        return msgspec.structs.replace(order, views=tuple(view for view in order.views if view in remainder))
    targets = _remaining_targets(remainder)
    if (
        not targets
        or set(targets) == set(order.targets)
        or {t.region for t in targets} == {t.region for t in order.targets if t.side is Side.UNSAID}
    ):
        return None
    return msgspec.structs.replace(order, targets=targets)


def narrowed(resource: dict[str, Any], verdict: Verdict) -> dict[str, Any] | None:
    """The draft with only the remainder in it; None where there is nothing to narrow. Valid where the draft is: code is
    a text, body sites that no longer hold are gone."""
    order = verdict.order.examination
    if verdict.code != "narrow" or order is None:
        return None
    left = remaining(order, verdict.remainder)
    if left is None:
        return None
    name = name_in_words(left)
    read_back = parse(name).examination
    if read_back is None:
        return None
    fewer = {key: value for key, value in resource.items() if key not in ("bodySite", "orderDetail", "text")}
    fewer["code"] = {"text": name}
    return fewer
