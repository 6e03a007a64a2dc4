"""Every setting of the hub, in one place.

A setting comes from the command line, else from an environment variable (``HUB_`` + name, ``__`` between levels:
``HUB_DICOM__QUIET_SECONDS=15``), else from ``settings.toml`` in the data folder, else from the default below.
"""

import tomllib
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

MAX_DEFAULT_WORKERS = 4


class SettingsError(Exception):
    """One sentence with the remedy; the command line prints it and exits with 2."""


_NOTHING_ELSE = ConfigDict(extra="forbid")
"""A name misspelt is told, not passed over."""

Port = Annotated[int, Field(ge=0, le=65535)]
"""0 takes a free one."""


class Door(BaseModel):
    """An address to listen on, and the certificate that makes it fit for use beyond loopback."""

    model_config = _NOTHING_ELSE

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

    model_config = _NOTHING_ELSE

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

    model_config = _NOTHING_ELSE

    certificate: Path | None = None
    key: Path | None = None
    """What we show to destinations; None shows the certificate of the door, if it has one."""
    ca: Path | None = None
    """The authority that signs the certificates of destinations; None trusts those of the system."""


class Retention(BaseModel):
    """How many years studies are kept; None is for ever. The most particular figure counts."""

    model_config = _NOTHING_ELSE

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


class Ecg(BaseModel):
    model_config = _NOTHING_ELSE

    drop_folder: bool = True
    """Watch ``DIR/drop/ecg/CLIENT/`` for files."""


class S3(BaseModel):
    """A bucket for all blobs (originals, documents, pixels), in any object store that speaks S3. Without a key, the
    environment (``AWS_ACCESS_KEY_ID`` …) counts, then the machine's own credentials."""

    model_config = _NOTHING_ELSE

    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    endpoint: str | None = Field(None, pattern=r"^(https://|http://(127\.0\.0\.1|\[::1\]|localhost)[:/])\S+$")
    """``https://minio.example.org:9000``; plain http on loopback alone. None is AWS in the region."""
    region: str = "us-east-1"
    prefix: str = Field("", pattern=r"^[A-Za-z0-9._/-]*$")
    """Of every object's name: several hubs may share a bucket."""
    key: str | None = None
    secret: str | None = None
    ca_file: Path | None = None
    """Signs the certificate of the endpoint, beside the well-known authorities."""
    path_style: bool = True
    """``https://host/bucket/…``; false for ``https://bucket.host/…`` (the endpoint then holds the bucket)."""
    timeout_seconds: float = Field(10.0, gt=0)
    """Longest silence of the server."""

    @model_validator(mode="after")
    def _key_with_secret(self) -> "S3":
        if (self.key is None) != (self.secret is None):
            raise ValueError("a key and its secret belong together")
        return self


class Blobs(BaseModel):
    """Where bytes come to rest. All arrive in the data folder; see ``hub.blobs.settling_store``."""

    model_config = _NOTHING_ELSE

    s3: S3 | None = None
    compress: bool = False
    """Keep a smaller form, from which the original comes back byte for byte."""
    cache_bytes: int = Field(10 << 30, ge=0)
    """Of the disk, for originals whose form at rest lies in a bucket or is compressed."""


class Quota(BaseModel):
    """What an organization may keep here, in bytes of images and ECGs; beyond it its senders are told A700 or 507."""

    model_config = _NOTHING_ELSE

    bytes: int | None = Field(None, ge=0)
    """Of every organization that is not named below; None is any amount."""
    organizations: dict[str, Annotated[int, Field(ge=0)]] = {}
    """By id: ``HUB_QUOTA__ORGANIZATIONS__QINGSHAN=500000000000``."""


class Duplicates(BaseModel):
    model_config = _NOTHING_ELSE

    budget_seconds: float = Field(1.0, gt=0)
    """A check that takes longer answers that nothing was checked."""
    mute_unheeded: bool = False
    """Mute by default what was shown 50 times or more and accepted in less than 5 %, until a committee decides."""


class Delivery(BaseModel):
    model_config = _NOTHING_ELSE

    poll_seconds: float = Field(0.2, gt=0)
    longest_wait_seconds: float = Field(300.0, gt=0)


class Viewer(BaseModel):
    model_config = _NOTHING_ELSE

    folder: Path | None = None
    """Where ``hub viewer install`` puts OHIF, and where it is served from; None is ``viewer`` in the data folder."""


class Search(BaseModel):
    """The search index beside the store. Without ``elasticsearch_url`` every search runs on the store."""

    model_config = _NOTHING_ELSE

    elasticsearch_url: str = Field("", pattern=r"^$|^https?://[^/?#@\s,]+/?([,\s]+https?://[^/?#@\s,]+/?)*$")
    """Elasticsearch 8 or 9; several addresses of one cluster with commas between."""
    user: str = ""
    password: str = ""
    api_key: str = ""
    """Instead of user and password, as Elasticsearch gives it (``encoded``)."""
    ca_file: Path | None = None
    """The authority that signed the servers' certificate, where the system does not know it."""
    required: bool = False
    """True: the hub does not start without a usable index. False: it says what is wrong, and searches the store."""
    prefix: str = Field("hub", pattern=r"^[a-z][a-z0-9_-]{0,30}$")
    """Begins the names of indices and aliases."""
    shards: int = Field(1, ge=1, le=64)
    replicas: int = Field(0, ge=0, le=5)
    """Copies of each shard; 1 or more on a cluster of several nodes."""
    most_behind_seconds: float = Field(5.0, gt=0)
    """An index that is behind by more is not asked."""
    rebuild_per_second: float = Field(0.0, ge=0)
    """Resources that a rebuild writes a second at most; 0 for no limit."""
    check_hours: float = Field(24.0, ge=0)
    """Between two checks of the index against the store, which repair what differs; 0 for none."""

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(url.rstrip("/") for url in self.elasticsearch_url.replace(",", " ").split())


class OutsideSource(BaseModel):
    """A recognition source outside the county, asked at each signing; see ``hub.cds.outside`` for what is sent."""

    url: str = Field(pattern=r"^(https://|http://(127\.0\.0\.1|localhost)[:/])\S+$")
    name: str = Field("省级互认平台", min_length=1, max_length=40)
    """What a card calls it."""
    token: str = ""


class Settings(BaseSettings):
    """The effective settings of one data folder."""

    model_config = SettingsConfigDict(env_prefix="HUB_", env_nested_delimiter="__", extra="forbid")

    data_dir: Path = Path("hub-data")
    workers: int = Field(0, ge=0, le=64)
    """HTTP and MLLP worker processes; 0 takes the number of cores, at most 4."""
    trusted_network: str | None = None
    """Devices in this network may be told apart by address and AE title alone, without a certificate."""
    log_level: str = "info"
    http: HttpDoor = HttpDoor()
    mllp: MllpDoor = MllpDoor()
    dicom: DicomDoor = DicomDoor()
    ecg: Ecg = Ecg()
    blobs: Blobs = Blobs()
    quota: Quota = Quota()
    delivery: Delivery = Delivery()
    outside: dict[str, OutsideSource] = {}
    """By a word of the site's own: ``HUB_OUTSIDE__PROVINCE__URL=https://…``. None is asked by default."""
    search: Search = Search()
    duplicates: Duplicates = Duplicates()
    viewer: Viewer = Viewer()

    @property
    def viewer_folder(self) -> Path:
        return self.viewer.folder or self.data_dir / "viewer"

    @field_validator("trusted_network")
    @classmethod
    def _network(cls, value: str | None) -> str | None:
        if value is not None:
            ip_network(value)
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, dotenv_settings


def _merge(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for name, value in high.items():
        old = merged.get(name)
        merged[name] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _file_values(folder: Path) -> dict[str, Any]:
    path = folder / "settings.toml"
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read as TOML ({error}). Correct that line or remove the file.") from None


def load(**given: Any) -> Settings:
    """The settings with those of the command line on top.

    Raises SettingsError: one sentence that names the setting and what it accepts.
    """
    try:
        stated = _merge(Settings().model_dump(exclude_unset=True), given)
        folder = Path(stated.get("data_dir", Settings.model_fields["data_dir"].default))
        return Settings.model_validate(_merge(_file_values(folder), stated))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        variable = "HUB_" + "__".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(
            f"Setting {name} is not accepted: {first['msg']}. Correct {variable} or the option."
        ) from None


def address(text: str) -> tuple[str, int]:
    """``HOST:PORT`` as given on the command line; an IPv6 host stands in brackets."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        raise SettingsError(f"'{text}' is no address. Give HOST:PORT, for example 127.0.0.1:8080.")
    return host.strip("[]") or "127.0.0.1", int(port)


def refusals(settings: Settings) -> list[str]:
    """What forbids serving with these settings: a sentence with the remedy each. Pure but for looking at files."""
    found: list[str] = []
    for name, door in (("http", settings.http), ("mllp", settings.mllp), ("dicom", settings.dicom)):
        variable = f"HUB_{name.upper()}__"
        if not door.loopback and not door.tls:
            if name in ("mllp", "dicom") and settings.trusted_network:
                continue
            found.append(
                f"The {name} door would listen on {door.host} without TLS. Set {variable}CERTIFICATE and "
                f"{variable}KEY, or bind it to 127.0.0.1."
            )
        if name in ("mllp", "dicom") and not door.loopback and door.tls and not door.client_ca:
            if settings.trusted_network:
                continue
            found.append(
                f"The {name} door on {door.host} would take any sender. Set {variable}CLIENT_CA to the authority that "
                f"signs your clients' certificates, or --trusted-network for devices without one."
            )
        if door.tls and door.key is None:
            found.append(f"The {name} door has a certificate without its key. Set {variable}KEY.")
        for kind, path in (("certificate", door.certificate), ("key", door.key), ("client_ca", door.client_ca)):
            if path is not None and not path.is_file():
                found.append(f"{path} is not there. Correct {variable}{kind.upper()}.")
    found += _refusals_of_outgoing(settings.dicom)
    if settings.search.ca_file is not None and not settings.search.ca_file.is_file():
        found.append(f"{settings.search.ca_file} is not there. Correct HUB_SEARCH__CA_FILE.")
    return found


def _refusals_of_outgoing(door: DicomDoor) -> Iterator[str]:
    outgoing = door.outgoing
    if outgoing.certificate is not None and outgoing.key is None:
        yield "dicom.outgoing has a certificate without its key. Set HUB_DICOM__OUTGOING__KEY."
    files = [(f"dicom.outgoing.{kind}", getattr(outgoing, kind)) for kind in ("certificate", "key", "ca")]
    files += [(f"dicom.devices.{ae_title}.ca", device.ca) for ae_title, device in door.devices.items()]
    for name, path in files:
        if path is not None and not path.is_file():
            yield f"{path} is not there. Correct {name}."
