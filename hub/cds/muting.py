"""Reminders that a committee has muted: no card, the verdict all the same.

A rule is a verdict on an item (``duplicate`` on ``CT chest plain``), of one organization or of all. What is listed in
the figures (``unheeded``) is muted by decision alone, or, where the site says so (``duplicates.mute_unheeded``), by
default until the committee decides otherwise.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from hub.contracts.errors import Incorrect
from hub.contracts.store import CommitView, Select

TABLE = """
    CREATE TABLE IF NOT EXISTS cds_muted (
        organization TEXT NOT NULL, verdict TEXT NOT NULL, item TEXT NOT NULL, muted INTEGER NOT NULL,
        decided_by TEXT NOT NULL, at_us INTEGER NOT NULL, PRIMARY KEY (organization, verdict, item)) WITHOUT ROWID;
"""
EVERYWHERE = ""
BY_DEFAULT = "by default"
VERDICTS = frozenset({"duplicate", "reusable", "in-flight", "narrow", "possible", "unrecognised"})
_LONGEST = 500


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /figures/duplicates/muted``."""

    verdict: str
    item: str
    muted: bool
    organization: str = EVERYWHERE


def read_decision(content: bytes) -> Decision:
    """Raises Incorrect (400) naming what is wrong."""
    try:
        decision = msgspec.json.decode(content, type=Decision)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Incorrect(
            f"The decision cannot be read ({error}).",
            where="body",
            remedy="Send verdict, item, muted.",
            http_status=400,
        ) from None
    if decision.verdict not in VERDICTS:
        raise Incorrect(
            "No card is shown for such a verdict.", where="verdict", remedy=f"One of {', '.join(sorted(VERDICTS))}.",
            http_status=400,
        )  # fmt: skip
    if not decision.item or len(decision.item) > _LONGEST:
        raise Incorrect("The item is missing.", where="item", remedy="Send item as in the figures.", http_status=400)
    return decision


def decide(view: CommitView, decision: Decision, by: str) -> None:
    """What was decided last holds."""
    row = (decision.organization, decision.verdict, decision.item, int(decision.muted), by, _now_us(view))
    view.execute("INSERT OR REPLACE INTO cds_muted VALUES (?, ?, ?, ?, ?, ?)", row)


def mute_by_default(view: CommitView, rules: Iterable[tuple[str, str]]) -> None:
    """Mute these rules everywhere, but for those that somebody has decided on."""
    for verdict, item in rules:
        row = (EVERYWHERE, verdict, item, 1, BY_DEFAULT, _now_us(view))
        view.execute("INSERT OR IGNORE INTO cds_muted VALUES (?, ?, ?, ?, ?, ?)", row)


def muted_for(select: Select, organization: str) -> Callable[[str, str], bool]:
    """Whether a rule is muted for an organization: its own decision before the one for all."""
    rows = select(
        "SELECT organization, verdict, item, muted FROM cds_muted WHERE organization IN (?, ?)",
        (EVERYWHERE, organization),
    )
    decided = {(whose, verdict, item): bool(muted) for whose, verdict, item, muted in rows}
    return lambda verdict, item: decided.get(
        (organization, verdict, item), decided.get((EVERYWHERE, verdict, item), False)
    )


def decisions(select: Select) -> list[dict[str, Any]]:
    """Every decision, newest first."""
    names = ("organization", "verdict", "item", "muted", "decided_by")
    rows = select(f"SELECT {', '.join(names)} FROM cds_muted ORDER BY at_us DESC", ())  # noqa: S608 - constants
    return [dict(zip(names, row, strict=True)) | {"muted": bool(row[3])} for row in rows]


def _now_us(view: CommitView) -> int:
    return int(view.now.timestamp() * 1_000_000)
