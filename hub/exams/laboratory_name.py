"""Tokens of a name to determinations: analytes and panels with specimen, time aspect and method class."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from .examination import Determination, Examination, Kind
from .lexicon import Token
from .vocabulary import analytes, panels

BLOOD = frozenset({"serum-plasma", "whole-blood"})


@dataclass(slots=True)
class _Segment:
    """What stands between two joiners: its qualifiers hold for its own analytes."""

    items: list[tuple[str, str]] = field(default_factory=list)
    qualifiers: dict[str, str] = field(default_factory=dict)
    inherent: dict[int, dict[str, str]] = field(default_factory=dict)


def _segments(tokens: Sequence[Token]) -> list[_Segment]:
    found = [_Segment()]
    for token in tokens:
        if token.has("join"):
            if token.depth == 0:
                found.append(_Segment())
            continue
        segment = found[-1]
        items = [each for each in token.meanings if each[0] in ("analyte", "panel")]
        qualifiers = {name: value for name, value in token.meanings if name in ("specimen", "time", "method") and value}
        if items:
            for item in items:
                segment.inherent[len(segment.items)] = qualifiers
                segment.items.append(item)
        else:
            segment.qualifiers |= qualifiers
    return found


def _with_neighbours(segments: list[_Segment]) -> list[_Segment]:
    """A segment of qualifiers alone belongs to the one before it, else to the one after it."""
    joined: list[_Segment] = []
    waiting: dict[str, str] = {}
    for segment in segments:
        if segment.items:
            segment.qualifiers = waiting | segment.qualifiers
            waiting = {}
            joined.append(segment)
        elif joined:
            joined[-1].qualifiers = segment.qualifiers | joined[-1].qualifiers
        else:
            waiting |= segment.qualifiers
    return joined


def determination(analyte: str, said: dict[str, str], panel: str = "", panel_specimen: str = "") -> Determination:
    """One determination; the specimen stays empty for blood unless it was said, and is the usual one for the rest."""
    usual = panel_specimen or analytes()[analyte].specimen
    return Determination(
        analyte=analyte,
        specimen=said.get("specimen", "") or ("" if usual in BLOOD else usual),
        time_aspect=said.get("time", ""),
        method=said.get("method", ""),
        panel=panel,
    )


def panel_determinations(panel: str, said: dict[str, str]) -> list[Determination]:
    """The core of a panel; what laboratories add of their own is not taken for ordered."""
    known = panels()[panel]
    return [determination(analyte, said, panel, known.specimen) for analyte in known.core]


def _fluid_alone(tokens: Sequence[Token]) -> list[Determination]:
    """胸水 names its routine examination where nothing else is asked of it; else it is only the specimen."""
    segments = _segments(tokens)
    said = {name: value for segment in segments for name, value in segment.qualifiers.items()}
    fluids = dict.fromkeys(value for token in tokens for slot, value in token.meanings if slot == "bare")
    return [determination(fluid, said) for fluid in fluids] if len(fluids) == 1 else []


def laboratory_from_tokens(tokens: Sequence[Token]) -> Examination | None:
    """None where no analyte is named."""
    found: dict[tuple[str, str, str], Determination] = {}
    for segment in _with_neighbours(_segments(tokens)):
        members = {value for slot, value in segment.items if slot == "analyte"}
        for at, (slot, value) in enumerate(segment.items):
            if slot == "panel" and members and members <= set(panels()[value].core):
                continue  # 免疫球蛋白IgG is one of the panel's, not the panel
            said = segment.qualifiers | segment.inherent[at]
            each_of = panel_determinations(value, said) if slot == "panel" else [determination(value, said)]
            for each in each_of:
                found.setdefault((each.analyte, each.specimen, each.time_aspect), each)
    determinations = tuple(found.values()) or tuple(_fluid_alone(tokens))
    return Examination(kind=Kind.LABORATORY, determinations=determinations) if determinations else None
