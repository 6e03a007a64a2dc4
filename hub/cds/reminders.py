"""The latest cards that were shown, for pages: when, where, which verdict, what became of it. Nothing of a patient."""

from datetime import UTC, datetime
from typing import Any

from hub.contracts.site import ZONE
from hub.contracts.store import ResourceReader


def latest_reminders(store: ResourceReader, count: int) -> list[dict[str, Any]]:
    """Newest first; ``time`` is local, ``outcome`` None until feedback came."""
    rows = store.side_rows(
        "SELECT v.at_us, v.organization, v.verdict, v.indicator, f.outcome FROM cds_verdict AS v"
        " LEFT JOIN cds_feedback AS f ON f.card = v.card WHERE v.card IS NOT NULL ORDER BY v.at_us DESC LIMIT ?",
        (count,),
    )
    return [
        {
            "time": datetime.fromtimestamp(at_us / 1_000_000, UTC).astimezone(ZONE).strftime("%m-%d %H:%M:%S"),
            "organization": organization,
            "verdict": verdict,
            "indicator": indicator,
            "outcome": outcome,
        }
        for at_us, organization, verdict, indicator, outcome in rows
    ]
