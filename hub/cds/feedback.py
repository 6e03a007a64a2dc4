"""Feedback on cards (CDS Hooks 2.0, Feedback): may come again and again, and counts once."""

from dataclasses import dataclass
from typing import Any

import msgspec

from hub.contracts.caller import Caller
from hub.contracts.errors import Incorrect, NotFound
from hub.contracts.store import CommitView
from hub.exams.rows.fhir_reading import moment_us
from hub.exams.telling.explaining import decode_record

from .following import mitigate
from .recognition_note import Answered, write
from .request import decoded

_OUTCOMES = frozenset({"accepted", "overridden"})
MOST_ITEMS = 100


@dataclass(frozen=True, slots=True)
class Item:
    card: str
    outcome: str
    reason_system: str | None
    reason_code: str | None
    comment: str | None
    accepted: str | None
    stated_at: str | None


def _wrong(what: str, where: str, remedy: str) -> Incorrect:
    return Incorrect(what, where=where, remedy=remedy, http_status=400)


def _optional(value: Any, where: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise _wrong(f"{where} is no text.", where, "Send it as CDS Hooks 2.0 defines.")
    return value[:2000]


def read_feedback(raw: bytes) -> tuple[Item, ...]:
    """Raises Incorrect (400) naming the element."""
    items = decoded(raw).get("feedback")
    if not isinstance(items, list) or not items or len(items) > MOST_ITEMS:
        raise _wrong("feedback is missing or no list.", "feedback", f"Send 1 to {MOST_ITEMS} items.")
    found: list[Item] = []
    for number, item in enumerate(items):
        where = f"feedback[{number}]"
        card = item.get("card") if isinstance(item, dict) else None
        if not isinstance(card, str) or not card:
            raise _wrong(f"{where}.card is missing.", f"{where}.card", "Send the uuid of the card.")
        outcome = item.get("outcome")
        if outcome not in _OUTCOMES:
            raise _wrong(f"{where}.outcome is unknown.", f"{where}.outcome", "Send accepted or overridden.")
        override = item.get("overrideReason", {})
        if not isinstance(override, dict) or not isinstance(override.get("reason", {}), dict):
            raise _wrong(f"{where}.overrideReason is no object.", f"{where}.overrideReason", "Send an object.")
        reason = override.get("reason", {})
        suggestions = item.get("acceptedSuggestions")
        stated_at = _optional(item.get("outcomeTimestamp"), f"{where}.outcomeTimestamp")
        if stated_at is not None and moment_us(stated_at) is None:
            raise _wrong(f"{where}.outcomeTimestamp is no time.", f"{where}.outcomeTimestamp", "Send it as RFC 3339.")
        found.append(
            Item(
                card=card,
                outcome=outcome,
                reason_system=_optional(reason.get("system"), f"{where}.overrideReason.reason.system"),
                reason_code=_optional(reason.get("code"), f"{where}.overrideReason.reason.code"),
                comment=_optional(override.get("userComment"), f"{where}.overrideReason.userComment"),
                accepted=msgspec.json.encode(suggestions).decode()[:2000] if suggestions else None,
                stated_at=stated_at,
            )
        )
    return tuple(found)


def store_feedback(view: CommitView, items: tuple[Item, ...], service: str, caller: Caller) -> None:
    """All of it or none, with the note of each. Raises NotFound for a card that was not shown to this organization by
    this service."""
    at_us = int(view.now.timestamp() * 1_000_000)
    for number, item in enumerate(items):
        shown = view.rows(
            "SELECT patient, actor, body FROM cds_verdict WHERE card = ? AND service = ? AND organization = ?",
            (item.card, service, caller.organization),
        )
        if not shown:
            raise NotFound(
                "There is no such card of this service.",
                where=f"feedback[{number}].card",
                remedy="Send the uuid of a card that this service has answered with.",
            )
        view.execute(
            "INSERT INTO cds_feedback VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (card) DO UPDATE SET"
            " at_us = excluded.at_us, outcome = excluded.outcome, reason_system = excluded.reason_system,"
            " reason_code = excluded.reason_code, comment = excluded.comment, accepted = excluded.accepted,"
            " stated_at = excluded.stated_at, times = times + 1",
            (item.card, at_us, service, caller.client, caller.organization, item.outcome, item.reason_system,
             item.reason_code, item.comment, item.accepted, item.stated_at, at_us),
        )  # fmt: skip
        patient, actor, body = shown[0]
        write(view, decode_record(body), _answered(item, patient, caller.actor or actor, caller))
        for (order,) in view.rows("SELECT order_ref FROM cds_order WHERE card = ?", (item.card,)):
            mitigate(view, item.card, order)


def _answered(item: Item, patient: str, actor: str | None, caller: Caller) -> Answered:
    accepted = item.outcome == "accepted"
    why = (None, None, None) if accepted else (item.reason_system, item.reason_code, item.comment)
    return Answered(item.card, patient, caller.organization, actor, accepted, *why)
