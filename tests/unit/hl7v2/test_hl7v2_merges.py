"""Merge, link and unlink: what the sender is told where a patient is not known, or not to be merged."""

import msgspec
import pytest
from hl7v2_samples import SAMPLES, submission
from memory_hub import MemoryHub
from test_hl7v2_ingest import code, error, send

from hub.contracts.errors import Conflict, ExchangeError, Incorrect, NotFound, Precondition

MERGE = (SAMPLES / "adt_a40_two_merges.hl7").read_bytes()


def unknown(where: str) -> Precondition:
    return Precondition("The conditional reference matches no resource.", where=where, issue_code="not-found")


@pytest.mark.parametrize(
    ("refusal", "location", "number"),
    [
        (unknown("Bundle.entry[0].resource.item[0].resource.reference"), "PID^1^3", "204"),
        (unknown("Bundle.entry[0].resource.item[1].resource.reference"), "MRG^1^1", "204"),
        (unknown("Bundle.entry[1].resource.item[1].resource.reference"), "MRG^2^1", "204"),
        (NotFound("There is no such Patient.", where="Linkage.item[1].resource"), "MRG^1^1", "204"),
        (Incorrect("They hold different numbers.", where="Linkage.item[1].resource"), "MRG^1^1", "205"),
        (Conflict("Merged before.", where="Linkage.item[0].resource"), "PID^1^3", "205"),
        (Incorrect("Something else.", where="Linkage.author"), "", "102"),
    ],
)
def test_a_refused_merge_names_the_segment_of_the_patient(refusal: ExchangeError, location: str, number: str) -> None:
    hub = MemoryHub()
    hub.failure = refusal
    (answer,) = send(hub, MERGE)
    assert (code(answer), error(answer)) == ("AE", (location, number))
    assert len(hub.quarantined) == 1


def test_a_link_names_its_two_pids_apart() -> None:
    hub = MemoryHub()
    hub.failure = unknown("Linkage.item[1].resource.reference")
    (answer,) = send(hub, (SAMPLES / "adt_a24_link.hl7").read_bytes())
    assert (code(answer), error(answer)) == ("AE", ("PID^2^3", "204"))


@pytest.mark.parametrize("event", ["A18", "A34", "A40"])
def test_every_merge_of_patients_means_the_same(event: str) -> None:
    content = (SAMPLES / "adt_a34_merge.hl7").read_bytes().replace(b"ADT^A34", b"ADT^" + event.encode())
    (entry,) = submission(content).entries
    linkage = msgspec.json.decode(entry.body)
    assert (entry.type, linkage["active"]) == ("Linkage", True)
    assert [item["type"] for item in linkage["item"]] == ["source", "historical"]
