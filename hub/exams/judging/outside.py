"""Results of outside sources as priors: read by the same parser, recognised by the same rules, judged by the same
table. Pure."""

from collections.abc import Sequence

from hub.contracts.outside import OutsideResult

from ..naming.understanding import Said, understand
from ..rows.fhir_reading import moment_us
from ..rows.row import Detail, State, encode_detail
from .prior import Prior
from .recognition import Institution

ELSEWHERE = "same-province"
"""Where an outside institution lies that does not say it: not in this city, so that a city's mark does not reach it."""
PREFIX = "urn:hub:outside:"


def outside_prior(result: OutsideResult, source: str) -> tuple[Prior, Institution] | None:
    """The prior, and the institution it was done at; None where the name or the date cannot be read."""
    examination = understand([Said((), result.name)]).examination
    performed = moment_us(result.performed)
    if examination is None or performed is None:
        return None
    place = Institution(
        id=f"{PREFIX}{source}:{result.organization}",
        name=result.organization,
        level=result.level,
        place=result.place or ELSEWHERE,
    )
    assessed_from, assessed_to = moment_us(result.assessed_from), moment_us(result.assessed_to)
    detail = Detail(
        name=result.name,
        place=result.organization,
        conclusion=result.conclusion,
        mark=result.mark,
        mark_scope=result.scope,
        assessed_from_us=assessed_from[0] if assessed_from else None,
        assessed_to_us=assessed_to[0] if assessed_to else None,
        assessment_passed=bool(assessed_from or assessed_to),
        organization=place.id,
        date_only=performed[1],
    )
    prior = Prior(
        refs=(result.url if result.url.startswith("https://") else f"{PREFIX}{source}:{result.id}",),
        examination=examination,
        state=State.FINAL,
        anchor_us=performed[0],
        owner=place.id,
        raw_details=(encode_detail(detail),),
        date_only=performed[1],
    )
    return prior, place


def outside_priors(results: Sequence[OutsideResult], source: str) -> list[tuple[Prior, Institution]]:
    return [found for result in results if (found := outside_prior(result, source)) is not None]
