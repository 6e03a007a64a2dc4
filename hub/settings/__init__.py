"""Every setting of the hub, in one place: of its doors, of its rooms, and how they are read.

A setting comes from the command line, else from an environment variable (``HUB_`` + name, ``__`` between levels:
``HUB_DICOM__QUIET_SECONDS=15``), else from ``settings.toml`` in the data folder, else from the default below.
"""

import tomllib
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from .doors import DicomDevice, DicomDoor, DicomOutgoing, DicomRoute, Door, HttpDoor, MllpDoor, Port, Retention
from .rooms import S3, Blobs, Delivery, Duplicates, Ecg, OutsideSource, Quota, Search, Viewer

__all__ = [
    "MAX_DEFAULT_WORKERS",
    "S3",
    "Blobs",
    "Delivery",
    "DicomDevice",
    "DicomDoor",
    "DicomOutgoing",
    "DicomRoute",
    "Door",
    "Duplicates",
    "Ecg",
    "HttpDoor",
    "MllpDoor",
    "OutsideSource",
    "Port",
    "Quota",
    "Retention",
    "Search",
    "Settings",
    "SettingsError",
    "Viewer",
    "address",
    "load",
    "refusals",
]

MAX_DEFAULT_WORKERS = 4


class SettingsError(Exception):
    """One sentence with the remedy; the command line prints it and exits with 2."""


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
