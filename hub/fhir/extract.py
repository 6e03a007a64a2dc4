"""The index rows of a resource, for every stored search parameter of its type."""

from collections.abc import Callable
from functools import cache
from typing import Any

from hub.fhir.dates import OPEN_LOW
from hub.fhir.index_compiler import compile_extractor
from hub.fhir.index_rows import IndexRows
from hub.fhir.search_params import compartment_params, of_type, primary_date

__all__ = ["IndexRows", "extract", "warm"]


def extract(resource_type: str, resource: Any, resource_id: str) -> IndexRows:
    """Rows of a decoded resource. Pure; the same resource always gives the same rows, each once."""
    fill, compartment, primary = _plan(resource_type)
    tokens: list[Any] = []
    references: list[Any] = []
    dates: list[Any] = []
    strings: list[Any] = []
    quantities: list[Any] = []
    numbers: list[Any] = []
    uris: list[Any] = []
    fill(
        resource,
        tokens.append,
        references.append,
        dates.append,
        strings.append,
        quantities.append,
        numbers.append,
        uris.append,
    )
    patient = f"Patient/{resource_id}" if resource_type == "Patient" else _patient(references, compartment)
    return IndexRows(
        tokens if len(tokens) < 2 else list(dict.fromkeys(tokens)),
        references if len(references) < 2 else list(dict.fromkeys(references)),
        dates if len(dates) < 2 else list(dict.fromkeys(dates)),
        strings if len(strings) < 2 else list(dict.fromkeys(strings)),
        quantities if len(quantities) < 2 else list(dict.fromkeys(quantities)),
        numbers if len(numbers) < 2 else list(dict.fromkeys(numbers)),
        uris if len(uris) < 2 else list(dict.fromkeys(uris)),
        patient,
        _sort_date(dates, primary),
    )


def warm(resource_type: str) -> None:
    """Compile the extraction code of a type now, so that processes forked later share it."""
    _plan(resource_type)


@cache
def _plan(resource_type: str) -> tuple[Callable[..., None], tuple[tuple[int, bool], ...], int]:
    fill, _ = compile_extractor(resource_type)
    # A urn: names the patient only where nothing but the subject of the record can stand.
    subjects = {param.id for param in of_type(resource_type).values() if param.code in {"patient", "subject"}}
    params = compartment_params(resource_type)
    compartment = tuple(dict.fromkeys((param.stored_as, param.stored_as in subjects) for param in params))
    primary = primary_date(resource_type)
    return fill, compartment, primary.stored_as if primary else 0


def _patient(references: list[tuple[int, str]], compartment: tuple[tuple[int, bool], ...]) -> str | None:
    for param_id, may_be_urn in compartment:
        found = None
        for row_id, target in references:
            if row_id != param_id:
                continue
            if target.startswith("Patient/") or "/Patient/" in target or (may_be_urn and target.startswith("urn:")):
                if found is not None and found != target:
                    return None
                found = target
        if found is not None:
            return found
    return None


def _sort_date(dates: list[tuple[int, int, int]], primary: int) -> int:
    lows = [low for param_id, low, _ in dates if param_id == primary and low != OPEN_LOW]
    return min(lows) if lows else 0
