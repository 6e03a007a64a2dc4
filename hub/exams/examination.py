"""What an examination is: the axes along which two of them are compared.

Imaging and electrophysiology: modality, regions with their sides, contrast phases, technique, views, guidance (nearly
the axes of the LOINC/RSNA Radiology Playbook). Laboratory: determinations, each an analyte with specimen, time aspect
and method class. Whatever a text or code does not say stays None or empty: unknown is never guessed.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec


class Kind(StrEnum):
    IMAGING = "imaging"
    LABORATORY = "lab"
    ELECTROPHYSIOLOGY = "ecg"
    PROCEDURE = "procedure"
    NONE = "none"


class Side(StrEnum):
    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"
    UNSAID = ""


class Contrast(StrEnum):
    PLAIN = "plain"
    CONTRAST = "contrast"
    BOTH = "both"


KIND_OF_MODALITY: Mapping[str, Kind] = {
    "ECG": Kind.ELECTROPHYSIOLOGY,
    "EEG": Kind.ELECTROPHYSIOLOGY,
    "EMG": Kind.ELECTROPHYSIOLOGY,
    "ABPM": Kind.ELECTROPHYSIOLOGY,
    "PFT": Kind.ELECTROPHYSIOLOGY,
    "ES": Kind.PROCEDURE,
}
"""Every modality that does not stand here makes images."""


class Target(msgspec.Struct, frozen=True, array_like=True):
    """One body region as it is examined, with the side that was said."""

    region: str
    side: Side = Side.UNSAID


class Determination(msgspec.Struct, frozen=True, array_like=True):
    """One analyte to be determined. ``panel`` is the panel under whose name it was ordered, empty if it was named
    itself; the others are empty where nothing was said."""

    analyte: str
    specimen: str = ""
    time_aspect: str = ""
    method: str = ""
    panel: str = ""


class Examination(msgspec.Struct, frozen=True, omit_defaults=True):
    """An examination by its attributes, in the slugs of ``tables/``. Hashable, and equal when it is the same."""

    kind: Kind
    modality: str = ""
    targets: tuple[Target, ...] = ()
    contrast: Contrast | None = None
    technique: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    guidance: bool = False
    determinations: tuple[Determination, ...] = ()

    @property
    def regions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(target.region for target in self.targets))

    @property
    def analytes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.analyte for each in self.determinations))

    @property
    def laterality(self) -> Side | None:
        """The side that was said, if all that were said agree; left and right together are bilateral."""
        sides = {target.side for target in self.targets if target.side is not Side.UNSAID}
        if not sides:
            return None
        if len(sides) == 1:
            return sides.pop()
        by_region: dict[str, set[Side]] = {}
        for target in self.targets:
            by_region.setdefault(target.region, set()).add(target.side)
        both = {Side.LEFT, Side.RIGHT}
        if all(Side.BILATERAL in said or both <= said for said in by_region.values() if said != {Side.UNSAID}):
            return Side.BILATERAL
        return None


def _common(values: Iterable[str]) -> str | None:
    said = {value for value in values if value}
    return said.pop() if len(said) == 1 else None


def attributes(examination: Examination | None) -> dict[str, Any]:
    """The attributes in the form that ``hub exams parse`` prints."""
    exam = examination or Examination(kind=Kind.NONE)
    laterality = exam.laterality
    return {
        "kind": exam.kind.value,
        "modality": exam.modality or None,
        "regions": list(exam.regions),
        "laterality": laterality.value if laterality else None,
        "contrast": exam.contrast.value if exam.contrast else None,
        "technique": list(exam.technique),
        "views": list(exam.views),
        "guidance": exam.guidance,
        "analytes": list(exam.analytes),
        "specimen": _common(each.specimen for each in exam.determinations),
        "time_aspect": _common(each.time_aspect for each in exam.determinations),
        "method": _common(each.method for each in exam.determinations if each.method != "chemical"),
    }


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Examination)


def encode(examination: Examination) -> bytes:
    """Compact and stable: equal examinations give equal bytes."""
    return _encoder.encode(examination)


def decode(content: bytes) -> Examination:
    return _decoder.decode(content)
