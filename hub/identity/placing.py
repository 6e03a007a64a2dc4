"""Puts a record with the person it belongs to, inside the commit that writes it.

Most records need no more than a look: nobody is like it, or one number and name are known already. Else the persons
that it touches are parted anew as a whole (``partition``), so that what follows depends on the records and not on the
order in which they came, and a record that leaves leaves the others as they would be without it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from hub.contracts.store import CommitView

from . import claims, links, records, reviews
from .events import moved
from .evidence import Evidence, keys_of
from .judging import Judgement, Kind, Rule, judge, numbers_of
from .links import Said
from .neighbourhood import MOST_OF_A_PERSON, around
from .partition import Doubt, Partition, Record, Tie, pair_of, profile_of
from .records import Found
from .weights import Weights


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

    def admit(self, patient_id: str, own: str, said: Said, *, fresh: bool) -> str:
        """Link a Patient that is not linked; ``own`` is the number of the person that it founds where it is alone.
        ``fresh``: it never was, so nothing can have been said of it. Gives its person."""
        found, likely = self._look(said.evidence, said.keys, patient_id)
        if fresh and not likely:
            record = links.insert(self._view, patient_id, own, said, own, None, self.model)
            if said.evidence.number is not None and said.evidence.temporary is None:
                claims.claim(self._view, said.evidence.number, own)
            person = own
        elif fresh and (sure := self._sure(said.evidence, likely)) is not None:
            person = sure.record.person_id
            tie = Tie(sure.record.patient_id, sure.judgement)
            record = links.insert(self._view, patient_id, own, said, person, tie, self.model)
            number = said.evidence.number
            if number is not None and not claims.is_held_by(self._view, number, person):
                claims.settle(self._view, [number])
        else:
            record = links.insert(self._view, patient_id, own, said, own, None, self.model)
            person = self._part([record], likely, ())
        if found.crowded and person == own:
            self._say_crowded(record, found)
        return person

    def change(self, known: Record, said: Said) -> str:
        """Decide anew on a Patient that says something else than before; gives its person."""
        record = links.restate(self._view, known, said)
        found, likely = self._look(said.evidence, said.keys, record.patient_id)
        person = self._part([record], likely, numbers_of(known.evidence))
        if found.crowded and person == record.own:
            self._say_crowded(record, found)
        return person

    def part(self, seeds: Sequence[Record], before: Iterable[str] = ()) -> None:
        """Decide anew who is with whom among the persons of these records and those they may belong to; ``before`` are
        numbers that were stated until now."""
        likely = []
        for seed in seeds:
            likely += self._look(seed.evidence, keys_of(seed.evidence), seed.patient_id)[1]
        self._part(seeds, likely, before)

    def _look(self, evidence: Evidence, keys: Sequence[int], but: str) -> tuple[Found, list[Seen]]:
        """Who shares a key, and of these the ones that come into question. Of a person that one record makes certain
        the others need no look."""
        found = records.by_keys(self._view.rows, keys, but)
        likely: list[Seen] = []
        certain: set[str] = set()
        for one in found.records:
            if one.person_id not in certain:
                judgement = judge(evidence, one.evidence, self._weights)
                if judgement.kind in (Kind.LINK, Kind.REVIEW):
                    likely.append(Seen(one, judgement))
                    if judgement.rule is Rule.NUMBER_AND_NAME:
                        certain.add(one.person_id)
        return found, likely

    def _sure(self, evidence: Evidence, likely: Sequence[Seen]) -> Seen | None:
        """The record that it is to be linked with, where nobody but its person comes into question: the oldest under
        the same number and name, or for one without a number the most alike, if it fits all that is known."""
        if len({one.record.person_id for one in likely}) > 1:
            return None
        sure = [one for one in likely if one.judgement.rule is Rule.NUMBER_AND_NAME]
        if sure:
            return min(sure, key=lambda one: one.record.n)
        best = min(likely, key=lambda one: (-one.judgement.bits, one.record.n))
        if best.judgement.rule is not Rule.SCORE or numbers_of(evidence):
            return None
        known = records.of_persons(self._view.rows, [best.record.person_id], MOST_OF_A_PERSON)
        return best if profile_of([Record(0, "", "", "", evidence)]).fits(profile_of(known), {}) else None

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
            links.change(
                self._view, replace(record, person_id=person), partition.ties.get(record.patient_id), self.model
            )
        return changed

    def _say_crowded(self, record: Record, found: Found) -> None:
        """More records share a key than are looked at, and nobody was found: a person looks, beginning with the most
        alike."""
        seen = [Seen(one, judge(record.evidence, one.evidence, self._weights)) for one in found.records]
        nearest = max(seen, key=lambda one: (one.judgement.kind is not Kind.VETO, one.judgement.bits, -one.record.n))
        if nearest.judgement.kind is Kind.VETO:
            return
        doubt = Doubt(record, nearest.record, nearest.judgement)
        reviews.open_review(self._view, doubt, self.model, reviews.CROWDED)


def _person(group: Sequence[Record]) -> str:
    """A person has the number of the record that came first, so that parting it again gives each part its own."""
    return min(group, key=lambda one: one.n).own


def _rule(partition: Partition, record: Record) -> str:
    return links.why(record.evidence, partition.ties.get(record.patient_id)).rule
