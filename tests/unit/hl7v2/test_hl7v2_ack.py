"""Acknowledgements: deterministic, in the sender's own delimiters and characters, and no more than they should be."""

from datetime import UTC, datetime

import pytest

from adapters.hl7v2.ack import acknowledge, codes_of, refuse, refuse_unreadable
from adapters.hl7v2.message import Message, parse
from adapters.hl7v2.refusal import MessageIncorrect, missing
from hub.contracts.errors import Conflict, Forbidden, Incorrect, NotFound, TooLarge, Unsupported
from hub.contracts.submission import Receipt

NOW = datetime(2026, 11, 22, 4, 0, 1, tzinfo=UTC)
RECEIPT = Receipt("01JC", "2026-11-22T04:00:00.123Z")


def message(
    id: str = "Q1", version: str = "2.5.1", charset: str = "UNICODE UTF-8", delimiters: str = "|^~\\&"
) -> Message:
    field, component = delimiters[0], delimiters[1]
    parts = [
        "MSH",
        delimiters[1:],
        "HIS",
        f"QS001{component}青山镇",
        "HUB",
        "XG",
        "20261122",
        "",
        f"ADT{component}A04",
        id,
        "P",
        version,
    ]
    codec = "gb18030" if charset.startswith("GB") else "utf-8"
    return parse((field.join([*parts, "", "", "", "", "", charset]) + "\r").encode(codec))


def test_an_answer_is_made_of_message_and_receipt_alone() -> None:
    assert acknowledge(message(), RECEIPT) == acknowledge(
        message(), Receipt("01JC", RECEIPT.accepted_at, replayed=True)
    )
    assert (
        acknowledge(message(), RECEIPT).content != acknowledge(message(), Receipt("01JD", RECEIPT.accepted_at)).content
    )


def test_addresses_change_places_and_the_time_is_that_of_acceptance() -> None:
    header = parse(acknowledge(message(), RECEIPT).content).header
    assert [header.raw(at) for at in (3, 4, 5, 6, 7, 9, 11, 12)] == [
        "HUB", "XG", "HIS", "QS001^青山镇", "20261122120000+0800", "ACK^A04^ACK", "P", "2.5.1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("charset", "codec"), [("UNICODE UTF-8", "utf-8"), ("GB 18030-2000", "gb18030"), ("GBK", "gb18030")]
)
def test_the_answer_has_the_character_set_of_the_message(charset: str, codec: str) -> None:
    content = acknowledge(message(charset=charset), RECEIPT).content
    assert "青山镇" in content.decode(codec)
    assert parse(content).header.raw(18) == charset


def test_the_answer_has_the_delimiters_of_the_message() -> None:
    content = refuse(message(delimiters="$%*!@"), missing("PID", 3), NOW).content.decode()
    assert content.startswith("MSH$%*!@$HUB$XG$HIS$")
    assert "\rERR$$PID%1%3$101%Required field missing%HL70357$E$" in content


@pytest.mark.parametrize("version", ["2.1", "2.3", "2.3.1", "2.4"])
def test_old_versions_find_the_place_in_err_1_too(version: str) -> None:
    err = parse(refuse(message(version=version), missing("PID", 3), NOW).content).need("ERR")
    assert err.raw(1) == "PID^1^3^101&Required field missing&HL70357"
    assert err.raw(2) == "PID^1^3"
    assert not parse(refuse(message(), missing("PID", 3), NOW).content).need("ERR").raw(1)


@pytest.mark.parametrize(
    ("id", "echo"),
    [
        ("A\rMSA|AA|B", "A"),
        ("A\\F\\B", "A\\F\\B"),
        ("<script>", "<script>"),
        ("x" * 5000, "x" * 227),
        ("a^b~c", "a^b~c"),
        ("A\x0bB\x1cC", "ABC"),
        ("名", "名"),
    ],
)
def test_nothing_can_be_smuggled_into_an_answer(id: str, echo: str) -> None:
    raw = f"MSH|^~\\&|HIS|QS001|HUB|XG|20261122||ADT^A04|{id}|P|2.5.1||||||UNICODE UTF-8\r".encode()
    for answer in (acknowledge(parse(raw), RECEIPT), refuse_unreadable(raw, missing("PID", 3), NOW)):
        read = parse(answer.content)
        assert [segment.name for segment in read.segments][:2] == ["MSH", "MSA"]
        assert len(read.segments) <= 3
        assert read.need("MSA").raw(2) == echo
        assert len(answer.content) < 2500


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Incorrect("x"), ("AE", 102)),
        (Incorrect("x", issue_code="required"), ("AE", 101)),
        (Incorrect("x", issue_code="code-invalid"), ("AE", 103)),
        (Incorrect("x", issue_code="structure"), ("AE", 100)),
        (MessageIncorrect("x", segment="PID", code=100), ("AE", 100)),
        (Unsupported("x"), ("AE", 200)),
        (Conflict("x"), ("AE", 205)),
        (NotFound("x"), ("AE", 204)),
        (TooLarge("x"), ("AE", 104)),
        (Forbidden("x"), ("AR", 204)),
    ],
)
def test_each_category_has_its_code(error: Incorrect, expected: tuple[str, int]) -> None:
    assert codes_of(error) == expected


def test_what_and_remedy_stand_in_the_answer_escaped() -> None:
    error = Incorrect("The value | is ^ wrong.", where="Observation.code", remedy="Send & ~ another \\.")
    err = parse(refuse(message(), error, NOW).content).need("ERR")
    assert err.whole(8) == "The value | is ^ wrong. Send & ~ another \\."
    assert err.whole(7) == "Observation.code"


@pytest.mark.parametrize(
    "content", [b"", b"MSH", b"MSH|", b"MSH|^^^^|a|b", b"\xff\xfe\xfd", b"MSHMSHMSH", b"MSH||||||||||"]
)
def test_even_what_cannot_be_read_gets_a_well_formed_answer(content: bytes) -> None:
    answer = parse(refuse_unreadable(content, missing("MSH", 10), NOW).content)
    assert answer.need("MSA").raw(1) == "AE"
