"""Which person a Patient is: pure, without a store.

The first rule: the same valid resident identity number and the same name (as ``normalise`` writes it) are one person;
everything else stays apart. The number alone never links: numbers were given twice, and cards are lent. A fuller
matcher (scores, review) is another ``Matcher``; the reaction that keeps the links stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hub.contracts import resident_id
from hub.contracts.codes import RESIDENT_ID

from .normalise import is_placeholder, patient_name_key

RULE_FIRST = "resident-id-and-name"
RULE_ALONE = "alone"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one source Patient says of who it is. ``number`` is its one valid resident identity number in use, None
    where there is none, or where it states two, since it cannot be known which is right."""

    number: str | None
    name_key: str | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person that holds the same number, and the name under which it does."""

    person_id: str
    name_key: str


@dataclass(frozen=True, slots=True)
class Decision:
    """``person_id`` None: a person of its own. ``claims`` says whether that person then holds the number under this
    name, so that later records can join it."""

    person_id: str | None
    rule: str
    claims: bool


class Matcher(Protocol):
    """Pure, and independent of the order in which records came: the candidates are all the say the past has."""

    def decide(self, evidence: Evidence, candidates: Sequence[Candidate]) -> Decision: ...


class FirstRule:
    """``Matcher`` of the rule above. Each (number, name) is one class of records, whatever their order."""

    def decide(self, evidence: Evidence, candidates: Sequence[Candidate]) -> Decision:
        if evidence.number is None or evidence.name_key is None or is_placeholder(evidence.name_key):
            return Decision(None, RULE_ALONE, claims=False)
        for candidate in candidates:
            if candidate.name_key == evidence.name_key:
                return Decision(candidate.person_id, RULE_FIRST, claims=True)
        return Decision(None, RULE_FIRST, claims=True)


def evidence_of(patient: dict[str, Any]) -> Evidence:
    """What a FHIR Patient (as JSON; ``identifier`` and ``name`` are enough) says. Identifiers marked ``old`` do not
    speak; a period ends a card, not the number on it."""
    numbers = set()
    for identifier in patient.get("identifier") or ():
        if identifier.get("system") != RESIDENT_ID or identifier.get("use") == "old":
            continue
        parsed = resident_id.parse(str(identifier.get("value") or ""))
        if parsed is not None:
            numbers.add(parsed.value)
    return Evidence(numbers.pop() if len(numbers) == 1 else None, patient_name_key(patient))
