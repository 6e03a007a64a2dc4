import pytest

from hub.fhir.generator.definitions import find_folder
from hub.fhir.generator.expressions import paths
from hub.fhir.generator.tables import TABLES, make_tables
from hub.fhir.structures import elements


def test_the_committed_tables_are_what_the_definitions_give() -> None:
    folder = find_folder()
    if folder is None:
        pytest.skip("HL7's package is not at hand (HUB_FHIR_DEFINITIONS)")
    for name, content in make_tables(folder).items():
        assert (TABLES / name).read_bytes() == content, name


@pytest.mark.parametrize(
    ("expression", "resource_type", "expected"),
    [
        ("Patient.name | Person.name", "Person", ["name"]),
        ("(Observation.value as Quantity) | (Observation.value as SampledData)", "Observation", None),
        ("Condition.onset.as(Age) | Condition.onset.as(Range)", "Condition", ["onset:Age", "onset:Range"]),
        ("CarePlan.subject.where(resolve() is Patient)", "CarePlan", ["subject>Patient"]),
        ("Patient.telecom.where(system='phone')", "Patient", ["telecom[system=phone]"]),
        ("Patient.deceased.exists() and Patient.deceased != false", "Patient", ["deceased?"]),
        ("Resource.meta.tag", "Patient", ["meta.tag"]),
        ("name | alias", "InsurancePlan", ["name", "alias"]),
    ],
)
def test_expressions_become_paths(expression: str, resource_type: str, expected: list[str] | None) -> None:
    assert paths(expression, resource_type) == (expected or ["value:Quantity", "value:SampledData"])


def test_fhirpath_that_is_not_understood_stops_the_generator() -> None:
    with pytest.raises(ValueError, match="cannot read"):
        paths("Patient.name.iif(use = 'x', a, b)", "Patient")


def test_no_element_of_other_versions_or_vendors_slipped_in() -> None:
    names = {path: {element.name for element in elements(path)} for path in ("Meta", "Binary", "ResearchStudy")}
    assert names["Meta"] == {"id", "extension", "versionId", "lastUpdated", "source", "profile", "security", "tag"}
    assert "url" not in names["Binary"]
    assert "comparisonGroup" not in names["ResearchStudy"]
    bundle = {element.name: element for element in elements("Bundle.entry.response")}
    assert bundle["outcome"].types[0].name == "Resource"
