"""Whatever text is written into a message comes out of it again."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.hl7v2.charset import Decoded
from adapters.hl7v2.escapes import escapes
from adapters.hl7v2.message import Message, parse

DELIMITERS = st.sampled_from(["|^~\\&", "$%*!@", "#@^~|", "+-*/=", "\u3002\uff0c^~\\"])
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n|^~\\&$%*!@#\t"), max_size=60)


@given(DELIMITERS, TEXT)
def test_written_text_is_read_as_it_was(delimiters: str, text: str) -> None:
    both = escapes(delimiters, "utf-8")
    written = both.write(text)
    assert both.resolve(written) == text
    assert not set(written) & (set(delimiters) - {delimiters[3]})


@given(DELIMITERS, st.lists(TEXT.map(lambda text: text.replace("\n", " ")), min_size=1, max_size=8))
def test_fields_stay_apart(delimiters: str, fields: list[str]) -> None:
    both = escapes(delimiters, "utf-8")
    line = delimiters[0].join(["ZZZ", *map(both.write, fields)])
    read = Message(Decoded(f"MSH{delimiters}{delimiters[0]}\r{line}\r", "utf-8"))
    segment = read.need("ZZZ")
    assert [segment.whole(at) for at in range(1, len(fields) + 1)] == [text if text != '""' else "" for text in fields]


@given(st.text(st.characters(codec="gb18030", exclude_categories=("Cc", "Co")), max_size=40), st.booleans())
def test_names_survive_gb18030_and_utf_8(name: str, as_gb: bool) -> None:
    codec, charset = ("gb18030", "GB 18030-2000") if as_gb else ("utf-8", "UNICODE UTF-8")
    written = escapes("|^~\\&", codec).write(name)
    content = f"MSH|^~\\&|A|B|||20261122||ADT^A04|1|P|2.5||||||{charset}\rPID|1||A1||{written}|x\r".encode(codec)
    assert parse(content).need("PID").whole(5) in (name, "" if name == '""' else name)


@given(st.text(max_size=200))
def test_resolving_any_text_loses_no_letter_outside_of_sequences(text: str) -> None:
    assert escapes("|^~\\&", "utf-8").resolve(text.replace("\\", "")) == text.replace("\\", "")
    escapes("|^~\\&", "utf-8").resolve(text)
