import asyncio
import hashlib

import pytest

from adapters.ecg.ingest import EcgIngest
from hub.contracts.caller import Caller
from hub.contracts.errors import Busy, Conflict, Incorrect, Precondition
from hub.contracts.submission import Receipt


def test_a_file_is_stored_as_object_and_records(ingest, hub, instances, samples, clinic) -> None:
    receipt = asyncio.run(ingest.receive(samples["recording.scp"], clinic, {}))
    assert receipt.submission == "s1"
    assert len(instances.stored) == len(hub.submissions) == 1 and not hub.refusals


def test_sent_again_it_is_the_same_object_and_the_same_receipt(ingest, hub, instances, samples, clinic) -> None:
    async def twice() -> list[Receipt]:
        return await asyncio.gather(*(ingest.receive(samples["recording.xml"], clinic, {}) for _ in range(2)))

    one, two = asyncio.run(twice())
    assert one is two and instances.stored[0] == instances.stored[1]
    assert hub.submissions[0].entries[3] == hub.submissions[1].entries[3]


def test_the_object_is_stored_before_the_hub_is_told(ingest, hub, instances, samples, clinic) -> None:
    instances.failure = Busy("The archive is full.")
    with pytest.raises(Busy):
        asyncio.run(ingest.receive(samples["recording.xml"], clinic, {}))
    assert not hub.submissions and not hub.refusals


def test_a_damaged_file_goes_to_quarantine_under_its_hash(ingest, hub, instances, samples, clinic) -> None:
    damaged = samples["recording.scp"][:-1] + b"\x7f"
    with pytest.raises(Incorrect) as refused:
        asyncio.run(ingest(damaged, "application/octet-stream", clinic, {"order": "P1"}))
    (kept,) = hub.refusals
    assert refused.value.quarantine_id == "q1"
    assert kept.key == hashlib.sha256(damaged).hexdigest() and kept.original.content == damaged
    assert kept.parameters == {"order": "P1"} and "CRC" in kept.reason
    assert not instances.stored and not hub.submissions


def test_a_file_that_names_nobody_goes_to_quarantine_and_may_come_again_with_a_patient(
    ingest, hub, instances, muse, clinic
) -> None:
    with pytest.raises(Incorrect, match="names nobody") as refused:
        asyncio.run(ingest.receive(muse, clinic, {}))
    assert refused.value.quarantine_id == "q1" and not instances.stored
    asyncio.run(ingest.receive(muse, clinic, {"patient": "urn:x|1"}))
    assert len(instances.stored) == 1


def test_other_bytes_under_a_known_instance_are_kept_aside(ingest, hub, instances, samples, clinic) -> None:
    instances.failure = Conflict("Another object has this UID.")
    with pytest.raises(Conflict) as refused:
        asyncio.run(ingest.receive(samples["recording.dcm"], clinic, {}))
    assert refused.value.quarantine_id == "q1"


def test_a_file_taken_before_for_another_patient_is_told_so(ingest, instances, samples, clinic) -> None:
    instances.failure = Conflict("Another object has this UID.")
    with pytest.raises(Conflict, match="for another patient") as refused:
        asyncio.run(ingest.receive(samples["recording.xml"], clinic, {"patient": "urn:x|2"}))
    assert refused.value.quarantine_id == "q1"


def test_a_dicom_tracing_taken_before_for_another_patient_is_told_so_too(ingest, hub, samples, clinic) -> None:
    hub.failures.append(Conflict("This key was used with another body.", issue_code="duplicate"))
    with pytest.raises(Conflict, match="for another patient") as refused:
        asyncio.run(ingest.receive(samples["recording.dcm"], clinic, {}))
    assert refused.value.where == "patient"


def test_several_patients_under_one_number_do_not_stop_an_ecg(ingest, hub, samples, clinic) -> None:
    hub.failures.append(Precondition("Several resources match."))
    asyncio.run(ingest.receive(samples["recording.xml"], clinic, {}))
    assert "/ECG|" in (hub.submissions[0].entries[0].condition or "")


def test_what_the_hub_cannot_do_now_is_not_quarantined(ingest, hub, samples, clinic) -> None:
    hub.failures.append(Busy("Try later."))
    with pytest.raises(Busy):
        asyncio.run(ingest.receive(samples["recording.xml"], clinic, {}))
    assert not hub.refusals


def test_reading_that_takes_too_long_is_given_up_and_the_next_file_is_read(hub, instances, samples, clinic) -> None:
    ingest = EcgIngest(hub, instances, deadline_seconds=0.0)  # type: ignore[arg-type]

    async def both() -> Receipt:
        with pytest.raises(Incorrect, match="too long"):
            await ingest.receive(samples["recording.scp"], clinic, {})
        ingest._deadline_seconds = 60.0
        return await ingest.receive(samples["recording.xml"], clinic, {})

    assert asyncio.run(both()).submission == "s1"


def test_two_organizations_with_the_same_file_each_have_their_own_study(
    ingest, hub, instances, samples, clinic
) -> None:
    other = Caller("baihe", clinic.role, "baihe")
    for caller in (clinic, other):
        asyncio.run(ingest.receive(samples["recording.xml"], caller, {}))
    assert instances.stored[0] != instances.stored[1]
