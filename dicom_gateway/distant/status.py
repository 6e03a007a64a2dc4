"""How it stands with the distant archives, for operations; nothing of a patient."""

from datetime import UTC, datetime
from typing import Any

from hub.telemetry.metrics import gauge

from ..archive import Archive
from .breaker import reachable


def archives_status(archive: Archive) -> list[dict[str, Any]]:
    """One entry for each registered archive. ``state``: reachable, unreachable, or unknown before it was first asked;
    ``lagSeconds``: since the study that has waited longest was heard of, and not yet looked up."""
    now_us = int(datetime.now(UTC).timestamp() * 1e6)
    told = []
    for one in archive.distant.directory.all():
        state = archive.index.distant_archives.of(one.name)
        known, waiting, oldest_us = archive.index.distant_studies.counts(one.name)
        asked = state.reached_us is not None or state.failed_us is not None
        told.append(
            {
                "archive": one.name,
                "organization": one.organization,
                "aeTitle": one.ae_title or None,
                "dicomweb": one.url or None,
                "retrieve": one.retrieve,
                "state": ("reachable" if reachable(state) else "unreachable") if asked else "unknown",
                "lastSuccess": instant(state.reached_us),
                "lastFailure": instant(state.failed_us),
                "failure": state.failure or None,
                "failures": state.failures,
                "retryAt": instant(state.closed_until_us) if state.closed_until_us > now_us else None,
                "studies": known,
                "waiting": waiting,
                "lagSeconds": max(0, (now_us - oldest_us) // 1_000_000) if oldest_us is not None else 0,
                "sweptBackTo": state.earliest_day or None,
                "lastSweep": instant(state.latest_us),
            }
        )
    return told


def measure(archive: Archive) -> None:
    """Gauges, by archive."""
    for one in archives_status(archive):
        gauge("hub_dicom_distant_reachable", float(one["state"] == "reachable"), archive=one["archive"])
        gauge("hub_dicom_distant_lag_seconds", float(one["lagSeconds"]), archive=one["archive"])


def instant(at_us: int | None) -> str | None:
    """FHIR instant."""
    if not at_us:
        return None
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="milliseconds")
