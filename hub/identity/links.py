"""The rows of links: one for each live source Patient, with its evidence and the keys it can be found by."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import msgspec

from hub.contracts.store import CommitView

from .clock import now_us
from .evidence import Evidence, evidence_of, keys_of
from .partition import Record, Tie
from .records import encode

ALONE, MANUAL, TEMPORARY, AUTO = "alone", "manual", "temporary", "auto"

_json = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Said:
    """What a Patient says, made before the lock is taken: evidence, its keys, its bytes."""

    evidence: Evidence
    keys: tuple[int, ...]
    packed: bytes


def said(evidence: Evidence) -> Said:
    return Said(evidence, keys_of(evidence), encode(evidence))


NOTHING_SAID = said(evidence_of({}))


@dataclass(frozen=True, slots=True)
class Why:
    """State, rule, bits and evidence of a link, as its row keeps them."""

    state: str
    rule: str
    bits: float | None = None
    because: str | None = None


def why(evidence: Evidence, tie: Tie | None) -> Why:
    if tie is None:
        return Why(AUTO, ALONE) if evidence.temporary is None else Why(TEMPORARY, evidence.temporary)
    if tie.judgement is None:
        return Why(MANUAL, MANUAL, None, _json({"with": tie.other}).decode())
    score = tie.judgement.score
    because = _json({"with": tie.other, "fields": score.fields}).decode()
    return Why(AUTO, str(tie.judgement.rule), score.bits, because)


def insert(
    view: CommitView, patient_id: str, own: str, said: Said, person_id: str, tie: Tie | None, model: str
) -> Record:
    reason = why(said.evidence, tie)
    view.execute(
        "INSERT INTO identity_link"
        " (patient_id, person_id, own, state, rule, bits, because, model, actor, since_us, evidence)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?)",
        (patient_id, person_id, own, reason.state, reason.rule, reason.bits, reason.because, model, now_us(view),
         said.packed),
    )  # fmt: skip
    ((n,),) = view.rows("SELECT last_insert_rowid()")
    _insert_keys(view, n, said.keys)
    return Record(n, patient_id, person_id, own, said.evidence)


def change(view: CommitView, record: Record, tie: Tie | None, model: str) -> None:
    """The link as it is now; one that stays the same keeps its date and, where it was a person's, its actor."""
    reason = why(record.evidence, tie)
    actor = (view.caller.actor or view.caller.client) if reason.state == MANUAL else None
    view.execute(
        "UPDATE identity_link SET since_us = CASE WHEN person_id = ? THEN since_us ELSE ? END, person_id = ?,"
        " state = ?, rule = ?, bits = ?, because = ?, model = ?, actor = ? WHERE n = ?"
        " AND (person_id <> ? OR state <> ? OR rule <> ? OR because IS NOT ?)",
        (record.person_id, now_us(view), record.person_id, reason.state, reason.rule, reason.bits, reason.because,
         model, actor, record.n, record.person_id, reason.state, reason.rule, reason.because),
    )  # fmt: skip


def restate(view: CommitView, known: Record, now: Said) -> Record:
    """Keep what a record says now in place of what it said before."""
    view.execute("UPDATE identity_link SET evidence = ? WHERE n = ?", (now.packed, known.n))
    before = set(keys_of(known.evidence))
    for key in before.difference(now.keys):
        view.execute("DELETE FROM identity_key WHERE key = ? AND n = ?", (key, known.n))
    _insert_keys(view, known.n, [key for key in now.keys if key not in before])
    return replace(known, evidence=now.evidence)


def remove(view: CommitView, known: Record) -> None:
    view.execute("DELETE FROM identity_link WHERE n = ?", (known.n,))
    for key in keys_of(known.evidence):
        view.execute("DELETE FROM identity_key WHERE key = ? AND n = ?", (key, known.n))


def _insert_keys(view: CommitView, n: int, keys: Sequence[int]) -> None:
    if keys:
        view.execute(_key_rows(len(keys)), [value for key in keys for value in (key, n)])


@lru_cache
def _key_rows(count: int) -> str:
    return f"INSERT INTO identity_key (key, n) VALUES {','.join(['(?, ?)'] * count)}"  # noqa: S608
