"""Whose record is it? From the credential; for a platform, from the record."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.contracts.caller import Caller, Role
from hub.contracts.submission import Channel, Entry, Method, Origin, Submission
from hub.intake.owners import decide_owners


@dataclass
class Known:
    """Records that came before, as values."""

    owners: dict[str, str] = field(default_factory=dict)
    organizations: dict[str, str] = field(default_factory=dict)
    reports: dict[str, str] = field(default_factory=dict)

    def owner_of(self, resource_type: str, resource_id: str) -> str | None:
        return self.owners.get(f"{resource_type}/{resource_id}")

    def organization_with(self, condition: str) -> str | None:
        return self.organizations.get(condition)

    def owner_of_patient_with(self, condition: str) -> str | None:
        return self.owners.get(f"Patient?{condition}")

    def owner_of_report_citing(self, reference: str) -> str | None:
        return self.reports.get(reference)


def _entry(resource_type: str, url: str | None = None, *, id: str | None = None, **elements: Any) -> Entry:
    body = json.dumps({"resourceType": resource_type, **elements}).encode()
    return Entry(Method.UPDATE if id else Method.CREATE, resource_type, body, id=id, full_url=url)


def _owners(*entries: Entry, role: Role = Role.PLATFORM, known: Known | None = None) -> tuple[str, ...]:
    caller = Caller("feed", role, "platform-org")
    submission = Submission(entries, Origin(caller, Channel.FHIR, datetime.now(UTC)))
    return decide_owners(submission, known or Known())


def test_a_clinic_owns_what_it_sends_whatever_the_record_says() -> None:
    entry = _entry("Observation", performer=[{"reference": "Organization/other"}])
    assert _owners(entry, role=Role.CLINIC) == ("platform-org",)


@pytest.mark.parametrize(
    ("resource_type", "elements"),
    [
        ("Observation", {"performer": [{"reference": "Practitioner/p"}, {"reference": "Organization/a"}]}),
        ("Patient", {"managingOrganization": {"reference": "Organization/a"}}),
        ("Encounter", {"serviceProvider": {"reference": "Organization/a"}}),
        ("Procedure", {"performer": [{"actor": {"reference": "Organization/a/_history/2"}}]}),
        ("Immunization", {"performer": [{"actor": {"reference": "Practitioner/p"}}, {"actor": {"identifier": {
            "system": "urn:oid:2.16.156.10011.1.5", "value": "A1"}}}]}),
        ("MedicationRequest", {"performer": {"reference": "Organization/a"}}),
        ("Patient", {"managingOrganization": {"reference": "Organization?identifier=x|A1"}}),
    ],
)  # fmt: skip
def test_a_platforms_record_belongs_to_the_organization_named_in_it(
    resource_type: str, elements: dict[str, Any]
) -> None:
    known = Known(
        organizations={"identifier=urn:oid:2.16.156.10011.1.5|A1": "a", "identifier=x|A1": "a"},
    )
    assert _owners(_entry(resource_type, **elements), known=known) == ("a",)


def test_an_organization_in_the_same_bundle_may_be_named_by_its_full_url() -> None:
    owners = _owners(
        _entry("Organization", "urn:uuid:o", id="a"),
        _entry("Observation", performer=[{"reference": "urn:uuid:o"}]),
    )
    assert owners[1] == "a"


def test_a_result_that_names_nobody_belongs_to_the_report_that_cites_it() -> None:
    owners = _owners(
        _entry("Observation", "urn:uuid:1", subject={"reference": "urn:uuid:p"}),
        _entry("Patient", "urn:uuid:p", managingOrganization={"reference": "Organization/b"}),
        _entry(
            "DiagnosticReport", "urn:uuid:r",
            performer=[{"reference": "Organization/a"}], result=[{"reference": "urn:uuid:1"}],
        ),
        _entry("ImagingStudy", id="study"),
        _entry("DiagnosticReport", imagingStudy=[{"reference": "ImagingStudy/study"}],
               subject={"reference": "urn:uuid:p"}),
    )  # fmt: skip
    assert owners == ("a", "b", "a", "b", "b")


def test_a_result_may_follow_the_report_that_cites_it_later() -> None:
    known = Known(reports={"Observation/o": "a"})
    assert _owners(_entry("Observation", id="o"), known=known) == ("a",)


@pytest.mark.parametrize("reference", ["Patient/p", "Patient?identifier=x|1"])
def test_what_names_no_organization_belongs_to_its_patients_owner(reference: str) -> None:
    known = Known(owners={"Patient/p": "c", "Patient?identifier=x|1": "c"})
    assert _owners(_entry("Condition", subject={"reference": reference}), known=known) == ("c",)


def test_what_names_nobody_at_all_is_the_platforms_own() -> None:
    assert _owners(_entry("Practitioner"), Entry(Method.DELETE, "Patient", id="x")) == ("platform-org",) * 2


def test_reports_that_cite_each_other_come_to_an_end() -> None:
    owners = _owners(
        _entry("DiagnosticReport", "urn:uuid:1", result=[{"reference": "urn:uuid:2"}]),
        _entry("DiagnosticReport", "urn:uuid:2", result=[{"reference": "urn:uuid:1"}]),
    )
    assert owners == ("platform-org",) * 2


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"performer":7}', b'{"performer":[7,{"reference":7}]}', b"[" * 100_000]
)
def test_a_body_that_cannot_be_read_is_left_for_the_validation_to_refuse(body: bytes) -> None:
    assert _owners(Entry(Method.CREATE, "Observation", body)) == ("platform-org",)
