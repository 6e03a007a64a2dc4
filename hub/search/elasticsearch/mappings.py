"""The shape of the index: few fields, none of them made by what a document happens to hold."""

from typing import Any

from hub.fhir.structures import resource_types

MAPPING = 3
"""Raised with every change of a field, of ``keys`` or of ``document``: the next start builds anew beside the old."""

APPLICATION = "regional-health-hub"

_PEOPLE = ("Group", "Location", "Organization", "Patient", "Person", "Practitioner", "PractitionerRole")
_REPORTS = ("Composition", "DiagnosticReport", "DocumentReference", "ImagingStudy", "Media")
_WORK = ("Appointment", "DetectedIssue", "Encounter", "MedicationRequest", "ServiceRequest", "Task")
GROUPS: dict[str, frozenset[str]] = {
    "people": frozenset((*_PEOPLE, "RelatedPerson")),
    "results": frozenset({"Observation"}),
    "reports": frozenset(_REPORTS),
    "work": frozenset(_WORK),
}
"""Types that are searched alike; what stands in none is among the ``records``."""
REST = "records"
RESOURCE_GROUPS = (*GROUPS, REST)
TALLIES = "tallies"
"""No resources: what happens, counted (``tallying``)."""
ALL_GROUPS = (*RESOURCE_GROUPS, TALLIES)
_TALLIED_SINCE = 3
_GROUP_OF = {name: next((group for group, types in GROUPS.items() if name in types), REST) for name in resource_types()}


def group_of(resource_type: str) -> str:
    return _GROUP_OF[resource_type]


def groups_of(mapping: int) -> tuple[str, ...]:
    """The indices that a generation of a mapping has."""
    return ALL_GROUPS if mapping >= _TALLIED_SINCE else RESOURCE_GROUPS


def _keyword(**more: Any) -> dict[str, Any]:
    return {"type": "keyword", **more}


_UNSORTED = {"doc_values": False}
PROPERTIES: dict[str, Any] = {
    "type": _keyword(),
    "id": _keyword(),
    "version": {"type": "long", "index": False},
    "rid": {"type": "long"},
    "check": {"type": "long", "index": False},
    "updated": {"type": "long"},
    "occurred": {"type": "long"},
    "owner": _keyword(),
    "readers": _keyword(**_UNSORTED),
    "patient": _keyword(),
    "token": _keyword(),
    "reference": _keyword(),
    "string": _keyword(**_UNSORTED),
    "date": {"type": "long_range", "doc_values": False},
    "quantity": {"type": "ip", "doc_values": False},
    "people": _keyword(**_UNSORTED),
    "present": _keyword(**_UNSORTED),
    "sort": {"type": "flattened"},
    "content": {"type": "text", "analyzer": "words", "index_phrases": True, "norms": False},
    "narrative": {"type": "text", "analyzer": "words", "norms": False},
    "block": {"type": "long"},
    "n": {"type": "long"},
}
"""``content`` and ``narrative`` hold words that ``hub.fhir.fulltext`` has cut already, single Chinese characters among
them; pairs of neighbours are indexed too (``index_phrases``), so that a Chinese phrase is found by bigrams."""


def index_body(store_id: str, *, shards: int, replicas: int) -> dict[str, Any]:
    """What an index of ours is created with."""
    return {
        "settings": {
            "number_of_shards": shards,
            "number_of_replicas": replicas,
            "refresh_interval": "30s",
            # A write that was held up for long must not bring back what has been deleted since.
            "gc_deletes": "1h",
            "analysis": {"analyzer": {"words": {"type": "custom", "tokenizer": "whitespace"}}},
        },
        "mappings": {
            "dynamic": False,
            "_meta": {"application": APPLICATION, "store": store_id, "mapping": MAPPING},
            "properties": PROPERTIES,
        },
    }
