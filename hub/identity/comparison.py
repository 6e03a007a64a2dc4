"""Two records of a review side by side: what each says of who it is, and what every field counts.

Identity alone: no element of a chart is in it, so that who administers may decide without reading one.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from hub.contracts.caller import EVERYTHING
from hub.contracts.codes import RESIDENT_ID
from hub.contracts.errors import ExchangeError
from hub.contracts.store import ResourceReader

from .reviews import Review

ELEMENTS = ("identifier", "name", "gender", "birthDate", "telecom", "address", "active")
FIELDS = ("number", "name", "born", "sex", "phone", "address", "document")
"""Rows of the comparison, named as in the evidence (``scoring``)."""


def summary(review: Review) -> dict[str, Any]:
    """What a list shows of a review: nothing of the persons."""
    told: dict[str, Any] = {
        "id": review.id,
        "state": review.state.value,
        "rule": review.rule,
        "bits": round(review.bits, 1),
        "opened": instant(review.opened_us),
        "changed": instant(review.changed_us),
        "records": [f"Patient/{review.one}", f"Patient/{review.other}"],
    }
    if review.client is not None:
        told["decision"] = {"client": review.client, "actor": review.actor, "reason": review.reason}
    return told


def compared(review: Review, store: ResourceReader) -> dict[str, Any]:
    """The summary with ``records`` in full and ``evidence`` field by field: ``one`` and ``other`` are what the records
    say, ``level`` and ``bits`` what the matcher made of it (None where it made nothing)."""
    records = [_record(review.one, store), _record(review.other, store)]
    judged = {field: (level, round(bits, 1)) for field, level, bits in review.because}
    said = [_fields(record) for record in records]
    evidence = []
    for field in FIELDS:
        level, bits = judged.get(field, (None, None))
        evidence.append({"field": field, "one": said[0][field], "other": said[1][field], "level": level, "bits": bits})
    return {**summary(review), "model": review.model, "records": records, "evidence": evidence}


def instant(at_us: int) -> str:
    """A FHIR instant."""
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _record(patient_id: str, store: ResourceReader) -> dict[str, Any]:
    """``organization`` is None where the record is gone."""
    try:
        stored = store.read("Patient", patient_id, EVERYTHING)
    except ExchangeError:
        return {"patient": f"Patient/{patient_id}", "organization": None}
    patient = msgspec.json.decode(stored.body)
    return {
        "patient": f"Patient/{patient_id}",
        "organization": f"Organization/{stored.owner}",
        "organizationName": _organization(stored.owner, store),
        "lastUpdated": stored.last_updated,
        **{element: patient[element] for element in ELEMENTS if element in patient},
    }


def _organization(organization_id: str, store: ResourceReader) -> str:
    """Its name, or its id where the directory has none."""
    try:
        organization = msgspec.json.decode(store.read("Organization", organization_id, EVERYTHING).body)
    except ExchangeError:
        return organization_id
    return str(organization.get("name") or organization_id)


def _fields(record: Mapping[str, Any]) -> dict[str, list[str]]:
    identifiers = record.get("identifier") or ()
    return {
        "number": [str(one.get("value")) for one in identifiers if one.get("system") == RESIDENT_ID],
        "name": [text for one in record.get("name") or () if (text := _name(one))],
        "born": [record["birthDate"]] if record.get("birthDate") else [],
        "sex": [record["gender"]] if record.get("gender") else [],
        "phone": [str(one["value"]) for one in record.get("telecom") or () if one.get("value")],
        "address": [text for one in record.get("address") or () if (text := _address(one))],
        "document": [_document(one) for one in identifiers if one.get("system") != RESIDENT_ID and one.get("value")],
    }


def _name(name: Mapping[str, Any]) -> str:
    parts: Sequence[Any] = (name.get("family"), *(name.get("given") or ()))
    return str(name.get("text") or "".join(part for part in parts if isinstance(part, str)))


def _address(address: Mapping[str, Any]) -> str:
    parts = (*(address.get(part) for part in ("state", "city", "district")), *(address.get("line") or ()))
    return str(address.get("text") or "".join(part for part in parts if isinstance(part, str)))


def _document(identifier: Mapping[str, Any]) -> str:
    kind = next((one.get("code") for one in (identifier.get("type") or {}).get("coding") or ()), "")
    return f"{kind} {identifier['value']}".strip()
