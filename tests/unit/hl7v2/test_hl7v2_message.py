"""Messages are cut into segments, fields and components as HL7 cuts them, and as senders do."""

import hl7
import pytest

from adapters.hl7v2.message import LARGEST_BATCH, LARGEST_LINES, is_batch, parse, split_batch
from adapters.hl7v2.refusal import MessageIncorrect, MessageTooLarge

HEADER = "MSH|^~\\&|LIS|QS001|||20261122||ORU^R01|1|P|2.4"


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\r\r\n", "\n\n", "\r\n\r\n"])
def test_any_line_end_separates_segments(end: str) -> None:
    read = parse(end.join([HEADER, "PID|1||A1", "OBR|1", "OBX|1|NM|A||1", "OBX|2|NM|B||2", ""]).encode())
    assert [segment.name for segment in read.segments] == ["MSH", "PID", "OBR", "OBX", "OBX"]
    assert [segment.sequence for segment in read.all("OBX")] == [1, 2]


def test_a_line_that_begins_no_segment_continues_the_field_before() -> None:
    read = parse(f"{HEADER}\nOBX|1|TX|A||第一行\n第二行\nABC 第三行||||||F\nOBX|2|NM|B||2".encode())
    first, second = read.all("OBX")
    assert first.whole(5) == "第一行\n第二行\nABC 第三行"
    assert first.text(11) == "F"
    assert second.text(5) == "2"


def test_a_vertical_tab_inside_text_is_a_line_end() -> None:
    assert parse(f"{HEADER}\rOBX|1|TX|A||一\x0b二||||||F".encode()).need("OBX").whole(5) == "一\n二"


def test_fields_are_numbered_as_hl7_numbers_them() -> None:
    header = parse(HEADER.encode()).header
    assert [header.raw(at) for at in (1, 2, 3, 9, 10)] == ["|", "^~\\&", "LIS", "ORU^R01", "1"]
    assert header.text(9, 2) == "R01"
    assert header.raw(99) == ""


@pytest.mark.parametrize("delimiters", ["|^~\\&", "|^~\\&#", "#@*!%", "$%~?&", "|~^\\&", "\t^~\\&", "|^~", "|^~\\\\&"])
def test_delimiters_are_those_that_msh_states(delimiters: str) -> None:
    field, component, repetition = delimiters[0], delimiters[1], delimiters[2]
    if delimiters[0] == "\t":
        with pytest.raises(MessageIncorrect):
            parse(f"MSH{delimiters}".encode())
        return
    header = f"MSH{delimiters}{field}A{field}B".encode()
    pid = f"PID{field}1{field}{field}A1{component}{component}{component}Q{component}PI{repetition}B2".encode()
    read = parse(header + b"\r" + pid)
    assert read.need("PID").text(3, 5) == "PI"
    assert len(read.need("PID").repetitions(3)) == 2


@pytest.mark.parametrize(
    "header", ["MSH", "MSHx^~\\&|", "MSH |", "MSH|^^\\&|", "MSH|ab\\&|", "PID|1", "", "\r\n", "FHS|"]
)
def test_a_header_without_usable_delimiters_is_refused(header: str) -> None:
    with pytest.raises(MessageIncorrect) as refused:
        parse(header.encode())
    assert refused.value.where.startswith("MSH")


def test_subcomponents_and_the_null_value_are_read() -> None:
    read = parse(f'{HEADER}\rPID|""||A1^""^^NS&1.2.3&ISO^PI||""'.encode())
    pid = read.need("PID")
    assert (pid.raw(1), pid.text(5), pid.text(3, 2)) == ("", "", "")
    assert read.subcomponents(pid.raw(3), 4) == ["NS", "1.2.3", "ISO"]


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f", "a|b^c&d~e\\f"),
        ("10\\S\\9/L", "10^9/L"),
        ("一\\.br\\二", "一\n二"),
        ("\\H\\重要\\N\\", "重要"),
        ("\\X41\\\\X0D0A\\", "A\n"),
        ("\\XE4BDA0\\", "你"),
        ("\\.sp2\\x\\.in5\\y\\.sk3\\z", "\n\nxy   z"),
        ("\\Zlocal\\", "\\Zlocal\\"),
        ("C:\\temp", "C:\\temp"),
        ("a\\b\\c", "a\\b\\c"),
        ("half \\F", "half \\F"),
        ("\\E\\E\\E\\", "\\E\\"),
        ("\\X4\\", "\\X4\\"),
        ("\\XFFFF\\", "\\XFFFF\\"),
        ("\\", "\\"),
        ("\\\\", "\\\\"),
    ],
)
def test_escapes_are_resolved_once_and_nothing_is_lost(sent: str, meant: str) -> None:
    read = parse(f"{HEADER}||||||UNICODE UTF-8\rOBX|1|ST|A||{sent}|你".encode())
    assert read.need("OBX").whole(5) == meant


def test_the_batch_envelope_gives_each_message_byte_for_byte() -> None:
    one, two = f"{HEADER}\rPID|1||倈億\r".encode("gb18030"), f"{HEADER}\rPID|2\r".encode()
    batch = b"FHS|^~\\&|LIS\rBHS|^~\\&|LIS\r" + one + two + b"BTS|2\rFTS|1\r"
    assert is_batch(batch)
    assert split_batch(batch) == [one, two]
    assert is_batch(one + two)
    assert not is_batch(one)


def test_a_batch_without_end_is_refused_before_it_is_read() -> None:
    with pytest.raises(MessageTooLarge):
        split_batch(b"MSH|\r" * (LARGEST_BATCH + 1))


def test_the_word_msh_inside_a_field_is_no_message() -> None:
    assert not is_batch(f"{HEADER}\rOBX|1|TX|A||MSH|x and MSH\r".encode())


def test_a_message_of_endless_lines_or_parts_stays_bounded() -> None:
    with pytest.raises(MessageTooLarge):
        parse(HEADER.encode() + b"\r" * (LARGEST_LINES + 2) + b"PID|1")
    wide = parse(f"{HEADER}\rPID|1||{'~' * 100_000}{'^' * 100_000}{'&' * 100_000}".encode()).need("PID")
    assert len(wide.repetitions(3)) <= 1001


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADER}\rPID|1||A1^^^QS001^PI~B2||倈^億||19800101|M\rOBR|1|P1|F1|CBC^血常规\rOBX|1|NM|WBC^白细胞||6.50|10\\S\\9/L\r",
        "MSH#!@\\&#X#Y\rPID#1##A1!B!C@D2!E\r",
        f"{HEADER}\rZZZ|a^b^c|d~e~f|\r",
    ],
)
def test_the_library_hl7_reads_the_same(text: str) -> None:
    theirs, ours = hl7.parse(text), parse(text.encode())
    assert [str(segment[0]) for segment in theirs] == [segment.name for segment in ours.segments]
    for their_segment, our_segment in zip(theirs, ours.segments, strict=True):
        fields = range(3, len(their_segment) + 1) if our_segment.name == "MSH" else range(1, len(their_segment))
        for field in fields:
            try:
                theirs_text = str(their_segment(field))
            except (IndexError, KeyError):
                theirs_text = ""
            assert theirs_text == our_segment.raw(field)
