"""``hub archive add | list | remove``: image archives that stay at their hospitals, with a running hub or without."""

import argparse
import json
import sys
from typing import Any

from hub.app import Parts, compose
from hub.contracts.archives import DistantArchive
from hub.contracts.errors import ExchangeError
from hub.security.archives import hours_of, place_of
from hub.settings import Settings


def archive_command(settings: Settings, arguments: argparse.Namespace) -> int:
    """0, or 2 with one sentence when it is refused."""
    parts = compose(settings)
    try:
        return _ACTIONS[arguments.action](parts, arguments)
    except ExchangeError as error:
        print(f"hub archive: {error.sentence()}", file=sys.stderr)
        return 2
    finally:
        parts.close()


def _add(parts: Parts, arguments: argparse.Namespace) -> int:
    place = place_of(arguments.ae_title) if arguments.ae_title else None
    given = {
        "sweep_days": arguments.sweep_days,
        "sweep_every_seconds": arguments.sweep_every,
        "requests_per_second": arguments.pace,
        "connections": arguments.connections,
        "retrieve": arguments.retrieve or ("wado-rs" if arguments.dicomweb else "c-get"),
        "sweep_hours": hours_of(arguments.sweep_hours) if arguments.sweep_hours else None,
    }
    archive = DistantArchive(
        name=arguments.name,
        organization=arguments.organization,
        ae_title=place.title if place else "",
        host=(place.host or "") if place else "",
        port=(place.port or 0) if place else 0,
        url=arguments.dicomweb or "",
        token=arguments.token or "",
        from_cidrs=tuple(arguments.networks),
        **{name: value for name, value in given.items() if value is not None},
    )
    parts.archives.add(archive, arguments.organization_name)
    told = {
        "archive": archive.name,
        "organization": archive.organization,
        "endpoint": f"Endpoint/{archive.endpoint_id}",
    }
    print(
        json.dumps(told, ensure_ascii=False)
        if arguments.json
        else f"{archive.name} (Organization/{archive.organization}) is registered; its images stay there and are "
        f"fetched when they are first looked at."
    )
    return 0


def masked(archive: DistantArchive) -> dict[str, Any]:
    """What may be shown of a registration."""
    return {
        "archive": archive.name,
        "organization": archive.organization,
        "aeTitle": archive.ae_title or None,
        "address": f"{archive.host}:{archive.port}" if archive.host else None,
        "dicomweb": archive.url or None,
        "token": "***" if archive.token else None,
        "retrieve": archive.retrieve,
        "sweepDays": archive.sweep_days,
        "sweepEverySeconds": archive.sweep_every_seconds,
        "sweepHours": archive.sweep_hours,
        "requestsPerSecond": archive.requests_per_second,
        "connections": archive.connections,
    }


def _list(parts: Parts, arguments: argparse.Namespace) -> int:
    archives = parts.archives.archives()
    if arguments.json:
        print(json.dumps([masked(one) for one in archives], ensure_ascii=False))
        return 0
    for one in archives:
        place = one.url or f"{one.ae_title}@{one.host}:{one.port}"
        print(f"{one.name:24} {one.organization:24} {one.retrieve:8} {place}")
    return 0


def _remove(parts: Parts, arguments: argparse.Namespace) -> int:
    parts.archives.remove(arguments.name)
    told = {"archive": arguments.name, "removed": True}
    print(json.dumps(told) if arguments.json else f"{arguments.name} is no longer asked.")
    return 0


_ACTIONS = {"add": _add, "list": _list, "remove": _remove}
