"""Bytes are read in the character set they are in, whatever MSH-18 says."""

import pytest

from adapters.hl7v2.charset import codec_of, decode
from adapters.hl7v2.message import parse
from adapters.hl7v2.refusal import MessageIncorrect
from adapters.hl7v2.translate import content_type

TRAPS = "倈億俓亊"
"""Characters whose second byte in GB18030 is a delimiter of HL7."""


def message(declared: str = "", name: str = TRAPS) -> str:
    return f"MSH|^~\\&|HIS|QS001|||20261122||ADT^A04|1|P|2.5.1||||||{declared}\rPID|1||A1^^^QS001^PI||{name}^{name}\r"


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("UNICODE UTF-8", "utf-8"),
        ("UTF-8", "utf-8"),
        ("GB 18030-2000", "gb18030"),
        ("GBK", "gbk"),
        ("gb2312", "gbk"),
        ("BIG-5", "big5hkscs"),
        ("", "utf-8"),
        ("", "gb18030"),
        ("CHINESE", "gb18030"),
    ],
)
def test_a_name_of_trap_characters_stays_whole(declared: str, codec: str) -> None:
    name = "倈億" if codec.startswith("big5") else TRAPS
    pid = parse(message(declared, name).encode(codec)).need("PID")
    assert (pid.text(5), pid.text(5, 2)) == (name, name)


@pytest.mark.parametrize("character", TRAPS)
def test_the_traps_do_hold_delimiter_bytes(character: str) -> None:
    assert set(character.encode("gb18030")[1:]) & set(b"|^\\~&")


@pytest.mark.parametrize(
    ("declared", "codec", "read_as"),
    [
        ("UNICODE UTF-8", "gb18030", "gb18030"),
        ("ASCII", "utf-8", "utf-8"),
        ("8859/1", "utf-8", "utf-8"),
        ("GB 18030-2000", "utf-8", "utf-8"),
        ("ASCII", "gb18030", "gb18030"),
    ],
)
def test_an_msh_18_that_the_bytes_contradict_is_passed_over_and_recorded(
    declared: str, codec: str, read_as: str
) -> None:
    read = parse(message(declared, "王小明").encode(codec))
    assert read.need("PID").text(5) == "王小明"
    assert content_type(read) == f"x-application/hl7-v2+er7; charset={read_as}; declared={codec_of(declared)}"


def test_an_msh_18_that_nobody_knows_is_recorded_without_its_text() -> None:
    assert content_type(parse(message("990101195803140028").encode())).endswith("charset=utf-8; declared=unknown")


def test_the_character_set_used_is_recorded() -> None:
    assert content_type(parse(message("GBK").encode("gbk"))) == "x-application/hl7-v2+er7; charset=gb18030"
    assert content_type(parse(message("", "Wang").encode())) == "x-application/hl7-v2+er7; charset=ascii"


def test_gb18030_that_happens_to_be_utf_8_is_read_as_declared() -> None:
    # Two common characters whose GB18030 bytes are a valid two-byte sequence each.
    name = next(
        a + b
        for a in map(chr, range(0x4E00, 0x9FA5))
        for b in map(chr, range(0x4E00, 0x4E40))
        if _is_utf8(a.encode("gb18030")) and _is_utf8(b.encode("gb18030"))
    )
    content = message("GB 18030-2000", name).encode("gb18030")
    content.decode("utf-8")
    assert parse(content).need("PID").text(5) == name


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def test_a_facility_of_trap_characters_does_not_hide_msh_18() -> None:
    text = message("GB 18030-2000").replace("QS001", "億亊卫生院", 1)
    read = parse(text.encode("gb18030"))
    assert read.declared_charset == "GB 18030-2000"
    assert read.header.text(4) == "億亊卫生院"


def test_latin_1_is_read_where_it_is_declared_and_the_bytes_are_not_utf_8() -> None:
    assert parse(message("8859/1", "Müller").encode("latin-1")).need("PID").text(5) == "Müller"


def test_rare_characters_of_gb18030_get_their_own_code_points() -> None:
    read = decode(b"MSH|^~\\&|||||||ADT^A04|1|P|2.4||||||GBK\rPID|||\xfe\x59\xfe\x9f\xfe\xa0")
    assert read.text.endswith("\u9fb4\u4dae\u9fbb")


def test_bytes_of_no_character_set_are_refused_at_msh_18() -> None:
    with pytest.raises(MessageIncorrect) as refused:
        parse(message("UNICODE UTF-8", "x").encode() + b"\xff\xff\x80\xff")
    assert (refused.value.where, refused.value.code) == ("MSH-18", 102)


def test_byte_order_mark_and_framing_left_in_place_are_stripped() -> None:
    assert parse(b"\x0b\xef\xbb\xbf" + message("UNICODE UTF-8").encode() + b"\x1c\r").need("PID").text(5) == TRAPS


def test_control_characters_do_not_reach_the_text() -> None:
    assert parse(message("", "王\x00小\x07明").encode()).need("PID").text(5) == "王小明"


def test_utf_16_is_read_by_its_byte_order_mark() -> None:
    assert parse(message("UNICODE UTF-16").encode("utf-16")).need("PID").text(5) == TRAPS
