"""HL7 v2 over a real MLLP socket into the real store: who sends what, and what is there afterwards."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.hl7v2 import mllp
from adapters.hl7v2.ingest import Hl7v2Ingest
from adapters.hl7v2.message import Message, parse
from hub.app.parts import understood
from hub.blobs.folder import FolderBlobStore
from hub.client.local import LocalHubClient
from hub.contracts.caller import EVERYTHING, Caller, Role
from hub.contracts.codes import LOCAL_ID, RESIDENT_ID
from hub.contracts.store import Stored
from hub.contracts.submission import Channel
from hub.fhir.search import parse as parse_search
from hub.identity.reaction import IdentityReaction
from hub.intake.accept import Intake
from hub.intake.originals import OriginalsReaction, originals
from hub.intake.quarantine import TABLES as QUARANTINE_TABLES
from hub.intake.quarantine import SqlQuarantine
from hub.security.archives import SqlArchives
from hub.security.clients import Clients
from hub.security.policy import Policy
from hub.security.registration import Registration
from hub.security.tables import SECURITY_TABLES
from hub.store.sqlite import SqliteResourceStore
from hub.worklist.orders import SqlOrders

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "hl7v2"
START, END = b"\x0b", b"\x1c\r"
ADT = (
    "MSH|^~\\&|HIS|{facility}|HUB|XG|20261122083000+0800||ADT^A04|{id}|P|2.5.1||||||UNICODE UTF-8\r"
    "PID|1||{number}^^^{facility}^PI||倈^億||19580314|F\r"
)


class Events:
    """The registry as the client asks it, counting what was refused."""

    def __init__(self, clients: Clients) -> None:
        self.noted: list[str] = []
        self.caller_by_facility = clients.caller_by_facility
        self.caller_by_ae_title = clients.caller_by_ae_title
        self.destination_of_ae_title = clients.destination_of_ae_title

    def security_event(self, kind: str, detail: str) -> None:
        self.noted.append(kind)


class County:
    """Store, intake, quarantine and registry of one hub, with two clinics."""

    def __init__(self, folder: Path) -> None:
        self.store = SqliteResourceStore(
            folder,
            reactions=(OriginalsReaction(), IdentityReaction()),
            side_tables=(SECURITY_TABLES, QUARANTINE_TABLES),
        )
        self.blobs = FolderBlobStore(folder / "blobs")
        self.quarantine = SqlQuarantine(self.store, self.blobs)
        clients = Clients(self.store)
        for name, facility in (("qingshan", "QS001"), ("baihe", "BH001")):
            clients.add(Registration(name, Role.CLINIC, name, facilities=(facility,)))
        self.events = Events(clients)
        intake, orders = Intake(self.store, Policy(), self.blobs), SqlOrders(self.store, understood)
        self.client = LocalHubClient(
            intake, self.quarantine, self.events, orders, lambda _sha256: False, SqlArchives(self.store)
        )
        self.clinic = clients.caller_by_facility("QS001")
        assert self.clinic is not None

    def find(self, resource_type: str, **parameters: str) -> list[dict[str, Any]]:
        return [msgspec.json.decode(one.body) for one in self.rows(resource_type, **parameters)]

    def rows(self, resource_type: str, **parameters: str) -> list[Stored]:
        pairs = [(name.replace("_", "-"), value) for name, value in parameters.items()]
        query = parse_search(resource_type, [*pairs, ("_count", "1000")], lenient=False)
        return list(self.store.search(query, EVERYTHING).matches)


@pytest.fixture
def county(tmp_path: Path) -> Iterator[County]:
    found = County(tmp_path)
    yield found
    found.store.close()


@asynccontextmanager
async def door(county: County) -> AsyncIterator[int]:
    sock = socket.create_server(("127.0.0.1", 0), backlog=1024)
    sock.setblocking(False)
    listener = await mllp.serve(sock, Hl7v2Ingest(county.client).receive)
    try:
        yield sock.getsockname()[1]
    finally:
        await listener.close(10)


async def exchange(port: int, *messages: bytes) -> list[bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        answers = []
        for message in messages:
            writer.write(START + message + END)
            answers.append((await asyncio.wait_for(reader.readuntil(END), 30))[1:-2])
        return answers
    finally:
        writer.close()


def through_the_door(county: County, run: Callable[[int], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        async with door(county) as port:
            return await run(port)

    return asyncio.run(whole())


def send(county: County, *messages: bytes) -> list[Message]:
    return [parse(answer) for answer in through_the_door(county, lambda port: exchange(port, *messages))]


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.hl7").read_bytes()


def codes(answers: list[Message]) -> list[str]:
    return [answer.need("MSA").text(1) for answer in answers]


def test_a_day_of_a_township_clinic_is_stored(county: County) -> None:
    names = [
        "adt_a04_visit", "adt_a08_gb18030", "adt_a01_newborn", "adt_a01_unknown_person", "orm_o01_chest_ct",
        "oml_o21_blood_sugar", "orm_o01_three_items", "orm_o01_drug", "oru_r01_blood_count", "oru_r01_two_panels",
        "oru_r01_chest_ct", "oru_r01_ecg_with_pdf", "oru_r01_multiline_without_charset", "oru_r01_other_delimiters",
    ]  # fmt: skip
    assert codes(send(county, *map(sample, names))) == ["AA"] * len(names)
    (patient,) = county.find("Patient", identifier=f"{LOCAL_ID}/qingshan/PI|A000123")
    assert patient["name"][0]["text"] == "倈億"
    assert patient["birthDate"] == "1958-03-14"
    (order,) = county.find("ServiceRequest", identifier=f"{LOCAL_ID}/qingshan/PLAC|P2026001")
    (report,) = county.find("DiagnosticReport", identifier=f"{LOCAL_ID}/qingshan/FILL|R2026001")
    assert report["basedOn"] == [{"reference": f"ServiceRequest/{order['id']}"}]
    assert report["subject"] == {"reference": f"Patient/{patient['id']}"}
    assert b'"value":6.50' in county.rows("Observation", code="WBC")[0].body
    assert {one.owner for kind in ("Patient", "Observation") for one in county.rows(kind)} == {"qingshan"}


def test_a_correction_changes_the_results_and_adds_none(county: County) -> None:
    assert codes(send(county, sample("oru_r01_blood_count"), sample("oru_r01_blood_count_corrected"))) == ["AA", "AA"]
    results = county.rows("Observation")
    assert len(results) == 8
    assert {one.version for one in results} == {2}
    (white_cells,) = county.find("Observation", code="WBC")
    assert (white_cells["status"], white_cells["valueQuantity"]["value"]) == ("corrected", 5.6)
    (report,) = county.find("DiagnosticReport")
    assert {one["reference"] for one in report["result"]} == {one.reference for one in results}


def test_an_order_that_is_cancelled_is_the_same_order(county: County) -> None:
    assert codes(send(county, sample("orm_o01_chest_ct"), sample("orm_o01_cancelled"))) == ["AA", "AA"]
    (order,) = county.find("ServiceRequest")
    assert (order["status"], order["meta"]["versionId"]) == ("revoked", "2")


def test_an_a08_that_comes_first_and_a_thin_pid_that_comes_last_lose_nothing(county: County) -> None:
    visit = sample("adt_a04_visit")
    update = visit.replace(b"ADT^A04^ADT_A01|Q0001", b"ADT^A08|Q0901")
    thin = sample("oru_r01_two_panels").replace(b"|19580314|F", b"").replace("倈^億".encode(), b"")
    assert codes(send(county, update, visit, thin)) == ["AA", "AA", "AA"]
    (patient,) = county.find("Patient")
    assert patient["telecom"][0]["value"] == "13800000000"
    assert RESIDENT_ID in {one["system"] for one in patient["identifier"]}


def test_the_same_message_a_thousand_times_at_once_is_one_record_and_one_answer(county: County) -> None:
    message = sample("adt_a04_visit")

    async def at_once(port: int) -> set[bytes]:
        async def one() -> bytes:
            return (await exchange(port, message))[0]

        answers: set[bytes] = set()
        for _ in range(4):
            answers |= set(await asyncio.gather(*(one() for _ in range(250))))
        return answers

    answers = through_the_door(county, at_once)
    assert len(answers) == 1
    assert b"MSA|AA|Q0001" in answers.pop()
    assert [one.version for one in county.rows("Patient")] == [1]
    assert [one.version for one in county.rows("Encounter")] == [1]


def test_another_body_under_a_known_number_is_refused_and_kept(county: County) -> None:
    first, second = sample("adt_a04_visit"), sample("adt_a04_visit").replace(b"13800000000", b"13900000000")
    answers = send(county, first, second, first)
    assert codes(answers) == ["AA", "AE", "AA"]
    assert answers[1].need("ERR").text(3) == "205"
    (item,) = county.quarantine.listed(_caller(county), 10)
    assert (item.key, item.kind) == ("Q0001", "hl7v2")
    assert county.quarantine.original(item.id, _caller(county)).content == second
    assert county.find("Patient")[0]["telecom"][0]["value"] == "13800000000"


def test_a_refused_message_may_come_again_corrected_under_its_number(county: County) -> None:
    right = sample("adt_a04_visit")
    wrong = right.replace(b"19580314", b"19581399")
    answers = send(county, wrong, right)
    assert codes(answers) == ["AE", "AA"]
    assert answers[0].need("ERR").whole(2) == "PID^1^7"
    (item,) = county.quarantine.listed(_caller(county), 10)
    assert (item.field, item.key) == ("PID-7", "Q0001")


def test_a_facility_that_nobody_registered_leaves_nothing(county: County) -> None:
    (answer,) = send(county, sample("adt_a04_visit").replace(b"QS001^", b"XX001^"))
    assert (answer.need("MSA").text(1), answer.need("ERR").text(3)) == ("AR", "204")
    assert county.rows("Patient") == []
    assert county.quarantine.listed(Caller("operator", Role.ADMIN, "it"), 10) == []
    assert len(county.events.noted) == 1


def test_two_clinics_with_the_same_patient_number_have_two_patients(county: County) -> None:
    messages = [ADT.format(facility=one, id="1", number="A1").encode() for one in ("QS001", "BH001")]
    assert codes(send(county, *messages)) == ["AA", "AA"]
    assert {one.owner for one in county.rows("Patient")} == {"qingshan", "baihe"}


def test_a_number_of_hostile_signs_finds_its_patient_again(county: County) -> None:
    hostile = ["A\\F\\1,2", "A\\T\\x=1%25", "a+b#c;d", "A\\E\\$", "名 字", "../..", "A?b*c", "'\" OR 1=1 --"]
    first = [ADT.format(facility="QS001", id=f"F{at}", number=one).encode() for at, one in enumerate(hostile)]
    again = [ADT.format(facility="QS001", id=f"S{at}", number=one).encode() for at, one in enumerate(hostile)]
    assert codes(send(county, *first, *again)) == ["AA"] * 16
    patients = county.rows("Patient")
    assert len(patients) == len(hostile)
    assert {one.version for one in patients} <= {1, 2}


def test_the_bytes_received_are_kept_beside_what_was_made_of_them(county: County) -> None:
    message = sample("oru_r01_chest_ct")
    send(county, message)
    (kept,) = originals(county.store, county.blobs, "qingshan", Channel.HL7V2, "RIS|QS001|20261122103000|R0001")
    assert kept.content == message
    assert kept.content_type == "x-application/hl7-v2+er7; charset=gb18030"


def test_a_batch_is_answered_message_by_message(county: County) -> None:
    async def run(port: int) -> list[bytes]:
        return await exchange(port, sample("batch"))

    (answer,) = through_the_door(county, run)
    assert answer.count(b"MSA|AA|") == 2
    (patient,) = county.find("Patient")
    assert patient["address"][0]["text"] == "示例县青山镇"


def _caller(county: County) -> Caller:
    assert county.clinic is not None
    return county.clinic
