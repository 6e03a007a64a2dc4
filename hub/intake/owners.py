"""Which organization owns each entry of a submission.

The owner is the organization of the sender's credential. Only a ``platform``, which sends for several organizations,
says in its records whose they are; the order of the signs is ``RULES``, the first that speaks decides.
"""

from collections.abc import Callable
from typing import Any, Protocol

from hub.contracts.caller import Role
from hub.contracts.submission import Entry, Method, Submission

from .cited import Citing, citing, identifier_of, reference_of


class Records(Protocol):
    """What the decision must know of records that came before."""

    def owner_of(self, resource_type: str, resource_id: str) -> str | None: ...

    def organization_with(self, condition: str) -> str | None:
        """Id of the one Organization that a search finds, None where it finds none or several."""
        ...

    def owner_of_patient_with(self, condition: str) -> str | None:
        """Owner of the Patients that a search finds, None where there is none or they have several owners."""
        ...

    def owner_of_report_citing(self, reference: str) -> str | None: ...


def decide_owners(submission: Submission, records: Records) -> tuple[str, ...]:
    """One Organization id for each entry, in order."""
    caller = submission.origin.caller
    if caller.role is not Role.PLATFORM:
        return (caller.organization,) * len(submission.entries)
    decision = _Decision(submission, records)
    return tuple(decision.owner(number) for number in range(len(submission.entries)))


class _Decision:
    def __init__(self, submission: Submission, records: Records) -> None:
        self._records = records
        self._entries = submission.entries
        self._own = submission.origin.caller.organization
        self._citing = [citing(entry.body) if entry.body else Citing() for entry in self._entries]
        self._by_reference: dict[str, int] = {}
        self._report_citing: dict[str, int] = {}
        self._decided: dict[int, str] = {}
        for number, entry in enumerate(self._entries):
            for name in _names(entry):
                self._by_reference.setdefault(name, number)
            if entry.type == "DiagnosticReport":
                for part in self._citing[number].parts():
                    self._report_citing.setdefault(part, number)

    def owner(self, number: int) -> str:
        known = self._decided.get(number)
        if known is None:
            self._decided[number] = self._own  # breaks a circle of citations
            known = next((owner for rule in RULES if (owner := rule(self, number))), self._own)
            self._decided[number] = known
        return known

    def named_organization(self, number: int) -> str | None:
        for element in self._citing[number].organizations():
            for reference in reference_of(element):
                if found := self._organization(reference):
                    return found
            if (token := identifier_of(element)) and element.get("type") in (None, "Organization"):
                found = self._records.organization_with(f"identifier={token}")
                if found:
                    return found
        return None

    def citing_report(self, number: int) -> str | None:
        entry = self._entries[number]
        for name in _names(entry):
            report = self._report_citing.get(name)
            if report is not None and report != number:
                return self.owner(report)
        if entry.method is Method.UPDATE and entry.id and entry.type != "DiagnosticReport":
            return self._records.owner_of_report_citing(f"{entry.type}/{entry.id}")
        return None

    def patient(self, number: int) -> str | None:
        for element in self._citing[number].patients():
            for reference in reference_of(element):
                inside = self._by_reference.get(reference)
                if inside is not None and inside != number and self._entries[inside].type == "Patient":
                    return self.owner(inside)
                if reference.startswith("Patient/"):
                    return self._records.owner_of("Patient", reference.removeprefix("Patient/"))
                if reference.startswith("Patient?"):
                    return self._records.owner_of_patient_with(reference.removeprefix("Patient?"))
        return None

    def _organization(self, reference: str) -> str | None:
        inside = self._by_reference.get(reference)
        if inside is not None:
            entry = self._entries[inside]
            if entry.type != "Organization":
                return None
            if entry.method is Method.UPDATE and entry.id:
                return entry.id
            return self._records.organization_with(entry.condition) if entry.condition else None
        if reference.startswith("Organization/"):
            return reference.removeprefix("Organization/")
        if reference.startswith("Organization?"):
            return self._records.organization_with(reference.removeprefix("Organization?"))
        return None


RULES: tuple[Callable[[_Decision, int], str | None], ...] = (
    _Decision.named_organization,
    _Decision.citing_report,
    _Decision.patient,
)
"""The organization named in the record, else that of the report that cites it, else its Patient's."""


def _names(entry: Entry) -> list[str]:
    names: list[Any] = [entry.full_url, f"{entry.type}/{entry.id}" if entry.id else None]
    return [name for name in names if name]
