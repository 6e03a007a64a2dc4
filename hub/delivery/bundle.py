"""The FHIR form of a delivery: one transaction Bundle (FHIR R4 http.html#transaction), the same bytes on every try.

The report and its results are PUT under the hub's ids, so that a new version replaces the old one. What the receiver
has already (its Patient, its study, its order) is created only where it is not there, found by business identifier;
without one it is PUT too. References stay as stored: each entry's ``fullUrl`` is what they resolve to.
"""

from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from hub.contracts.codes import BASE, RESIDENT_ID
from hub.contracts.store import Stored

from .report import elements, identifiers

DELIVERY_KEY = f"{BASE}/delivery"
"""Bundle.identifier.system; the value is the Idempotency-Key."""


def transaction(key: str, report: Stored, results: Sequence[Stored], context: Sequence[Stored], base_url: str) -> bytes:
    """Bodies are spliced in as they are stored: decimals keep their digits."""
    entries = [_present(stored, base_url) for stored in context]
    entries += [_put(stored, stored.body, base_url) for stored in (*results, report)]
    bundle = {
        "resourceType": "Bundle",
        "identifier": {"system": DELIVERY_KEY, "value": key},
        "type": "transaction",
        "timestamp": report.last_updated,
        "entry": entries,
    }
    return msgspec.json.encode(bundle)


def _put(stored: Stored, body: bytes, base_url: str) -> dict[str, object]:
    return {
        "fullUrl": f"{base_url}/{stored.reference}",
        "resource": msgspec.Raw(body),
        "request": {"method": "PUT", "url": stored.reference},
    }


def _present(stored: Stored, base_url: str) -> dict[str, object]:
    body = stored.body
    if stored.type == "ImagingStudy":
        # The receiver sent this study: that it exists is enough, not each of its instances.
        body = msgspec.json.encode({name: raw for name, raw in elements(body).items() if name != "series"})
    known = identifiers(body)
    if not known:
        return _put(stored, body, base_url)
    system, value = next((one for one in known if one[0] != RESIDENT_ID), known[0])
    return {
        "fullUrl": f"{base_url}/{stored.reference}",
        "resource": msgspec.Raw(body),
        "request": {
            "method": "POST",
            "url": stored.type,
            "ifNoneExist": f"identifier={quote(system, safe=':/.')}%7C{quote(value, safe='')}",
        },
    }
