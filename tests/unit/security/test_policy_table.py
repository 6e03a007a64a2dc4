"""The table of duties, row by row: every R4 type, every role, every operation; what is not allowed is refused."""

import pytest

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Forbidden
from hub.fhir.model import RESOURCE_TYPES
from hub.security.policy import ACTIONS, Policy

POLICY = Policy()
OWN, OTHER = "township-a", "township-b"

CHARTS = {
    "Patient", "Encounter", "Condition", "Observation", "DiagnosticReport", "ImagingStudy", "DocumentReference",
    "Binary", "MedicationRequest", "ServiceRequest", "Composition", "Procedure", "AllergyIntolerance", "Claim", "Media",
}  # fmt: skip

READABLE_BY = {
    "Observation": {"clinic", "physician", "reader", "platform", "patient"},
    "DiagnosticReport": {"clinic", "physician", "reader", "platform", "patient"},
    "Patient": {"clinic", "physician", "reader", "platform", "patient"},
    "Person": {"clinic", "physician", "reader", "platform", "patient"},
    "Task": {"clinic", "physician", "reader", "platform", "admin"},
    "Organization": {"clinic", "physician", "reader", "platform", "admin"},
    "AuditEvent": {"auditor"},
    "Subscription": {"admin"},
    "Linkage": {"clinic", "platform", "admin"},
    "Claim": {"clinic", "platform", "patient"},
    "ValueSet": {"clinic", "platform"},
}
CREATABLE_BY = {
    "Observation": {"clinic", "platform", "reader"},
    "DiagnosticReport": {"clinic", "platform", "reader"},
    "Patient": {"clinic", "platform", "physician"},
    "ServiceRequest": {"clinic", "platform", "physician"},
    "Task": {"clinic", "platform"},
    "Organization": {"clinic", "platform", "physician", "admin"},
    "Subscription": {"admin"},
    "Linkage": {"clinic", "platform", "admin"},
    "AuditEvent": set(),
}
ALLOWED_ACTIONS = {
    "ingest": {"clinic", "platform", "physician"},
    "cds": {"physician"},
    "cds-feedback": {"physician"},
    "quarantine": {"clinic", "platform", "physician", "reader", "admin"},
    "quarantine-original": {"clinic", "platform", "physician", "reader"},
    "dicom-store": {"clinic", "platform", "reader"},
    "dicom-read": {"clinic", "platform", "physician", "reader", "patient"},
    "operations": {"admin"},
    "delivery": {"admin"},
    "match": {"clinic", "platform", "physician", "reader"},
    "merge": {"clinic", "platform", "admin"},
    "identity-review": {"admin"},
}
ROLES = [role for role in Role if role is not Role.SERVICE]


def caller(role: Role, organization: str = OWN) -> Caller:
    return Caller("client-1", role, organization, person="p1" if role is Role.PATIENT else None)


def may_write(role: Role, resource_type: str, method: str, owner: str | None) -> bool:
    try:
        POLICY.check_write(caller(role), resource_type, method, owner)
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("resource_type", sorted(READABLE_BY))
def test_a_type_is_readable_by_exactly_the_roles_that_need_it(resource_type: str, role: Role) -> None:
    assert POLICY.scope(caller(role)).sees_type(resource_type) == (role.value in READABLE_BY[resource_type])


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("resource_type", sorted(CREATABLE_BY))
def test_a_type_is_created_by_exactly_the_roles_that_make_it(resource_type: str, role: Role) -> None:
    assert may_write(role, resource_type, "POST", None) == (role.value in CREATABLE_BY[resource_type])


@pytest.mark.parametrize("role", [Role.CLINIC, Role.PHYSICIAN, Role.READER])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_nobody_changes_what_another_organization_sent(role: Role, method: str) -> None:
    changed = {kind for kind in RESOURCE_TYPES if may_write(role, kind, method, OTHER)}
    assert changed == ({"Task"} if role is Role.READER and method == "PUT" else set())


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.PATIENT])
def test_an_auditor_and_a_patient_write_nothing(role: Role) -> None:
    for resource_type in RESOURCE_TYPES:
        for method in ("POST", "PUT", "DELETE"):
            assert not may_write(role, resource_type, method, None)
            assert not may_write(role, resource_type, method, OWN)


def test_nobody_but_the_hub_writes_the_audit_trail() -> None:
    for role in ROLES:
        for method in ("POST", "PUT", "DELETE"):
            assert not may_write(role, "AuditEvent", method, None)
            assert not may_write(role, "AuditEvent", method, OWN)


def test_an_admin_reads_and_writes_no_chart() -> None:
    for resource_type in CHARTS:
        assert not POLICY.scope(caller(Role.ADMIN)).sees_type(resource_type)
        assert not may_write(Role.ADMIN, resource_type, "POST", None)
        assert not may_write(Role.ADMIN, resource_type, "PUT", OTHER)


def test_an_auditor_sees_the_audit_trail_and_nothing_else() -> None:
    scope = POLICY.scope(caller(Role.AUDITOR))
    assert {kind for kind in RESOURCE_TYPES if scope.sees_type(kind)} == {"AuditEvent"}


def test_a_clinic_reads_its_own_alone() -> None:
    scope = POLICY.scope(caller(Role.CLINIC))
    assert scope.owners == {OWN}
    assert (scope.sender, scope.person) == (None, None)


def test_a_platform_also_reads_what_it_sent_for_others() -> None:
    scope = POLICY.scope(caller(Role.PLATFORM))
    assert (scope.owners, scope.sender) == ({OWN}, "client-1")


@pytest.mark.parametrize("role", [Role.PHYSICIAN, Role.READER])
def test_physicians_and_readers_read_the_whole_county(role: Role) -> None:
    assert POLICY.scope(caller(role)).owners is None


def test_a_patient_reads_one_person_and_without_one_nothing() -> None:
    scope = POLICY.scope(caller(Role.PATIENT))
    assert (scope.owners, scope.person) == (frozenset(), "p1")
    nobody = POLICY.scope(Caller("c", Role.PATIENT, OWN))
    assert (nobody.owners, nobody.person, nobody.sender) == (frozenset(), None, None)


@pytest.mark.parametrize("role", [Role.PHYSICIAN, Role.READER, Role.CLINIC, Role.PLATFORM])
def test_what_a_role_writes_it_can_read_again(role: Role) -> None:
    scope = POLICY.scope(caller(role))
    written = {kind for kind in RESOURCE_TYPES if may_write(role, kind, "POST", None)}
    assert written
    assert {kind for kind in written if not scope.sees_type(kind)} == set()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", sorted(ALLOWED_ACTIONS))
def test_an_action_is_for_exactly_its_roles(action: str, role: Role) -> None:
    try:
        POLICY.check_action(caller(role), action)
        allowed = True
    except Forbidden:
        allowed = False
    assert allowed == (role.value in ALLOWED_ACTIONS[action])


@pytest.mark.parametrize("role", list(Role))
def test_an_action_nobody_declared_is_refused_to_everybody(role: Role) -> None:
    assert "format-the-disk" not in ACTIONS
    with pytest.raises(Forbidden):
        POLICY.check_action(caller(role), "format-the-disk")


@pytest.mark.parametrize("role", ROLES)
def test_an_unknown_type_or_method_is_refused(role: Role) -> None:
    assert not may_write(role, "Observation", "PATCH", OWN)
    if role not in (Role.CLINIC, Role.PLATFORM):  # they push every type; the model refuses what is not FHIR
        assert not may_write(role, "NoSuchType", "POST", None)


def test_the_hub_itself_may_do_everything() -> None:
    scope = POLICY.scope(caller(Role.SERVICE))
    assert all(scope.sees_type(kind) for kind in RESOURCE_TYPES)
    assert all(may_write(Role.SERVICE, kind, "PUT", OTHER) for kind in RESOURCE_TYPES)
