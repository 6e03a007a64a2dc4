"""Names come out right whatever label they were sent under."""

from pathlib import Path

import pytest
from dicom_objects import image, part10
from dicom_parts import QINGSHAN

from dicom_gateway.archive import Archive, Sender
from dicom_gateway.character_set import choose, default_in
from dicom_gateway.device import DeviceProfile
from dicom_gateway.file_meta import read_file_meta
from dicom_gateway.settings import DicomSettings
from hub.blobs.folder import FolderBlobStore


def decoded(label: str | None, raw: bytes) -> str:
    declared = None if label is None else label.encode()
    return choose(declared, [raw]).decode(raw, person_name=True)


@pytest.mark.parametrize(
    "label", [None, "", "ISO_IR 6", "ISO_IR 100", "GB18030", "GBK", "ISO_IR 192", "\\ISO 2022 IR 58"]
)
@pytest.mark.parametrize("name", ["张^伟", "欧阳^娜娜", "朱^镕基", "陈秀英", "王^昇", "Zhang^Wei=张^伟"])
def test_gbk_is_read_under_every_label(label: str | None, name: str) -> None:
    assert decoded(label, name.encode("gbk")) == name


@pytest.mark.parametrize("label", [None, "ISO_IR 100", "GB18030", "ISO_IR 192"])
@pytest.mark.parametrize("name", ["张^伟", "龑䶮", "陈秀英"])
def test_utf_8_is_read_under_every_label(label: str | None, name: str) -> None:
    assert decoded(label, name.encode()) == name


@pytest.mark.parametrize("name", ["谢谢", "肖伟", "袁芳", "叶敏", "魏强", "卢杰", "姚娜", "谭静", "陆洋", "石磊"])
def test_a_gbk_name_is_not_taken_for_utf_8(name: str) -> None:
    assert decoded(None, name.encode("gbk")) == name


def test_four_byte_characters_of_gb18030_are_read() -> None:
    assert decoded("GB18030", "龑䶮".encode("gb18030")) == "龑䶮"


def test_a_latin_name_under_its_label_stays_latin() -> None:
    assert decoded("ISO_IR 100", "Müller^Jörg".encode("latin-1")) == "Müller^Jörg"


def test_a_latin_name_in_utf_8_under_its_label_is_read() -> None:
    assert decoded("ISO_IR 192", "Müller^Jörg".encode()) == "Müller^Jörg"


def test_escape_sequences_of_iso_2022_leave_no_trace() -> None:
    raw = b"Zhang^Wei=" + b"\x1b$)A" + "张".encode("gb2312") + b"^" + b"\x1b$)A" + "伟".encode("gb2312")
    assert decoded("\\ISO 2022 IR 58", raw) == "Zhang^Wei=张^伟"


def test_other_scripts_are_read_as_their_label_says() -> None:
    assert decoded("ISO_IR 144", "Люк".encode("iso8859_5")) == "Люк"


def test_a_caret_inside_a_character_splits_no_name() -> None:
    raw = "乛".encode("gbk")  # 0x815E… has a trail byte that reads as ^ in ASCII
    for character in range(0x4E00, 0x9FA5):
        encoded = chr(character).encode("gbk", "ignore")
        if encoded[1:] == b"^":
            raw = encoded
            break
    assert len(decoded("GB18030", "李".encode("gbk") + b"^" + raw).split("^")) == 2


def test_values_that_disagree_are_each_read_on_their_own() -> None:
    characters = choose(None, ["张伟".encode("gbk"), "胸部".encode()])
    assert characters.decode("张伟".encode("gbk")) == "张伟"
    assert characters.decode("胸部".encode()) == "胸部"


def test_a_name_cut_within_a_character_keeps_its_beginning() -> None:
    assert decoded(None, "欧阳娜娜".encode("gbk")[:-1]).startswith("欧阳娜")


def test_the_evidence_says_label_and_verdict_and_no_text() -> None:
    assert choose(b"ISO_IR 100", ["张伟".encode("gbk")]).evidence == "ISO_IR 100 -> gb18030"


@pytest.mark.parametrize(
    ("declared", "raw", "default", "text"),
    [
        (b"", "陳^怡君".encode("big5"), "big5", "陳^怡君"),
        (b"ISO_IR 100", "陳^怡君".encode("big5"), "big5", "陳^怡君"),
        (b"", "Иванов".encode("iso8859_5"), "iso8859_5", "Иванов"),
        (b"", "Müller".encode("latin-1"), "latin-1", "Müller"),
        (b"GB18030", "陈^怡君".encode("gb18030"), "big5", "陈^怡君"),  # the label says it
        (b"", "陈^怡君".encode(), "big5", "陈^怡君"),  # the bytes say it
        (b"ISO_IR 192", "陈^怡君".encode(), "big5", "陈^怡君"),
        (b"", b"\xfc\x80\x81", "big5", None),  # it cannot be that
    ],
)
def test_a_device_that_is_known_is_believed_where_nothing_else_tells(
    declared: bytes, raw: bytes, default: str, text: str | None
) -> None:
    characters = choose(declared, [raw], default)
    assert default_in(characters.evidence) == default
    if text is not None:
        assert characters.decode(raw, person_name=True) == text


def test_the_profile_of_a_device_reaches_its_objects_and_the_evidence(tmp_path: Path) -> None:
    settings = DicomSettings(free_space_floor_bytes=0, devices={"OLD_CR": DeviceProfile(written_in="BIG5")})
    archive = Archive(tmp_path / "dicom", settings, FolderBlobStore(tmp_path / "blobs"))
    content = part10(image(PatientName="XXXX")).replace(b"XXXX", "陳^".encode("big5") + b" ")
    file = archive.spool.create()
    file.write(content)
    syntax, at = read_file_meta(content)
    archive.keep(file, at, syntax, Sender(QINGSHAN, "OLD_CR"))
    ((name, evidence),) = archive.index.rows("SELECT st.patient_name, i.characters FROM study st JOIN instance i")
    assert (name, evidence) == ("陳^", " -> big5 (device: big5)")
    (row,) = archive.index.every_instance()
    assert "陳".encode() in archive.descriptions.of([row])[row.id][0]
    archive.close()
