"""What codes say of an examination: LOINC, SNOMED CT, DICOM modality. Facts in ``tables/codes_*.csv``.

The order of trust is: the clinic's own code map (``local_codes``), the national price items, then the other codes,
then the text.
"""

from collections.abc import Iterator, Mapping
from functools import cache

from hub.contracts.codes import LOINC, SNOMED

from ..examination import KIND_OF_MODALITY, Contrast, Examination, Kind, Side, Target
from ..vocabulary import analytes, panels, table_rows
from .laboratory_name import determination, panel_determinations

_SYSTEMS = {"loinc": LOINC, "snomed": SNOMED}
SIDES = {"7771000": Side.LEFT, "24028007": Side.RIGHT, "51440002": Side.BILATERAL}
"""SNOMED CT qualifiers: left, right, right and left."""


def _targets(cell: str) -> tuple[Target, ...]:
    found = []
    for part in filter(None, cell.split(";")):
        region, _, side = part.partition(":")
        found.append(Target(region, Side(side)))
    return tuple(found)


def _split(cell: str) -> tuple[str, ...]:
    return tuple(filter(None, cell.split(";")))


def _imaging() -> Iterator[tuple[tuple[str, str], Examination]]:
    for row in table_rows("codes_imaging.csv"):
        yield (
            (_SYSTEMS[row["system"]], row["code"]),
            Examination(
                kind=KIND_OF_MODALITY.get(row["modality"], Kind.IMAGING),
                modality=row["modality"],
                targets=_targets(row["targets"]),
                contrast=Contrast(row["contrast"]) if row["contrast"] else None,
                technique=_split(row["technique"]),
                views=_split(row["views"]),
                guidance=row["guidance"] == "yes",
            ),
        )


def _laboratory() -> Iterator[tuple[tuple[str, str], Examination]]:
    for analyte in analytes().values():
        for code in analyte.loinc:
            yield (LOINC, code), Examination(Kind.LABORATORY, determinations=(determination(analyte.slug, {}),))
    for panel in panels().values():
        for code in panel.loinc:
            each_of = tuple(panel_determinations(panel.slug, {}))
            yield (LOINC, code), Examination(Kind.LABORATORY, determinations=each_of)
    for row in table_rows("codes_laboratory.csv"):
        said = {"specimen": row["specimen"], "time": row["time_aspect"], "method": row["method"]}
        one = determination(row["analyte"], said)
        yield (_SYSTEMS[row["system"]], row["code"]), Examination(Kind.LABORATORY, determinations=(one,))


@cache
def known_codes() -> Mapping[tuple[str, str], Examination]:
    """(system, code) → what it says; attributes that the code leaves open are open here too."""
    return dict(_imaging()) | dict(_laboratory())


@cache
def body_codes() -> Mapping[tuple[str, str], tuple[Target, ...]]:
    return {(_SYSTEMS[row["system"]], row["code"]): _targets(row["targets"]) for row in table_rows("codes_body.csv")}


@cache
def modality_codes() -> Mapping[str, str]:
    """DICOM modality → the slug of ours, by the code alone: senders differ in the system they name."""
    return {row["code"]: row["modality"] for row in table_rows("codes_modality.csv")}
