"""One row of the trail as a FHIR R4 AuditEvent, after IHE BALP 1.1 (Basic Audit Log Patterns): pure."""

from datetime import UTC, datetime
from typing import Any

from hub.contracts.codes import BASE

from .audit import AuditRow

ID_PREFIX = "audit-"
CLIENT = f"{BASE}/client"
"""Identifier.system of a registered client."""
_TYPES = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_INTERACTIONS = "http://hl7.org/fhir/restful-interaction"
_RESOURCE_TYPES = "http://hl7.org/fhir/resource-types"
_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_REST = frozenset(
    {"read", "vread", "update", "patch", "delete", "history-instance", "create", "search-type", "transaction", "batch"}
)


def audit_event(seq: int, row: AuditRow) -> dict[str, Any]:
    """Agents: the client's system, its organization, and the practitioner it acted for, who then is the requestor.
    Entities: the patient, and the type of data with how many resources it was."""
    recorded = datetime.fromtimestamp(row.at_us / 1_000_000, UTC).isoformat(timespec="milliseconds")
    subtype = _INTERACTIONS if row.interaction in _REST else f"{BASE}/CodeSystem/interaction"
    event: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": f"{ID_PREFIX}{seq}",
        "type": {"system": _TYPES, "code": "rest", "display": "RESTful Operation"},
        "subtype": [{"system": subtype, "code": row.interaction}],
        "action": row.action,
        "recorded": recorded.replace("+00:00", "Z"),
        "outcome": str(row.outcome),
        "agent": _agents(row),
        "source": {"observer": {"type": "Device", "display": "Regional health hub"}, "type": [_SERVER]},
        "entity": _entities(row),
    }
    if row.purpose:
        event["purposeOfEvent"] = [_purpose(row.purpose)]
    return event


_SERVER = {"system": "http://terminology.hl7.org/CodeSystem/security-source-type", "code": "4"}


def _agents(row: AuditRow) -> list[dict[str, Any]]:
    system = {
        "type": {"coding": [{"system": _DCM, "code": "110150", "display": "Application"}]},
        "role": [{"coding": [{"system": f"{BASE}/CodeSystem/role", "code": row.role}]}],
        "who": {"type": "Device", "identifier": {"system": CLIENT, "value": row.client}},
        "name": row.client,
        "requestor": row.actor is None,
    }
    organization = {"who": {"reference": f"Organization/{row.organization}"}, "requestor": False}
    agents = [system, organization]
    if row.actor is not None:
        agents.append({"who": {"reference": row.actor}, "requestor": True})
    return agents


def _entities(row: AuditRow) -> list[dict[str, Any]]:
    entities: list[dict[str, Any]] = []
    if row.patient_id is not None:
        entities.append(
            {
                "what": {"reference": f"Patient/{row.patient_id}"},
                "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-entity-type", "code": "1"},
                "role": {"system": "http://terminology.hl7.org/CodeSystem/object-role", "code": "1"},
            }
        )
    entities.append(
        {
            "type": {
                "system": _RESOURCE_TYPES if row.type[:1].isupper() else f"{BASE}/CodeSystem/door",
                "code": row.type,
            },
            "role": {"system": "http://terminology.hl7.org/CodeSystem/object-role", "code": "4"},
            "detail": [{"type": "resources", "valueString": str(row.n)}],
        }
    )
    return entities


def _purpose(code: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": code}]}
