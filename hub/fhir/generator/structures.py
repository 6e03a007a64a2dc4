"""StructureDefinition snapshots (R4 structuredefinition.html) as one line of text per element.

``status 1..1 code(observation-status)`` · ``subject 0..1 Reference(Patient,Group)`` ·
``value[x] 0..1 Quantity|string`` · ``component 0..* Observation.component``. In parentheses: the value set of a
required binding, or the target types of a Reference (none: any type). ``String`` and ``Id`` are FHIRPath's
System.String: attributes in XML, so without a sister ``_name`` for extensions in JSON.
"""

import re

from hub.fhir.generator.code_lists import CodeLists
from hub.fhir.generator.definitions import Definitions, Json

_TYPE = re.compile(r"([\w.]+)(?:\(([^)]*)\))?")
_STEP = re.compile(r"(\w+)([:>\[?]?)(\w*)")
_NOT_IN_JSON = {"BackboneElement", "Resource", "DomainResource"}


def structure_table(definitions: Definitions, code_lists: CodeLists) -> dict[str, dict[str, list[str]]]:
    """``{"types": {class: lines}, "resources": {class: lines}}``; nested elements are classes named by their path."""
    table: dict[str, dict[str, list[str]]] = {"types": {}, "resources": {}}
    for name, structure in sorted(definitions.structures.items()):
        if structure["kind"] == "primitive-type" or name in _NOT_IN_JSON:
            continue
        rows = table["resources" if structure["kind"] == "resource" else "types"]
        elements = structure["snapshot"]["element"]
        parents = {element["path"].rpartition(".")[0] for element in elements}
        rows[name] = []
        for element in elements:
            parent, _, leaf = element["path"].rpartition(".")
            if not parent or element["max"] == "0":
                continue
            types = [element["contentReference"].lstrip("#")] if "contentReference" in element else []
            has_children = element["path"] in parents
            types += [_type_text(element, declared, has_children, code_lists) for declared in element.get("type", ())]
            line = f"{leaf} {element['min']}..{element['max']} {'|'.join(dict.fromkeys(types))}"
            rows.setdefault(parent, []).append(line)
    return table


class Leaves:
    """Where paths of search parameters end in a structure table."""

    def __init__(self, table: dict[str, dict[str, list[str]]]) -> None:
        self._lines = {path: lines for group in table.values() for path, lines in group.items()}

    def of(self, structure: str, path: str) -> list[tuple[str, frozenset[str]]]:
        """Type name, and target types of a Reference, of each element at the end of ``path``."""
        step, _, rest = path.partition(".")
        name, narrowing, argument = _STEP.match(step).groups()  # type: ignore[union-attr]
        found: list[tuple[str, frozenset[str]]] = []
        for line in self._lines.get(structure, ()):
            element, _, types = line.split(" ")
            for type_name, detail in _TYPE.findall(types) if element.removesuffix("[x]") == name else ():
                if narrowing == ":" and type_name != argument:
                    continue
                found += self.of(type_name, rest) if rest else [(type_name, frozenset(detail.split(",")) - {""})]
        return found


def _type_text(element: Json, declared: Json, has_children: bool, code_lists: CodeLists) -> str:
    code: str = declared["code"]
    if has_children:
        return str(element["path"])
    if code.startswith("http://hl7.org/fhirpath/System."):
        return "Id" if element.get("base", {}).get("path") == "Resource.id" else "String"
    if code == "Reference":
        targets = sorted(profile.rpartition("/")[2] for profile in declared.get("targetProfile", ()))
        return code if not targets or "Resource" in targets else f"Reference({','.join(targets)})"
    binding = element.get("binding")
    if binding and binding["strength"] == "required" and code in {"code", "CodeableConcept", "Coding"}:
        key = code_lists.key(binding.get("valueSet", ""), with_systems=code != "code")
        if key:
            return f"{code}({key})"
    return code
