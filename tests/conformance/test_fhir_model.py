"""The compiled R4 model against fhir.resources, an independent implementation (its R4B classes), and HL7's examples.

Instances of every type are made from the structure table, then broken in one place each.
"""

import copy
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fhir.resources.R4B import get_fhir_model_class

from hub.contracts.errors import Incorrect
from hub.fhir.extract import extract
from hub.fhir.generator.definitions import find_folder
from hub.fhir.model import RESOURCE_TYPES, decode
from hub.fhir.search_params import of_type
from hub.fhir.structures import elements

from .fhir_instances import instance

_SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ehr"
_NOT_IN_R4B = {
    "EffectEvidenceSynthesis",
    "MedicinalProduct",
    "MedicinalProductAuthorization",
    "MedicinalProductContraindication",
    "MedicinalProductIndication",
    "MedicinalProductIngredient",
    "MedicinalProductInteraction",
    "MedicinalProductManufactured",
    "MedicinalProductPackaged",
    "MedicinalProductPharmaceutical",
    "MedicinalProductUndesirableEffect",
    "RiskEvidenceSynthesis",
    "SubstanceNucleicAcid",
    "SubstancePolymer",
    "SubstanceProtein",
    "SubstanceReferenceInformation",
    "SubstanceSourceMaterial",
    "SubstanceSpecification",
}
_CHANGED_IN_R4B = {"Evidence", "EvidenceVariable"}
_COMMON = sorted(RESOURCE_TYPES - _NOT_IN_R4B - _CHANGED_IN_R4B)
_CLINICAL = [
    *["AllergyIntolerance", "Appointment", "Bundle", "CarePlan", "Condition", "Coverage", "DiagnosticReport"],
    *["DocumentReference", "Encounter", "ImagingStudy", "Immunization", "MedicationRequest", "Observation", "Patient"],
    *["Practitioner", "Procedure", "Provenance", "Questionnaire", "ServiceRequest", "Specimen", "Task"],
]


def _accepted(resource: dict[str, Any]) -> bool:
    try:
        decode(msgspec.json.encode(resource))
    except Incorrect:
        return False
    return True


def _oracle_accepts(resource: dict[str, Any]) -> bool:
    try:
        get_fhir_model_class(resource["resourceType"]).model_validate(copy.deepcopy(resource))
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("choice", range(4))
def test_a_filled_instance_of_every_type_is_accepted_and_extracted(choice: int) -> None:
    for resource_type in sorted(RESOURCE_TYPES):
        resource = decode(msgspec.json.encode(instance(resource_type, choice)))
        rows = extract(resource_type, resource, "1")
        known = {parameter.id for parameter in of_type(resource_type).values()}
        found = {row[0] for of_kind in rows if isinstance(of_kind, list) for row in of_kind}
        assert type(resource).__name__ == resource_type
        assert found <= known
        assert found or not known


def test_the_oracle_accepts_the_same_instances() -> None:
    refused = [name for name in _COMMON if not _oracle_accepts(instance(name))]
    assert refused == []


def _nodes(value: Any, path: str) -> Iterator[tuple[Any, str]]:
    """Every object below ``value`` with the path of its structure."""
    yield value, path
    for element in elements(path):
        for kind in element.types:
            below = value.get(element.json_name(kind))
            for item in below if isinstance(below, list) else [below]:
                if isinstance(item, dict) and kind.name not in {"Reference", "Extension", "Resource"}:
                    yield from _nodes(item, kind.name)


_RULES = ("unknown", "single", "list", "type", "null", "empty text", "empty list", "empty object", "required", "choice")


def _mutants(resource: dict[str, Any], chance: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """Copies that break one rule each, with the rule's name."""
    kinds = [
        "unknown",
        "single",
        "list",
        "type",
        "null",
        "empty text",
        "empty list",
        "empty object",
        "required",
        "choice",
    ]
    for kind in kinds:
        broken = copy.deepcopy(resource)
        nodes = list(_nodes(broken, resource["resourceType"]))
        chance.shuffle(nodes)
        if any(_break(kind, node, path) for node, path in nodes):
            yield kind, broken


def _break(kind: str, node: dict[str, Any], path: str) -> bool:
    if kind == "unknown":
        node["inventedElement"] = 1
        return True
    for element in elements(path):
        for option in element.types:
            name = element.json_name(option)
            value = node.get(name)
            if value is None:
                continue
            if kind == "single" and element.many:
                node[name] = value[0]
            elif kind == "list" and not element.many:
                node[name] = [value]
            elif kind == "type" and not element.many:
                node[name] = 5 if isinstance(value, str) else "text"
            elif kind == "null":
                node[name] = None
            elif kind == "empty text" and isinstance(value, str):
                node[name] = ""
            elif kind == "empty list" and element.many:
                node[name] = []
            elif kind == "empty object" and isinstance(value, dict):
                node[name] = {}
            elif kind == "required" and element.minimum:
                del node[name]
            elif kind == "choice" and element.choice and "string" in {other.name for other in element.types}:
                if option.name == "string":
                    continue
                node[element.name + "String"] = "text"
            else:
                continue
            return True
    return False


def test_every_broken_instance_is_refused_with_its_place() -> None:
    chance = random.Random(7)
    seen = set()
    for resource_type in sorted(RESOURCE_TYPES):
        for kind, broken in _mutants(instance(resource_type), chance):
            with pytest.raises(Incorrect) as refusal:
                decode(msgspec.json.encode(broken))
            assert refusal.value.where.startswith(resource_type), (kind, broken)
            assert refusal.value.remedy
            seen.add(kind)
    assert seen == set(_RULES)


def test_dropping_any_element_gets_the_verdict_of_the_oracle() -> None:
    chance = random.Random(11)
    for resource_type in _CLINICAL:
        for _ in range(12):
            resource = instance(resource_type, chance.randrange(3))
            node, _path = chance.choice([pair for pair in _nodes(resource, resource_type) if len(pair[0]) > 2])
            name = chance.choice([name for name in node if name != "resourceType"])
            del node[name]
            assert _accepted(resource) == _oracle_accepts(resource), (resource_type, name)


def test_synthea_bundles_are_accepted_resource_by_resource() -> None:
    bundles = sorted((_SHARED / "synthea-r4").glob("*.json"))
    if not bundles:
        pytest.skip("the Synthea bundles are not at hand")
    for path in bundles:
        for entry in msgspec.json.decode(path.read_bytes())["entry"]:
            resource = decode(msgspec.json.encode(entry["resource"]))
            assert extract(entry["resource"]["resourceType"], resource, "1").tokens


_BROKEN_EXAMPLES = {
    "bundle-questionnaire.json": "an item without linkId",
    "devicemetric-example.json": "parent refers to a DeviceDefinition",
    "medicationrequest0301.json": "performer refers to a Practitioner",
}


def test_published_r4_examples_are_accepted() -> None:
    examples = sorted((_SHARED / "fhir-r4-examples").glob("*.json"))
    if not examples:
        pytest.skip("the examples are not at hand")
    refused = {path.name for path in examples if not _accepted(msgspec.json.decode(path.read_bytes()))}
    assert refused == set(_BROKEN_EXAMPLES)


_BROKEN_IN_THE_PACKAGE = {
    "CodeSystem-v2-0550": "two spaces inside a code",
    "DeviceMetric-example": "parent refers to a DeviceDefinition",
    "DeviceUseStatement-example": "reason refers to a ServiceRequest",
    "ImplementationGuide-fhir": "refers to an id longer than 64 characters",
    "MedicationRequest-medrx0301": "performer refers to a Practitioner",
    "Observation-clinical-gender": "performer refers to an Encounter",
    "Questionnaire-qs1": "an item without linkId",
    "ig-r4": "refers to an id longer than 64 characters",
}


def test_examples_of_hl7s_package_are_accepted() -> None:
    folder = find_folder()
    if folder is None:
        pytest.skip("HL7's package is not at hand")
    definitions = ("StructureDefinition-", "SearchParameter-", "ValueSet-", "CodeSystem-v3", "ConceptMap-", "Bundle-")
    refused = set()
    for path in sorted(folder.glob("*.json")):
        if path.name.startswith(definitions) or path.name in {"package.json", ".index.json"}:
            continue
        body = path.read_bytes()
        if len(body) < 300_000 and not _accepted_bytes(body):
            refused.add(path.stem)
    assert refused <= set(_BROKEN_IN_THE_PACKAGE), os.fspath(folder)


def _accepted_bytes(body: bytes) -> bool:
    try:
        decode(body)
    except Incorrect:
        return False
    return True
