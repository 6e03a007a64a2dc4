"""How it stands with what goes on to others, for operations; nothing of a patient."""

from datetime import UTC, datetime
from typing import Any

from ..archive import Archive
from ..distant.status import instant


def routes_status(archive: Archive) -> list[dict[str, Any]]:
    """One entry for each destination of a rule, and for each that something still waits for. ``state``: idle, sending,
    retrying."""
    now_us = int(datetime.now(UTC).timestamp() * 1e6)
    rules: dict[str, list[str]] = {}
    for route in archive.settings.routes:
        rules.setdefault(route.destination, []).append(route.name)
    known = {one.destination: one for one in archive.index.route_items.status()}
    told = []
    for destination in sorted(rules.keys() | known.keys()):
        one = known.get(destination)
        waiting = one.waiting if one else 0
        failing = bool(one and one.failures)
        told.append(
            {
                "destination": destination,
                "rules": rules.get(destination, []),
                "state": "retrying" if failing else "sending" if waiting else "idle",
                "waiting": waiting,
                "awaitingCommitment": one.uncommitted if one else 0,
                "lagSeconds": max(0, (now_us - one.oldest_us) // 1_000_000) if one and one.oldest_us else 0,
                "sent": one.sent if one else 0,
                "lastSent": instant(one.sent_us) if one else None,
                "lastFailure": instant(one.failed_us) if one else None,
                "failure": (one.error or None) if one else None,
                "failures": one.failures if one else 0,
                "retryAt": instant(one.due_us) if one and one.due_us > now_us else None,
            }
        )
    return told
