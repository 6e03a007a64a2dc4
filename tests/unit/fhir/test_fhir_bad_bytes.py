from collections.abc import Callable

import fhir_samples as samples
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.contracts.errors import ExchangeError, Incorrect
from hub.fhir import body, bundle
from hub.fhir.extract import extract
from hub.fhir.model import decode

DEPTH = 10_000
_EXTENSION = b'{"url":"u","extension":['
BAD: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n",
    "cut off": b'{"resourceType":"Patient"',
    "two objects": b'{"resourceType":"Patient"}{}',
    "comment": b'{"resourceType":"Patient" /* */}',
    "byte order mark": b'\xef\xbb\xbf{"resourceType":"Patient"}',
    "UTF-16": '{"resourceType":"Patient"}'.encode("utf-16"),
    "NaN": b'{"resourceType":"Patient","multipleBirthInteger":NaN}',
    "Infinity": b'{"resourceType":"Patient","multipleBirthInteger":Infinity}',
    "leading zero": b'{"resourceType":"Patient","multipleBirthInteger":01}',
    "lone surrogate": b'{"resourceType":"Patient","language":"\\ud800"}',
    "not UTF-8": b'{"resourceType":"Patient","language":"\xff"}',
    "control character": b'{"resourceType":"Patient","language":"\x01"}',
    "list": b"[1]",
    "text": b'"Patient"',
    "null": b"null",
    "deep objects": b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
    "deep lists": b"[" * DEPTH + b"]" * DEPTH,
    "deep extensions": b'{"resourceType":"Patient","extension":['
    + _EXTENSION * DEPTH
    + b'{"url":"u","valueCode":"x"}'
    + b"]}" * DEPTH
    + b"]}",
    "deep bundles": b'{"resourceType":"Bundle","type":"collection","entry":[{"resource":' * DEPTH
    + b'{"resourceType":"Patient"}'
    + b"}]}" * DEPTH,
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_json_is_refused_with_400(name: str) -> None:
    with pytest.raises(Incorrect) as caught:
        decode(BAD[name])
    assert caught.value.http_status == 400
    assert caught.value.issue_code == "structure"
    assert caught.value.remedy


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("reader", [body.minify, bundle.split])
def test_the_other_readers_of_bytes_refuse_it_too_or_leave_it_to_the_model(
    reader: Callable[[bytes], object], name: str
) -> None:
    try:
        reader(BAD[name])
    except Incorrect as refused:
        assert refused.http_status == 400


@pytest.mark.parametrize(
    "twice",
    [
        b'{"resourceType":"Patient","gender":"male","gender":"female"}',
        b'{"resourceType":"Patient","name":[{"family":"a","family":"b"}]}',
        b'{"resourceType":"Patient","name":[{"family":"a\\u003a","family":"b"}]}',
        b'{"resourceType" : "Patient" , "name" : [ { "family" : "a" , "fam\\u0069ly" : "b" } ] }',
    ],
)
def test_a_name_that_stands_twice_is_refused(twice: bytes) -> None:
    with pytest.raises(Incorrect, match="twice"):
        decode(twice)


def test_the_name_that_stands_twice_is_told() -> None:
    with pytest.raises(Incorrect, match="in which family stands twice"):
        decode(b'{"resourceType":"Patient","name":[{"family":"a","family":"b"}]}')


def test_escaped_colons_and_braces_in_text_are_no_fault() -> None:
    assert decode(b'{"resourceType":"Patient","name":[{"text":"a\\u003ab:{}\\"c\\":"}]}').name[0].text == 'a:b:{}"c":'


def test_the_character_zero_is_refused_and_its_escaped_spelling_is_not() -> None:
    with pytest.raises(Incorrect):
        decode(b'{"resourceType":"Patient","name":[{"text":"a\\u0000"}]}')
    assert decode(b'{"resourceType":"Patient","name":[{"text":"a\\\\u0000"}]}').name[0].text == "a\\u0000"


def test_a_number_beyond_all_bounds_is_refused_or_kept_finite() -> None:
    observation = samples.body(samples.OBSERVATION, component=None)
    for digits in (b"1e400", b"9" * 5000):
        with pytest.raises(Incorrect):
            decode(observation.replace(b"5.4", digits))
    assert decode(observation.replace(b"5.4", b"9" * 400))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_damage_to_the_bytes_gives_a_resource_or_a_clear_refusal(data: st.DataObject) -> None:
    raw = bytearray(samples.body(data.draw(st.sampled_from([samples.PATIENT, samples.OBSERVATION, samples.CONDITION]))))
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(raw) - 1))
        raw[position : position + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        resource = decode(bytes(raw))
    except ExchangeError as refused:
        assert refused.http_status in {400, 422}
    else:
        extract(type(resource).__name__, resource, "1")
