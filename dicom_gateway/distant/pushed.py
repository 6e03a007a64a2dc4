"""An ImagingStudy that somebody posts, whose Endpoint is a registered archive's, tells of a study that lives there."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from hub.contracts import codes
from hub.contracts.archives import ARCHIVE_NAME, DistantArchive
from hub.contracts.caller import EVERYTHING
from hub.contracts.errors import Gone, NotFound
from hub.contracts.store import Change, ResourceReader
from hub.telemetry.metrics import count

from .. import uids
from ..archive import Archive
from ..events import DISTANT_PUSHED

Resource = Mapping[str, Any]
_SECONDS = 30.0


class PushedStudies:
    """``hub.contracts.store.Follower``: what the gateway itself has told the hub is passed over."""

    name = "distant-studies"

    def __init__(self, archive: Archive, store: ResourceReader) -> None:
        self._archive = archive
        self._store = store

    def follow(self, changes: Iterable[Change]) -> None:
        archives = self._archive.distant.directory.all()
        names = {one.name for one in archives}
        for change in changes if archives else ():
            if change.type != "ImagingStudy" or change.deleted or change.sender in names:
                continue
            study = self._read("ImagingStudy", change.id)
            found = study and archive_of(study, archives, lambda number: self._read("Endpoint", number))
            uid = uid_of(study) if study else ""
            if found and uid and found.organization == change.owner:
                at_us = int(change.at.timestamp() * 1e6)
                told = self._archive.index.distant_studies.hear_announced(found.name, uid, change.patient, at_us)
                told.result(_SECONDS)
                count(DISTANT_PUSHED, archive=found.name)

    def _read(self, kind: str, number: str) -> Resource | None:
        try:
            found: Resource = msgspec.json.decode(self._store.read(kind, number, EVERYTHING).body)
        except (NotFound, Gone):
            return None
        return found


def uid_of(study: Resource) -> str:
    """StudyInstanceUID; "" where it has none that is one."""
    for one in study.get("identifier") or ():
        uid = str(one.get("value", "")).removeprefix("urn:oid:")
        if one.get("system") == codes.DICOM_UID and uids.is_uid(uid):
            return uid
    return ""


def archive_of(
    study: Resource, archives: Iterable[DistantArchive], endpoint_of: Callable[[str], Resource | None]
) -> DistantArchive | None:
    """The archive that the study's (or a series') Endpoint is of: by our own Endpoint, by its identifier, or by an
    address below the archive's DICOMweb root. Pure but for ``endpoint_of``."""
    known = list(archives)
    for reference in _references(study):
        endpoint = _resolved(study, reference, endpoint_of)
        for archive in known:
            if _names(reference, archive) or (endpoint is not None and _is_of(endpoint, archive)):
                return archive
    return None


def _references(study: Resource) -> Iterator[Resource]:
    yield from study.get("endpoint") or ()
    for series in study.get("series") or ():
        yield from series.get("endpoint") or ()


def _resolved(study: Resource, reference: Resource, endpoint_of: Callable[[str], Resource | None]) -> Resource | None:
    target = str(reference.get("reference", ""))
    if target.startswith("#"):
        return next((one for one in study.get("contained") or () if one.get("id") == target[1:]), None)
    kind, _, number = "/".join(target.partition("/_history/")[0].split("/")[-2:]).partition("/")
    return endpoint_of(number) if kind == "Endpoint" and number else None


def _names(reference: Resource, archive: DistantArchive) -> bool:
    identifier = reference.get("identifier") or {}
    return bool(identifier.get("system") == ARCHIVE_NAME and identifier.get("value") == archive.name)


def _is_of(endpoint: Resource, archive: DistantArchive) -> bool:
    if any(_names({"identifier": one}, archive) for one in endpoint.get("identifier") or ()):
        return True
    address = str(endpoint.get("address", "")).rstrip("/")
    return bool(archive.url) and (address == archive.url or address.startswith(f"{archive.url}/"))
