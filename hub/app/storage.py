"""What each organization keeps here: for the operations page and for ``/metrics``."""

import asyncio
from typing import Any

from hub.contracts.caller import Caller, Role
from hub.telemetry import metrics

from .parts import Parts

USED = metrics.describe("hub_storage_bytes", "Bytes of images and ECGs that an organization keeps here.")
QUOTA = metrics.describe("hub_storage_quota_bytes", "What it may keep.")
_EVERY_SECONDS = 5.0


def kept(parts: Parts) -> list[dict[str, Any]]:
    """By organization, those with most first; ``quota`` is None where there is none."""
    used = parts.archive.index.usage.by_organization()
    named = {*used, *parts.settings.quota.organizations}
    rows = [{"organization": name, "bytes": used.get(name, 0), "quota": _quota(parts, name)} for name in named]
    return sorted(rows, key=lambda row: (-row["bytes"], row["organization"]))


def shown(parts: Parts, caller: Caller) -> list[dict[str, Any]]:
    """An admin sees every organization, everyone else its own."""
    return [row for row in kept(parts) if caller.role is Role.ADMIN or row["organization"] == caller.organization]


async def report(parts: Parts, stop: asyncio.Event) -> None:
    """Keep the gauges true until ``stop``; in one process of a hub."""
    while not stop.is_set():
        for row in await asyncio.to_thread(kept, parts):
            metrics.gauge(USED, row["bytes"], organization=row["organization"])
            if row["quota"] is not None:
                metrics.gauge(QUOTA, row["quota"], organization=row["organization"])
        try:
            await asyncio.wait_for(stop.wait(), _EVERY_SECONDS)
        except TimeoutError:
            continue


def _quota(parts: Parts, organization: str) -> int | None:
    return parts.dicom_settings.quota_of(organization)
