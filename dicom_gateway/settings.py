"""Every setting of the gateway, with its default. The hub's own settings are mapped onto these by whoever starts it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .device import ANY_DEVICE, DeviceProfile
from .routing.rule import Route

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class DicomSettings:
    ae_title: str = "HUB"
    require_called_ae_title: bool = False
    """True refuses an association that calls us by another name (PS3.8 9.3.4: called AE title not recognised)."""

    quiet_seconds: float = 15.0
    """A study without a new instance for this long is told to the hub."""

    fast_receive: bool = True
    """False hands every association to pynetdicom's own reactor."""
    maximum_pdu_bytes: int = 128 << 10
    maximum_command_bytes: int = 64 << 10
    maximum_data_set_bytes: int = 4 << 30
    maximum_inflated_bytes: int = 512 * MEBIBYTE
    """A data set in a deflated transfer syntax that grows beyond this is refused (deflate bomb)."""
    free_space_floor_bytes: int = 1 << 30
    """Below this much free space every store is answered A700 (out of resources)."""

    maximum_associations: int = 64
    maximum_associations_per_ae_title: int = 16
    """Both over all processes."""
    association_seconds: float = 30.0
    """From the TCP connection to the A-ASSOCIATE-RQ, TLS handshake included."""
    network_seconds: float = 60.0
    """Longest silence in an association, and longest time for one PDU to arrive whole."""
    recheck_client_seconds: float = 4.0
    """How long a removed client may go on in an association that is already open."""

    pixel_workers: int = 2
    """Frames decoded or encoded at a time, in each process that serves images; each has a process of its own."""
    pixel_seconds: float = 60.0
    """For one frame; what takes longer is given up."""

    thumbnail_cache_bytes: int = 512 * MEBIBYTE
    """Of thumbnails kept in the folder; those used longest ago go."""

    character_set: str = "GB18030"
    """Specific Character Set of answers to a peer that does not show what it reads."""
    maximum_matches: int = 100_000
    """Of one C-FIND; beyond it the answer ends with A700."""

    dicom_web_url: str = ""
    """Where others reach our DICOMweb; an ImagingStudy names it as its endpoint. Empty names none."""

    devices: Mapping[str, DeviceProfile] = field(default_factory=dict)
    """By AE title."""

    distant_cache_bytes: int = 10 << 30
    """Of objects fetched from distant archives, over all processes; those used longest ago go first."""
    distant_connect_seconds: float = 5.0
    distant_silence_seconds: float = 15.0
    """Longest silence of a distant archive."""
    distant_fetch_seconds: float = 60.0
    """How long a reader waits for an object of a distant archive; the fetch goes on for the next one who asks."""

    routes: tuple[Route, ...] = ()
    """Where objects received go on to."""

    quota_bytes: int | None = None
    """What an organization may keep here, where ``quotas`` does not name it; None is any amount."""
    quotas: Mapping[str, int] = field(default_factory=dict)
    """By organization."""

    retry_seconds: float = 5.0
    retry_longest_seconds: float = 300.0
    stow_part_limit_bytes: int = 4 << 30

    def device(self, ae_title: str) -> DeviceProfile:
        return self.devices.get(ae_title, ANY_DEVICE)

    def quota_of(self, organization: str) -> int | None:
        return self.quotas.get(organization, self.quota_bytes)

    def quiet_for(self, ae_title: str) -> float:
        own = self.device(ae_title).quiet_seconds
        return self.quiet_seconds if own is None else own
