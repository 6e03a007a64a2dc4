"""Which of a handful of records are one person: a pure function of the records and of what people said of them.

Links are taken strongest first, people's word before numbers, numbers before scores. Two groups become one only where
nothing about either as a whole speaks against it, so that two numbers do not meet through a third record, nor two
birth years. A score links only where it leads by ``lead_bits`` over the next person it might be; the next person does
not count where it may well be the same one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .evidence import Evidence
from .judging import MOST_YEARS_APART, Judgement, Kind, Rule, judge, numbers_of
from .weights import Weights

Pair = tuple[str, str]
"""Two Patient ids, the smaller first."""


def pair_of(one: str, other: str) -> Pair:
    return (one, other) if one < other else (other, one)


@dataclass(frozen=True, slots=True)
class Record:
    """A source Patient as identity keeps it. ``n`` counts arrivals; ``own`` is the number of the person it founds."""

    n: int
    patient_id: str
    person_id: str
    own: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Tie:
    """Why a record is with another: a judgement, or (None) a person's word."""

    other: str
    judgement: Judgement | None


@dataclass(frozen=True, slots=True)
class Doubt:
    """Two records of two persons that may be one."""

    one: Record
    other: Record
    judgement: Judgement


@dataclass(slots=True)
class Profile:
    """What is known of a group as a whole."""

    members: list[Record] = field(default_factory=list)
    numbers: set[str] = field(default_factory=set)
    born: set[int] = field(default_factory=set)
    sexes: set[str] = field(default_factory=set)

    @property
    def identified(self) -> bool:
        """Whether a number holds it together that its record does not contradict."""
        return any(one.evidence.number is not None and not one.evidence.contradicts for one in self.members)

    def fits(self, other: "Profile", said: Mapping[Pair, bool], *, by_word: bool = False) -> bool:
        """Whether both may be one person. ``by_word``: a person said so, which outweighs birth year and sex."""
        if len(self.numbers | other.numbers) > 1:
            return False
        if said and any(
            said.get(pair_of(one.patient_id, another.patient_id)) is False
            for one in self.members
            for another in other.members
        ):
            return False
        if by_word:
            return True
        if any(abs(one - another) > MOST_YEARS_APART for one in self.born for another in other.born):
            return False
        both_numbered = bool(self.numbers) and bool(other.numbers)
        return both_numbered or len(self.sexes | other.sexes) <= 1


def profile_of(records: Sequence[Record]) -> Profile:
    """Birth year and sex are those of the number where a record agrees with it, else all that is stated."""
    known = [one.evidence for one in records if one.evidence.temporary is None]
    sure = [one for one in known if one.number is not None and not one.contradicts] or known
    return Profile(
        list(records),
        {number for one in known for number in numbers_of(one)} if known else set(),
        {one.year for one in sure if one.year is not None},
        {sex for one in sure if (sex := one.known_sex) is not None},
    )


def _doubtful(record: Record) -> bool:
    return record.evidence.number is not None and record.evidence.contradicts


class Partition:
    """``groups`` are the persons; ``ties`` say for each record that is not alone what holds it, by Patient id.
    ``frozen`` persons stay as they are: nobody joins them by score, and they join nobody."""

    def __init__(
        self,
        records: Iterable[Record],
        said: Mapping[Pair, bool],
        weights: Weights,
        frozen: Iterable[str] = (),
    ) -> None:
        self._weights = weights
        self._said = said
        self._records = sorted(records, key=lambda one: one.patient_id)
        self._judged: dict[Pair, Judgement] = {}
        self._profiles = {one.patient_id: profile_of([one]) for one in self._records}
        self.ties: dict[str, Tie] = {}
        self._frozen = self._keep(frozenset(frozen))
        self._by_word()
        self._by_number()
        self._by_score()

    @property
    def groups(self) -> list[list[Record]]:
        """Without the frozen ones."""
        return [profile.members for profile in self._distinct() if profile.members[0].patient_id not in self._frozen]

    def doubts(self, about: Iterable[str]) -> list[Doubt]:
        """For each group with one of these Patients the other group that it most likely belongs to, if any."""
        wanted = set(about)
        found: dict[Pair, Doubt] = {}
        profiles = self._distinct()
        for profile in profiles:
            if wanted.isdisjoint(one.patient_id for one in profile.members):
                continue
            best: Doubt | None = None
            for other in profiles:
                if other is not profile and self._may_ask(profile, other):
                    doubt = self._closest(profile, other)
                    if doubt is not None and (best is None or doubt.judgement.bits > best.judgement.bits):
                        best = doubt
            if best is not None:
                found[pair_of(best.one.patient_id, best.other.patient_id)] = best
        return list(found.values())

    def _may_ask(self, one: Profile, other: Profile) -> bool:
        """Whether a person could make them one."""
        return one.fits(other, self._said, by_word=True)

    def _closest(self, one: Profile, other: Profile) -> Doubt | None:
        best: Doubt | None = None
        for record in one.members:
            for another in other.members:
                judgement = self._judge(record, another)
                asks = judgement.kind in (Kind.LINK, Kind.REVIEW)
                if asks and (best is None or judgement.bits > best.judgement.bits):
                    best = Doubt(record, another, judgement)
        return best

    def _keep(self, persons: frozenset[str]) -> frozenset[str]:
        """Put the records of these persons together as they are; gives their Patients."""
        kept: dict[str, list[Record]] = {}
        for record in self._records:
            if record.person_id in persons:
                kept.setdefault(record.person_id, []).append(record)
        for members in kept.values():
            profile = profile_of(members)
            self._profiles.update((one.patient_id, profile) for one in members)
        return frozenset(one.patient_id for members in kept.values() for one in members)

    def _by_word(self) -> None:
        by_id = {one.patient_id: one for one in self._records}
        for (one, other), same in sorted(self._said.items()):
            if same and one in by_id and other in by_id:
                self._join(by_id[one], by_id[other], None)

    def _by_number(self) -> None:
        holders: dict[str, list[Record]] = {}
        for record in self._records:
            if record.evidence.number is not None:
                holders.setdefault(record.evidence.number, []).append(record)
        for records in holders.values():
            for place, one in enumerate(records):
                for other in records[place + 1 :]:
                    if self._profile(one) is not self._profile(other):
                        judgement = self._judge(one, other)
                        if judgement.rule is Rule.NUMBER_AND_NAME:
                            self._join(one, other, judgement)

    def _by_score(self) -> None:
        """Again from the strongest after each that was taken: what was undecided between two may be decided now. A
        record that contradicts its number comes last, so that nobody follows it away from his own."""
        edges = [
            (
                _doubtful(one) or _doubtful(other),
                -judgement.bits,
                one.patient_id,
                other.patient_id,
                one,
                other,
                judgement,
            )
            for place, one in enumerate(self._records)
            for other in self._records[place + 1 :]
            if self._profile(one) is not self._profile(other)
            and (judgement := self._judge(one, other)).rule is Rule.SCORE
        ]
        edges.sort(key=lambda edge: edge[:4])
        joined = True
        while joined:
            joined = any(self._leads(one, other, judgement) and self._join(one, other, judgement)
                         for *_, one, other, judgement in edges)  # fmt: skip

    def _leads(self, one: Record, other: Record, judgement: Judgement) -> bool:
        first, second = self._profile(one), self._profile(other)
        return first is not second and all(
            joining.identified or not self._has_rival(joining, target, judgement.bits)
            for joining, target in ((first, second), (second, first))
        )

    def _has_rival(self, joining: Profile, target: Profile, bits: float) -> bool:
        for rival in self._distinct():
            if rival is joining or rival is target or not joining.fits(rival, self._said):
                continue
            if target.identified and rival.numbers and not rival.identified:
                continue  # a number that its own record contradicts makes nobody else
            closest = self._closest(joining, rival)
            if closest is None or closest.judgement.bits <= bits - self._weights.lead_bits:
                continue
            if not rival.fits(target, self._said) or self._against(rival, target):
                return True
        return False

    def _against(self, one: Profile, other: Profile) -> bool:
        """Whether even the most alike records of two groups differ in birth date, sex or name."""
        return min(
            (judgement.kind is Kind.VETO or judgement.score.against, -judgement.bits)
            for record in one.members
            for another in other.members
            if (judgement := self._judge(record, another))
        )[0]

    def _join(self, one: Record, other: Record, judgement: Judgement | None) -> bool:
        first, second = self._profile(one), self._profile(other)
        if first is second or not self._frozen.isdisjoint((one.patient_id, other.patient_id)):
            return False
        if not first.fits(second, self._said, by_word=judgement is None):
            return False
        both = profile_of(first.members + second.members)
        for record in both.members:
            self._profiles[record.patient_id] = both
        self.ties.setdefault(one.patient_id, Tie(other.patient_id, judgement))
        self.ties.setdefault(other.patient_id, Tie(one.patient_id, judgement))
        return True

    def _profile(self, record: Record) -> Profile:
        return self._profiles[record.patient_id]

    def _distinct(self) -> list[Profile]:
        return list({id(profile): profile for profile in self._profiles.values()}.values())

    def _judge(self, one: Record, other: Record) -> Judgement:
        pair = pair_of(one.patient_id, other.patient_id)
        judgement = self._judged.get(pair)
        if judgement is None:
            judgement = self._judged[pair] = judge(one.evidence, other.evidence, self._weights)
        return judgement
