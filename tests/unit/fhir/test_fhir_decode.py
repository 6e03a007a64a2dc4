from typing import Any

import pytest
from fhir_samples import CONDITION, OBSERVATION, PATIENT, body
from msgspec import UNSET

from hub.contracts.errors import Incorrect
from hub.fhir import model
from hub.fhir.model import RESOURCE_TYPES, decode


def refusal(raw: bytes, expected_type: str | None = None) -> Incorrect:
    with pytest.raises(Incorrect) as caught:
        decode(raw, expected_type)
    return caught.value


def test_there_are_the_146_resource_types_of_r4_and_no_later_ones() -> None:
    assert len(RESOURCE_TYPES) == 146
    assert "Observation" in RESOURCE_TYPES
    assert not RESOURCE_TYPES & {"Resource", "DomainResource", "SubscriptionStatus", "Requirements", "Citation"}


def test_attributes_have_fhir_names_and_what_is_absent_is_unset() -> None:
    patient = decode(body(PATIENT), "Patient")
    assert patient.name[0].family == "张"
    assert patient.u_birthDate.extension[0].valueCode == "day"
    assert patient.maritalStatus is UNSET
    encounter = decode(
        b'{"resourceType":"Encounter","status":"finished","class":{"system":"http://example.org/c","code":"AMB"}}'
    )
    assert encounter.class_.code == "AMB"
    assert model.attribute("class") == "class_"
    assert model.attribute("_birthDate") == "u_birthDate"


def test_the_type_may_stand_anywhere_in_the_object() -> None:
    assert decode(b'{"active":true,"resourceType":"Patient"}').active is True


@pytest.mark.parametrize(
    ("changes", "where", "code"),
    [
        ({"invented": 1}, "Patient.invented", "structure"),
        ({"birthDate": "2023-02-29"}, "Patient.birthDate", "value"),
        ({"birthDate": "1900-02-29"}, "Patient.birthDate", "value"),
        ({"birthDate": "2024-04-31"}, "Patient.birthDate", "value"),
        ({"birthDate": "2024-13"}, "Patient.birthDate", "value"),
        ({"birthDate": "0000"}, "Patient.birthDate", "value"),
        ({"birthDate": "1980-01-01\n"}, "Patient.birthDate", "value"),
        ({"birthDate": "١٩٨٠"}, "Patient.birthDate", "value"),
        ({"deceasedDateTime": "2024-02-29T08:30:00"}, "Patient.deceasedDateTime", "value"),
        ({"deceasedDateTime": "2024-02-29T24:00:00Z"}, "Patient.deceasedDateTime", "value"),
        ({"deceasedDateTime": "2024", "deceasedBoolean": True}, "Patient.deceased[x]", "structure"),
        ({"gender": "mail"}, "Patient.gender", "code-invalid"),
        ({"gender": 1}, "Patient.gender", "structure"),
        ({"active": "true"}, "Patient.active", "structure"),
        ({"active": []}, "Patient.active", "structure"),
        ({"multipleBirthInteger": 1.5}, "Patient.multipleBirthInteger", "structure"),
        ({"multipleBirthInteger": 2**31}, "Patient.multipleBirthInteger", "value"),
        ({"name": []}, "Patient.name", "structure"),
        ({"name": [{}]}, "Patient.name[0]", "structure"),
        ({"name": {"text": "x"}}, "Patient.name", "structure"),
        ({"name": [{"text": ""}]}, "Patient.name[0].text", "value"),
        ({"name": [{"text": " "}]}, "Patient.name[0].text", "value"),
        ({"name": [{"given": [None]}]}, "Patient.name[0].given[0]", "structure"),
        ({"name": [{"given": ["a"], "_given": [{"id": "x"}, {"id": "y"}]}]}, "Patient.name[0]._given", "structure"),
        ({"name": [{"_given": [None]}]}, "Patient.name[0]._given", "structure"),
        ({"id": "a b"}, "Patient.id", "value"),
        ({"id": "x" * 65}, "Patient.id", "value"),
        ({"implicitRules": "a b"}, "Patient.implicitRules", "value"),
        ({"managingOrganization": {"reference": "Patient/1"}}, "Patient.managingOrganization.reference", "value"),
        ({"managingOrganization": {"reference": "zx001"}}, "Patient.managingOrganization.reference", "value"),
        ({"extension": [{"url": "http://e"}]}, "Patient.extension[0]", "invariant"),
        ({"extension": [{"valueString": "x"}]}, "Patient.extension[0].url", "required"),
        (
            {"extension": [{"url": "u", "valueString": "x", "valueCode": "y"}]},
            "Patient.extension[0].value[x]",
            "structure",
        ),
        (
            {"extension": [{"url": "u", "valueString": "x", "extension": [{"url": "v", "valueCode": "y"}]}]},
            "Patient.extension[0]",
            "invariant",
        ),
        ({"text": {"status": "generated", "div": "<div><script/></div>"}}, "Patient.text.div", "invariant"),
        ({"contact": [{"gender": "x"}]}, "Patient.contact[0].gender", "code-invalid"),
        ({"photo": [{"data": "abc"}]}, "Patient.photo[0].data", "value"),
        ({"contained": [{"resourceType": "Organization", "name": 1}]}, "Patient.contained[0].name", "structure"),
        ({"contained": [{"id": "x"}]}, "Patient.contained[0].resourceType", "required"),
        ({"contained": [{"resourceType": "Nothing"}]}, "Patient.contained[0].resourceType", "structure"),
        ({"contained": [{"resourceType": "Patient", "contained": [PATIENT]}]}, "Patient.contained[0].contained", ""),
        ({"contained": [{"resourceType": "Patient", "meta": {"versionId": "1"}}]}, "Patient.contained[0].meta", ""),
    ],
)
def test_a_broken_patient_is_refused_at_the_element(changes: dict[str, Any], where: str, code: str) -> None:
    refused = refusal(body(PATIENT, **changes))
    assert refused.where == where
    assert refused.issue_code == (code or "invariant")
    assert refused.http_status == 422
    assert refused.remedy


@pytest.mark.parametrize(
    ("changes", "where", "code"),
    [
        ({"status": None}, "Observation.status", "required"),
        ({"status": "done"}, "Observation.status", "code-invalid"),
        ({"code": None}, "Observation.code", "required"),
        ({"code": {"coding": [{"code": " x"}]}}, "Observation.code.coding[0].code", "value"),
        ({"subject": {"reference": "Observation/1"}}, "Observation.subject.reference", "value"),
        ({"focus": [{"reference": "Pationt/1"}]}, "Observation.focus[0].reference", "value"),
        ({"component": [{"valueInteger": 1}]}, "Observation.component[0].code", "required"),
        ({"valueQuantity": {"value": 1, "comparator": "~"}}, "Observation.valueQuantity.comparator", "code-invalid"),
        ({"valueString": "x"}, "Observation.value[x]", "structure"),
    ],
)
def test_a_broken_observation_is_refused_at_the_element(changes: dict[str, Any], where: str, code: str) -> None:
    refused = refusal(body(OBSERVATION, **changes))
    assert (refused.where, refused.issue_code) == (where, code)


def test_a_concept_outside_its_required_value_set_is_refused() -> None:
    assert decode(body(CONDITION))
    outside = {"coding": [{"system": "http://example.org", "code": "active"}]}
    assert refusal(body(CONDITION, clinicalStatus=outside)).where == "Condition.clinicalStatus"


def test_a_required_primitive_may_be_replaced_by_the_reason_for_its_absence() -> None:
    reason = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
    }
    assert decode(body(OBSERVATION, status=None, _status=reason)).status is UNSET


def test_null_stands_only_beside_an_extension() -> None:
    given = {"given": [None, "伟"], "_given": [{"extension": [{"url": "u", "valueCode": "x"}]}, None]}
    assert decode(body(PATIENT, name=[given])).name[0].given == [None, "伟"]


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/p1",
        "Patient/p1/_history/3",
        "Patient?identifier=http://e|1",
        "#contained",
        "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
        "https://example.org/fhir/Patient/1",
    ],
)
def test_every_written_form_of_a_reference_is_taken(reference: str) -> None:
    assert decode(body(OBSERVATION, subject={"reference": reference})).subject.reference == reference


def test_an_address_of_another_type_is_refused() -> None:
    refused = refusal(body(PATIENT), "Observation")
    assert refused.http_status == 400
    assert refused.where == "Observation.resourceType"


def test_an_unknown_type_is_refused() -> None:
    assert refusal(b'{"resourceType":"SubscriptionStatus"}').where == "Resource.resourceType"
    assert refusal(b'{"active":true}').issue_code == "required"


def test_refusals_never_quote_what_was_sent() -> None:
    secret = "990101198001011236"
    for changes in (
        {"gender": secret},
        {"birthDate": secret},
        {"id": secret + "!"},
        {secret: 1},
        {secret + " x": 1},
        {"managingOrganization": {"reference": secret}},
    ):
        refused = refusal(body(PATIENT, **changes))
        if secret not in changes:
            assert secret not in refused.sentence() + refused.where


def test_a_nested_resource_is_refused_with_its_whole_path() -> None:
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {**PATIENT, "gender": "x"}}]}
    assert refusal(body(bundle)).where == "Bundle.entry[0].resource.gender"
    parameters = {
        "resourceType": "Parameters",
        "parameter": [{"name": "a", "part": [{"name": "b", "resource": bundle}]}],
    }
    assert refusal(body(parameters)).where == "Parameters.parameter[0].part[0].resource.entry[0].resource.gender"


def test_values_once_found_good_do_not_let_others_pass() -> None:
    for _ in range(3):
        assert decode(body(OBSERVATION))
        assert refusal(body(OBSERVATION, subject={"reference": "Organization/zx001"})).where
        assert refusal(body(OBSERVATION, encounter={"reference": "Patient/p1"})).where
