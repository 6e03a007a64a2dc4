"""Who may do what: one table, closed by default.

Roles and their duties stand in the contract of the doors; administration, security and audit are kept apart
(GB/T 22239-2019, level 3: 三权分立): an admin reads no chart, an auditor writes nothing, nobody edits the audit trail.
Nothing here looks at a payload or at the store: the answer follows from the caller alone.
"""

from dataclasses import dataclass
from typing import Literal

from hub.contracts.caller import Caller, Role, Scope
from hub.contracts.errors import Forbidden

Reach = Literal["nothing", "own", "county", "person", "sent", "all"]
"""How far a role reads: own organization; every organization; one person's record; own organization and what this
client sent for others; everything (the hub itself)."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CARE = _words(
    """AdverseEvent AllergyIntolerance Appointment AppointmentResponse Binary BodyStructure Bundle CarePlan CareTeam
    ClinicalImpression Communication CommunicationRequest Composition Condition Consent DetectedIssue DeviceMetric
    DeviceRequest DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference Encounter EpisodeOfCare
    FamilyMemberHistory Flag Goal GuidanceResponse ImagingStudy Immunization ImmunizationEvaluation
    ImmunizationRecommendation List Media Medication MedicationAdministration MedicationDispense MedicationRequest
    MedicationStatement MolecularSequence NutritionOrder Observation Patient Person Procedure Provenance
    QuestionnaireResponse RelatedPerson RequestGroup RiskAssessment ServiceRequest Specimen Substance SupplyDelivery
    SupplyRequest Task VisionPrescription"""
)
"""What a physician or a reader needs to treat and to report. Money (Claim …) and definitions are not in it."""

DIRECTORY = _words(
    """Device DeviceDefinition Endpoint HealthcareService Location Organization OrganizationAffiliation Practitioner
    PractitionerRole Schedule Slot"""
)
"""Who and where: nothing of a patient."""

MONEY = _words(
    """Account ChargeItem Claim ClaimResponse Contract Coverage CoverageEligibilityRequest CoverageEligibilityResponse
    EnrollmentRequest EnrollmentResponse ExplanationOfBenefit Invoice PaymentNotice PaymentReconciliation"""
)

ORDERING = _words(
    """AllergyIntolerance CarePlan Communication CommunicationRequest Condition Coverage DetectedIssue DeviceRequest
    Encounter Flag Location MedicationRequest NutritionOrder Organization Patient Practitioner PractitionerRole
    Provenance RelatedPerson RequestGroup ServiceRequest Specimen SupplyRequest"""
)
"""An order and what must stand beside it to be understood (an ORM message, an ordering transaction)."""

REPORTING = _words(
    """Binary Communication DiagnosticReport DocumentReference Endpoint ImagingStudy Media Observation Practitioner
    PractitionerRole Provenance"""
)
"""A report and what it cites. Not the Patient and not the order: those are the clinic's."""

KEPT_BY_THE_HUB = frozenset({"AuditEvent", "Subscription"})
"""The audit trail is written by nobody; where things are delivered is decided by registration, not by a payload. (A
``Person`` computed by the hub is guarded by the door that knows which ids are computed.)"""


@dataclass(frozen=True, slots=True)
class Duties:
    """One row of the table. Type sets of None mean every type but the excepted ones. ``creates`` may be posted and
    come to be owned by the caller, who may then change and delete them; ``updates_any`` may be changed (not created,
    not deleted) whoever owns them, as far as the room that keeps them agrees."""

    reach: Reach
    reads: frozenset[str] | None
    reads_not: frozenset[str] = frozenset()
    creates: frozenset[str] | None = frozenset()
    creates_not: frozenset[str] = KEPT_BY_THE_HUB
    updates_any: frozenset[str] = frozenset()
    manages: frozenset[str] = frozenset()
    """Created, changed and deleted whoever owns them."""
    actions: frozenset[str] = frozenset()


ACTIONS = _words(
    """ingest cds cds-feedback quarantine quarantine-original quarantine-replay dicom-read dicom-store dicom-amend match
    person
    pages operations delivery codes figures merge identity-review"""
)
"""Everything ``check_action`` may be asked about beside FHIR reads and writes; other names are refused to all."""

PUSH_ACTIONS = frozenset(
    {
        "ingest",
        "quarantine",
        "quarantine-original",
        "quarantine-replay",
        "dicom-read",
        "dicom-store",
        "match",
        "person",
        "merge",
    }
)
ADMINISTRATION = frozenset({"Linkage", "Subscription", "Task"}) | DIRECTORY
"""What an admin sees and keeps. A Linkage says which Patients are one and holds nothing of their charts."""

TABLE: dict[Role, Duties] = {
    Role.CLINIC: Duties(
        "own", None, reads_not=KEPT_BY_THE_HUB,
        creates=None,
        actions=PUSH_ACTIONS | {"pages", "codes", "figures", "dicom-amend"},
    ),
    Role.PLATFORM: Duties(
        "sent", None, reads_not=KEPT_BY_THE_HUB,
        creates=None,
        actions=PUSH_ACTIONS,
    ),
    Role.PHYSICIAN: Duties(
        "county", CARE | DIRECTORY | {"Coverage"}, creates=ORDERING,
        actions=frozenset({
            "ingest", "cds", "cds-feedback", "quarantine", "quarantine-original", "quarantine-replay", "dicom-read",
            "match", "person", "pages", "figures",
        }),
    ),
    Role.READER: Duties(
        "county", CARE | DIRECTORY, creates=REPORTING, updates_any=frozenset({"Task"}),
        actions=frozenset({
            "quarantine", "quarantine-original", "quarantine-replay", "dicom-read", "dicom-store", "match", "person",
            "pages", "codes", "figures",
        }),
    ),
    Role.ADMIN: Duties(
        "county", ADMINISTRATION, manages=ADMINISTRATION - {"Task"}, updates_any=frozenset({"Task"}),
        actions=frozenset({
            "quarantine", "operations", "delivery", "pages", "codes", "figures", "merge", "identity-review",
            "dicom-amend",
        }),
    ),
    Role.AUDITOR: Duties("county", frozenset({"AuditEvent"}), actions=frozenset({"pages", "figures"})),
    Role.PATIENT: Duties(
        "person", (CARE | MONEY) - {"Task"}, actions=frozenset({"dicom-read", "person", "pages"})
    ),
    Role.SERVICE: Duties("all", None, creates=None, creates_not=frozenset(), actions=ACTIONS),
}  # fmt: skip


class Policy:
    """``hub.contracts.gate.Gate`` over ``TABLE``.

    ``platform`` may change what it sent for other organizations; since the sender of a version is not an argument
    here, the write path must have found that version within ``scope`` first (outside it there is nothing to change:
    NotFound). The same holds for every role.
    """

    def scope(self, caller: Caller) -> Scope:
        duties = TABLE[caller.role]
        own = frozenset({caller.organization})
        match duties.reach:
            case "all" | "county":
                return Scope(owners=None, types=duties.reads, hidden_types=duties.reads_not)
            case "own":
                return Scope(owners=own, types=duties.reads, hidden_types=duties.reads_not)
            case "sent":
                return Scope(owners=own, types=duties.reads, hidden_types=duties.reads_not, sender=caller.client)
            case "person":
                return Scope(owners=frozenset(), types=duties.reads, person=caller.person)
            case _:
                return Scope(owners=frozenset(), types=frozenset())

    def check_write(self, caller: Caller, resource_type: str, method: str, owner: str | None) -> None:
        duties = TABLE[caller.role]
        if resource_type in duties.manages:
            return
        if resource_type in duties.updates_any and method == "PUT" and owner is not None:
            return
        creates = duties.creates is None or resource_type in duties.creates
        if not creates or resource_type in duties.creates_not or method not in ("POST", "PUT", "DELETE"):
            raise Forbidden(
                f"A client of role {caller.role} may not {method} {resource_type}.",
                remedy="Use a client whose role has this duty (hub client add --role …).",
            )
        foreign = owner is not None and owner != caller.organization
        if foreign and duties.reach not in ("sent", "all"):
            raise Forbidden(
                f"This {resource_type} belongs to another organization.",
                remedy="Only the organization that sent a resource may change or delete it.",
            )

    def check_action(self, caller: Caller, action: str) -> None:
        if action not in TABLE[caller.role].actions:
            raise Forbidden(
                f"A client of role {caller.role} may not use {action!r}.",
                remedy="Use a client whose role has this duty (hub client add --role …).",
            )
