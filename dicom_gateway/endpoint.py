"""Where a study's images can be had, as Endpoint (FHIR R4 endpoint.html). Pure."""

import uuid
from typing import Any

import msgspec

from hub.contracts.codes import BASE
from hub.contracts.submission import Entry, Method

from .patient import by_identifier

IDENTIFIER = f"{BASE}/dicom-web-endpoint"
_CONNECTION_TYPE = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
_PAYLOAD_TYPE = "http://terminology.hl7.org/CodeSystem/endpoint-payload-type"


def endpoint_entry(organization: str, url: str) -> Entry:
    """The one Endpoint of an organization at this URL, made where it is not there."""
    value = f"{organization} {url}"
    resource: dict[str, Any] = {
        "resourceType": "Endpoint",
        "identifier": [{"system": IDENTIFIER, "value": value}],
        "status": "active",
        "connectionType": {"system": _CONNECTION_TYPE, "code": "dicom-wado-rs"},
        "name": "区域影像 DICOMweb",
        "managingOrganization": {"reference": f"Organization/{organization}"},
        "payloadType": [{"coding": [{"system": _PAYLOAD_TYPE, "code": "any"}]}],
        "payloadMimeType": ["application/dicom"],
        "address": url,
    }
    urn = uuid.uuid5(uuid.NAMESPACE_URL, value).urn
    condition = by_identifier(IDENTIFIER, value)
    return Entry(Method.CREATE, "Endpoint", msgspec.json.encode(resource), condition=condition, full_url=urn)
