import msgspec

from hub.fhir import search_params
from hub.fhir.model import RESOURCE_TYPES
from hub.fhir.search_params import compartment_params, find, of_type, primary_date, unsupported
from hub.fhir.structures import table_bytes


def test_ids_are_unique_over_all_types() -> None:
    ids = [param.id for name in RESOURCE_TYPES for param in of_type(name).values()]
    assert len(ids) == len(set(ids)) == 2498


def test_ids_once_committed_stay() -> None:
    known = {("Patient", "identifier"): 1773, ("Observation", "code"): 1641, ("Observation", "subject"): 1664}
    for (resource_type, code), id in known.items():
        param = find(resource_type, code)
        assert param is not None
        assert param.id == id


def test_patient_is_answered_by_the_rows_of_subject_that_lead_to_a_patient() -> None:
    patient, subject = find("Observation", "patient"), find("Observation", "subject")
    assert patient and subject
    assert patient.stored_as == subject.id
    assert patient.target_restriction == {"Patient"}
    assert subject.targets == {"Patient", "Group", "Device", "Location"}


def test_combined_codes_are_answered_by_the_rows_of_both() -> None:
    combo = find("Observation", "combo-code")
    assert combo
    parts = [find("Observation", code) for code in ("code", "component-code")]
    assert set(combo.union_of) == {part.id for part in parts if part}


def test_shared_rows_are_stored_rows() -> None:
    for name in RESOURCE_TYPES:
        stored = {param.id for param in of_type(name).values() if param.stored}
        for param in of_type(name).values():
            if param.code not in search_params.NOT_INDEXED:
                assert set(param.union_of or (param.stored_as,)) <= stored, (name, param.code)


def test_canonical_references_are_told_apart() -> None:
    canonical, reference = find("QuestionnaireResponse", "questionnaire"), find("Observation", "subject")
    assert canonical and canonical.canonical
    assert reference and not reference.canonical


def test_what_is_not_answered_is_listed_with_its_reason_and_nothing_else() -> None:
    reasons = {code: reason for name in RESOURCE_TYPES for code, reason in unsupported(name).items()}
    composite = {code for code, reason in reasons.items() if reason.startswith("composite")}
    assert set(reasons) - composite == {"_content", "_query", "_text", "near", "composition", "message"}
    assert "code-value-quantity" in composite
    for name in RESOURCE_TYPES:
        assert not set(unsupported(name)) & set(of_type(name))


def test_the_primary_date_is_when_it_happened() -> None:
    expected = {
        "Observation": "date",
        "Encounter": "date",
        "Condition": "onset-date",
        "ImagingStudy": "started",
        "ServiceRequest": "authored",
        "MedicationRequest": "authoredon",
        "Patient": "birthdate",
        "Task": "authored-on",
    }
    for resource_type, code in expected.items():
        param = primary_date(resource_type)
        assert param is not None
        assert param.code == code
    assert primary_date("Organization") is None


def test_the_patient_compartment_names_the_subject_first() -> None:
    assert [param.code for param in compartment_params("Observation")] == ["subject", "performer"]
    assert compartment_params("Organization") == ()
    for name in RESOURCE_TYPES:
        assert all(param.kind == "reference" for param in compartment_params(name))


def test_tables_are_small() -> None:
    names = ["structures.json", "value_sets.json", "search_parameters.json", "patient_compartment.json"]
    assert sum(len(table_bytes(name)) for name in names) < 1_000_000
    for name in names:
        assert msgspec.json.decode(table_bytes(name))
