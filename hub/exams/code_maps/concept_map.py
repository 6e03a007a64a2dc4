"""A clinic's code map as FHIR R4 ConceptMap (conceptmap.html): what its codes and names mean, decided by a person.

``group.target`` is LOINC, SNOMED CT, the national price items, or ``EXAMINATION``: there ``target.display`` is a name
that the parser reads (胸部CT平扫), and ``target.product`` states attributes that the name leaves open (``property``
``EXAMINATION#laterality``, ``value`` left), in the words of the examination vocabulary. ``element.code`` may be absent:
then ``element.display`` is a name that comes without a code. Groups with other targets are somebody else's. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

import msgspec

from hub.contracts.codes import BASE, LOINC, SNOMED
from hub.contracts.errors import Incorrect

from ..examination import KIND_OF_MODALITY, Contrast, Examination, Kind, Side, Target
from ..naming.codes import known_codes
from ..naming.laboratory_name import determination
from ..naming.name_parser import parse
from ..naming.national_codes import NATIONAL_PRICE_ITEM, national_code
from ..naming.understanding import joined, readable
from ..rows.fhir_reading import parts, text
from ..vocabulary import analytes, regions, words

EXAMINATION = f"{BASE}/CodeSystem/examination"
ATTRIBUTES = (
    "modality",
    "regions",
    "laterality",
    "contrast",
    "technique",
    "views",
    "guidance",
    "analytes",
    "specimen",
    "time_aspect",
    "method",
)
"""What may be stated of an examination; several values of one stand apart by ``;``."""
_SAME = frozenset({"equal", "equivalent"})
PREFIXES = {"LOINC": LOINC, "SNOMED": SNOMED, "NATIONAL": NATIONAL_PRICE_ITEM}
"""How a line writes a public code: ``LOINC|2345-7``."""
_PUBLIC = frozenset(PREFIXES.values())


class Mapped(msgspec.Struct, frozen=True):
    """One line of a map. ``system`` is empty where it holds for whatever system the clinic writes beside the code."""

    system: str
    code: str
    name: str
    examination: Examination


def _wrong(what: str, where: str, remedy: str) -> Incorrect:
    return Incorrect(what, where=where, remedy=remedy, http_status=422)


def _allowed(attribute: str) -> Iterable[str]:
    known: Mapping[str, Iterable[str]] = {
        "modality": words()["modalities"],
        "regions": regions(),
        "laterality": [side.value for side in Side if side],
        "contrast": [contrast.value for contrast in Contrast],
        "technique": words()["technique"],
        "views": words()["views"],
        "guidance": ("true", "false"),
        "analytes": analytes(),
        "specimen": words()["specimens"],
        "time_aspect": words()["time_aspects"],
        "method": words()["methods"],
    }
    return known[attribute]


def _values(attribute: str, stated: Mapping[str, str], where: str) -> tuple[str, ...]:
    values = tuple(value.strip() for value in stated.get(attribute, "").split(";") if value.strip())
    for value in values:
        if value not in _allowed(attribute):
            raise _wrong(f"{where}: {attribute} knows no {value!r}.", attribute, "Use a word of the vocabulary.")
    return values


def _with_attributes(base: Examination | None, stated: Mapping[str, str], where: str) -> Examination | None:
    """``base`` with what is stated put over it."""
    said = {name: _values(name, stated, where) for name in ATTRIBUTES}
    if said["analytes"] or (base is not None and base.kind is Kind.LABORATORY):
        about = {"specimen": said["specimen"], "time": said["time_aspect"], "method": said["method"]}
        first = {name: values[0] for name, values in about.items() if values}
        asked = said["analytes"] or (base.analytes if base is not None else ())
        if not said["analytes"] and not first:
            return base
        return Examination(Kind.LABORATORY, determinations=tuple(determination(each, first) for each in asked))
    if not any(said.values()):
        return base
    found = base or Examination(Kind.IMAGING)
    modality = (said["modality"] or (found.modality,))[0]
    side = Side(said["laterality"][0]) if said["laterality"] else None
    targets = tuple(Target(region) for region in said["regions"]) or found.targets
    return Examination(
        kind=KIND_OF_MODALITY.get(modality, Kind.IMAGING),
        modality=modality,
        targets=tuple(Target(each.region, side or each.side) for each in targets),
        contrast=Contrast(said["contrast"][0]) if said["contrast"] else found.contrast,
        technique=said["technique"] or found.technique,
        views=said["views"] or found.views,
        guidance=said["guidance"] == ("true",) if said["guidance"] else found.guidance,
    )


def meaning(name: str, stated: Mapping[str, str], where: str) -> Examination:
    """What a name and stated attributes mean together. Raises Incorrect where they are not understood."""
    base = parse(name).examination if name else None
    if name and base is None and not any(stated.get(each) for each in ATTRIBUTES):
        raise _wrong(f"{where}: {name!r} is not understood.", "means", "Use a usual name, such as 胸部CT平扫.")
    found = _with_attributes(base, stated, where)
    if found is None or not readable(found):
        raise _wrong(
            f"{where}: this is no examination yet.", "means", "State a modality and a region, or an analyte, or a name."
        )
    return found


def _target(target: Any, system: str, where: str) -> Examination | None:
    if system in _PUBLIC:
        code = text(target, "code")
        return national_code(code) if system == NATIONAL_PRICE_ITEM else known_codes().get((system, code))
    stated: dict[str, str] = {}
    for product in parts(target, "product"):
        name = text(product, "property").rpartition("#")[2]
        if text(product, "property").startswith(f"{EXAMINATION}#") and name in ATTRIBUTES:
            stated[name] = ";".join(filter(None, (stated.get(name, ""), text(product, "value"))))
    return meaning(text(target, "display") or text(target, "code"), stated, where)


def mapped(concept_map: Any, within: str = "") -> Iterator[Mapped]:
    """The lines of a ConceptMap that say what an examination is. Raises Incorrect (422) naming the element, or
    ``within``: where the one element comes from."""
    if text(concept_map, "status") != "active":
        return
    for at, group in enumerate(parts(concept_map, "group")):
        target_system = text(group, "target")
        if target_system != EXAMINATION and target_system not in _PUBLIC:
            continue
        for number, element in enumerate(parts(group, "element")):
            where = within or f"ConceptMap.group[{at}].element[{number}]"
            said = [
                _target(each, target_system, where)
                for each in parts(element, "target")
                if text(each, "equivalence") in _SAME
            ]
            found = reduce(lambda one, other: joined(one, other)[0], said, None) if said else None
            code, name = text(element, "code"), text(element, "display")
            if found is not None and (code or name):
                yield Mapped(text(group, "source"), code, name, found)


def concept_map(number: str, organization: str, lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A ConceptMap of lines with ``system``, ``code``, ``name``, ``means`` and attributes, as a CSV file holds them."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in lines:
        means = str(line.get("means", ""))
        system, _, code = means.partition("|")
        public = (
            {"LOINC": LOINC, "SNOMED": SNOMED, "NATIONAL": NATIONAL_PRICE_ITEM}.get(system.upper()) if code else None
        )
        target: dict[str, Any] = {"equivalence": "equivalent"}
        if public is not None:
            target["code"] = code
        else:
            if means:
                target |= {"code": means, "display": means}
            products = [
                {"property": f"{EXAMINATION}#{name}", "value": value}
                for name in ATTRIBUTES
                for value in filter(None, str(line.get(name) or "").split(";"))
            ]
            if products:
                target["product"] = products
        element: dict[str, Any] = {"target": [target]}
        if line.get("code"):
            element["code"] = line["code"]
        if line.get("name"):
            element["display"] = line["name"]
        groups.setdefault((str(line.get("system") or ""), public or EXAMINATION), []).append(element)
    made: dict[str, Any] = {
        "resourceType": "ConceptMap",
        "id": number,
        "url": f"{BASE}/ConceptMap/{number}",
        "title": f"检查检验编码对照 · Examination codes of {organization}",
        "status": "active",
    }
    if groups:
        made["group"] = [
            ({"source": system} if system else {}) | {"target": target, "element": elements}
            for (system, target), elements in groups.items()
        ]
    return made
