"""Chinese names are read right whatever their label, and found however they are asked for."""

import re

from hypothesis import given
from hypothesis import strategies as st

from dicom_gateway.character_set import choose
from dicom_gateway.person_name import glob_match, key_matches, name_key, normalised

_GB2312 = [chr(c) for c in range(0x4E00, 0x9FA5) if len(chr(c).encode("gb2312", "ignore")) == 2]
_GBK = [chr(c) for c in range(0x4E00, 0x9FA5) if chr(c).encode("gbk", "ignore")]
LABELS = st.sampled_from([None, "", "ISO_IR 6", "ISO_IR 100", "GBK", "GB18030", "ISO_IR 192"])


@given(st.sampled_from(_GB2312), st.lists(st.sampled_from(_GBK), min_size=1, max_size=3), LABELS)
def test_gbk_names_are_read_under_every_label(family: str, given_name: list[str], label: str | None) -> None:
    name = f"{family}^{''.join(given_name)}"
    raw = name.encode("gbk")
    if label == "ISO_IR 192":
        try:
            raw.decode()
            return  # under its own label UTF-8 is believed
        except UnicodeDecodeError:
            pass
    assert choose(None if label is None else label.encode(), [raw]).decode(raw, person_name=True) == name


@given(st.lists(st.sampled_from(_GBK), min_size=2, max_size=4), LABELS)
def test_utf_8_names_are_read_under_every_label(characters: list[str], label: str | None) -> None:
    name = "".join(characters)
    raw = name.encode()
    assert choose(None if label is None else label.encode(), [raw]).decode(raw) == name


@given(
    st.binary(max_size=40), st.sampled_from(["", "ISO_IR 100", "GB18030", "ISO_IR 192", "ISO 2022 IR 87", "nonsense"])
)
def test_any_bytes_become_some_text(raw: bytes, label: str) -> None:
    assert isinstance(choose(label.encode(), [raw]).decode(raw, person_name=True), str)


@given(st.text("ab*?^张", max_size=8), st.text("ab^张", max_size=8))
def test_wildcards_match_as_a_regular_expression_would(pattern: str, text: str) -> None:
    expression = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    assert glob_match(pattern, text) == (re.fullmatch(expression, text, re.DOTALL) is not None)


@given(st.text(st.characters(exclude_categories=("C",), exclude_characters="*?=\\"), min_size=1, max_size=12))
def test_a_name_is_found_by_itself(name: str) -> None:
    if normalised(name):
        assert key_matches(normalised(name), name_key(name))
