"""Finding the person of somebody described, without writing anything: what ``$match`` and look-ups ask.

The same keys, scores and rules as in the write path, over the committed rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from . import records
from .evidence import Evidence
from .judging import Judgement, Kind, Rule, judge
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
    return [_doubted(one) for one in ranked] if _is_ambiguous(ranked, table) else ranked


def _is_ambiguous(ranked: Sequence[Candidate], weights: Weights) -> bool:
    certain = [one for one in ranked if one.grade == "certain"]
    if len(certain) != 1:
        return len(certain) > 1
    first = certain[0]
    if first.judgement.rule is Rule.NUMBER_AND_NAME:
        return False
    others = [one.judgement.bits for one in ranked if one is not first]
    return bool(others) and first.judgement.bits - max(others) < weights.lead_bits


def _doubted(one: Candidate) -> Candidate:
    grade = "probable" if one.grade == "certain" else one.grade
    return Candidate(one.person_id, one.patient_id, one.judgement, grade)
