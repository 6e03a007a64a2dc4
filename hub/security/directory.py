"""The registered clients as one immutable value, read in one go and shared by all threads of a process."""

import ipaddress
from dataclasses import dataclass, field

from hub.contracts.caller import Caller, Role
from hub.contracts.far_end import FarEnd

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class SignedIdentity:
    """By what a client signs: ``issuer`` is the ``iss`` of its tokens, ``keys`` a JWK Set that was pinned (empty where
    the keys are read from ``jku``), ``jku`` the one address that its tokens may name."""

    issuer: str
    keys: bytes = b""
    jku: str | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """One row of ``hub client list``. There is no token in it: only its hash is kept, and not here."""

    name: str
    role: Role
    organization: str
    person: str | None = None
    facilities: tuple[str, ...] = ()
    ae_titles: tuple[str, ...] = ()
    deliver_to: str | None = None
    from_cidrs: tuple[str, ...] = ()
    signed: SignedIdentity | None = None

    def caller(self) -> Caller:
        return Caller(self.name, self.role, self.organization, person=self.person)


@dataclass(frozen=True, slots=True)
class Directory:
    """Everything registered at one moment. ``generation`` grows with each change of the registry."""

    generation: int
    clients: dict[str, Client] = field(default_factory=dict)
    by_token_hash: dict[bytes, Client] = field(default_factory=dict)
    by_facility: dict[str, Client] = field(default_factory=dict)
    by_ae_title: dict[str, Client] = field(default_factory=dict)
    by_issuer: dict[str, Client] = field(default_factory=dict)
    ae_title_places: dict[str, tuple[str, int]] = field(default_factory=dict)


def may_come_from(client: Client, name: str, far_end: FarEnd, trusted_networks: tuple[Network, ...]) -> bool:
    """Whether an association or a message that names this client by ``name`` (one of its AE titles or facilities) may
    be taken from there.

    On loopback the name is enough. Beyond, a verified TLS client certificate binds it: made out to the client's name,
    or to the very title or facility. Without one, the address must lie both in a network the site trusts and in one the
    client is registered for.
    """
    try:
        place = ipaddress.ip_address(far_end.address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(place, ipaddress.IPv6Address) and place.ipv4_mapped is not None:
        place = place.ipv4_mapped
    if place.is_loopback:
        return True
    if far_end.certificate_names is not None:
        return not far_end.certificate_names.isdisjoint((client.name, name))
    registered = any(place in ipaddress.ip_network(text) for text in client.from_cidrs)
    return registered and any(place in trusted for trusted in trusted_networks)
