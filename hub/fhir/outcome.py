"""OperationOutcome (R4 operationoutcome.html): what went wrong, where, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from hub.contracts.errors import ExchangeError

__all__ = ["Issue", "operation_outcome", "success_outcome"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue. ``code`` is of R4's issue-type; ``expression`` a FHIRPath or the name of a parameter or header."""

    severity: str
    code: str
    diagnostics: str
    expression: str = ""
    details: str = ""


def operation_outcome(error: ExchangeError | Sequence[Issue | ExchangeError]) -> bytes:
    """The refusal, or several, as JSON. Never holds patient data: errors name elements, not values."""
    problems = [error] if isinstance(error, ExchangeError) else list(error)
    return _encode([_as_issue(problem) for problem in problems])


def success_outcome(diagnostics: str) -> bytes:
    """An OperationOutcome that says something went well."""
    return _encode([Issue("information", "informational", diagnostics)])


def _as_issue(problem: Issue | ExchangeError) -> Issue:
    if isinstance(problem, Issue):
        return problem
    severity = "fatal" if problem.http_status >= 500 and problem.issue_code == "exception" else "error"
    return Issue(severity, problem.issue_code, problem.sentence(), problem.where)


def _encode(issues: Sequence[Issue]) -> bytes:
    return msgspec.json.encode({"resourceType": "OperationOutcome", "issue": [_row(issue) for issue in issues]})


def _row(issue: Issue) -> dict[str, Any]:
    row: dict[str, Any] = {"severity": issue.severity, "code": issue.code}
    if issue.details:
        row["details"] = {"text": issue.details}
    row["diagnostics"] = issue.diagnostics
    if issue.expression:
        row["expression"] = [issue.expression]
    return row
