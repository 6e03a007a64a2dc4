"""The reasoning of a verdict, as it is kept and as it is printed."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from hub.contracts.site import ZONE


class PriorRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A prior as the verdict saw it."""

    refs: tuple[str, ...]
    examination: dict[str, Any]
    state: str
    anchor_us: int | None = None
    date_only: bool = False
    organization: str = ""
    contradictions: tuple[str, ...] = ()


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """A verdict with all it rested on."""

    id: str
    draft: str
    name: str
    examination: dict[str, Any] | None
    reasons: tuple[str, ...]
    verdict: str
    coverage: str
    indicator: str | None
    priors: tuple[str, ...]
    remainder: tuple[str, ...]
    rules: tuple[str, ...]
    notes: tuple[str, ...]
    reason: str
    lowered_by: tuple[str, ...]
    item: str
    window_level: str
    minimum_days: float | None
    limit_days: float | None
    now_us: int
    setting: str
    tables: str
    considered: tuple[PriorRecord, ...]


_decoder = msgspec.json.Decoder(Record)


def decode_record(content: bytes) -> Record:
    return _decoder.decode(content)


def _moment(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, UTC).astimezone(ZONE).isoformat(timespec="seconds")


def _said(examination: dict[str, Any] | None) -> str:
    if examination is None:
        return "not understood"
    return ", ".join(f"{name} {value}" for name, value in examination.items() if value not in (None, [], False))


def lines(record: Record) -> Iterator[str]:
    """The reasoning, a line a step."""
    yield f"Verdict {record.id}: {record.verdict} ({record.coverage}), {record.indicator or 'no card'}"
    yield f"Given {_moment(record.now_us)} in the setting {record.setting}, with tables {record.tables}"
    yield f"Order {record.draft} “{record.name}”: {_said(record.examination)}"
    if record.reasons:
        yield "Stated reasons: " + "; ".join(record.reasons)
    if record.item:
        minimum = "same stay" if record.minimum_days is None else f"{record.minimum_days:g} d"
        limit = "same stay" if record.limit_days is None else f"{record.limit_days:g} d"
        yield f"Window: {record.item} ({record.window_level}): minimum {minimum}, limit {limit}"
    yield "Rules: " + (", ".join(record.rules) or "none")
    for note in record.notes:
        yield f"Note: {note}"
    if record.reason:
        yield f"Silenced by: {record.reason}"
    if record.lowered_by:
        yield "Lowered by: " + ", ".join(record.lowered_by)
    if record.remainder:
        yield "Remainder: " + ", ".join(record.remainder)
    for prior in record.considered:
        mark = "rests on" if set(prior.refs) & set(record.priors) else "considered"
        when = "undated" if prior.anchor_us is None else _moment(prior.anchor_us)
        where = f"[{prior.state}, {when}, {prior.organization}]"
        yield f"{mark} {', '.join(prior.refs)} {where}: {_said(prior.examination)}"
