"""From everything a resource says of an examination (codes, text, body site, modality) to one ``Examination``.

Sources are joined by trust: what the more trusted one leaves open is taken from the next; where two contradict each
other the more trusted one stands and the contradiction is kept, since it caps every verdict at POSSIBLE.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from hub.contracts.codes import SNOMED

from ..examination import KIND_OF_MODALITY, Determination, Examination, Kind, Side, Target
from ..vocabulary import regions
from .codes import SIDES, body_codes, known_codes, modality_codes
from .imaging_name import as_usage_has_it, merged_targets, targets_of
from .lexicon import imaging_lexicon
from .local_codes import NO_LOCAL_CODES, LocalCodes
from .name_parser import parse
from .national_codes import NATIONAL_PRICE_ITEM, may_be_price_item, national_code
from .normalise import normalised

Coded = tuple[str, str, str]
"""System, code, display."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one CodeableConcept says, in hashable form."""

    codings: tuple[Coded, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Understood:
    """``examination`` is None where it cannot be read. ``contradictions`` name the attributes two sources differ in."""

    examination: Examination | None
    contradictions: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def name_in(said: Said) -> str:
    """Text or display; empty where there is a code alone."""
    return said.text or next((display for _, _, display in said.codings if display), "")


NOT_UNDERSTOOD = Understood(None)


def related(one: str, other: str) -> bool:
    """Whether the regions are the same or one contains the other."""
    known = regions()
    return one == other or one in known[other].ancestors or other in known[one].ancestors


def _joined_targets(
    first: Sequence[Target], second: Sequence[Target], narrowing: bool
) -> tuple[tuple[Target, ...], set[str]]:
    if not first or not second:
        return tuple(first or second), set()
    known = regions()
    conflicts: set[str] = set()
    if not any(related(one.region, other.region) for one in first for other in second):
        return (*first, *second), {"regions"}
    joined: list[Target] = []
    for one in first:
        same = next((other for other in second if other.region == one.region), None)
        inner = [other for other in second if one.region in known[other.region].ancestors]
        outer = next((other for other in second if other.region in known[one.region].ancestors), None)
        if same is None and inner and narrowing:
            joined += inner
            continue
        partner = same or (outer if outer is not None and known[outer.region].paired else None)
        side = one.side
        if partner is not None and partner.side is not Side.UNSAID:
            if side is Side.UNSAID:
                side = partner.side
            elif side is not partner.side:
                conflicts.add("laterality")
                side = Side.UNSAID  # nobody knows which of the two it is
        joined.append(Target(one.region, side))
    named = {target.region for target in joined}
    joined += [
        other
        for other in second
        if other.region not in named and not any(related(other.region, one.region) for one in first)
    ]
    return tuple(joined), conflicts


def _joined_determinations(
    first: Sequence[Determination], second: Sequence[Determination]
) -> tuple[tuple[Determination, ...], set[str]]:
    if not first or not second:
        return tuple(first or second), set()
    by_analyte = {each.analyte: each for each in second}
    if not {each.analyte for each in first} & set(by_analyte):
        return (*first, *second), {"analytes"}
    conflicts: set[str] = set()
    joined: list[Determination] = []
    for one in first:
        other = by_analyte.pop(one.analyte, one)
        for name in ("specimen", "time_aspect", "method"):
            mine, theirs = getattr(one, name), getattr(other, name)
            if mine and theirs and mine != theirs:
                conflicts.add(name)
        joined.append(
            Determination(
                analyte=one.analyte,
                specimen=one.specimen or other.specimen,
                time_aspect=one.time_aspect or other.time_aspect,
                method=one.method or other.method,
                panel=one.panel or other.panel,
            )
        )
    return (*joined, *by_analyte.values()), conflicts


def joined(
    first: Examination | None, second: Examination | None, *, narrowing: bool = True
) -> tuple[Examination | None, frozenset[str]]:
    """Both as one, ``first`` trusted more; and the attributes in which they contradict each other.

    ``narrowing``: a part that ``second`` names takes the place of the whole that ``first`` names."""
    if first is None or second is None:
        return first or second, frozenset()
    if (first.kind is Kind.LABORATORY) is not (second.kind is Kind.LABORATORY):
        return first, frozenset({"kind"})
    conflicts: set[str] = set()
    if first.modality and second.modality and first.modality != second.modality:
        return first, frozenset({"modality"})
    targets, differing = _joined_targets(first.targets, second.targets, narrowing)
    conflicts |= differing
    determinations, differing = _joined_determinations(first.determinations, second.determinations)
    conflicts |= differing
    if first.contrast and second.contrast and first.contrast is not second.contrast:
        conflicts.add("contrast")
    views = set(first.views), set(second.views)
    if all(views) and not (views[0] <= views[1] or views[1] <= views[0]):
        conflicts.add("views")
    modality = first.modality or second.modality
    technique = dict.fromkeys(first.technique + second.technique)
    if "b-mode" in technique:
        technique.pop("colour-doppler", None)
    targets = merged_targets(as_usage_has_it(targets, modality, tuple(technique)))
    return (
        Examination(
            kind=first.kind if first.kind is Kind.LABORATORY else KIND_OF_MODALITY.get(modality, Kind.IMAGING),
            modality=modality,
            targets=targets,
            contrast=first.contrast or second.contrast,
            technique=tuple(technique),
            views=first.views if len(first.views) >= len(second.views) else second.views,
            guidance=first.guidance or second.guidance,
            determinations=determinations,
        ),
        frozenset(conflicts),
    )


def lent(first: Examination | None, second: Examination | None) -> tuple[Examination | None, frozenset[str]]:
    """``first`` with the sides, phases and the like that it leaves open and ``second`` says, but with no further
    regions or analytes; and the attributes in which they contradict each other."""
    both, conflicts = joined(first, second, narrowing=False)
    if first is None or both is None:
        return both, conflicts
    targets = tuple(t for t in both.targets if t.region in first.regions) if first.targets else both.targets
    determinations = tuple(d for d in both.determinations if d.analyte in first.analytes)
    return msgspec.structs.replace(both, targets=targets, determinations=determinations), conflicts


def readable(examination: Examination | None) -> bool:
    """Whether enough is known of it to be compared with another."""
    if examination is None:
        return False
    if examination.kind is Kind.LABORATORY:
        return bool(examination.determinations)
    return bool(examination.modality and (examination.targets or examination.modality in ("DXA", "ABPM")))


@lru_cache(maxsize=4096)
def targets_named(text: str) -> tuple[Target, ...]:
    """The regions and sides in a body site's text; empty where none is known."""
    tokens = [token for token in imaging_lexicon().tokens(normalised(text)) if token.known]
    return tuple(targets_of(tokens))


def _side_alone(said: Said) -> Side | None:
    for system, code, _ in said.codings:
        if system == SNOMED and code in SIDES:
            return SIDES[code]
    words = [said.text, *(display for _, _, display in said.codings)]
    for text in filter(None, words):
        tokens = imaging_lexicon().tokens(normalised(text))
        for token in tokens:
            for slot, value in token.meanings:
                if slot == "side":
                    return Side(value)
    return None


def _body(sites: Sequence[Said]) -> tuple[tuple[Target, ...], Side | None]:
    """Targets of the body sites, and a side that stands there without a region."""
    found: list[Target] = []
    side: Side | None = None
    for site in sites:
        targets: tuple[Target, ...] = ()
        for system, code, display in site.codings:
            targets = targets or body_codes().get((system, code), ()) or targets_named(display)
        named = targets_named(site.text) if site.text else ()
        targets = named if named and (not targets or any(each.side for each in named)) else targets
        said = _side_alone(site)
        if targets:
            found += [Target(t.region, said or t.side) if t.side is Side.UNSAID else t for t in targets]
        elif said is not None:
            side = said
    return merged_targets(found), side


_USUAL_REGION = {
    "ECG": "heart",
    "EEG": "brain",
    "EMG": "peripheral-nerve",
    "PT": "whole-body",
    "MG": "breast",
    "PFT": "lung",
    "OP": "eye",
    "OCT": "eye",
}


def _with_usual_region(examination: Examination | None) -> Examination | None:
    """The one region that a modality always examines, where none was named."""
    if examination is None or examination.targets or examination.modality not in _USUAL_REGION:
        return examination
    return msgspec.structs.replace(examination, targets=(Target(_USUAL_REGION[examination.modality]),))


def _by_text(said: Said, sites: Sequence[Target]) -> tuple[Examination | None, set[str]]:
    """What text and displays say together: the first that can be read, and what the others add to it. The display of a
    code that is known says no more than the code; a name that lacks only the region is read with that of the site."""
    unknown = (display for system, code, display in said.codings if (system, code) not in known_codes())
    texts = tuple(dict.fromkeys(filter(None, (said.text, *unknown))))
    found: Examination | None = None
    conflicts: set[str] = set()
    for text in texts:
        found, differing = lent(found, parse(text).examination)
        conflicts |= differing
    if found is None and sites:
        where = regions()[sites[0].region].zh
        beside = (parse(f"{where}{text}").examination for text in texts)
        found = next((each for each in beside if each is not None), None)
        return (msgspec.structs.replace(found, targets=tuple(sites)) if found is not None else None), set()
    return found, conflicts


def _by_modality_and_region(text: str, modality: str) -> Examination | None:
    """A name that lacks only the modality, which another field gives (ImagingStudy.modality)."""
    return parse(f"{text} {modality}").examination if text and modality else None


_LEADING = ("PT", "NM")


def _by_lead(modality: str) -> int:
    """Of a study of several modalities, the one it was done for: the CT half of a PET-CT is none by itself."""
    return 0 if modality in _LEADING else 1


def _sided(examination: Examination, side: Side) -> tuple[Examination, frozenset[str]]:
    known = regions()
    conflicts = frozenset(
        "laterality" for t in examination.targets if t.side not in (Side.UNSAID, side) and known[t.region].paired
    )
    targets = tuple(
        t if not known[t.region].paired else Target(t.region, side if t.side in (Side.UNSAID, side) else Side.UNSAID)
        for t in examination.targets
    )
    return msgspec.structs.replace(examination, targets=targets), conflicts


def _mapped(said: Said, local: LocalCodes) -> tuple[Examination | None, bool]:
    """What the clinic's own map says of a concept, and whether it stands there by its name."""
    for name in (said.text, *(display for _, _, display in said.codings)):
        if (found := local.of_name(name)) is not None:
            return found, True
    of_codes = (local.of_code(system, code) for system, code, _ in said.codings if code)
    return next((found for found in of_codes if found is not None), None), False


@lru_cache(maxsize=65536)
def _understand(
    names: tuple[Said, ...], sites: tuple[Said, ...], modalities: tuple[str, ...], local: LocalCodes
) -> Understood:
    examination: Examination | None = None
    conflicts: set[str] = set()
    sources: list[str] = []

    def take(found: Examination | None, source: str, narrowing: bool = True) -> None:
        nonlocal examination
        if found is not None:
            examination, differing = joined(examination, found, narrowing=narrowing)
            conflicts.update(differing)
            sources.append(source)

    settled: set[Said] = set()  # a name that was mapped by hand is not read a second time
    for said in names if local else ():
        found, by_name = _mapped(said, local)
        take(found, "local code map")
        if by_name:
            settled.add(said)
    for said in names:
        for system, code, _ in said.codings:
            if system == NATIONAL_PRICE_ITEM or (not name_in(said) and may_be_price_item(code)):
                take(national_code(code), f"price item {code}")
    for said in names:
        for system, code, _ in said.codings:
            take(known_codes().get((system, code)), f"code {code}")
    known = sorted((modality_codes()[code] for code in modalities if code in modality_codes()), key=_by_lead)
    targets, side = _body(sites)
    for said in names:
        if said in settled:
            continue
        found, told = _by_text(said, targets)
        source = "text"
        if found is None and known:
            found, source = _by_modality_and_region(name_in(said), known[0]), "text with modality"
        take(found, source)
        conflicts |= told
    if known or targets:
        modality = known[0] if known else (examination.modality if examination else "")
        kind = KIND_OF_MODALITY.get(modality, Kind.IMAGING)
        if examination is None or examination.kind is not Kind.LABORATORY:
            take(Examination(kind, modality, targets), "body site" if targets else "modality", narrowing=False)
    if examination is not None and side is not None:
        examination, differing = _sided(examination, side)
        conflicts.update(differing)
    examination = _with_usual_region(examination)
    if not readable(examination):
        return NOT_UNDERSTOOD
    return Understood(examination, tuple(sorted(conflicts)), tuple(sources))


def understand(
    names: Sequence[Said],
    sites: Sequence[Said] = (),
    modalities: Sequence[str] = (),
    local: LocalCodes = NO_LOCAL_CODES,
) -> Understood:
    """What examination this is. ``names`` in order of trust, ``modalities`` as DICOM codes, ``local`` the code map of
    the clinic whose words these are."""
    return _understand(tuple(names), tuple(sites), tuple(modalities), local)
