"""A message from the wire to its acknowledgement."""

import asyncio

import pytest
from hl7v2_samples import SAMPLES, SHARED, messages_in
from memory_hub import MemoryHub

from adapters.hl7v2.ingest import UNKNOWN_FACILITY, Hl7v2Ingest
from adapters.hl7v2.message import Message, is_batch, parse, split_batch
from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Busy, Fault, Forbidden, Precondition
from hub.contracts.far_end import LOOPBACK

ADT = (
    "MSH|^~\\&|HIS|QS001^青山镇卫生院|HUB|XG|20261122083000+0800||ADT^A04^ADT_A01|{id}|P|2.5.1||||||UNICODE UTF-8\r"
    "PID|1||{patient}^^^QS001^PI||{name}\r"
)


def adt(id: str = "Q1", patient: str = "A1", name: str = "倈億") -> bytes:
    return ADT.format(id=id, patient=patient, name=name).encode()


def send(hub: MemoryHub, *messages: bytes, caller: Caller | None = None) -> list[Message]:
    async def run() -> list[bytes]:
        ingest = Hl7v2Ingest(hub)
        return [(await ingest.answer(one, caller or LOOPBACK)).content for one in messages]

    return [parse(answer) for answer in asyncio.run(run())]


def code(answer: Message) -> str:
    return answer.need("MSA").text(1)


def error(answer: Message) -> tuple[str, str]:
    err = answer.need("ERR")
    return err.whole(2), err.text(3)


def test_what_is_stored_is_acknowledged_with_its_number() -> None:
    hub = MemoryHub()
    (answer,) = send(hub, adt())
    assert code(answer) == "AA"
    assert answer.need("MSA").text(2) == "Q1"
    assert answer.first("ERR") is None
    assert hub.stored[0].original is not None
    assert hub.stored[0].original.content == adt()


def test_the_same_message_again_gets_the_same_bytes() -> None:
    async def run() -> set[bytes]:
        ingest = Hl7v2Ingest(hub)
        return set(await asyncio.gather(*(ingest.receive(adt(), LOOPBACK) for _ in range(100))))

    hub = MemoryHub()
    assert len(asyncio.run(run())) == 1
    assert len(hub.stored) == 1


def test_another_body_under_the_same_number_is_refused_and_the_first_stays() -> None:
    hub = MemoryHub()
    first, second, third = send(hub, adt(), adt(name="别人"), adt())
    assert [code(one) for one in (first, second, third)] == ["AA", "AE", "AA"]
    assert error(second) == ("MSH^1^10", "205")
    assert len(hub.stored) == 1
    refusal, _ = hub.quarantined[0]
    assert (refusal.key, refusal.original.content) == ("Q1", adt(name="别人"))


def test_a_refused_message_may_come_again_under_its_number() -> None:
    hub = MemoryHub()
    wrong = adt().replace(b"A1^^^QS001^PI", b"")
    refused, corrected = send(hub, wrong, adt())
    assert (code(refused), error(refused)) == ("AE", ("PID^1^3", "101"))
    assert code(corrected) == "AA"
    refusal, caller = hub.quarantined[0]
    assert (refusal.field, refusal.key, caller.client) == ("PID-3", "Q1", "qingshan")


def test_what_a_facility_that_nobody_registered_sends_leaves_nothing_but_an_event() -> None:
    hub = MemoryHub()
    (answer,) = send(hub, adt().replace(b"QS001^", b"XX999^"))
    assert (code(answer), error(answer)) == ("AR", ("MSH^1^4", "204"))
    assert (hub.stored, hub.quarantined, hub.events) == ([], [], [UNKNOWN_FACILITY])


@pytest.mark.parametrize("failure", [Busy("full"), Fault("broken"), RuntimeError("unforeseen")])
def test_what_the_hub_cannot_take_now_comes_again(failure: Exception) -> None:
    hub = MemoryHub()
    hub.failure = failure
    (answer,) = send(hub, adt())
    assert (code(answer), error(answer)[1]) == ("AR", "207")
    assert hub.quarantined == []


def test_a_refusal_that_cannot_be_kept_comes_again() -> None:
    hub = MemoryHub()
    hub.broken_quarantine = OSError("disk full")
    (answer,) = send(hub, adt().replace(b"ADT^A04", b"ADT^A99"))
    assert (code(answer), error(answer)[1]) == ("AR", "207")


@pytest.mark.parametrize(
    ("kind", "location", "number"),
    [(b"SIU^S12", "MSH^1^9^1^1", "200"), (b"ADT^A42", "MSH^1^9^1^2", "201"), (b"", "MSH^1^9", "101")],
)
def test_a_message_type_that_is_not_taken_is_refused_and_kept(kind: bytes, location: str, number: str) -> None:
    hub = MemoryHub()
    (answer,) = send(hub, adt().replace(b"ADT^A04^ADT_A01", kind))
    assert (code(answer), error(answer)) == ("AE", (location, number))
    assert len(hub.quarantined) == 1


def test_a_condition_that_meets_several_is_refused_with_the_place_the_store_names() -> None:
    hub = MemoryHub()
    hub.failure = Precondition("The condition matches several resources.", where="Patient")
    (answer,) = send(hub, adt())
    assert (code(answer), error(answer)) == ("AE", ("", "205"))
    assert answer.need("ERR").whole(7) == "Patient"


def test_a_batch_is_answered_by_one_msa_per_message_in_order() -> None:
    hub = MemoryHub()
    batch = (
        b"FHS|^~\\&|HIS|QS001\rBHS|^~\\&|HIS|QS001\r"
        + adt("Q1")
        + adt("Q2", patient="")
        + adt("Q3")
        + b"BTS|3\rFTS|1\r"
    )

    async def run() -> bytes:
        return await Hl7v2Ingest(hub).receive(batch, LOOPBACK)

    answer = asyncio.run(run()).decode()
    lines = [line.split("|") for line in answer.split("\r") if line]
    assert [line[1:3] for line in lines if line[0] == "MSA"] == [["AA", "Q1"], ["AE", "Q2"], ["AA", "Q3"]]
    assert [line[0] for line in lines][:2] == ["FHS", "BHS"]
    assert [line[0] for line in lines][-2:] == ["BTS", "FTS"]
    assert hub.quarantined[0][0].key == "Q2"


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x00\x01", b"GET / HTTP/1.1\r\n\r\n", b"MSH", b"MSH|", b"\xff" * 50]
)
def test_what_is_no_message_is_answered_and_nothing_is_kept(content: bytes) -> None:
    hub = MemoryHub()
    (answer,) = send(hub, content)
    assert code(answer) in ("AE", "AR")
    assert (hub.stored, hub.quarantined, hub.events) == ([], [], [UNKNOWN_FACILITY])


def test_an_unreadable_message_of_a_known_facility_is_kept() -> None:
    hub = MemoryHub()
    broken = b"MSH|^^\\&|HIS|QS001|HUB|XG|20261122||ADT^A04|Q7|P|2.5.1\rPID|1"
    (answer,) = send(hub, broken)
    assert (code(answer), answer.need("MSA").text(2), error(answer)) == ("AE", "Q7", ("MSH^1^2", "102"))
    assert hub.quarantined[0][0].original.content == broken


def test_over_http_the_facility_must_be_the_callers_own() -> None:
    async def run(facility: bytes) -> bool:
        content = adt().replace(b"QS001^", facility + b"^")
        answer = await Hl7v2Ingest(hub)(content, "x-application/hl7-v2+er7", hub.facilities["QS001"], {})
        return answer.accepted

    hub = MemoryHub()
    assert asyncio.run(run(b"QS001"))
    for facility in (b"BH001", b"XX999", b""):
        with pytest.raises(Forbidden):
            asyncio.run(run(facility))
    assert len(hub.stored) == 1


def test_over_http_what_is_unreadable_is_kept_for_the_caller() -> None:
    hub = MemoryHub()
    (answer,) = send(hub, b"MSH|^~\\&|HIS", caller=Caller("qingshan", Role.CLINIC, "qingshan"))
    assert code(answer) in ("AE", "AR")
    (answer,) = send(hub, b"hello", caller=Caller("qingshan", Role.CLINIC, "qingshan"))
    assert code(answer) == "AE"
    assert hub.quarantined[-1][0].original.content == b"hello"


def test_no_refusal_tells_anything_of_the_patient() -> None:
    hub = MemoryHub()
    for path in messages_in(SAMPLES / "refused"):
        send(hub, path.read_bytes())
    assert len(hub.quarantined) == len(messages_in(SAMPLES / "refused"))
    for refusal, _ in hub.quarantined:
        told = refusal.reason + refusal.field + refusal.remedy
        assert told.isascii()
        assert "A000123" not in told


@pytest.mark.skipif(not (SHARED / "hl7v2-msft").is_dir(), reason="the public sample messages are not here")
def test_every_public_sample_is_stored_or_kept_in_quarantine() -> None:
    hub = MemoryHub()
    everyone = Caller("samples", Role.CLINIC, "samples")
    hub.caller_by_facility = lambda facility, far_end=None: everyone  # type: ignore[method-assign]
    for folder in ("hl7v2-msft", "hl7v2-linuxforhealth", "hl7v2-cn-synthetic"):
        for path in messages_in(SHARED / folder):
            content = path.read_bytes()
            messages = split_batch(content) if is_batch(content) else [content]
            for one, answer in zip(messages, send(hub, *messages), strict=True):
                # One sample names no facility at all, and so nobody it could be kept for.
                assert code(answer) in ("AA", "AE") or not parse(one).header.text(4), path.name
    assert len(hub.stored) >= 10
