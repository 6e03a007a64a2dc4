"""The capability statement (R4 capabilitystatement.html, http.html#capabilities), made from the tables."""

from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from hub.fhir.search_params import of_type
from hub.fhir.structures import resource_types

__all__ = ["capability_bytes", "capability_statement"]

_INTERACTIONS = ("create", "delete", "history-instance", "read", "search-type", "update", "vread")
_OF_EVERY_TYPE = (
    {"name": "_content", "type": "string", "documentation": "Words and Chinese characters, as they follow each other."},
    {"name": "_has", "type": "special", "documentation": "One step: _has:Type:reference:parameter."},
    {"name": "_text", "type": "string", "documentation": "As _content, in the narrative alone."},
)
_FIND = {
    "name": "find",
    "type": "string",
    "documentation": "With _query=people: words, each the beginning of a name in characters, of its pinyin or "
    "initials, of a phone or card number, or the end of such a number (4 characters at least).",
}
_SYSTEM_INTERACTIONS = ("batch", "transaction")
_SECURITY = "http://terminology.hl7.org/CodeSystem/restful-security-service"


Described = tuple[tuple[str, str, str], ...]
"""Operations: resource type (empty: system), name, canonical URL of the definition (empty: this hub's own)."""


def capability_statement(base_url: str, version: str, now: datetime, operations: Described = ()) -> dict[str, Any]:
    """What this hub does, as JSON values. ``version`` is the software's; ``now`` (aware) becomes ``date``."""
    base = base_url.rstrip("/")
    of_system = _operations("", operations, base)
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{base_url.rstrip('/')}/metadata",
        "version": version,
        "name": "RegionalHealthHub",
        "title": "Regional health information exchange hub",
        "status": "active",
        "date": now.isoformat(timespec="seconds"),
        "kind": "instance",
        "software": {"name": "Regional health hub", "version": version},
        "implementation": {"description": "Regional health hub", "url": base_url.rstrip("/")},
        "fhirVersion": "4.0.1",
        "format": ["json", "application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "security": {
                    "cors": False,
                    "service": [{"coding": [{"system": _SECURITY, "code": "OAuth"}], "text": "Bearer token"}],
                    "description": "Every request needs Authorization: Bearer TOKEN of a registered client; "
                    "what a client may see follows from its role and organization.",
                },
                "resource": [_resource(name, operations, base) for name in sorted(resource_types())],
                "interaction": [{"code": code} for code in _SYSTEM_INTERACTIONS],
                **({"operation": of_system} if of_system else {}),
            }
        ],
    }


@lru_cache(maxsize=8)
def capability_bytes(base_url: str, version: str, now: datetime, operations: Described = ()) -> bytes:
    """``capability_statement`` as JSON, kept: pass the time of the process's start, not that of the request."""
    return msgspec.json.encode(capability_statement(base_url, version, now, operations))


def _operations(name: str, operations: Described, base: str) -> list[dict[str, str]]:
    return [
        {"name": operation, "definition": definition or f"{base}/OperationDefinition/{name or 'system'}-{operation}"}
        for resource_type, operation, definition in operations
        if resource_type == name
    ]


def _resource(name: str, operations: Described = (), base: str = "") -> dict[str, Any]:
    params = of_type(name)
    references = sorted(code for code, param in params.items() if param.kind == "reference")
    entry: dict[str, Any] = {
        "type": name,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{name}",
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
        "referencePolicy": ["literal", "logical", "local"],
    }
    if references:
        entry["searchInclude"] = [f"{name}:{code}" for code in references]
    reverse = _reverse_includes().get(name)
    if reverse:
        entry["searchRevInclude"] = reverse
    entry["searchParam"] = [{"name": code, "type": param.kind} for code, param in sorted(params.items())]
    entry["searchParam"] += _OF_EVERY_TYPE
    if name == "Patient":
        entry["searchParam"].append(_FIND)
    own = _operations(name, operations, base)
    if own:
        entry["operation"] = own
    return entry


@lru_cache(maxsize=1)
def _reverse_includes() -> dict[str, list[str]]:
    """``Observation:subject`` by the type it leads to; parameters that lead to any type are left out."""
    found: dict[str, list[str]] = {}
    for name in sorted(resource_types()):
        for code, param in sorted(of_type(name).items()):
            if len(param.targets) < len(resource_types()):
                for target in param.targets:
                    found.setdefault(target, []).append(f"{name}:{code}")
    return found
