import pytest

from adapters.ecg.character_set import repaired, xml_text
from adapters.ecg.read import read
from hub.contracts.errors import Incorrect

NAME = "<name>陈秀英</name>"


@pytest.mark.parametrize(
    ("declared", "actual"),
    [
        ("UTF-8", "utf-8"), ("UTF-8", "utf-8-sig"), ("GB18030", "gb18030"), ("GB2312", "gb2312"), ("gbk", "gbk"),
        ("UTF-8", "gbk"), ("UTF-8", "gb18030"), ("GB2312", "utf-8"), ("ISO-8859-1", "gb2312"), ("GB2312", "gb18030"),
        ("UTF-16", "utf-16"), ("UTF-16LE", "utf-16-le"), ("UTF-16BE", "utf-16-be"),
    ],
)  # fmt: skip
def test_chinese_is_read_whatever_the_label_says(declared: str, actual: str) -> None:
    assert xml_text(f'<?xml version="1.0" encoding="{declared}"?>{NAME}'.encode(actual)) == NAME


def test_another_stated_encoding_is_honoured() -> None:
    assert xml_text('<?xml version="1.0" encoding="Big5"?><name>陳秀英</name>'.encode("big5")) == "<name>陳秀英</name>"


def test_without_a_declaration_gb18030_is_found_by_its_bytes() -> None:
    assert xml_text(NAME.encode("gb18030")) == NAME


def test_western_names_keep_their_letters() -> None:
    text = '<?xml version="1.0" encoding="ISO-8859-1"?><name>Müller</name>'
    assert xml_text(text.encode("latin-1")) == "<name>Müller</name>"
    assert repaired("Müller") == "Müller"


def test_a_rare_character_of_gb18030_survives() -> None:
    assert xml_text('<?xml version="1.0" encoding="GB2312"?><name>喆𠮷</name>'.encode("gb18030")) == "<name>喆𠮷</name>"


def test_gb_read_as_latin_one_is_repaired() -> None:
    assert repaired("陈秀英".encode("gb2312").decode("latin-1")) == "陈秀英"


@pytest.mark.parametrize(
    "content",
    [b'<?xml version="1.0" encoding="x-none"?><a/>', b'<?xml version="1.0" encoding="rot13"?><a/>', b"<a>\xff\xff</a>"],
)
def test_bytes_that_fit_no_encoding_are_refused(content: bytes) -> None:
    with pytest.raises(Incorrect):
        xml_text(content)


def test_a_gb_file_labelled_utf_8_gives_the_right_name(samples: dict[str, bytes]) -> None:
    mislabelled = samples["recording-gb18030.xml"].replace(b'encoding="GB18030"', b'encoding="UTF-8"')
    assert read(mislabelled).patient.name == "陈秀英"
