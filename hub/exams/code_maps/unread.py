"""Names nobody understood, counted for the mapping desk: by clinic, with how often they came. Nothing of a patient."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from hub.contracts.store import CommitView, Select, Written

from ..naming.understanding import Said, understand
from ..rows.fhir_reading import concept, name_of, part, parts, text
from ..rows.observed import is_laboratory
from ..rows.proto import Proto
from .current import local_codes

TABLE = """
CREATE TABLE IF NOT EXISTS exams_unread (
    organization TEXT NOT NULL, type TEXT NOT NULL, system TEXT NOT NULL, code TEXT NOT NULL, name TEXT NOT NULL,
    times INTEGER NOT NULL, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL,
    PRIMARY KEY (organization, type, system, code, name)
) WITHOUT ROWID;
"""
FEWEST = 5
"""A name that came fewer times may hold anything, a patient's name too."""
FORGOTTEN_AFTER_DAYS = 180
_LONGEST_NAME = 200
_ASKED_FOR = frozenset({"draft", "active", "on-hold"})
_TYPES = frozenset({"DiagnosticReport", "ImagingStudy", "Observation", "ServiceRequest"})


class Name(NamedTuple):
    """As a clinic wrote it; ``type`` is that of the resource it stood in."""

    type: str
    system: str
    code: str
    name: str


def name_in(resource_type: str, resource: Any) -> Name | None:
    """What an examination is called in a resource; None where it bears no name at all."""
    if resource_type == "ImagingStudy":
        said = next((each for each in map(concept, parts(resource, "procedureCode")) if each), None)
        said = said or Said((), text(resource, "description"))
    else:
        said = concept(part(resource, "code")) or Said()
    system, code, _ = next((coding for coding in said.codings if coding[1]), ("", "", ""))
    name = name_of(said)[:_LONGEST_NAME]
    return Name(resource_type, system[:_LONGEST_NAME], code[:_LONGEST_NAME], name) if code or name else None


def _misses(one: Written, protos: Sequence[Proto]) -> bool:
    """Whether what should be an examination was not read."""
    if one.type not in _TYPES or any(proto.exam is not None for proto in protos):
        return False
    resource = one.resource
    if one.type == "DiagnosticReport":
        return not parts(resource, "result")  # its results speak for themselves
    if one.type == "Observation":
        return not protos and is_laboratory(resource) and not parts(resource, "hasMember")
    if one.type == "ServiceRequest":
        return text(resource, "status") in _ASKED_FOR
    return True


def missed(one: Written, protos: Sequence[Proto]) -> Name | None:
    """The name of a new resource that was not understood."""
    return name_in(one.type, one.resource) if one.version == 1 and not one.deleted and _misses(one, protos) else None


def count(view: CommitView, found: Iterable[tuple[str, Name]], now_us: int) -> None:
    """Count names by the organization that wrote them."""
    for (organization, name), times in Counter(found).items():
        view.execute(
            "INSERT INTO exams_unread VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " times = times + excluded.times, last_us = excluded.last_us",
            (organization, *name, times, now_us, now_us),
        )


def forget_rare(view: CommitView) -> None:
    """Names that came fewer than ``FEWEST`` times and not for half a year: nobody will map them."""
    before_us = int((view.now - timedelta(days=FORGOTTEN_AFTER_DAYS)).timestamp() * 1_000_000)
    view.execute("DELETE FROM exams_unread WHERE times < ? AND last_us < ?", (FEWEST, before_us))


def unmapped(select: Select, organization: str | None, most: int) -> list[dict[str, Any]]:
    """The names that are still not understood, most frequent first; of every organization where none is named. What has
    been mapped since, or is understood by newer tables, is left out."""
    where, values = ("WHERE organization = ?", [organization]) if organization is not None else ("", [])
    rows = select(
        f"SELECT organization, type, system, code, name, times, last_us FROM exams_unread {where}"  # noqa: S608
        " ORDER BY times DESC, organization, name, code LIMIT ?",
        (*values, most * 2),
    )
    found: list[dict[str, Any]] = []
    for owner, resource_type, system, code, name, times, last_us in rows:
        said = Said(((system, code, name),) if code else (), name)
        if understand((said,), local=local_codes(select, owner)).examination is None:
            found.append(
                {"organization": owner, "type": resource_type, "system": system, "code": code, "name": name,
                 "times": times, "last_us": last_us}
            )  # fmt: skip
    return found[:most]
