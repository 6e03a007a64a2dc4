"""A platform sends for several organizations: each record is its own organization's, and the sender still sees it."""

from datetime import UTC, datetime

import pytest

from hub.app.parts import understood
from hub.client.local import LocalHubClient
from hub.contracts.caller import Caller
from hub.contracts.errors import Incorrect
from hub.contracts.far_end import LOOPBACK, FarEnd
from hub.contracts.quarantine import Refusal
from hub.contracts.submission import Channel, Entry, Method, Origin, Original, Submission
from hub.security.archives import SqlArchives
from hub.worklist.orders import SqlOrders
from tests.conformance.fhir_hub import CALLERS, FhirHub, entry, observation, patient, transaction

QINGSHAN = {"reference": "Organization/org-qingshan"}
BAIHE = {"reference": "Organization/org-baihe"}


def test_records_of_a_platform_belong_to_whom_they_name(hub: FhirHub) -> None:
    bundle = transaction(
        entry("PUT", "Patient/a", patient(id="a", managingOrganization=QINGSHAN)),
        entry("PUT", "Patient/b", patient(id="b", managingOrganization=BAIHE)),
        entry("PUT", "Observation/of-a", observation("Patient/a", id="of-a"), fullUrl="urn:uuid:of-a"),
        entry("PUT", "Observation/by-b", observation("Patient/a", id="by-b", performer=[BAIHE])),
        entry("PUT", "Observation/cited", observation("Patient/a", id="cited"), fullUrl="urn:uuid:cited"),
        entry(
            "POST",
            "DiagnosticReport",
            {
                "resourceType": "DiagnosticReport",
                "status": "final",
                "code": {"text": "x"},
                "subject": {"reference": "Patient/a"},
                "performer": [BAIHE],
                "result": [{"reference": "urn:uuid:cited"}],
            },
        ),
    )
    answer = hub.ask("POST", "", bundle, caller="feed")
    assert answer.status_code == 200, answer.text
    assert sorted(hub.found("Observation?_count=10")) == ["Observation/of-a"]
    assert sorted(hub.found("Observation", caller="baihe")) == ["Observation/by-b", "Observation/cited"]
    assert len(hub.found("DiagnosticReport", caller="baihe")) == 1
    assert len(hub.found("Observation", caller="feed")) == 3
    assert hub.found("Patient") == ["Patient/a"]
    later = hub.ask("POST", "Observation", observation("Patient/b"), caller="feed")
    assert later.status_code == 201
    assert len(hub.found("Observation", caller="baihe")) == 3


def test_a_platform_may_correct_what_it_sent_and_nothing_else(hub: FhirHub) -> None:
    sent = patient(id="a", managingOrganization=QINGSHAN)
    assert hub.ask("PUT", "Patient/a", sent, caller="feed").status_code == 201
    assert hub.ask("PUT", "Patient/a", {**sent, "active": True}, caller="feed").status_code == 200
    own = hub.create(patient())
    assert hub.ask("PUT", f"Patient/{own['id']}", own, caller="feed").status_code == 404
    assert hub.ask("GET", f"Patient/{own['id']}", caller="feed").status_code == 404


class Registry:
    """Clients as a satellite asks for them."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def caller_by_facility(self, facility: str, far_end: FarEnd | None = None) -> Caller | None:
        return CALLERS.get(facility)

    def caller_by_ae_title(self, ae_title: str, far_end: FarEnd) -> Caller | None:
        return CALLERS.get(ae_title.lower()) if far_end == LOOPBACK else None

    def destination_of_ae_title(self, ae_title: str) -> tuple[str, int] | None:
        return None

    def security_event(self, kind: str, detail: str) -> None:
        self.events.append((kind, detail))


def test_a_satellite_in_the_same_process_uses_the_same_write_path(hub: FhirHub) -> None:
    registry = Registry()
    client = LocalHubClient(
        hub.intake,
        hub.quarantine,
        registry,
        SqlOrders(hub.store, understood),
        lambda _sha256: False,
        SqlArchives(hub.store),
    )
    caller = client.caller_by_facility("qingshan")
    assert caller is not None
    origin = Origin(caller, Channel.DICOM, datetime.now(UTC), "1.2.3", b"hash")
    one = Submission((Entry(Method.CREATE, "Patient", b'{"resourceType":"Patient"}'),), origin)
    first, again = client.submit(one).result(), client.submit(one).result()
    assert (first.replayed, again.replayed) == (False, True)
    assert first.outcomes[0].reference == again.outcomes[0].reference
    broken = client.submit(
        Submission((Entry(Method.CREATE, "Patient", b"{"),), Origin(caller, Channel.DICOM, origin.received))
    )
    with pytest.raises(Incorrect):
        broken.result()
    kept = client.quarantine(
        Refusal(Channel.DICOM, "1.2.3", "Other bytes.", "", "", Original(b"x", "y"), "reconcile"), caller
    )
    assert hub.quarantine.item(kept, caller).state == "reconcile"
    client.security_event("unknown-ae-title", "X")
    assert registry.events == [("unknown-ae-title", "X")]
    assert client.caller_by_ae_title("QINGSHAN", FarEnd("10.0.0.1")) is None
    assert client.destination_of_ae_title("QINGSHAN") is None
