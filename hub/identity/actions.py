"""What a person may decide about identity, each one commit: ``store.act(lambda view: assert_same(view, …), caller)``.

Whether the caller may is the policy's business. Each act stands in the events with its reason, and can be taken back
alone. Raises NotFound for a Patient that is not linked, Incorrect without a reason, Conflict where the act would break
what holds always: one live number for a person, and a no that outweighs every yes.
"""

from collections.abc import Sequence
from typing import Literal

from hub.contracts import resident_id
from hub.contracts.codes import RESIDENT_ID
from hub.contracts.errors import Conflict, Incorrect, NotFound
from hub.contracts.store import CommitView

from . import links, records, reviews
from .clock import now_us
from .events import acted
from .evidence import number_key, stated_numbers, with_numbers
from .partition import Pair, Record, pair_of, profile_of
from .placing import Placing
from .weights_in_force import weights_in_force

Verdict = Literal["same", "not-same", "later"]


def assert_same(view: CommitView, patient_a: str, patient_b: str, reason: str, *, origin: str = "assertion") -> None:
    """These two records are one person, whatever they say. An earlier assertion of the contrary under the same
    ``origin`` is replaced; one of another origin must be withdrawn first."""
    one, other = _both(view, patient_a, patient_b)
    _need(reason)
    _may_join(view, one, other, origin)
    _assert(view, one, other, origin, reason, same=True)
    acted(view, "assert-same", one.patient_id, f"{other.patient_id}: {reason}")
    _part(view, one, other)


def assert_not_same(view: CommitView, patient_a: str, patient_b: str, reason: str) -> None:
    """These two records are never one person: beats every rule and every earlier word, and survives merges."""
    one, other = _both(view, patient_a, patient_b)
    _need(reason)
    _assert(view, one, other, "assertion", reason, same=False)
    acted(view, "assert-not-same", one.patient_id, f"{other.patient_id}: {reason}")
    _part(view, one, other)


def withdraw_assertion(view: CommitView, patient_a: str, patient_b: str, reason: str) -> None:
    """Take back what was asserted of these two (not what a merge says); the rules decide again."""
    one, other = _both(view, patient_a, patient_b)
    _need(reason)
    pair = pair_of(patient_a, patient_b)
    sql = "SELECT 1 FROM identity_assertion WHERE one = ? AND other = ? AND origin = 'assertion'"
    if not view.rows(sql, pair):
        raise NotFound("Nothing was asserted of these two Patients.", remedy="Check the ids.")
    view.execute("DELETE FROM identity_assertion WHERE one = ? AND other = ? AND origin = 'assertion'", pair)
    acted(view, "withdraw-assertion", one.patient_id, f"{other.patient_id}: {reason}")
    _part(view, one, other)


def decide_review(view: CommitView, review_id: str, verdict: Verdict, reason: str) -> reviews.Review:
    """Answer one question of the review queue; gives it as it stands then. ``later`` puts it behind the others. What
    was answered may be answered anew. Raises Conflict where it has become obsolete."""
    found = reviews.review(view.rows, review_id)
    if found is None:
        raise NotFound("There is no such identity review.", remedy="Search the open ones.")
    if found.state is reviews.State.OBSOLETE:
        raise Conflict("Records that came later have answered this review.", remedy="Read the open reviews again.")
    if verdict == "same":
        assert_same(view, found.one, found.other, reason)
    elif verdict == "not-same":
        assert_not_same(view, found.one, found.other, reason)
    elif verdict == "later":
        acted(view, "review-later", found.one, f"{found.other}: {reason}")
    else:
        raise Incorrect("A review is answered by same, not-same or later.", where="verdict")
    view.execute(
        "UPDATE identity_review SET state = ?, changed_us = ?, client = ?, actor = ?, reason = ? WHERE id = ?",
        (verdict, now_us(view), view.caller.client, view.caller.actor, reason, review_id),
    )
    decided = reviews.review(view.rows, review_id)
    assert decided is not None  # noqa: S101 - it was found above
    return decided


def supersede_number(view: CommitView, patient: str, old: str, new: str, reason: str) -> None:
    """The authority gave the person of ``patient`` the number ``new`` in place of ``old``. All records of both become
    one person on this word; ``old`` stays in them as a former number and captures nobody from now on, wherever it
    comes from."""
    _need(reason)
    (record,) = _all(view, patient)
    was, is_now = _number(old, "old"), _number(new, "new")
    if was == is_now:
        raise Incorrect("The new number is the old one.", where="new", remedy="Send the number that replaces it.")
    members = records.of_persons(view.rows, [record.person_id], records.MOST_PER_KEY)
    if all(one.evidence.number not in (was, is_now) for one in members):
        raise Conflict(
            "The person of this Patient holds neither of the two numbers.",
            where="old",
            remedy="Name a Patient of the person whose number has changed.",
        )
    holder = view.rows("SELECT person_id FROM identity_claim WHERE system = ? AND value = ?", (RESIDENT_ID, is_now))
    joined = {one.patient_id: one for one in members}
    for (person,) in holder:
        joined.update((one.patient_id, one) for one in records.of_persons(view.rows, [person], records.MOST_PER_KEY))
    known = records.said(view.rows, list(joined))
    _refuse_not_same(known, list(joined.values()))
    view.execute(
        "INSERT OR REPLACE INTO identity_retired (system, value, successor, reason, client, actor, at_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (RESIDENT_ID, was, is_now, reason, view.caller.client, view.caller.actor, now_us(view)),
    )
    view.execute("DELETE FROM identity_claim WHERE system = ? AND value = ?", (RESIDENT_ID, was))
    seeds = list(joined.values())
    for one in seeds:
        if one.patient_id != record.patient_id:
            _assert(view, record, one, f"supersession {was}", reason, same=True)
    strangers = records.by_keys(view.rows, (number_key(was),)).records
    for one in {**{stranger.patient_id: stranger for stranger in strangers}, **joined}.values():
        if was in stated_numbers(one.evidence):
            evidence = with_numbers(one.evidence, tuple(n for n in stated_numbers(one.evidence) if n != was))
            freed = links.restate(view, one, links.said(evidence))
            seeds = [freed if seed.patient_id == one.patient_id else seed for seed in seeds]
            if one.patient_id not in joined:
                seeds.append(freed)
    acted(view, "supersede-number", record.patient_id, reason)
    Placing(view, weights_in_force(view.rows)).part(seeds, [was, is_now])


def _both(view: CommitView, patient_a: str, patient_b: str) -> tuple[Record, Record]:
    if patient_a == patient_b:
        raise Incorrect("The two Patients are one record.", remedy="Name two different Patients.")
    one, other = _all(view, patient_a, patient_b)
    return one, other


def _all(view: CommitView, *patients: str) -> list[Record]:
    found = [records.of_patient(view.rows, patient) for patient in patients]
    if any(one is None for one in found):
        raise NotFound("There is no such Patient.", where="Patient", remedy="Check the ids.")
    return [one for one in found if one is not None]


def _may_join(view: CommitView, one: Record, other: Record, origin: str) -> None:
    """Raises Conflict where the persons of both hold two numbers, or somebody said that they are two."""
    members = records.of_persons(view.rows, {one.person_id, other.person_id}, records.MOST_PER_KEY)
    if len(profile_of(members).numbers) > 1:
        raise Conflict(
            "The two persons hold two different valid resident numbers.",
            remedy="Where the number was officially changed, supersede it first; else have the wrong record corrected.",
        )
    known = records.said(view.rows, [record.patient_id for record in members])
    sql = "SELECT same FROM identity_assertion WHERE one = ? AND other = ? AND origin = ?"
    pair = pair_of(one.patient_id, other.patient_id)
    if origin == "assertion" and view.rows(sql, (*pair, origin)) == [(0,)]:
        known.pop(pair, None)  # this very assertion is replaced
    _refuse_not_same(known, members)


def _refuse_not_same(said: dict[Pair, bool], members: Sequence[Record]) -> None:
    ids = {record.patient_id for record in members}
    if any(not same and one in ids and other in ids for (one, other), same in said.items()):
        raise Conflict(
            "Somebody decided that these are two persons.",
            remedy="Withdraw that decision first, if it was wrong.",
        )


def _assert(view: CommitView, one: Record, other: Record, origin: str, reason: str, *, same: bool) -> None:
    pair = pair_of(one.patient_id, other.patient_id)
    view.execute(
        "INSERT OR REPLACE INTO identity_assertion (one, other, origin, same, reason, client, actor, at_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*pair, origin, same, reason, view.caller.client, view.caller.actor, now_us(view)),
    )


def _part(view: CommitView, *seeds: Record) -> None:
    Placing(view, weights_in_force(view.rows)).part(seeds)


def _need(reason: str) -> None:
    if not reason.strip():
        raise Incorrect("A decision on identity needs a reason.", where="reason", remedy="Say why, in a few words.")


def _number(text: str, where: str) -> str:
    number = resident_id.parse(text)
    if number is None:
        raise Incorrect(
            "This is no valid resident number.", where=where, remedy="Check the digits; the check character is wrong."
        )
    return number.value
