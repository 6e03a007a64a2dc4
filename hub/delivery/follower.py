"""Follows the change log and queues each final version of a report for those who sent the study or gave the order."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from hub.contracts.caller import EVERYTHING
from hub.contracts.codes import BASE
from hub.contracts.errors import ExchangeError
from hub.contracts.store import Change, CommitView, ResourceStore, Stored
from hub.fhir.search import parse
from hub.telemetry import events

from . import outbox
from .bundle import transaction
from .destinations import Destinations, scheme_of
from .report import DELIVERED, WITHDRAWN, Reference, Report, elements, read_report

ReportToOru = Callable[[Sequence[dict[str, Any]], str], bytes]
"""``(resources, control id) -> ORU^R01``: the report first, then results, then what they name; the control id is
MSH-10, at most 20 characters. Must give the same bytes for the same arguments."""

_decoded = msgspec.json.Decoder(float_hook=Decimal).decode
"""Decimals keep the digits they were sent with: 19.00 stays 19.00 in OBX-5."""

UNTRANSLATED = events.declare(
    "delivery.untranslated", "error", ("destination", "error"), "A report could not be written in the receiver's form."
)


class DeliveryFollower:
    """``hub.contracts.store.Follower``. Idempotent: the same change a second time queues nothing. Blocks; call it off
    an event loop."""

    name = "delivery"

    def __init__(
        self,
        store: ResourceStore,
        destinations: Destinations,
        report_to_oru: ReportToOru,
        *,
        base_url: str = f"{BASE}/fhir",
    ) -> None:
        self._store = store
        self._destinations = destinations
        self._report_to_oru = report_to_oru
        self._base_url = base_url

    def follow(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if change.type == "DiagnosticReport" and not change.deleted:
                stored = self._store.read_version(change.type, change.id, change.version, EVERYTHING)
                report = read_report(stored.body)
                concerns = report.status in DELIVERED or (
                    report.status in WITHDRAWN and outbox.is_known(self._store, stored.id, stored.version)
                )
                if concerns and not self._says_the_same(stored):
                    self._deliver(stored, report)

    def _says_the_same(self, stored: Stored) -> bool:
        """As the version before, but for its meta (a mark of the hub's own): that is no news to anybody."""
        if stored.version == 1:
            return False
        try:
            before = self._store.read_version(stored.type, stored.id, stored.version - 1, EVERYTHING)
        except ExchangeError:
            return False
        return before.owner == stored.owner and _content(before.body) == _content(stored.body)

    def _deliver(self, stored: Stored, report: Report) -> None:
        wanted: dict[str, str] = {}
        readers: set[str] = set()
        for answered in self._answered(report):
            if answered.owner == stored.owner:
                continue
            # A platform sent it for its owner: it may read the answer, and carries it where the owner has no address.
            platform = self._destinations.organization_of_client(answered.sender)
            if platform is not None and platform not in (answered.owner, stored.owner):
                readers.add(platform)
            for organization in (answered.owner, platform):
                urls = self._destinations.destinations_of_organization(organization) if organization else ()
                if urls:
                    wanted |= {url: organization for url in urls if organization}
                    break
        if not wanted and not readers:
            return
        items = [(url, organization, *self._payload(stored, report, url, organization))
                 for url, organization in wanted.items()]  # fmt: skip

        def run(view: CommitView) -> None:
            for organization in sorted(readers):
                view.share(stored.type, stored.id, organization)
            for url, organization, key, payload, error in items:
                outbox.queue(
                    view, stored.id, stored.version, url, organization, stored.patient, key, payload, error
                )  # fmt: skip

        self._store.act(run, outbox.HUB).result()

    def _answered(self, report: Report) -> list[Stored]:
        """The studies and orders that a report answers; where it names no study, those made for its orders too."""
        studies = self._all("ImagingStudy", report.imagingStudy)
        orders = self._all("ServiceRequest", report.basedOn)
        if not report.imagingStudy:
            for order in orders:
                studies += self._search("ImagingStudy", "basedon", order.reference)
        return [*studies, *orders]

    def _all(self, resource_type: str, references: Sequence[Reference]) -> list[Stored]:
        found: list[Stored] = []
        for reference in references:
            local = reference.local()
            if local is not None:
                found += self._read(*local) if local[0] == resource_type else []
            elif (named := reference.identifier) is not None and named.system and named.value:
                # Without a system, or carried by several, it names nobody: a report must not go astray.
                same = self._search(resource_type, "identifier", f"{_escaped(named.system)}|{_escaped(named.value)}")
                found += same if len(same) == 1 else []
        return found

    def _payload(self, stored: Stored, report: Report, url: str, organization: str) -> tuple[str, bytes, str]:
        """Key, bytes, and the class of what went wrong, empty where nothing did."""
        key = delivery_key(stored.id, stored.version, url)
        results = [one for reference in report.result if (local := reference.local()) for one in self._read(*local)]
        # Another clinic's record of the same person is not the receiver's to see.
        context = [one for local in report.named() for one in self._read(*local)
                   if one.owner in (organization, stored.owner)]  # fmt: skip
        try:
            if scheme_of(url) == "mllp":
                resources = [_decoded(one.body) for one in (stored, *results, *context)]
                return key, self._report_to_oru(resources, key), ""
            return key, transaction(key, stored, results, context, self._base_url), ""
        except Exception as failure:
            # Whatever a translator stumbles over, the next report must not wait for it; an operator sees this one.
            UNTRANSLATED.log(destination=scheme_of(url), error=type(failure).__name__)
            return key, b"", f"not translated: {type(failure).__name__}"

    def _read(self, resource_type: str, resource_id: str) -> list[Stored]:
        try:
            return [self._store.read(resource_type, resource_id, EVERYTHING)]
        except ExchangeError:
            return []

    def _search(self, resource_type: str, code: str, value: str) -> list[Stored]:
        query = parse(resource_type, [(code, value), ("_count", "20")], lenient=False)
        return list(self._store.search(query, EVERYTHING).matches)


def _content(body: bytes) -> dict[str, bytes]:
    return {name: bytes(raw) for name, raw in elements(body).items() if name != "meta"} if body else {}


def _escaped(text: str) -> str:
    """As part of a search value (R4 search.html#escaping)."""
    return re.sub(r"([\\,|$])", r"\\\1", text)


def delivery_key(report_id: str, version: int, destination: str) -> str:
    """20 characters, the longest that MSH-10 takes in HL7 v2.5.1; the same for one version and one place for ever."""
    digest = hashlib.sha256(f"{report_id}/{version} {destination}".encode()).digest()
    return base64.b32encode(digest)[:20].decode("ascii")
