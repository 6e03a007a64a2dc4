"""Settings of what is listened on, and of those who come in by it."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

NOTHING_ELSE = ConfigDict(extra="forbid")
"""A name misspelt is told, not passed over."""

Port = Annotated[int, Field(ge=0, le=65535)]
"""0 takes a free one."""


class Door(BaseModel):
    """An address to listen on, and the certificate that makes it fit for use beyond loopback."""

    model_config = NOTHING_ELSE

    host: str = "127.0.0.1"
    port: Port
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    """Certificates of clients must be signed by this; None asks for none."""

    @property
    def tls(self) -> bool:
        return self.certificate is not None

    @property
    def loopback(self) -> bool:
        return self.host == "localhost" or ip_address(self.host).is_loopback

    @field_validator("host")
    @classmethod
    def _literal_address(cls, value: str) -> str:
        if value != "localhost":
            ip_address(value)
        return "127.0.0.1" if value == "localhost" else value


class HttpDoor(Door):
    port: Port = 8080
    body_limit_bytes: int = 64 << 20
    base_url: str | None = Field(None, pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$")
    """What the hub calls itself outside, behind a proxy: ``https://hub.example.org``. None follows each request."""
    cors_origins: list[Annotated[str, Field(pattern=r"^https?://[^/?#@*\s]+$")]] = []
    """Origins whose pages may call the CDS services: ``["https://his.example.org"]``. None may by default."""


class MllpDoor(Door):
    port: Port = 2575
    message_limit_bytes: int = 16 << 20
    idle_seconds: float = 600.0


class DicomDevice(BaseModel):
    """One modality or console, by its AE title (``[dicom.devices.CT01]`` in ``settings.toml``)."""

    character_set: str = ""
    """What it reads: GB18030, ISO_IR 192, \\ISO 2022 IR 58 …; empty follows its requests."""
    x_ray: Literal["", "DX", "CR"] = ""
    """Under which modality X-ray orders stand on its worklist; empty as it asks for them."""
    modalities: tuple[str, ...] = ()
    """Its worklist holds these alone; empty holds all."""
    station_name: str = Field("", max_length=16)
    quiet_seconds: float | None = Field(None, gt=0)
    written_in: Literal[
        "", "GB18030", "ISO_IR 192", "ISO_IR 100", "ISO_IR 101", "ISO_IR 144", "ISO_IR 13", "ISO_IR 149", "BIG5"
    ] = ""
    """What it writes in where neither the label nor the bytes of an object say so; empty presumes GB18030."""
    tls: bool = False
    """Associations that we open to it go over TLS; ``dicom.outgoing`` says with which certificate."""
    ca: Path | None = None
    """The authority that signs its certificate, where that is not the one of ``dicom.outgoing``."""
    tls_name: str = ""
    """Whom its certificate must be made out to; empty is the host that its AE title is registered with."""


class DicomRoute(BaseModel):
    """Where objects received go on to (``[[dicom.routes]]`` in ``settings.toml``). A condition that is left out holds
    for everything, a list where one of its values does."""

    model_config = NOTHING_ELSE

    name: str = Field(min_length=1, max_length=64)
    to: str = Field("", max_length=16)
    """AE title of a client that is registered with its address."""
    dicomweb: str = Field("", pattern=r"^(https?://[^/?#\s]+(/[^?#\s]*)?)?$")
    """Or the DICOMweb root of a destination that takes STOW-RS."""
    token: str = ""
    from_ae_title: tuple[str, ...] = ()
    organization: tuple[str, ...] = ()
    modality: tuple[str, ...] = ()
    body_part: tuple[str, ...] = ()
    priority: Literal["high", "medium", "low"] = "medium"
    commitment: bool = False
    """Objects are kept in the queue until the destination has committed to keep them (storage commitment)."""

    @model_validator(mode="after")
    def _one_destination(self) -> "DicomRoute":
        if bool(self.to) == bool(self.dicomweb):
            raise ValueError("a route has either 'to' (an AE title) or 'dicomweb' (a URL)")
        return self


class DicomOutgoing(BaseModel):
    """TLS of the associations that we open."""

    model_config = NOTHING_ELSE

    certificate: Path | None = None
    key: Path | None = None
    """What we show to destinations; None shows the certificate of the door, if it has one."""
    ca: Path | None = None
    """The authority that signs the certificates of destinations; None trusts those of the system."""


class Retention(BaseModel):
    """How many years studies are kept; None is for ever. The most particular figure counts."""

    model_config = NOTHING_ELSE

    years: Annotated[int, Field(ge=1, le=200)] | None = None
    modalities: dict[str, Annotated[int, Field(ge=1, le=200)]] = {}
    """By modality: ``{"CT" = 15}``."""
    organizations: dict[str, Annotated[int, Field(ge=1, le=200)]] = {}
    """By Organization id."""


class DicomDoor(Door):
    port: Port = 11112
    ae_title: str = Field("HUB", min_length=1, max_length=16, pattern=r"^[\x21-\x5b\x5d-\x7e]+$")
    quiet_seconds: float = Field(15.0, gt=0)
    """A study without a new instance for this long is told to the hub as an ImagingStudy."""
    free_space_floor_bytes: int = 1 << 30
    character_set: str = "GB18030"
    """Specific Character Set of answers to a peer that does not show what it reads."""
    devices: dict[str, DicomDevice] = {}
    outgoing: DicomOutgoing = DicomOutgoing()
    retention: Retention = Retention()
    """Applied by ``hub retention``, and by nothing else."""
    routes: tuple[DicomRoute, ...] = ()
    distant_cache_bytes: int = Field(10 << 30, ge=0)
    """Room for images fetched from archives that stay at their hospitals; those looked at longest ago go first."""
    fast_receive: bool = True
    """False hands associations to pynetdicom's own reactor."""
    pixel_workers: int = Field(2, ge=1, le=64)
    """Frames decoded or encoded at a time, in each process that serves images; each takes a process of its own."""
    pixel_seconds: float = Field(60.0, gt=0)
    """For one frame; what takes longer is given up."""
    thumbnail_cache_bytes: int = Field(512 << 20, ge=0)
    processes: int = Field(1, ge=1, le=64)
    """That take associations from the one listening socket. One is enough for two cores."""
