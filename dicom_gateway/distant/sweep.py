"""Which study dates an archive is to be asked for next. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.contracts.archives import DistantArchive

from ..study_index.distant_archives import ArchiveState

LATEST_DAYS = 2
"""Today and yesterday, by study date, are looked at again and again."""


@dataclass(frozen=True, slots=True)
class Window:
    """First and last study date, YYYYMMDD. ``latest``: these are the latest days, not a step back."""

    first: str
    last: str
    latest: bool


def next_window(archive: DistantArchive, state: ArchiveState, now: datetime) -> Window | None:
    """``now`` in the site's zone. The latest days when they are due; else one day further back, until ``sweep_days``
    have been looked through, between ``sweep_hours`` alone."""
    if archive.sweep_days <= 0:
        return None
    today = now.date()
    seen_us = state.latest_us
    if seen_us is None or now.timestamp() * 1e6 - seen_us >= archive.sweep_every_seconds * 1e6:
        return Window(_day(now - timedelta(days=LATEST_DAYS - 1)), _day(now), latest=True)
    if archive.sweep_hours is not None and not _within(now.hour, *archive.sweep_hours):
        return None
    oldest = _day(now - timedelta(days=archive.sweep_days - 1))
    if not state.earliest_day:
        step = today - timedelta(days=LATEST_DAYS)
    else:
        step = datetime.strptime(state.earliest_day, "%Y%m%d").date() - timedelta(days=1)
    day = step.strftime("%Y%m%d")
    return Window(day, day, latest=False) if day >= oldest else None


def _day(moment: datetime) -> str:
    return moment.strftime("%Y%m%d")


def _within(hour: int, first: int, last: int) -> bool:
    return first <= hour < last if first <= last else hour >= first or hour < last
