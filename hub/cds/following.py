"""What becomes of a card: the order that arrives after it, in that order's own commit.

CDS Hooks never tells of an ignored card. An order for the same examination of the same person that becomes active
within ``FOLLOWS_DAYS`` of a card is noted beside it (``cds_order``): with no feedback, and from the organization that
saw the card within ``IGNORED_WITHIN_SECONDS``, the card was ignored; after ``accepted``, the examination was ordered
again. Where the card was overridden, the DetectedIssue of the order says with which reason (``mitigation``).
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from hub.contracts.site import ZONE
from hub.contracts.store import CommitView, Reaction, Written
from hub.exams.code_maps.current import local_codes
from hub.exams.judging.coverage import Coverage, answer
from hub.exams.judging.order_facts import order_from
from hub.exams.judging.prior import Order
from hub.exams.recheck import microseconds, patients_of, to_be_checked
from hub.exams.telling.explaining import decode_record
from hub.exams.telling.issue import issue_id

from .override_reasons import reason_concept

FOLLOWS_DAYS = 14
IGNORED_WITHIN_SECONDS = 24 * 3600
MOST_CARDS = 100
"""Looked at for one order, the latest: an order waits inside its commit."""
_DAY_US = 86_400_000_000
_OVERRIDE = "SELECT outcome, reason_system, reason_code, comment, at_us, organization FROM cds_feedback WHERE card = ?"


def FollowingReaction() -> Reaction:
    """After the reaction of ``exams``: it reads the issue that the recheck has put."""
    return Reaction("cds", frozenset({"ServiceRequest"}), follow)


def follow(written: Sequence[Written], view: CommitView) -> None:
    for one in written:
        if to_be_checked(one, view):
            for card in cards_before(one, view):
                note_order(view, card, one)


def cards_before(one: Written, view: CommitView) -> list[str]:
    """The cards that were shown for this order's draft, or for the same examination of the same person."""
    assert one.patient is not None  # noqa: S101 (``to_be_checked``)
    ref = f"ServiceRequest/{one.id}"
    patients = patients_of(view, one.patient)
    rows = view.rows(
        "SELECT card, draft, body FROM cds_verdict WHERE card IS NOT NULL AND at_us > ?"  # noqa: S608 - question marks
        f" AND patient IN ({', '.join('?' * len(patients))}) ORDER BY at_us DESC LIMIT {MOST_CARDS}",
        (microseconds(view.now) - FOLLOWS_DAYS * _DAY_US, *patients),
    )
    if not rows:
        return []
    order = order_from(one.resource, ref, local=local_codes(view.rows, one.owner))
    found = []
    for card, draft, body in rows:
        shown = decode_record(body).case.order
        if draft == ref or _answers(order, shown):
            found.append(str(card))
    return found


def _answers(order: Order, shown: Order) -> bool:
    """Whether the order gives all that the card was about: 胸部CT gives what 胸部CT平扫 was to give, a right knee not
    what a left one was."""
    if order.examination is None or shown.examination is None:
        return order.examination is shown.examination and order.name == shown.name
    return answer(shown.examination, order.examination).coverage is Coverage.FULL


def note_order(view: CommitView, card: str, one: Written) -> None:
    order = f"ServiceRequest/{one.id}"
    view.execute(
        "INSERT OR IGNORE INTO cds_order (card, order_ref, at_us, organization) VALUES (?, ?, ?, ?)",
        (card, order, microseconds(view.now), one.owner),
    )
    mitigate(view, card, order)


def mitigate(view: CommitView, card: str, order: str) -> None:
    """Say in the order's DetectedIssue why the card was overridden, and no longer where that was taken back. Nothing
    where there is no issue, or where the card was another organization's."""
    issue = view.read("DetectedIssue", issue_id(order))
    for outcome, system, code, comment, at_us, organization in view.rows(_OVERRIDE, (card,)):
        if issue is None or issue.owner != organization:
            return
        resource = msgspec.json.decode(issue.body)
        resource.pop("mitigation", None)
        if outcome == "overridden":
            moment = datetime.fromtimestamp(at_us / 1e6, UTC).astimezone(ZONE).isoformat(timespec="seconds")
            resource["mitigation"] = [{"action": reason_concept(system, code, comment), "date": moment}]
        view.put("DetectedIssue", resource, owner=issue.owner, id=issue.id, patient=issue.patient)
