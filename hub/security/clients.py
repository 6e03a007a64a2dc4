"""The registry of clients: who they are, by token, by HL7 v2 facility, by AE title, and where their reports go.

A token is 256 random bits shown once; its SHA-256 is kept (a random token needs no slow hash). Every process holds the
registry in memory. What is not found there is always looked up again, so that an added client counts at once; what is
found counts for at most ``TRUSTED_SECONDS`` before the generation row is asked again, so that a removed or rotated one
is shut out well within the promised 5 s.
"""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Conflict, NotFound
from hub.contracts.far_end import FarEnd
from hub.contracts.store import CommitView, ResourceStore

from .archives import registered
from .directory import Client, Directory, SignedIdentity, may_come_from
from .generation import new_generation
from .registration import AeTitle, Registration, network

TRUSTED_SECONDS = 1.0
TOKEN_PREFIX = "hub_"  # noqa: S105 - a prefix, so that scanners recognise leaked tokens
LONGEST_TOKEN = 256

T = TypeVar("T")


def hash_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


class Clients:
    """One per process; may be used from any thread. ``trusted_networks`` are the networks of ``--trusted-network``."""

    def __init__(self, store: ResourceStore, *, trusted_networks: Iterable[str] = ()) -> None:
        self._store = store
        self._trusted_networks = tuple(network(text) for text in trusted_networks)
        self._held: Directory | None = None
        self._checked = 0.0
        self._lock = threading.Lock()

    # Who is it?

    def caller_of_token(self, token: str) -> Caller | None:
        """The client that holds this bearer token; None where nobody does."""
        if not 0 < len(token) <= LONGEST_TOKEN:
            return None
        digest = hash_of(token)
        return _caller(self._look(lambda directory: directory.by_token_hash.get(digest)))

    def signed_by(self, issuer: str) -> tuple[SignedIdentity, Caller] | None:
        """The client whose tokens say that they are issued by this; None where nobody's do."""
        client = self._look(lambda directory: directory.by_issuer.get(issuer))
        return (client.signed, client.caller()) if client is not None and client.signed is not None else None

    def caller_by_name(self, name: str) -> Caller | None:
        return _caller(self._look(lambda directory: directory.clients.get(name)))

    def caller_by_facility(self, facility: str, far_end: FarEnd | None = None) -> Caller | None:
        """The client registered for this MSH-4 (first component), if it may come from there; None asks nothing of
        where."""
        client = self._look(lambda directory: directory.by_facility.get(facility))
        if client is None:
            return None
        if far_end is not None and not may_come_from(client, facility, far_end, self._trusted_networks):
            return None
        return client.caller()

    def caller_by_ae_title(self, ae_title: str, far_end: FarEnd) -> Caller | None:
        """The client registered for this calling AE title, if it may come from there."""
        title = ae_title.strip()
        client = self._look(lambda directory: directory.by_ae_title.get(title))
        if client is None or not may_come_from(client, title, far_end, self._trusted_networks):
            return None
        return client.caller()

    # Where do things go?

    def destination_of_ae_title(self, ae_title: str) -> tuple[str, int] | None:
        """Host and port where C-MOVE and storage commitment reports for this AE title go."""
        return self._look(lambda directory: directory.ae_title_places.get(ae_title.strip()))

    def destinations_of_organization(self, organization: str) -> Sequence[str]:
        """Where reports for this organization go: each URL once, by client name; empty where none was registered."""
        return tuple(dict.fromkeys(
            client.deliver_to for client in self.list() if client.organization == organization and client.deliver_to
        ))  # fmt: skip

    def organization_of_client(self, name: str) -> str | None:
        client = self._look(lambda directory: directory.clients.get(name))
        return client.organization if client else None

    def reader_organizations(self) -> Sequence[str]:
        """The reading centres: organizations of the registered clients of role reader."""
        return tuple(dict.fromkeys(client.organization for client in self.list() if client.role is Role.READER))

    def list(self) -> Sequence[Client]:
        """Every client, by name."""
        directory = self._current()
        return tuple(directory.clients[name] for name in sorted(directory.clients))

    # Changing the registry. Each of these blocks for one commit.

    def add(self, registration: Registration) -> str:
        """Register a client and return its token, which is shown nowhere again. Its Organization is created in the same
        commit where there is none of that id. Raises Incorrect, or Conflict where the name, a facility or an AE title
        is taken."""
        wanted = registration.checked()
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        self._change(wanted.organization, lambda view: _insert(view, wanted, hash_of(token)))
        return token

    def rotate(self, name: str) -> str:
        """Give a client a new token; the old one and its sessions end. Raises NotFound."""
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)

        def run(view: CommitView) -> None:
            _existing(view, name)
            view.execute("UPDATE security_client SET token_hash = ? WHERE name = ?", (hash_of(token), name))
            view.execute("DELETE FROM security_session WHERE client = ?", (name,))

        self._change("hub", run)
        return token

    def remove(self, name: str) -> None:
        """Shut a client out. What it sent stays. Raises NotFound."""

        def run(view: CommitView) -> None:
            _existing(view, name)
            view.execute("DELETE FROM security_client WHERE name = ?", (name,))
            view.execute("DELETE FROM security_facility WHERE client = ?", (name,))
            view.execute("DELETE FROM security_ae_title WHERE client = ?", (name,))
            view.execute("DELETE FROM security_destination WHERE client = ?", (name,))
            view.execute("DELETE FROM security_session WHERE client = ?", (name,))
            view.execute("DELETE FROM security_signed WHERE client = ?", (name,))

        self._change("hub", run)

    def _change(self, organization: str, run: Callable[[CommitView], None]) -> None:
        def whole(view: CommitView) -> None:
            run(view)
            new_generation(view)

        self._store.act(whole, Caller("hub", Role.SERVICE, organization)).result()
        self._checked = 0.0

    # The copy in memory

    def _look(self, ask: Callable[[Directory], T | None]) -> T | None:
        held = self._held
        if held is not None and time.monotonic() - self._checked < TRUSTED_SECONDS:
            found = ask(held)
            if found is not None:
                return found
        return ask(self._current())

    def _current(self) -> Directory:
        """The registry as it is now: one row is read, and the rest only after a change."""
        with self._lock:
            asked = time.monotonic()
            rows = self._store.side_rows("SELECT generation FROM security_generation")
            generation = int(rows[0][0]) if rows else 0
            if self._held is None or self._held.generation != generation:
                self._held = _load(self._store, generation)
            self._checked = asked
            return self._held


def _caller(client: Client | None) -> Caller | None:
    return client.caller() if client else None


def _existing(view: CommitView, name: str) -> None:
    if not view.rows("SELECT 1 FROM security_client WHERE name = ?", (name,)):
        raise NotFound("No client of this name is registered.", where="name", remedy="See hub client list.")


def _insert(view: CommitView, wanted: Registration, token_hash: bytes) -> None:
    taken = "Choose another, or remove the client that holds it (hub client list, hub client remove NAME)."
    if view.rows("SELECT 1 FROM security_client WHERE name = ?", (wanted.name,)):
        raise Conflict("A client of this name is registered.", where="name", remedy=taken)
    if view.rows("SELECT 1 FROM security_archive WHERE name = ?", (wanted.name,)):
        raise Conflict("An archive of this name is registered.", where="name", remedy="Choose another.")
    for facility in wanted.facilities:
        if view.rows("SELECT 1 FROM security_facility WHERE facility = ?", (facility,)):
            raise Conflict("This facility belongs to another client.", where="facility", remedy=taken)
        view.execute("INSERT INTO security_facility (facility, client) VALUES (?, ?)", (facility, wanted.name))
    for ae_title in wanted.ae_titles:
        if view.rows("SELECT 1 FROM security_ae_title WHERE ae_title = ?", (ae_title.title,)):
            raise Conflict("This AE title belongs to another client.", where="ae-title", remedy=taken)
        foreign = view.rows(
            "SELECT 1 FROM security_archive WHERE ae_title = ? AND organization <> ?",
            (ae_title.title, wanted.organization),
        )
        if foreign:
            raise Conflict("This AE title belongs to another organization's archive.", where="ae-title", remedy=taken)
        view.execute(
            "INSERT INTO security_ae_title (ae_title, client, host, port) VALUES (?, ?, ?, ?)",
            (ae_title.title, wanted.name, ae_title.host, ae_title.port),
        )
    if wanted.deliver_to:
        view.execute(
            "INSERT INTO security_destination (client, organization, url) VALUES (?, ?, ?)",
            (wanted.name, wanted.organization, wanted.deliver_to),
        )
    view.execute(
        "INSERT INTO security_client (name, token_hash, role, organization, person, from_cidrs, added_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            wanted.name, token_hash, wanted.role.value, wanted.organization, wanted.person,
            " ".join(wanted.from_cidrs), int(view.now.timestamp() * 1_000_000),
        ),
    )  # fmt: skip
    if (signed := wanted.signed) is not None:
        if view.rows("SELECT 1 FROM security_signed WHERE issuer = ?", (signed.issuer,)):
            raise Conflict("This issuer belongs to another client.", where="jwt-issuer", remedy=taken)
        view.execute(
            "INSERT INTO security_signed (client, issuer, keys, jku) VALUES (?, ?, ?, ?)",
            (wanted.name, signed.issuer, signed.keys, signed.jku),
        )
    if view.read("Organization", wanted.organization) is None:
        name = wanted.organization_name or wanted.organization
        body = {"resourceType": "Organization", "active": True, "name": name}
        view.put("Organization", body, owner=wanted.organization, id=wanted.organization)


def _load(store: ResourceStore, generation: int) -> Directory:
    facilities: dict[str, list[str]] = {}
    for facility, client in store.side_rows("SELECT facility, client FROM security_facility ORDER BY facility"):
        facilities.setdefault(client, []).append(facility)
    ae_titles: dict[str, list[AeTitle]] = {}
    for title, client, host, port in store.side_rows(
        "SELECT ae_title, client, host, port FROM security_ae_title ORDER BY ae_title"
    ):
        ae_titles.setdefault(client, []).append(AeTitle(title, host, port))
    urls = dict(store.side_rows("SELECT client, url FROM security_destination"))
    signed = {
        client: SignedIdentity(issuer, bytes(keys), jku)
        for client, issuer, keys, jku in store.side_rows("SELECT client, issuer, keys, jku FROM security_signed")
    }
    directory = Directory(generation)
    for name, token_hash, role, organization, person, from_cidrs in store.side_rows(
        "SELECT name, token_hash, role, organization, person, from_cidrs FROM security_client"
    ):
        titles = ae_titles.get(name, [])
        client = Client(
            name, Role(role), organization, person, tuple(facilities.get(name, ())),
            tuple(known.title for known in titles), urls.get(name), tuple(from_cidrs.split()),
            signed.get(name),
        )  # fmt: skip
        directory.clients[name] = client
        directory.by_token_hash[bytes(token_hash)] = client
        directory.by_facility.update(dict.fromkeys(client.facilities, client))
        directory.by_ae_title.update(dict.fromkeys(client.ae_titles, client))
        if client.signed is not None:
            directory.by_issuer[client.signed.issuer] = client
        for known in titles:
            if known.host is not None and known.port is not None:
                directory.ae_title_places[known.title] = (known.host, known.port)
    for archive in registered(store):
        if archive.ae_title and archive.ae_title not in directory.by_ae_title:
            title = archive.ae_title
            directory.by_ae_title[title] = Client(
                archive.name, Role.CLINIC, archive.organization, ae_titles=(title,), from_cidrs=archive.from_cidrs
            )
            if archive.host:
                directory.ae_title_places[title] = (archive.host, archive.port)
    return directory
