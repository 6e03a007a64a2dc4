"""A data set that is not whole is told from one that is."""

import pytest
from dicom_objects import BIG, EXPLICIT, IMPLICIT, data_set_of, image, part10
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom_gateway.header import WANTED, read_header
from dicom_gateway.scan import Scan, scan
from dicom_gateway.transfer_syntaxes import TRANSFER_SYNTAXES
from hub.contracts.errors import Incorrect

_WANTED = dict.fromkeys(WANTED)


def scanned(data_set: bytes, syntax: str = EXPLICIT) -> Scan:
    return scan(data_set, 0, len(data_set), TRANSFER_SYNTAXES[syntax], _WANTED)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_the_header_is_read_in_every_byte_order(syntax: str) -> None:
    made = image(syntax, Rows=8, InstanceNumber=7)
    header = read_header(scanned(data_set_of(part10(made)), syntax), big_endian=syntax == BIG)
    assert (header.rows, header.instance_number, header.sop_instance_uid) == (8, 7, made.SOPInstanceUID)


def test_where_the_pixels_lie_is_told() -> None:
    data_set = data_set_of(part10(image()))
    found = scanned(data_set)
    assert found.pixel_at is not None
    assert data_set[found.pixel_at : found.pixel_end] == bytes(range(128))


@pytest.mark.parametrize("cut", [1, 7, 60, 127, 129, 135])
def test_a_truncated_data_set_is_refused(cut: int) -> None:
    data_set = data_set_of(part10(image()))
    with pytest.raises(Incorrect) as refused:
        scanned(data_set[:-cut])
    assert refused.value.issue_code == "structure"


def test_every_cut_of_a_data_set_is_refused_or_falls_between_elements() -> None:
    data_set = data_set_of(part10(image()))
    whole = 0
    for end in range(1, len(data_set)):
        try:
            scanned(data_set[:end])
            whole += 1
        except Incorrect:
            pass
    assert whole < 40


def test_an_element_longer_than_the_data_set_is_refused() -> None:
    data_set = data_set_of(part10(image()))
    at = data_set.rindex(b"\xe0\x7f\x10\x00OW\x00\x00")
    broken = data_set[: at + 8] + b"\xfe\xff\xff\x7f" + data_set[at + 12 :]
    with pytest.raises(Incorrect):
        scanned(broken)


def test_a_sequence_without_end_is_refused() -> None:
    made = image()
    item = Dataset()
    item.CodeValue = "1"
    made.ProcedureCodeSequence = Sequence([item])
    made["ProcedureCodeSequence"].is_undefined_length = True
    data_set = data_set_of(part10(made))
    assert scanned(data_set).pixel_at
    with pytest.raises(Incorrect):
        scanned(data_set.replace(b"\xfe\xff\xdd\xe0\0\0\0\0", b""))


def test_deep_nesting_is_refused_without_recursion() -> None:
    nested = b"\x08\x00\x32\x10SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 100_000
    with pytest.raises(Incorrect):
        scanned(nested)


def test_nothing_is_no_data_set() -> None:
    for content in (b"", b"\0\0\0"):
        with pytest.raises(Incorrect):
            scanned(content)


def test_more_elements_than_anything_real_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    elements = b"\x08\x00\x60\x00CS\x00\x00" * 2000
    assert scanned(elements)
    monkeypatch.setattr("dicom_gateway.scan.MOST_ELEMENTS", 1000)
    with pytest.raises(Incorrect):
        scanned(elements)


def test_an_endless_header_value_is_refused() -> None:
    with pytest.raises(Incorrect) as refused:
        scanned(b"\x10\x00\x20\x00" + (1 << 20).to_bytes(4, "little") + b"A" * (1 << 20), IMPLICIT)
    assert refused.value.where == "(0010,0020)"


def test_implicit_elements_under_an_explicit_syntax_are_read() -> None:
    data_set = data_set_of(part10(image(IMPLICIT)))
    assert scanned(data_set, EXPLICIT).pixel_at


@pytest.mark.parametrize("uid", ["../../etc/passwd", "1.2..3", "1.2.", ".1", "1.2\\1.3", "1.2.3/4", "1" * 65, "1.2 3"])
def test_a_hostile_uid_is_refused(uid: str) -> None:
    made = image()
    data_set = data_set_of(part10(made))
    element = b"\x08\x00\x18\x00UI"
    at = data_set.index(element)
    length = int.from_bytes(data_set[at + 6 : at + 8], "little")
    raw = uid.encode() + b"\0" * (len(uid) % 2)
    broken = data_set[: at + 6] + len(raw).to_bytes(2, "little") + raw + data_set[at + 8 + length :]
    with pytest.raises(Incorrect) as refused:
        read_header(scanned(broken), big_endian=False)
    assert refused.value.where == "(0008,0018)"


@pytest.mark.parametrize("name", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID"])
def test_an_object_without_a_uid_that_names_it_is_refused(name: str) -> None:
    made = image()
    content = part10(made)
    element = made[name].tag
    raw = element.group.to_bytes(2, "little") + element.element.to_bytes(2, "little") + b"UI"
    data_set = data_set_of(content)
    at = data_set.index(raw)
    length = int.from_bytes(data_set[at + 6 : at + 8], "little")
    with pytest.raises(Incorrect):
        read_header(scanned(data_set[:at] + data_set[at + 8 + length :]), big_endian=False)
