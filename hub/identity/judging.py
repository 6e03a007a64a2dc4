"""What follows from two records alone: the table of evidence, one row after the other. Pure and symmetrical.

A number links only under a name that agrees and where neither record contradicts in birth date or sex what the other,
or for it the number, says. Else a person decides, and the records are scored as if neither had a number: a mistaken
first claim must not capture it.
"""

from dataclasses import dataclass
from enum import StrEnum

from .evidence import Evidence, stated_numbers
from .names import Grade
from .scoring import Score, score
from .weights import Weights

MOST_YEARS_APART = 2
CERTAIN_BITS = 100.0
"""What a checked number under an agreeing name counts in an order of evidence."""


class Kind(StrEnum):
    LINK = "link"
    REVIEW = "review"
    NONE = "none"
    VETO = "veto"
    """Never one person unless a person says so, and with two numbers not even then."""


class Rule(StrEnum):
    NUMBER_AND_NAME = "number-and-name"
    SCORE = "score"
    NUMBER_DISPUTED = "number-disputed"
    """One checked number, but another name, birth date or sex."""
    TWO_NUMBERS = "two-numbers"
    BIRTH_YEARS = "birth-years"
    SEX = "sex"
    TWINS = "twins"
    LIKELY = "likely"
    TEMPORARY = "temporary"
    UNLIKE = "unlike"


@dataclass(frozen=True, slots=True)
class Judgement:
    kind: Kind
    rule: Rule
    score: Score

    @property
    def bits(self) -> float:
        return CERTAIN_BITS + self.score.bits if self.rule is Rule.NUMBER_AND_NAME else self.score.bits


def judge(one: Evidence, other: Evidence, weights: Weights) -> Judgement:
    found = score(one, other, weights)
    kind, rule = _decide(one, other, found, weights)
    return Judgement(kind, rule, found)


def _decide(one: Evidence, other: Evidence, found: Score, weights: Weights) -> tuple[Kind, Rule]:
    if one.temporary is not None or other.temporary is not None:
        return Kind.NONE, Rule.TEMPORARY
    same_number = one.number is not None and one.number == other.number
    if not same_number and numbers_of(one) and numbers_of(other) and numbers_of(one).isdisjoint(numbers_of(other)):
        return Kind.VETO, Rule.TWO_NUMBERS
    disputed = not numbers_of(one).isdisjoint(numbers_of(other))
    if same_number and found.grade >= Grade.REORDERED and _agree(one, other):
        return Kind.LINK, Rule.NUMBER_AND_NAME
    if one.year is not None and other.year is not None and abs(one.year - other.year) > MOST_YEARS_APART:
        return (Kind.REVIEW, Rule.NUMBER_DISPUTED) if disputed else (Kind.VETO, Rule.BIRTH_YEARS)
    if None not in (one.known_sex, other.known_sex) and one.known_sex != other.known_sex and not disputed:
        return Kind.VETO, Rule.SEX
    enough = found.bits >= weights.link_bits and found.corroborated_bits >= weights.review_bits
    if enough and found.grade >= Grade.SOUND and not found.twins:
        return Kind.LINK, Rule.SCORE
    if disputed:
        return Kind.REVIEW, Rule.NUMBER_DISPUTED
    if found.bits >= weights.review_bits:
        return Kind.REVIEW, Rule.TWINS if found.twins else Rule.LIKELY
    return Kind.NONE, Rule.UNLIKE


def _agree(one: Evidence, other: Evidence) -> bool:
    """Whether birth dates (each has one, if only by its number) are one, the less exact within the other, and sexes
    where both state one."""
    born, also = one.known_born or "", other.known_born or ""
    return (born.startswith(also) or also.startswith(born)) and (
        one.sex is None or other.sex is None or one.sex == other.sex
    )


def numbers_of(evidence: Evidence) -> frozenset[str]:
    """All checked numbers a record states; none for a temporary one, whose number may be the mother's."""
    if evidence.temporary is not None:
        return frozenset()
    return frozenset(stated_numbers(evidence))
