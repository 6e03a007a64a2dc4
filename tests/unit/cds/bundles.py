"""Labelled bundles, as a stranger would send them, through the doors: transactions in, order-sign out.

A file of cases holds one case a line; a line without ``id`` is a comment. Times are written relative to the moment of
play: ``@-5d3h`` is five days and three hours ago, ``@-28d+1m`` a minute less than 28 days, with ``|Z`` in UTC, ``|ms``
with milliseconds, ``|date`` the calendar day in the site's zone. ``county.json`` holds the organizations that the cases
speak of, and the windows that some of them have set.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

import httpx

from hub.app import compose
from hub.app.http import http_application
from hub.cds.checking import Checker
from hub.contracts.caller import Caller, Role
from hub.contracts.site import ZONE
from hub.exams.cli import import_windows
from hub.security.clients import Registration
from hub.settings import Duplicates, Settings

DATA = Path(__file__).parents[1] / "exams" / "data"
FILES = ("bundles_first.jsonl", "bundles_second.jsonl", "bundles_third.jsonl", "bundles_fourth.jsonl")
SIGN = "/cds-services/duplicate-examination-sign"
_TIME = re.compile(r"@((?:[+-]?\d+[dhms])*)(?:\|(Z|ms|date))?")
_TERM = re.compile(r"([+-]?)(\d+)([dhms])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


class Doors(Protocol):
    """What a stranger has: HTTP with the token of a registered client, and the command line."""

    def ask(self, client: str, role: str, organization: str, path: str, body: Any) -> tuple[int, Any]: ...

    def windows(self, level: str, site: str, content: str) -> None: ...


class NearDoors:
    """The whole HTTP application of a hub, without a socket. ``now`` is the clock that orders are checked by."""

    def __init__(self, folder: Path, now: Callable[[], datetime] | None = None) -> None:
        unhurried = Duplicates(budget_seconds=60)  # how busy the machine is decides nothing here
        self.parts = compose(Settings(data_dir=folder, duplicates=unhurried))
        self._runner = asyncio.Runner()
        with patch.dict(Checker.__init__.__kwdefaults__, {"now": now} if now is not None else {}):
            transport = httpx.ASGITransport(http_application(self.parts))
        self._client = httpx.AsyncClient(transport=transport, base_url="http://hub.test")
        self._tokens: dict[str, str] = {}

    def token(self, client: str, role: str, organization: str) -> str:
        if client not in self._tokens:
            self._tokens[client] = self.parts.clients.add(Registration(client, Role(role), organization))
        return self._tokens[client]

    def ask(self, client: str, role: str, organization: str, path: str, body: Any) -> tuple[int, Any]:
        kind = "application/json" if path == SIGN else "application/fhir+json"
        headers = {"Authorization": f"Bearer {self.token(client, role, organization)}", "Content-Type": kind}
        answer = self._runner.run(self._client.post(path, content=json.dumps(body).encode(), headers=headers))
        return answer.status_code, answer.json()

    def windows(self, level: str, site: str, content: str) -> None:
        import_windows(self.parts.store, Caller("hub", Role.SERVICE, site or "hub"), content, level, site)

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()
        self.parts.close()


@contextmanager
def near_doors(folder: Path, now: Callable[[], datetime] | None = None) -> Iterator[NearDoors]:
    doors = NearDoors(folder, now)
    try:
        yield doors
    finally:
        doors.close()


def load(*names: str) -> list[dict[str, Any]]:
    """The cases of these files, comments left out."""
    lines = (line for name in names for line in (DATA / name).read_text(encoding="utf-8").splitlines())
    return [case for line in lines if "id" in (case := json.loads(line))]


def at(now: datetime, stated: str) -> str:
    found = _TIME.fullmatch(stated)
    assert found is not None, stated
    moment = now
    for sign, number, unit in _TERM.findall(found[1]):
        moment += (-1 if sign == "-" else 1) * timedelta(**{_UNITS[unit]: int(number)})
    match found[2]:
        case "Z":
            return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        case "date":
            return moment.astimezone(ZONE).date().isoformat()
        case style:
            return moment.astimezone(ZONE).isoformat(timespec="milliseconds" if style else "seconds")


def dated(value: Any, now: datetime) -> Any:
    """The same with every relative time made absolute."""
    if isinstance(value, dict):
        return {key: dated(each, now) for key, each in value.items()}
    if isinstance(value, list):
        return [dated(each, now) for each in value]
    return at(now, value) if isinstance(value, str) and value.startswith("@") else value


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: names.get(each, each) if key == "reference" and isinstance(each, str) else _renamed(each, names)
            for key, each in value.items()
        }
    return [_renamed(each, names) for each in value] if isinstance(value, list) else value


def transaction(resources: Sequence[dict[str, Any]], method: str) -> dict[str, Any]:
    """PUTs under the ids that the resources state, or POSTs that refer to each other by ``urn:uuid``."""
    if method == "PUT":
        entries = [
            {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
            for each in resources
        ]
        return {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    urns = {f"{each['resourceType']}/{each['id']}": f"urn:uuid:{uuid.uuid4()}" for each in resources}
    entries = [
        {
            "fullUrl": urns[f"{each['resourceType']}/{each['id']}"],
            "resource": {key: value for key, value in _renamed(each, urns).items() if key != "id"},
            "request": {"method": "POST", "url": each["resourceType"]},
        }
        for each in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


@dataclass(frozen=True, slots=True)
class Told:
    """What the hub said of one draft."""

    case: dict[str, Any]
    draft: str
    expected: dict[str, Any]
    verdict: str
    card: str | None
    said: dict[str, Any]
    names: dict[str, str]

    @property
    def right(self) -> bool:
        return self.verdict == self.expected["verdict"] and self.card == self.expected["card"] and self.priors_right

    @property
    def priors_right(self) -> bool:
        wanted = self.expected.get("priors")
        return wanted is None or {self.names.get(ref, ref) for ref in wanted} == set(self.said.get("priors", ()))


def settle(doors: Doors, *, windows: bool = True) -> None:
    """The organizations of the county, and the windows that some have set."""
    county = json.loads((DATA / "county.json").read_text(encoding="utf-8"))
    bundle = transaction(county["organizations"], "PUT")
    status, answer = doors.ask("feed", "platform", "county-platform", "/fhir", bundle)
    assert status == 200, answer
    for table in county["windows"] if windows else ():
        doors.windows(table["level"], table["id"], table["csv"])


def send(doors: Doors, case: dict[str, Any], now: datetime) -> dict[str, str]:
    """The case's records; returns the hub's own reference for each of the case's."""
    names: dict[str, str] = {}
    kind, _, organization = case["sender"].partition(":")
    client = f"{kind}-{organization}" if organization else "feed"
    for resources in case["transactions"]:
        ready = dated(resources, now)
        bundle = transaction(ready, case["method"])
        status, answer = doors.ask(client, kind, organization or "county-platform", "/fhir", bundle)
        assert status == 200, (case["id"], status, answer)
        for each, entry in zip(resources, answer["entry"], strict=True):
            location = "/".join(entry["response"]["location"].split("/_history")[0].split("/")[-2:])
            names[f"{each['resourceType']}/{each['id']}"] = location
    return names


def sign(doors: Doors, case: dict[str, Any], names: dict[str, str], now: datetime) -> tuple[int, Any]:
    context = dict(case["context"])
    for key, kind in (("patientId", "Patient"), ("encounterId", "Encounter")):
        if key in context:
            context[key] = names.get(f"{kind}/{context[key]}", f"/{context[key]}").partition("/")[2]
    drafts = [{"resource": each} for each in _renamed(dated(case["drafts"], now), names)]
    call = {
        "hook": "order-sign",
        "hookInstance": str(uuid.uuid4()),
        "context": {
            "userId": "Practitioner/zhang",
            **context,
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": drafts},
        },
    }
    asker = case["asker"]
    return doors.ask(f"his-{asker}", "physician", asker, SIGN, call)


def play(doors: Doors, case: dict[str, Any], now: datetime) -> Iterator[Told]:
    """What the hub says of every draft of a case that has a label."""
    names = send(doors, case, now)
    status, answer = sign(doors, case, names, now)
    if "http" in case:
        right = status in case["http"] and answer.get("resourceType") == "OperationOutcome"
        said = "refused" if right else f"http-{status}"
        yield Told(case, "", {"verdict": "refused", "card": None}, said, None, {}, names)
        return
    assert status == 200, (case["id"], status, answer)
    cards = {card["extension"]["hub.verdict"]["draft"]: card for card in answer["cards"]}
    silent = {each["draft"]: each for each in answer["extension"]["hub.verdicts"]}
    for draft, expected in case["expect"].items():
        card = cards.get(draft)
        said = card["extension"]["hub.verdict"] if card else silent[draft]
        yield Told(case, draft, expected, said["verdict"], card["indicator"] if card else None, said, names)


def play_all(
    doors: Doors, cases: Sequence[dict[str, Any]], now: Callable[[], datetime] = lambda: datetime.now(ZONE)
) -> list[Told]:
    settle(doors)
    told: list[Told] = []
    for case in cases:
        told += play(doors, case, now())
    return told
