"""Finding the person of somebody described, without writing anything: what ``$match`` and look-ups ask.

The same keys, scores and rules as in the write path, over the committed rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from . import records
from .evidence import Evidence
from .judging import Judgement, Kind, Rule, judge
from .partition import Record, profile_of
from .records import Found, Rows
from .scoring import Score, score
from .weights import Weights
from .weights_in_force import weights_in_force

__all__ = ["Candidate", "Found", "Score", "candidates", "match", "score"]

_GRADES = {Kind.LINK: "certain", Kind.REVIEW: "probable"}
_MOST_BITS = 60.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person that may be meant: its most alike record, and how it is graded (FHIR match-grade: certain, probable,
    possible). ``certain`` is what the write path would link."""

    person_id: str
    patient_id: str
    judgement: Judgement
    grade: str

    @property
    def score(self) -> float:
        """Between 0 and 1, rising with the evidence."""
        return round(min(max(self.judgement.bits, 0.0), _MOST_BITS) / _MOST_BITS, 3)


def candidates(rows: Rows, evidence: Evidence) -> Found:
    """Records that share a blocking key with the evidence."""
    return records.sharing_keys(rows, evidence)


def match(rows: Rows, evidence: Evidence, weights: Weights | None = None) -> Sequence[Candidate]:
    """Each person once, the likeliest first. At most one is certain: where two would be, or the lead of the first is
    too small, all are at most probable."""
    table = weights or weights_in_force(rows)
    best: dict[str, Candidate] = {}
    for record in candidates(rows, evidence).records:
        judgement = judge(evidence, record.evidence, table)
        if judgement.kind is Kind.VETO or (judgement.kind is Kind.NONE and judgement.bits <= 0):
            continue
        grade = _GRADES.get(judgement.kind, "possible")
        known = best.get(record.person_id)
        if known is None or judgement.bits > known.judgement.bits:
            best[record.person_id] = Candidate(record.person_id, record.patient_id, judgement, grade)
    ranked = sorted(best.values(), key=lambda one: (-one.judgement.bits, one.person_id))
    sure = _sure([one for one in ranked if one.grade == "certain" and _fits(rows, evidence, one)], ranked, table)
    return [one if one is sure else _doubted(one) for one in ranked]


def _sure(certain: Sequence[Candidate], ranked: Sequence[Candidate], weights: Weights) -> Candidate | None:
    """The one who is certain: the only one under the number and an agreeing name, else the only one by its score, and
    that by enough."""
    numbered = [one for one in certain if one.judgement.rule is Rule.NUMBER_AND_NAME]
    if numbered or len(certain) != 1:
        return numbered[0] if len(numbered) == 1 else None
    others = [one.judgement.bits for one in ranked if one is not certain[0]]
    return certain[0] if not others or certain[0].judgement.bits - max(others) >= weights.lead_bits else None


def _fits(rows: Rows, evidence: Evidence, candidate: Candidate) -> bool:
    """Whether the person as a whole may be meant, not its most alike record alone: another may hold another number."""
    members = records.of_persons(rows, [candidate.person_id], records.MOST_PER_KEY)
    asked = Record(0, "", "", "", evidence)
    return profile_of([asked]).fits(profile_of(members), {})


def _doubted(one: Candidate) -> Candidate:
    grade = "probable" if one.grade == "certain" else one.grade
    return Candidate(one.person_id, one.patient_id, one.judgement, grade)
