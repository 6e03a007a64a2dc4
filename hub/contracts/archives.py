"""An image archive that stays at its hospital: how it is reached, and how hard it may be asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from .codes import BASE

Retrieve = Literal["wado-rs", "c-get", "c-move"]

ENDPOINT_TYPE = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
DIMSE_ENDPOINT = f"{BASE}/CodeSystem/endpoint-connection-type"
ARCHIVE_NAME = f"{BASE}/archive"
"""Identifier.system of an archive's Endpoint; the value is the archive's name."""


@dataclass(frozen=True, slots=True)
class DistantArchive:
    """One registered archive. ``url`` is its DICOMweb root without a slash at the end, "" where it has none; then it is
    asked by C-FIND and C-MOVE or C-GET at ``host`` and ``port``. ``token`` goes with each HTTP request."""

    name: str
    organization: str
    ae_title: str = ""
    host: str = ""
    port: int = 0
    url: str = ""
    token: str = ""
    retrieve: Retrieve = "wado-rs"
    from_cidrs: tuple[str, ...] = ()
    sweep_days: int = 0
    """How many days back studies are looked for; 0 sweeps nothing and relies on notifications."""
    sweep_every_seconds: float = 600.0
    """How often the latest two days are looked at again."""
    sweep_hours: tuple[int, int] | None = None
    """Looking back goes on between these hours of the site's day alone (20, 6: from 20:00 to 06:00)."""
    requests_per_second: float = 5.0
    """Questions of our own accord; what a reader waits for is bounded by ``connections`` instead."""
    connections: int = 4
    """Objects fetched at the same time by one process."""

    @property
    def endpoint_id(self) -> str:
        return endpoint_id(self.name)


def endpoint_id(name: str) -> str:
    """The id of the Endpoint of the archive of this name."""
    return f"archive-{name}"


class Archives(Protocol):
    def archives(self) -> Sequence[DistantArchive]:
        """Those registered now, by name."""
        ...


def endpoint(archive: DistantArchive, status: str) -> dict[str, Any]:
    """The Endpoint (FHIR R4 endpoint.html) by which an ImagingStudy says where its images live. ``status``: active,
    error (it cannot be reached), off (it is no longer registered)."""
    if archive.url:
        kind = {"system": ENDPOINT_TYPE, "code": "dicom-wado-rs"}
        address = archive.url
    else:
        kind = {"system": DIMSE_ENDPOINT, "code": "dicom-dimse", "display": "DICOM Query/Retrieve"}
        address = f"dicom://{archive.ae_title.replace(' ', '%20')}@{archive.host}:{archive.port}"
    return {
        "resourceType": "Endpoint",
        "identifier": [{"system": ARCHIVE_NAME, "value": archive.name}],
        "status": status,
        "connectionType": kind,
        "name": archive.name,
        "managingOrganization": {"reference": f"Organization/{archive.organization}"},
        "payloadType": [{"text": "DICOM"}],
        "payloadMimeType": ["application/dicom"],
        "address": address,
    }
