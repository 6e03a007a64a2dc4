"""``hub client add | list | rotate | remove | sign-in``, with a running hub or without."""

import argparse
import json
import sys
from pathlib import Path

from hub.app import Parts, compose
from hub.contracts.caller import Role
from hub.contracts.errors import ExchangeError, Incorrect
from hub.process.folder import running_doors
from hub.security.directory import SignedIdentity
from hub.security.registration import AeTitle, Registration
from hub.settings import Settings


def client_command(settings: Settings, arguments: argparse.Namespace) -> int:
    """0, or 2 with one sentence when the registration is refused."""
    parts = compose(settings)
    try:
        return _ACTIONS[arguments.action](parts, arguments)
    except ExchangeError as error:
        print(f"hub client: {error.sentence()}", file=sys.stderr)
        return 2
    finally:
        parts.close()


def _say(arguments: argparse.Namespace, told: dict[str, object], text: str) -> int:
    print(json.dumps(told, ensure_ascii=False) if arguments.json else text)
    return 0


def _add(parts: Parts, arguments: argparse.Namespace) -> int:
    token = parts.clients.add(
        Registration(
            arguments.name,
            Role(arguments.role),
            arguments.organization,
            arguments.organization_name,
            tuple(arguments.facility),
            tuple(AeTitle.parse(text) for text in arguments.ae_title),
            arguments.deliver_to,
            tuple(arguments.networks),
            arguments.person,
            _signed(arguments),
        )
    )
    told: dict[str, object] = {
        "client": arguments.name,
        "organization": arguments.organization,
        "role": arguments.role,
        "token": token,
    }
    return _say(
        arguments,
        told,
        f"{arguments.name} ({arguments.role}, Organization/{arguments.organization}) may come in. Its token, shown this"
        f" once:\n{token}",
    )


def _signed(arguments: argparse.Namespace) -> SignedIdentity | None:
    """By what the client signs: ``--jwks`` is an address or a file, which is read now and pinned. Raises Incorrect."""
    if arguments.jwt_issuer is None:
        if arguments.jwks or arguments.jku:
            raise Incorrect("The jwks is nobody's.", where="jwt-issuer", remedy="Give --jwt-issuer with it.")
        return None
    if arguments.jwks and "://" in arguments.jwks:
        return SignedIdentity(arguments.jwt_issuer, jku=arguments.jwks)
    try:
        keys = Path(arguments.jwks).read_bytes() if arguments.jwks else b""
    except OSError as error:
        raise Incorrect(f"The jwks cannot be read ({error.strerror}).", where="jwks", remedy="Name a file.") from None
    return SignedIdentity(arguments.jwt_issuer, keys, arguments.jku)


def _list(parts: Parts, arguments: argparse.Namespace) -> int:
    clients = parts.clients.list()
    if arguments.json:
        listed = [
            {
                "client": one.name,
                "role": one.role.value,
                "organization": one.organization,
                "facilities": one.facilities,
                "aeTitles": one.ae_titles,
                "deliverTo": one.deliver_to,
                "from": one.from_cidrs,
                "jwtIssuer": one.signed.issuer if one.signed else None,
            }
            for one in clients
        ]
        print(json.dumps(listed, ensure_ascii=False))
    for one in () if arguments.json else clients:
        ways = [*(f"MSH-4 {f}" for f in one.facilities), *(f"AE {a}" for a in one.ae_titles), one.deliver_to or ""]
        print(f"{one.name:24} {one.role.value:10} {one.organization:24} {', '.join(way for way in ways if way)}")
    return 0


def _rotate(parts: Parts, arguments: argparse.Namespace) -> int:
    token = parts.clients.rotate(arguments.name)
    return _say(arguments, {"client": arguments.name, "token": token}, f"New token, shown this once:\n{token}")


def _remove(parts: Parts, arguments: argparse.Namespace) -> int:
    parts.clients.remove(arguments.name)
    return _say(arguments, {"client": arguments.name, "removed": True}, f"{arguments.name} is shut out.")


def _sign_in(parts: Parts, arguments: argparse.Namespace) -> int:
    doors = running_doors(parts.settings.data_dir)
    if doors is None:
        print("hub client: No hub serves this folder. Start it with hub serve.", file=sys.stderr)
        return 2
    code = parts.sessions.sign_in_code(arguments.name)
    link = f"{doors['http']}/sign-in?code={code}"
    return _say(arguments, {"client": arguments.name, "link": link}, link)


_ACTIONS = {"add": _add, "list": _list, "rotate": _rotate, "remove": _remove, "sign-in": _sign_in}
