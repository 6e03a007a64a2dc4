"""The state of the index as operators see it: health, metrics, the operations page, ``hub index status``."""

import time
from dataclasses import dataclass
from typing import Any

import msgspec

from hub.contracts.search import IndexedStore
from hub.telemetry import metrics

from .freshness import BUILDING, Freshness
from .progress import Progress, State, Word

LAG_CHANGES = metrics.describe("hub_search_index_lag_changes", "Changes that the search index has not seen.")
LAG_SECONDS = metrics.describe("hub_search_index_lag_seconds", "Age of the oldest change that it has not seen.")
REFUSED = metrics.describe("hub_search_index_refused", "Documents that the search index would not take.")
FILLED = metrics.describe("hub_search_index_build_ratio", "How far a build of the index is, 0 to 1.")
LATE_SECONDS = 30.0
"""An index that is behind by more is told of in ``/health/ready``."""


@dataclass(frozen=True, slots=True)
class Building:
    """``seconds_left`` None where nothing was written yet to judge by."""

    generation: int
    scanned: int
    ceiling: int
    documents: int
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class IndexState:
    """``trouble``: why it cannot be fed, a sentence. ``checked``: what the last check against the store found."""

    live: bool
    documents: int
    behind_changes: int
    behind_seconds: float
    refused: int
    trouble: str
    building: Building | None
    checked: dict[str, Any]


def state_of(store: IndexedStore, progress: Progress, freshness: Freshness) -> IndexState:
    live = progress.live()
    condition = freshness.condition()
    return IndexState(
        live is not None,
        live.documents if live else 0,
        condition.behind_changes,
        condition.behind_seconds,
        progress.refused_count(),
        progress.word(Word.TROUBLE),
        _building(progress),
        msgspec.json.decode(progress.word(Word.CHECKED) or "{}"),
    )


def _building(progress: Progress) -> Building | None:
    for one in progress.generations(State.FILLING):
        spent = time.time() - one.started_ms / 1000
        left = spent * (one.ceiling - one.scanned) / one.scanned if one.scanned else None
        return Building(one.n, one.scanned, one.ceiling, one.documents, left)
    return None


def degraded(state: IndexState) -> list[str]:
    """Short sentences; empty where all is well. A search still answers, from the store."""
    found = []
    if state.trouble:
        found.append(state.trouble)
    if not state.live:
        found.append(BUILDING)
    elif state.behind_seconds > LATE_SECONDS:
        found.append(f"The search index is behind by {state.behind_changes} changes.")
    if state.refused:
        found.append(f"{state.refused} documents could not be indexed; hub index status lists them.")
    return found


def measure(state: IndexState) -> None:
    """Set the gauges."""
    metrics.gauge(LAG_CHANGES, state.behind_changes)
    metrics.gauge(LAG_SECONDS, round(state.behind_seconds, 3))
    metrics.gauge(REFUSED, state.refused)
    building = state.building
    ratio = 1.0 if building is None else building.scanned / max(1, building.ceiling)
    metrics.gauge(FILLED, round(ratio, 4))
