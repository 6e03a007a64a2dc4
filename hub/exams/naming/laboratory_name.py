"""Tokens of a name to determinations: analytes and panels with specimen, time aspect and method class."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..examination import Determination, Examination, Kind
from ..vocabulary import analytes, panels
from .lexicon import Token

BLOOD = frozenset({"serum-plasma", "whole-blood"})
_FLUIDS = frozenset({"csf", "pleural-fluid", "urine"})
_IN_URINE = {
    "creatinine": "urine-creatinine",
    "albumin": "urine-microalbumin",
    "total-protein": "urine-protein",
    "hcg": "urine-hcg",
}
_LISTING = frozenset("、,/")
_ABBREVIATION = re.compile(r"[A-Z]{1,4}")
_ANTIBODY_CLASSES = frozenset({"igg", "iga", "igm"})
_ANTIBODIES = frozenset(
    {
        "torch",
        "hav-igm",
        "hev-igm",
        "ebv-igm",
        "mp-igm",
        "hp-ab",
        "torch-tox",
        "hcv-ab",
        "syphilis-tp",
        "hbcab",
        "acl",
        "anti-ccp",
        "dsdna",
        "ana",
        "anca",
        "ena",
        "tgab",
        "tpoab",
        "trab",
    }
)


@dataclass(slots=True)
class _Segment:
    """What stands between two joiners: its qualifiers hold for its own analytes."""

    items: list[tuple[str, str]] = field(default_factory=list)
    qualifiers: dict[str, str] = field(default_factory=dict)
    inherent: dict[int, dict[str, str]] = field(default_factory=dict)


def is_gloss(tokens: Sequence[Token], at: int) -> bool:
    """Whether a token is the abbreviation of the analyte before it, alone in its bracket: 磷(P), 尿酸(UA)."""
    if at == 0 or not _ABBREVIATION.fullmatch(tokens[at].text) or not tokens[at].bracket:
        return False
    if tokens[at].known and not (tokens[at].has("analyte") or tokens[at].has("panel")):
        return False
    before = tokens[at - 1]
    alone = [token for token in tokens if token.bracket == tokens[at].bracket] == [tokens[at]]
    return alone and before.has("analyte") and not before.text.isascii()


def _segments(tokens: Sequence[Token]) -> list[_Segment]:
    found = [_Segment()]
    for at, token in enumerate(tokens):
        if token.has("join"):
            if token.depth == 0:
                listed = token.text in _LISTING and at + 1 < len(tokens) and "血" not in tokens[at + 1].text
                found.append(_Segment(qualifiers=_of_urine(found[-1]) if listed else {}))
            continue
        segment = found[-1]
        qualifiers = {name: value for name, value in token.meanings if name in ("specimen", "time", "method") and value}
        items = [each for each in token.meanings if each[0] in ("analyte", "panel", "bare", "in-fluid")]
        if not items or items[0][0] == "bare":
            segment.qualifiers |= qualifiers
        for item in items:
            segment.inherent[len(segment.items)] = qualifiers
            segment.items.append(item)
    for segment in found:
        _settle(segment)
    return found


def _of_urine(segment: _Segment) -> dict[str, str]:
    """尿钾、钠、氯: what is listed after an analyte of urine is of the same urine."""
    said = segment.qualifiers
    return (
        {name: said[name] for name in ("specimen", "time") if name in said} if said.get("specimen") == "urine" else {}
    )


def _settle(segment: _Segment) -> None:
    """Words whose meaning hangs on the others: 胸水 and 梅毒 name their usual examination only where nothing closer is
    named; 蛋白 is total protein where a fluid is named; what urine makes of an analyte."""
    inherent: dict[int, dict[str, str]] = {}
    settled: list[tuple[str, str]] = []
    for at, item in enumerate(segment.items):
        meant = _meant(item, segment)
        if meant is not None:
            inherent[len(settled)] = segment.inherent[at]
            settled.append(meant)
    segment.items, segment.inherent = settled, inherent


def _meant(item: tuple[str, str], segment: _Segment) -> tuple[str, str] | None:
    slot, value = item
    fluid = segment.qualifiers.get("specimen", "")
    named = [each for each in segment.items if each[0] in ("analyte", "panel")]
    if slot == "in-fluid":
        return ("analyte", _IN_URINE.get(value, value) if fluid == "urine" else value) if fluid in _FLUIDS else None
    if slot == "bare":
        closer = named or any(each[0] == "in-fluid" for each in segment.items)
        return None if closer else ("analyte", value)
    if value in _ANTIBODY_CLASSES and _classified(named):
        return None
    return (slot, _IN_URINE.get(value, value) if slot == "analyte" and fluid == "urine" else value)


def _classified(named: Sequence[tuple[str, str]]) -> bool:
    """Whether an antibody is named whose class (IgM) only says how it was looked for."""
    return any(value in _ANTIBODIES for _, value in named)


def _contradicted(segment: _Segment, tokens: Sequence[Token]) -> bool:
    """肺炎支原体抗体(IgG) is not the IgM that the vocabulary knows."""
    named = {value for _, value in segment.items}
    classes = {value for token in tokens for _, value in token.meanings if value in _ANTIBODY_CLASSES}
    return any(each.endswith("-igm") for each in named) and bool(classes - {"igm"})


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


def laboratory_from_tokens(tokens: Sequence[Token]) -> Examination | None:
    """None where no analyte is named."""
    tokens = [token for at, token in enumerate(tokens) if token.known and not is_gloss(tokens, at)]
    found: dict[tuple[str, str, str], Determination] = {}
    for segment in _with_neighbours(_segments(tokens)):
        if _contradicted(segment, tokens):
            return None
        members = {value for slot, value in segment.items if slot == "analyte"}
        for at, (slot, value) in enumerate(segment.items):
            if slot == "panel" and members and members <= set(panels()[value].core):
                continue  # 免疫球蛋白IgG is one of the panel's, not the panel
            said = segment.qualifiers | segment.inherent[at]
            usual = panels()[value].specimen if slot == "panel" else analytes()[value].specimen
            if usual and usual not in BLOOD and said.get("specimen", usual) != usual:
                return None  # 尿潜血 is not the stool's
            each_of = panel_determinations(value, said) if slot == "panel" else [determination(value, said)]
            for each in each_of:
                found.setdefault((each.analyte, each.specimen, each.time_aspect), each)
    if not found:
        return None
    return Examination(kind=Kind.LABORATORY, determinations=tuple(found.values()))
