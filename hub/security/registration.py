"""What is said about a client when it is registered, checked before anything of it is kept.

AE titles: PS3.5 §6.2, value representation AE (at most 16 characters, no backslash, no control characters, not only
spaces). Facilities: the first component of MSH-4 (HL7 v2.5.1 chapter 2, HD).
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from hub.contracts.caller import Role
from hub.contracts.errors import Incorrect

from .directory import SignedIdentity
from .key_sets import check_address, read_keys

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_FHIR_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}", re.ASCII)
_AE_TITLE = re.compile(r"[\x21-\x5b\x5d-\x7e](?:[\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?", re.ASCII)
_HL7_DELIMITERS = frozenset("|^~\\&\r\n")


@dataclass(frozen=True, slots=True)
class AeTitle:
    """A calling AE title, and where C-MOVE and storage commitment reports for it go."""

    title: str
    host: str | None = None
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> "AeTitle":
        """``AE`` or ``AE@HOST:PORT``; raises Incorrect."""
        title, at, place = text.strip().partition("@")
        title = title.strip()
        if not _AE_TITLE.fullmatch(title):
            raise _refused("ae-title", "An AE title has 1 to 16 printable ASCII characters, none of them a backslash.")
        if not at:
            return cls(title)
        host, port = host_and_port(place, "ae-title")
        return cls(title, host, port)


@dataclass(frozen=True, slots=True)
class Registration:
    """A client as it is to be: checked, but not yet compared with what other clients hold."""

    name: str
    role: Role
    organization: str
    organization_name: str | None = None
    facilities: tuple[str, ...] = ()
    ae_titles: tuple[AeTitle, ...] = ()
    deliver_to: str | None = None
    from_cidrs: tuple[str, ...] = ()
    person: str | None = None
    signed: SignedIdentity | None = None

    def checked(self) -> "Registration":
        """Itself, with networks in canonical form. Raises Incorrect naming the first field that is wrong."""
        if not _NAME.fullmatch(self.name):
            raise _refused("name", "Use letters, digits, dot, hyphen, underscore; at most 64, first a letter or digit.")
        if self.role is Role.SERVICE:
            raise _refused("role", "Use clinic, physician, reader, platform, admin, auditor or patient.")
        if not _FHIR_ID.fullmatch(self.organization):
            raise _refused("organization", "Use a FHIR id: letters, digits, hyphen and dot, at most 64.")
        if self.organization_name is not None and not self.organization_name.strip():
            raise _refused("organization-name", "Give a name or leave the option out.")
        for facility in self.facilities:
            if not 0 < len(facility) <= 180 or _HL7_DELIMITERS & set(facility) or facility != facility.strip():
                raise _refused("facility", "Use the first component of MSH-4 as it is sent, without delimiters.")
        if self.deliver_to is not None:
            check_destination(self.deliver_to)
        if self.person is not None and not _FHIR_ID.fullmatch(self.person):
            raise _refused("person", "Use the FHIR id of a Person.")
        if self.person is not None and self.role is not Role.PATIENT:
            raise _refused("person", "Only a client of role patient is bound to a Person.")
        if self.signed is not None:
            _check_signed(self.signed)
        networks = tuple(str(network(text)) for text in self.from_cidrs)
        return Registration(
            self.name, self.role, self.organization, self.organization_name, tuple(dict.fromkeys(self.facilities)),
            tuple(dict.fromkeys(self.ae_titles)), self.deliver_to, networks, self.person, self.signed,
        )  # fmt: skip


def _check_signed(signed: SignedIdentity) -> None:
    if not 0 < len(signed.issuer) <= 512 or not signed.issuer.isprintable() or signed.issuer != signed.issuer.strip():
        raise _refused("jwt-issuer", "Give the iss of the client's tokens, as it is sent.")
    if not signed.keys and signed.jku is None:
        raise _refused("jwks", "Give the client's public keys: a JWK Set as a file, or the address of one.")
    if signed.keys:
        read_keys(signed.keys)
    if signed.jku is not None:
        check_address(signed.jku)


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """An address or CIDR network; raises Incorrect."""
    try:
        return ipaddress.ip_network(text.strip())
    except ValueError:
        raise _refused("from", "Use an address or a network such as 10.1.2.0/24, host bits zero.") from None


def check_destination(url: str) -> None:
    """Raises Incorrect unless ``url`` is http(s)://HOST[:PORT][/PATH] or mllp://HOST:PORT without user or fragment."""
    remedy = "Use http(s)://HOST:PORT/PATH or mllp://HOST:PORT, without user name, password or fragment."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused("deliver-to", remedy) from None
    plain = url.isascii() and url.isprintable() and " " not in url
    if not plain or not parts.hostname or parts.username is not None or parts.fragment or port == 0:
        raise _refused("deliver-to", remedy)
    if parts.scheme == "mllp":
        if port is None or parts.path not in ("", "/") or parts.query:
            raise _refused("deliver-to", remedy)
    elif parts.scheme not in ("http", "https"):
        raise _refused("deliver-to", remedy)


def host_and_port(text: str, field: str) -> tuple[str, int]:
    """``HOST:PORT`` or ``[IPV6]:PORT``; raises Incorrect naming ``field``."""
    host, _, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536 or not host.isprintable():
        raise _refused(field, "Use HOST:PORT with a port from 1 to 65535.")
    return host, int(port)


def _refused(field: str, remedy: str) -> Incorrect:
    return Incorrect(f"The {field} cannot be used.", where=field, remedy=remedy)
