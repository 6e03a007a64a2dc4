from datetime import UTC, datetime

import msgspec
from fhir.resources.R4B.capabilitystatement import CapabilityStatement

from hub.contracts.errors import Busy, Fault, Gone, Incorrect
from hub.fhir.capability import capability_bytes, capability_statement
from hub.fhir.model import RESOURCE_TYPES, decode
from hub.fhir.outcome import Issue, operation_outcome, success_outcome

NOW = datetime(2024, 2, 29, 8, 30, tzinfo=UTC)


def test_a_refusal_becomes_an_issue_with_place_and_remedy() -> None:
    error = Incorrect(
        "Patient.gender is wrong.", where="Patient.gender", remedy="Correct it.", issue_code="code-invalid"
    )
    written = operation_outcome(error)
    assert decode(written, "OperationOutcome")
    assert msgspec.json.decode(written)["issue"] == [
        {
            "severity": "error",
            "code": "code-invalid",
            "diagnostics": "Patient.gender is wrong. Correct it.",
            "expression": ["Patient.gender"],
        }
    ]


def test_several_issues_stand_in_one_outcome() -> None:
    issues = [Gone("It is deleted."), Issue("warning", "processing", "The index is behind.", details="lag")]
    outcome = decode(operation_outcome(issues), "OperationOutcome")
    assert [(issue.severity, issue.code) for issue in outcome.issue] == [
        ("error", "deleted"),
        ("warning", "processing"),
    ]
    assert outcome.issue[1].details.text == "lag"


def test_our_own_failure_is_fatal_and_a_busy_hub_is_not() -> None:
    assert decode(operation_outcome(Fault("It broke."))).issue[0].severity == "fatal"
    assert decode(operation_outcome(Busy("Too much."))).issue[0].code == "transient"
    assert decode(success_outcome("Done.")).issue[0].severity == "information"


def test_the_capability_statement_is_valid_for_us_and_for_the_oracle() -> None:
    statement = capability_statement("http://127.0.0.1:8080/fhir", "0.1.0", NOW)
    resource = decode(msgspec.json.encode(statement), "CapabilityStatement")
    CapabilityStatement.model_validate(statement)
    assert resource.fhirVersion == "4.0.1"
    assert {entry.type for entry in resource.rest[0].resource} == RESOURCE_TYPES


def test_the_capability_statement_lists_what_can_be_searched() -> None:
    statement = capability_statement("http://127.0.0.1:8080/fhir", "0.1.0", NOW)
    [observation] = [entry for entry in statement["rest"][0]["resource"] if entry["type"] == "Observation"]
    params = {param["name"]: param["type"] for param in observation["searchParam"]}
    assert params["code"] == "token"
    assert params["_lastUpdated"] == "date"
    assert "code-value-quantity" not in params
    assert "Observation:subject" in observation["searchInclude"]
    assert "Provenance:patient" not in observation["searchRevInclude"]
    assert "DiagnosticReport:result" in observation["searchRevInclude"]
    assert observation["conditionalCreate"] is True


def test_the_capability_statement_is_written_once() -> None:
    assert capability_bytes("http://e/fhir", "1", NOW) is capability_bytes("http://e/fhir", "1", NOW)
