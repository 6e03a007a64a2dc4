"""The registry of distant archives (``hub archive add | list | remove``), beside that of the clients.

An archive's AE title is known to the DICOM door as a client of its organization, so that it may notify and send.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from hub.contracts.archives import DistantArchive, endpoint
from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Conflict, Incorrect, NotFound
from hub.contracts.store import CommitView, ResourceReader, ResourceStore

from .generation import new_generation
from .registration import AeTitle, host_and_port, network

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,54}", re.ASCII)
_FHIR_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}", re.ASCII)
_TOKEN = re.compile(r"[\x21-\x7e]{0,4096}", re.ASCII)
_OWN = ("from_cidrs", "sweep_hours")
"""Fields that JSON gives back as lists."""


class SqlArchives:
    """``hub.contracts.archives.Archives``. Read afresh each time: it is asked a few times a minute."""

    def __init__(self, store: ResourceStore) -> None:
        self._store = store

    def archives(self) -> Sequence[DistantArchive]:
        return registered(self._store)

    def add(self, archive: DistantArchive, organization_name: str | None = None) -> None:
        """Register it, with its Endpoint (and its Organization where there is none) in the same commit. Raises
        Incorrect, or Conflict where the name or the AE title is somebody else's."""
        wanted = checked(archive)
        self._change(wanted.organization, lambda view: _insert(view, wanted, organization_name))

    def remove(self, name: str) -> None:
        """Forget it. What is known of its studies stays, and its Endpoint is off. Raises NotFound."""

        def run(view: CommitView) -> None:
            rows = view.rows("SELECT settings FROM security_archive WHERE name = ?", (name,))
            if not rows:
                raise NotFound("No archive of this name is registered.", where="name", remedy="See hub archive list.")
            archive = _archive(rows[0][0])
            view.execute("DELETE FROM security_archive WHERE name = ?", (name,))
            if view.read("Endpoint", archive.endpoint_id) is not None:
                _tell(view, archive, "off")

        self._change("hub", run)

    def _change(self, organization: str, run: Any) -> None:
        def whole(view: CommitView) -> None:
            run(view)
            new_generation(view)

        self._store.act(whole, Caller("hub", Role.SERVICE, organization)).result()


def registered(store: ResourceReader) -> tuple[DistantArchive, ...]:
    return tuple(_archive(text) for (text,) in store.side_rows("SELECT settings FROM security_archive ORDER BY name"))


def checked(archive: DistantArchive) -> DistantArchive:
    """Itself, in canonical form. Raises Incorrect naming the first field that is wrong."""
    if not _NAME.fullmatch(archive.name):
        raise _refused("name", "Use letters, digits, dot and hyphen; at most 55, first a letter or digit.")
    if not _FHIR_ID.fullmatch(archive.organization):
        raise _refused("organization", "Use a FHIR id: letters, digits, hyphen and dot, at most 64.")
    if not archive.url and not (archive.ae_title and archive.host and archive.port):
        raise _refused("ae-title", "Give --ae-title AE@HOST:PORT, or --dicomweb URL.")
    if archive.url:
        _check_url(archive.url)
    if archive.token and not archive.url:
        raise _refused("token", "A token goes with --dicomweb.")
    if not _TOKEN.fullmatch(archive.token):
        raise _refused("token", "Use the token as it is sent after 'Bearer ', printable and without blanks.")
    if archive.retrieve == "wado-rs" and not archive.url:
        raise _refused("retrieve", "Without --dicomweb, images come by c-get or c-move.")
    if archive.retrieve != "wado-rs" and not archive.host:
        raise _refused("retrieve", "Give --ae-title AE@HOST:PORT to fetch by c-get or c-move.")
    for field, least, value, most in (
        ("sweep-days", 0, archive.sweep_days, 36_500),
        ("sweep-every", 1, archive.sweep_every_seconds, 86_400 * 7),
        ("pace", 0.01, archive.requests_per_second, 1000),
        ("connections", 1, archive.connections, 32),
    ):
        if not least <= value <= most:
            raise _refused(field, f"Give a number from {least} to {most}.")
    if archive.sweep_hours is not None and not all(0 <= hour < 24 for hour in archive.sweep_hours):
        raise _refused("sweep-hours", "Give two hours of the day, for example 20-6.")
    values = asdict(archive) | {
        "url": archive.url.rstrip("/"),
        "from_cidrs": tuple(str(network(text)) for text in archive.from_cidrs),
    }
    return DistantArchive(**values)


def place_of(text: str) -> AeTitle:
    """``AE@HOST:PORT``. Raises Incorrect."""
    found = AeTitle.parse(text)
    if found.host is None:
        host_and_port("", "ae-title")
    return found


def hours_of(text: str) -> tuple[int, int]:
    """``20-6``. Raises Incorrect."""
    first, dash, last = text.partition("-")
    if not dash or not first.isdigit() or not last.isdigit():
        raise _refused("sweep-hours", "Give two hours of the day, for example 20-6.")
    return int(first), int(last)


def _check_url(url: str) -> None:
    remedy = "Use http(s)://HOST[:PORT]/PATH, the root below which /studies lies, without user name or query."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused("dicomweb", remedy) from None
    plain = url.isascii() and url.isprintable() and " " not in url
    if not plain or parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise _refused("dicomweb", remedy)
    if parts.username is not None or parts.fragment or parts.query:
        raise _refused("dicomweb", remedy)


def _insert(view: CommitView, archive: DistantArchive, organization_name: str | None) -> None:
    taken = "Choose another, or remove who holds it (hub archive list, hub client list)."
    for table in ("security_archive", "security_client"):
        if view.rows(f"SELECT 1 FROM {table} WHERE name = ?", (archive.name,)):  # noqa: S608 - two constants
            raise Conflict("An archive or client of this name is registered.", where="name", remedy=taken)
    if archive.ae_title:
        if view.rows("SELECT 1 FROM security_archive WHERE ae_title = ?", (archive.ae_title,)):
            raise Conflict("This AE title belongs to another archive.", where="ae-title", remedy=taken)
        foreign = view.rows(
            "SELECT 1 FROM security_ae_title a JOIN security_client c ON c.name = a.client"
            " WHERE a.ae_title = ? AND c.organization <> ?",
            (archive.ae_title, archive.organization),
        )
        if foreign:
            raise Conflict("This AE title belongs to another organization's client.", where="ae-title", remedy=taken)
    view.execute(
        "INSERT INTO security_archive (name, organization, ae_title, settings) VALUES (?, ?, ?, ?)",
        (archive.name, archive.organization, archive.ae_title or None, json.dumps(asdict(archive))),
    )
    if view.read("Organization", archive.organization) is None:
        name = organization_name or archive.organization
        body = {"resourceType": "Organization", "active": True, "name": name}
        view.put("Organization", body, owner=archive.organization, id=archive.organization)
    _tell(view, archive, "active")


def _tell(view: CommitView, archive: DistantArchive, status: str) -> None:
    view.put("Endpoint", endpoint(archive, status), owner=archive.organization, id=archive.endpoint_id)


def _archive(settings: str) -> DistantArchive:
    values: dict[str, Any] = json.loads(settings)
    for name in _OWN:
        if values.get(name) is not None:
            values[name] = tuple(values[name])
    return DistantArchive(**values)


def _refused(field: str, remedy: str) -> Incorrect:
    return Incorrect(f"The {field} cannot be used.", where=field, remedy=remedy)
