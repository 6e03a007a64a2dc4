"""The words in which examinations are described: regions and how they contain each other, analytes, panels."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Region:
    slug: str
    zh: str
    ancestors: frozenset[str]
    """All regions that contain it."""
    paired: bool
    both_when_unsaid: bool
    """Usage names this organ without a side and means both."""


@dataclass(frozen=True, slots=True)
class Analyte:
    slug: str
    zh: str
    loinc: tuple[str, ...]
    specimen: str
    """What it is determined in when nothing is said."""
    related: str
    """An analyte that answers nearly the same question by another method class."""


@dataclass(frozen=True, slots=True)
class Panel:
    slug: str
    zh: str
    loinc: tuple[str, ...]
    specimen: str
    core: tuple[str, ...]
    optional: tuple[str, ...]


def table_text(name: str) -> str:
    """The text of one file in ``hub/exams/tables``."""
    return resources.files("hub.exams").joinpath("tables", name).read_text(encoding="utf-8")


def table_rows(name: str) -> Iterator[dict[str, str]]:
    """The rows of one CSV file in ``hub/exams/tables``."""
    return csv.DictReader(io.StringIO(table_text(name)))


def _listed(cell: str) -> tuple[str, ...]:
    return tuple(part for part in cell.split(";") if part)


@cache
def regions() -> Mapping[str, Region]:
    parents = {row["region"]: _listed(row["part_of"]) for row in table_rows("regions.csv")}

    def containing(slug: str) -> frozenset[str]:
        found: set[str] = set()
        waiting = list(parents[slug])
        while waiting:
            parent = waiting.pop()
            if parent not in found:
                found.add(parent)
                waiting += parents[parent]
        return frozenset(found)

    return {
        row["region"]: Region(
            slug=row["region"],
            zh=row["zh"],
            ancestors=containing(row["region"]),
            paired=row["paired"] == "yes",
            both_when_unsaid=row["both_when_unsaid"] == "yes",
        )
        for row in table_rows("regions.csv")
    }


@cache
def analytes() -> Mapping[str, Analyte]:
    return {
        row["analyte"]: Analyte(
            slug=row["analyte"],
            zh=row["zh"],
            loinc=_listed(row["loinc"]),
            specimen=row["specimen"],
            related=row["related"],
        )
        for row in table_rows("analytes.csv")
    }


@cache
def panels() -> Mapping[str, Panel]:
    return {
        row["panel"]: Panel(
            slug=row["panel"],
            zh=row["zh"],
            loinc=_listed(row["loinc"]),
            specimen=row["specimen"],
            core=_listed(row["core"]),
            optional=_listed(row["optional"]),
        )
        for row in table_rows("panels.csv")
    }


@cache
def words() -> Mapping[str, list[str]]:
    """The closed lists: modalities, technique, technique_ignored, views, specimens, time_aspects, methods."""
    loaded: Mapping[str, list[str]] = json.loads(table_text("vocabulary.json"))
    return loaded


@cache
def tables_version() -> str:
    """Names the built-in tables: the same version, the same verdicts."""
    digest = hashlib.sha256()
    folder = resources.files("hub.exams").joinpath("tables")
    for name in sorted(entry.name for entry in folder.iterdir() if entry.is_file()):
        digest.update(name.encode())
        digest.update(folder.joinpath(name).read_bytes())
    return f"2026.11-{digest.hexdigest()[:10]}"
