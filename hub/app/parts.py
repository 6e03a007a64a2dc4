"""What every process of the tree is made of. Nothing here opens a file's connection or starts a thread before its first
use, so a process may compose and then fork."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from dicom_gateway import verify as dicom_verify
from dicom_gateway.archive import Archive
from dicom_gateway.device import DeviceProfile
from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.routing.rule import Route
from dicom_gateway.scu.tls import OutgoingTls
from dicom_gateway.settings import DicomSettings
from hub.blobs.folder import FolderBlobStore
from hub.blobs.settling_store import SettlingBlobStore
from hub.cds.following import FollowingReaction
from hub.cds.tables import CDS_TABLES
from hub.client.local import LocalHubClient
from hub.contracts.caller import Caller
from hub.contracts.search import Searches
from hub.contracts.store import Reaction, Select, SideTable
from hub.delivery.tables import DELIVERY_TABLES
from hub.exams.reaction import ExamsReaction
from hub.exams.requested import requested
from hub.identity import verifying as identity_verify
from hub.identity.linkage import LinkageReaction
from hub.identity.persons import SqlPersons
from hub.identity.reaction import IdentityReaction
from hub.identity.regional import RegionalReaction
from hub.identity.shared_number import SharedNumberReaction
from hub.intake.accept import Intake
from hub.intake.originals import OriginalsReaction, keeps_original
from hub.intake.quarantine import TABLES as QUARANTINE_TABLES
from hub.intake.quarantine import SqlQuarantine
from hub.reading.claim import with_owner
from hub.reading.reaction import ReadingReaction
from hub.search.freshness import Freshness
from hub.search.progress import Progress, Refused
from hub.search.searching import StoreAlone
from hub.search.state import IndexState, state_of
from hub.search.tables import SEARCH_TABLES
from hub.security.archives import SqlArchives
from hub.security.audit import AuditReaction, AuditTrail, readers_since
from hub.security.clients import Clients
from hub.security.events import SecurityEvents
from hub.security.links import Links
from hub.security.policy import Policy
from hub.security.sessions import Sessions
from hub.security.signed import SignedCredentials
from hub.security.study_pass import StudyPasses
from hub.security.tables import SECURITY_TABLES
from hub.settings import DicomDevice, DicomDoor, DicomRoute, HttpDoor, Settings
from hub.store.sqlite import SqliteResourceStore
from hub.viewer.installed import Viewer
from hub.worklist.facts import Examination
from hub.worklist.orders import SqlOrders
from hub.worklist.reaction import WorklistReaction

from .blobs import blob_store

SIDE_TABLES: tuple[SideTable, ...] = (SECURITY_TABLES, QUARANTINE_TABLES, DELIVERY_TABLES, CDS_TABLES, SEARCH_TABLES)


def understood(resource: Any, owner: str, rows: Select) -> Examination:
    """The worklist's question to the examination room."""
    return Examination(*requested(resource, owner, rows))


def reactions() -> tuple[Reaction, ...]:
    """In this order within a commit: who it is, what it is, what must be done about it, and that it happened."""
    return (
        OriginalsReaction(),
        RegionalReaction(),
        IdentityReaction(),
        SharedNumberReaction(),
        LinkageReaction(readers_since),
        ExamsReaction(),
        FollowingReaction(),
        ReadingReaction(),
        WorklistReaction(understood),
        AuditReaction(),
    )


def _device(door: DicomDoor, device: DicomDevice) -> DeviceProfile:
    outgoing = door.outgoing
    shown = (outgoing.certificate, outgoing.key) if outgoing.certificate else (door.certificate, door.key)
    return DeviceProfile(
        character_set=device.character_set,
        x_ray=device.x_ray,
        modalities=frozenset(device.modalities),
        station_name=device.station_name,
        quiet_seconds=device.quiet_seconds,
        written_in=device.written_in,
        tls=OutgoingTls(device.ca or outgoing.ca, *shown, device.tls_name) if device.tls else None,
    )


class _Registry:
    """``hub.client.local.Clients``: the registry with the counting of refusals beside it."""

    def __init__(self, clients: Clients, events: SecurityEvents) -> None:
        self.caller_by_facility = clients.caller_by_facility
        self.caller_by_ae_title = clients.caller_by_ae_title
        self.destination_of_ae_title = clients.destination_of_ae_title
        self.security_event = events.note


@dataclass
class Parts:
    """The rooms of one process, over one data folder."""

    settings: Settings

    @property
    def folder(self) -> Path:
        return self.settings.data_dir

    @cached_property
    def store(self) -> SqliteResourceStore:
        return SqliteResourceStore(self.folder, reactions=reactions(), side_tables=SIDE_TABLES)

    @cached_property
    def blobs(self) -> FolderBlobStore | SettlingBlobStore:
        return blob_store(self.settings)

    @cached_property
    def policy(self) -> Policy:
        return Policy()

    @cached_property
    def clients(self) -> Clients:
        trusted = self.settings.trusted_network
        return Clients(self.store, trusted_networks=(trusted,) if trusted else ())

    @cached_property
    def archives(self) -> SqlArchives:
        return SqlArchives(self.store)

    @cached_property
    def sessions(self) -> Sessions:
        return Sessions(self.store, self.clients)

    @cached_property
    def signed(self) -> SignedCredentials:
        return SignedCredentials(self.store, self.clients.signed_by)

    @cached_property
    def links(self) -> Links:
        return Links(self.store, self.clients.caller_by_name)

    @cached_property
    def study_passes(self) -> StudyPasses:
        return StudyPasses(self.store, self.clients.caller_by_name, secure=self.settings.http.tls)

    @cached_property
    def security_events(self) -> SecurityEvents:
        return SecurityEvents(self.store)

    @cached_property
    def persons(self) -> SqlPersons:
        return SqlPersons(self.store)

    @cached_property
    def audit(self) -> AuditTrail:
        return AuditTrail(self.store)

    @cached_property
    def quarantine(self) -> SqlQuarantine:
        return SqlQuarantine(self.store, self.blobs)

    @cached_property
    def intake(self) -> Intake:
        return Intake(self.store, self.policy, self.blobs, amend=with_owner)

    @cached_property
    def hub_client(self) -> LocalHubClient:
        registry = _Registry(self.clients, self.security_events)
        return LocalHubClient(self.intake, self.quarantine, registry, self.orders, self._needs_bytes, self.archives)

    def _needs_bytes(self, sha256: str) -> bool:
        return self.quarantine.keeps(sha256) or keeps_original(self.store, sha256)

    @cached_property
    def searches(self) -> Searches:
        """What answers searches. Loads the client of Elasticsearch only where one is set."""
        if not self.settings.search.urls:
            return StoreAlone(self.store)
        from .indexing import planned_searches

        return planned_searches(self.settings.search, self.store)

    def index_state(self) -> IndexState | None:
        """None where no search index is set."""
        if not self.settings.search.urls:
            return None
        progress = Progress(self.store)
        return state_of(self.store, progress, Freshness(self.store, progress))

    def refused_documents(self) -> list[Refused]:
        """What the search index would not take."""
        return Progress(self.store).refused()

    @cached_property
    def orders(self) -> SqlOrders:
        return SqlOrders(self.store, understood)

    @cached_property
    def dicom_settings(self) -> DicomSettings:
        door = self.settings.dicom
        return DicomSettings(
            ae_title=door.ae_title,
            quiet_seconds=door.quiet_seconds,
            fast_receive=door.fast_receive,
            pixel_workers=door.pixel_workers,
            pixel_seconds=door.pixel_seconds,
            thumbnail_cache_bytes=door.thumbnail_cache_bytes,
            character_set=door.character_set,
            devices={ae_title: _device(door, one) for ae_title, one in door.devices.items()},
            free_space_floor_bytes=door.free_space_floor_bytes,
            dicom_web_url=_dicom_web_url(self.settings.http),
            distant_cache_bytes=door.distant_cache_bytes,
            quota_bytes=self.settings.quota.bytes,
            quotas=self.settings.quota.organizations,
            routes=tuple(_route(one) for one in door.routes),
        )

    @property
    def dicom_folder(self) -> Path:
        return self.folder / "dicom"

    @cached_property
    def archive(self) -> Archive:
        hub = self.hub_client
        return Archive(self.dicom_folder, self.dicom_settings, self.blobs, hub.quarantine, hub.archives)

    @cached_property
    def viewer(self) -> Viewer:
        return Viewer(self.settings.viewer_folder)

    @cached_property
    def instances(self) -> ArchiveInstanceStore:
        return ArchiveInstanceStore(self.archive)

    def caller_of_folder(self, name: str) -> Caller | None:
        """The client that a drop folder of this name belongs to."""
        return self.clients.caller_by_name(name)

    def verify(self) -> Iterator[str]:
        """Every stored body, index row and blob against its hash; a sentence per fault."""
        yield from self.store.verify()
        yield from identity_verify.verify(self.store.side_rows)
        yield from self.blobs.verify()
        yield from dicom_verify.verify(self.archive)
        yield from self.viewer.verify()

    def close(self) -> None:
        """Write what waits, then close what was opened."""
        made = self.__dict__
        for name in ("audit", "security_events", "archive", "store"):
            if name in made:
                made[name].close()


def _dicom_web_url(door: HttpDoor) -> str:
    """Where others reach our DICOMweb; empty where nothing says by what name."""
    if door.base_url:
        return f"{door.base_url.rstrip('/')}/dicom-web"
    if ip_address(door.host).is_unspecified or not door.port:
        return ""
    host = f"[{door.host}]" if ":" in door.host else door.host
    return f"{'https' if door.tls else 'http'}://{host}:{door.port}/dicom-web"


def _route(told: DicomRoute) -> Route:
    return Route(
        told.name,
        told.to,
        told.dicomweb.rstrip("/"),
        told.token,
        from_ae_titles=frozenset(told.from_ae_title),
        organizations=frozenset(told.organization),
        modalities=frozenset(one.upper() for one in told.modality),
        body_parts=frozenset(one.upper() for one in told.body_part),
        priority=told.priority,
        commitment=told.commitment,
    )


def compose(settings: Settings) -> Parts:
    """The rooms for these settings; the data folder is made where it is not there."""
    settings.data_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
    return Parts(settings)
