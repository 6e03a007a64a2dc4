"""Every backend of ``ResourceStore``, and a small county to try them with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from hub.contracts.caller import EVERYTHING, Caller, Role, Scope
from hub.contracts.store import Page, Reaction, ResourceStore, SideTable
from hub.contracts.submission import Channel, Entry, Method, Origin, Outcome, Receipt, Submission
from hub.fhir.search import parse
from hub.store.sqlite import SqliteResourceStore

STORES: dict[str, Callable[..., ResourceStore]] = {"sqlite": SqliteResourceStore}
"""``(folder, reactions=…, side_tables=…)`` to a store over that folder; opening the folder again is the same store."""

QINGSHAN = Caller("qingshan-his", Role.CLINIC, "qingshan")
BAIHE = Caller("baihe-his", Role.CLINIC, "baihe")
CENTRE = Caller("centre", Role.READER, "imaging-centre")
PLATFORM = Caller("district", Role.PLATFORM, "district")
OWN = {caller.organization: Scope(owners=frozenset({caller.organization})) for caller in (QINGSHAN, BAIHE, CENTRE)}

Json = dict[str, Any]


def encoded(resource: Json) -> bytes:
    return msgspec.json.encode(resource)


def patient(number: str = "1", **more: Any) -> Json:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": "https://example.org/his", "value": number}],
        **more,
    }


def observation(subject: str | None = None, **more: Any) -> Json:
    made: Json = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
    }
    if subject:
        made["subject"] = {"reference": subject}
    return made | more


def create(resource: Json, **more: Any) -> Entry:
    return Entry(Method.CREATE, resource["resourceType"], encoded(resource), **more)


def update(resource: Json, **more: Any) -> Entry:
    return Entry(Method.UPDATE, resource["resourceType"], encoded(resource), **({"id": resource.get("id")} | more))


def delete(reference: str = "", **more: Any) -> Entry:
    kind, _, resource_id = reference.partition("/")
    return Entry(Method.DELETE, more.pop("type", kind), id=resource_id or None, **more)


class County:
    """A store with words for what tests do to it."""

    def __init__(self, store: ResourceStore) -> None:
        self.store = store

    def submit(self, *entries: Entry, by: Caller = QINGSHAN, key: str | None = None, **how: Any) -> Receipt:
        return self.store.submit(self.store.prepare(submission(*entries, by=by, key=key), **how)).result(60)

    def one(self, entry: Entry, **how: Any) -> Outcome:
        (outcome,) = self.submit(entry, **how).outcomes
        return outcome

    def create(self, resource: Json, **how: Any) -> Outcome:
        return self.one(create(resource), **how)

    def read(self, reference: str, scope: Scope = EVERYTHING) -> Json:
        kind, _, resource_id = reference.partition("/")
        return msgspec.json.decode(self.store.read(kind, resource_id, scope).body)

    def search(self, text: str, scope: Scope = EVERYTHING, after: str | None = None) -> Page:
        return self.store.search(query(text), scope, after=after)

    def ids(self, text: str, scope: Scope = EVERYTHING) -> list[str]:
        """Of all pages."""
        page = self.search(text, scope)
        found = [match.id for match in page.matches]
        while page.next is not None:
            page = self.search(text, scope, page.next)
            found += [match.id for match in page.matches]
        return found

    def total(self, text: str, scope: Scope = EVERYTHING) -> int | None:
        return self.search(f"{text}&_summary=count", scope).total

    def verified(self) -> list[str]:
        return list(self.store.verify())


def query(text: str) -> Any:
    kind, _, rest = text.partition("?")
    return parse(kind, parse_qsl(rest, keep_blank_values=True))


def submission(*entries: Entry, by: Caller = QINGSHAN, key: str | None = None) -> Submission:
    digest = hashlib.sha256(b"".join(entry.body for entry in entries)).digest() if key else b""
    return Submission(tuple(entries), Origin(by, Channel.FHIR, datetime.now(UTC), key, digest))


def opened(
    name: str, folder: Path, reactions: Sequence[Reaction] = (), side_tables: Sequence[SideTable] = ()
) -> ResourceStore:
    return STORES[name](folder, reactions=reactions, side_tables=side_tables)


def with_other_body(one: Submission) -> Submission:
    """The same key for something else."""
    return replace(one, origin=replace(one.origin, key_hash=b"other"))
