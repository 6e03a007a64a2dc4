"""What a card must not name: priors of sensitive kinds (HIV, hepatitis, syphilis, psychiatric, reproductive, genetic).

The table (``tables/sensitive.csv``, part of the tables' version) says for each kind by which analytes, words of the
name and places it is known, from which roles it is withheld, and in which settings it is shown all the same. The
organization whose own record a prior is always sees it. A verdict keeps its code and its indicator: that there is a
recent result is told, and how to ask for it. Nothing else of it is: no name, no code, no place, no date, no
reference, and nothing from which it could be inferred (what remains to be done, the window, that it was abnormal).

This is wording, not access: what a role may read is decided by the policy.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from hub.contracts.caller import Role

from ..examination import Kind
from ..judging.prior import Context, Prior
from ..judging.verdict import Verdict
from ..naming.understanding import understand
from ..rows.fhir_reading import concept, name_of, part
from ..vocabulary import table_rows
from .wording import place_of, prior_name

_REVEALING_REASONS = frozenset({"abnormal-prior", "follow-up", "planned"})
_OF_THE_ORDER = ("order-contradiction", "contrast-unsaid-order")


@dataclass(frozen=True, slots=True)
class Sensitive:
    category: str
    analytes: frozenset[str]
    words: tuple[str, ...]
    places: tuple[str, ...]
    withheld_from: frozenset[str]
    shown_in: frozenset[str]


def _listed(cell: str) -> tuple[str, ...]:
    return tuple(part.upper() for part in cell.split(";") if part)


@cache
def sensitive() -> tuple[Sensitive, ...]:
    return tuple(
        Sensitive(
            category=row["category"],
            analytes=frozenset(row["analytes"].split(";")) - {""},
            words=_listed(row["words"]),
            places=_listed(row["places"]),
            withheld_from=frozenset(row["withheld_from"].split(";")),
            shown_in=frozenset(row["shown_in"].split(";")),
        )
        for row in table_rows("sensitive.csv")
    )


def _is_of(kind: Sensitive, prior: Prior, context: Context) -> bool:
    examination = prior.examination
    if examination.kind is Kind.LABORATORY and not kind.analytes.isdisjoint(examination.analytes):
        return True
    names = {prior_name(prior).upper(), *(detail.name.upper() for detail in prior.details)}
    if any(word in name for word in kind.words for name in names):
        return True
    place = place_of(prior, context.institution).upper()
    return any(word in place for word in kind.places)


def is_sensitive_result(resource: Any, role: Role) -> bool:
    """Whether an Observation or a report is, by its own code and name, of a kind that is withheld from this role."""
    names = [said for said in (concept(part(resource, "code")),) if said]
    examination = understand(names).examination
    said = " ".join([name_of(each) for each in names] + [d for each in names for _, _, d in each.codings]).upper()
    analytes = examination.analytes if examination is not None and examination.kind is Kind.LABORATORY else ()
    return any(
        role.value in kind.withheld_from
        and (not kind.analytes.isdisjoint(analytes) or any(word in said for word in kind.words))
        for kind in sensitive()
    )


def is_withheld(prior: Prior, context: Context, role: Role, *, from_owner: bool = False) -> bool:
    """``from_owner`` withholds it from the organization whose record it is as well: for what others read too."""
    if prior.sibling or (prior.owner == context.organization and not from_owner):
        return False
    return any(
        role.value in kind.withheld_from and context.setting not in kind.shown_in and _is_of(kind, prior, context)
        for kind in sensitive()
    )


def shown_to(verdict: Verdict, context: Context, role: Role, *, from_owner: bool = False) -> Verdict:
    """The verdict as ``role`` may be told it; itself where nothing is withheld."""
    hidden = [prior for prior in verdict.covering if is_withheld(prior, context, role, from_owner=from_owner)]
    if not hidden:
        return verdict
    return replace(
        verdict,
        covering=tuple(prior for prior in verdict.covering if prior not in hidden),
        remainder=(),
        window=None,
        reason="" if verdict.reason in _REVEALING_REASONS else verdict.reason,
        lowered_by=_without(verdict.lowered_by),
        notes=tuple(note for note in verdict.notes if note.startswith(_OF_THE_ORDER)),
        weighed=(),
        withheld=len(hidden),
    )


def _without(reasons: Sequence[str]) -> tuple[str, ...]:
    return tuple(reason for reason in reasons if reason not in _REVEALING_REASONS)
