"""Puts a record with the person it belongs to, inside the commit that writes it.

Most records need no more than a look: nobody is like it, or one number and name are known already. Else the persons
that it touches are parted anew as a whole (``partition``), so that what follows depends on the records and not on the
order in which they came, and a record that leaves leaves the others as they would be without it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from hub.contracts.store import CommitView

from . import claims, records, reviews
from .clock import now_us
from .events import moved
from .evidence import Evidence
from .judging import Judgement, Kind, Rule, judge, numbers_of
from .neighbourhood import MOST_OF_A_PERSON, around
from .partition import Doubt, Partition, Record, Tie, pair_of, profile_of
from .weights import Weights

ALONE, MANUAL, TEMPORARY, AUTO = "alone", "manual", "temporary", "auto"


@dataclass(frozen=True, slots=True)
class Seen:
    """Who was found for a record, with what follows from the two alone."""

    record: Record
    judgement: Judgement


class Placing:
    """For one commit; ``weights`` are those in force."""

    def __init__(self, view: CommitView, weights: Weights) -> None:
        self._view = view
        self._weights = weights

    @property
    def model(self) -> str:
        return self._weights.version

    def place(self, record: Record, *, fresh: bool, before: Iterable[str] = ()) -> str:
        """The person of this record, whose evidence is new and written already. ``fresh``: nobody was linked to it and
        nothing was said of it before; else ``before`` are the numbers it stated until now."""
        found = records.sharing_keys(self._view.rows, record.evidence, record.patient_id)
        seen = [Seen(one, judge(record.evidence, one.evidence, self._weights)) for one in found.records]
        likely = [one for one in seen if one.judgement.kind in (Kind.LINK, Kind.REVIEW)]
        if fresh and not likely:
            person = self._alone(record)
        elif fresh and (sure := self._sure(record, likely)) is not None:
            person = self._join(record, sure)
        else:
            person = self._part([record], likely, before)
        if found.crowded:
            self._say_crowded(record, person, seen)
        return person

    def part(self, seeds: Sequence[Record], before: Iterable[str] = ()) -> None:
        """Decide anew who is with whom among the persons of these records and those they may belong to; ``before`` are
        numbers that were stated until now."""
        likely = []
        for seed in seeds:
            for one in records.sharing_keys(self._view.rows, seed.evidence, seed.patient_id).records:
                judgement = judge(seed.evidence, one.evidence, self._weights)
                if judgement.kind in (Kind.LINK, Kind.REVIEW):
                    likely.append(Seen(one, judgement))
        self._part(seeds, likely, before)

    def _alone(self, record: Record) -> str:
        evidence = record.evidence
        if evidence.number is not None and evidence.temporary is None:
            claims.claim(self._view, evidence.number, record.own)
        return record.own

    def _sure(self, record: Record, likely: Sequence[Seen]) -> Seen | None:
        """The record that it is to be linked with, where nobody but its person comes into question: the oldest under
        the same number and name, or for one without a number the most alike, if it fits all that is known."""
        if len({one.record.person_id for one in likely}) > 1:
            return None
        sure = [one for one in likely if one.judgement.rule is Rule.NUMBER_AND_NAME]
        if sure:
            return min(sure, key=lambda one: one.record.n)
        best = min(likely, key=lambda one: (-one.judgement.bits, one.record.n))
        if best.judgement.rule is not Rule.SCORE or numbers_of(record.evidence):
            return None
        known = records.of_persons(self._view.rows, [best.record.person_id], MOST_OF_A_PERSON)
        return best if profile_of([record]).fits(profile_of(known), {}) else None

    def _join(self, record: Record, seen: Seen) -> str:
        person = seen.record.person_id
        self._write(replace(record, person_id=person), Tie(seen.record.patient_id, seen.judgement))
        number = record.evidence.number
        if number is not None and not claims.is_held_by(self._view, number, person):
            claims.settle(self._view, [number])
        return person

    def _part(self, seeds: Sequence[Record], likely: Sequence[Seen], before: Iterable[str]) -> str:
        strongest = sorted(likely, key=lambda one: (-one.judgement.bits, one.record.n))
        near = around(self._view.rows, seeds, (one.record.person_id for one in strongest))
        partition = Partition(near.records.values(), near.said, self._weights, near.frozen)
        changed = [one for group in partition.groups for one in self._settle_group(group, partition, near.large)]
        touched = {seed.patient_id for seed in seeds} | set(changed)
        stated = {number for one in touched for number in numbers_of(near.records[one].evidence)}
        claims.settle(self._view, stated.union(before))
        doubts = partition.doubts(touched)
        reviews.put_aside(
            self._view,
            [seed.patient_id for seed in seeds],
            [pair_of(doubt.one.patient_id, doubt.other.patient_id) for doubt in doubts],
        )
        reviews.tidy(self._view, changed)
        for doubt in doubts:
            reviews.open_review(self._view, doubt, self._weights.version)
        seed = seeds[0].patient_id
        return next(_person(group) for group in partition.groups if any(one.patient_id == seed for one in group))

    def _settle_group(self, group: Sequence[Record], partition: Partition, large: Iterable[str]) -> list[str]:
        """Write what is new in a group; gives the Patients that have another person now. Of a ``large`` person those
        that were not read go where its oldest go."""
        person = _person(group)
        changed = []
        for moving in {one.person_id for one in group if one.person_id != person}.intersection(large):
            self._view.execute("UPDATE identity_link SET person_id = ? WHERE person_id = ?", (person, moving))
        for record in group:
            if record.person_id != person:
                changed.append(record.patient_id)
                moved(self._view, record.patient_id, record.person_id, person, _rule(partition, record))
            self._write(replace(record, person_id=person), partition.ties.get(record.patient_id))
        return changed

    def _write(self, record: Record, tie: Tie | None) -> None:
        """The link as it is now; one that stays the same keeps its date and, where it was a person's, its actor."""
        state, rule, bits, because = link_of(record.evidence, tie)
        self._view.execute(
            "UPDATE identity_link SET since_us = CASE WHEN person_id = ? THEN since_us ELSE ? END, person_id = ?,"
            " state = ?, rule = ?, bits = ?, because = ?, model = ?, actor = ? WHERE n = ?"
            " AND (person_id <> ? OR state <> ? OR rule <> ? OR because IS NOT ?)",
            (record.person_id, now_us(self._view), record.person_id, state, rule, bits, because,
             self._weights.version, self._actor(state), record.n, record.person_id, state, rule, because),
        )  # fmt: skip

    def _actor(self, state: str) -> str | None:
        caller = self._view.caller
        return (caller.actor or caller.client) if state == MANUAL else None

    def _say_crowded(self, record: Record, person: str, seen: Iterable[Seen]) -> None:
        """More records than are looked at: where nothing was found, a person looks, beginning with the most alike."""
        if person != record.own or not seen:
            return
        nearest = max(seen, key=lambda one: (one.judgement.bits, -one.record.n))
        if nearest.judgement.kind is not Kind.VETO and nearest.record.person_id != person:
            doubt = Doubt(record, nearest.record, nearest.judgement)
            reviews.open_review(self._view, doubt, self._weights.version, reviews.CROWDED)


def link_of(evidence: Evidence, tie: Tie | None) -> tuple[str, str, float | None, str | None]:
    """State, rule, bits and evidence of a link, as its row keeps them."""
    if tie is None:
        return (AUTO, ALONE, None, None) if evidence.temporary is None else (TEMPORARY, evidence.temporary, None, None)
    if tie.judgement is None:
        return MANUAL, MANUAL, None, json.dumps({"with": tie.other}, separators=(",", ":"))
    score = tie.judgement.score
    because = json.dumps({"with": tie.other, "fields": score.fields}, separators=(",", ":"))
    return AUTO, tie.judgement.rule, score.bits, because


def _person(group: Sequence[Record]) -> str:
    """A person has the number of the record that came first, so that parting it again gives each part its own."""
    return min(group, key=lambda one: one.n).own


def _rule(partition: Partition, record: Record) -> str:
    return link_of(record.evidence, partition.ties.get(record.patient_id))[1]
