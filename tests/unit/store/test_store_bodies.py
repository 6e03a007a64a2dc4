"""Bodies as they are kept: split from their head, packed, hashed."""

import hashlib
from pathlib import Path

import msgspec
import pytest
import zstandard

from hub.contracts.errors import Fault
from hub.fhir.body import with_identity
from hub.fhir.model import decode
from hub.store.sqlite import bodies
from hub.store.sqlite.dictionaries import samples

ID = "01a20398-bee3-7001-91bd-beac66e13405"
WHEN = "2026-11-22T10:00:00.123Z"


@pytest.mark.parametrize(
    "sent",
    [
        b'{"resourceType":"Basic","code":{"text":"x"}}',
        b'{"resourceType":"Basic","id":"mine","code":{"text":"x"}}',
        b'{"id":"mine","resourceType":"Basic","code":{"text":"x"}}',
        b'{"code":{"text":"x"},"resourceType":"Basic"}',
        b'{"resourceType":"Basic","id":"mine","meta":{"tag":[{"code":"t"}]},"code":{"text":"x"}}',
        b'{"resourceType":"Basic","code":{"text":"x"},"meta":{"tag":[{"code":"t","display":"{\\"}"}]}}',
        b'{"resourceType":"Basic","code":{"text":"{}"},"meta":{"profile":["http://x"],"tag":[{"code":"{}]"}]},"id":"a"}',
        b'{"resourceType":"Basic","meta":{"versionId":"3","source":"urn:x"},"code":{"text":"x"}}',
        b'{"resourceType":"Basic","meta":{"lastUpdated":"2020-01-01T00:00:00Z"},"code":{"text":"x"}}',
        b'{"resourceType":"Basic","contained":[{"resourceType":"Basic","id":"c","meta":{"source":"urn:y"},'
        b'"code":{"text":"y"}}],"meta":{"source":"urn:x"},"code":{"text":"x"}}',
        b'{"resourceType":"Basic","code":{"text":"\\"meta\\":{\\"source\\":\\"no\\"}"},"meta":{"source":"urn:x"}}',
        b'{"resourceType":"Basic","id":"mine","code":{"text":"x"},"extension":[{"url":"urn:e","valueMeta":{"source":"u"}}]}',
    ],
)
def test_head_and_tail_make_the_resource_with_its_identity(sent: bytes) -> None:
    made = bodies.head("Basic", ID, 7, WHEN) + bodies.tail(sent, "Basic", decode(sent, "Basic"))
    assert msgspec.json.decode(made) == msgspec.json.decode(with_identity(sent, "Basic", ID, 7, WHEN))
    assert decode(made, "Basic").meta.versionId == "7"


def test_instants_are_written_in_utc_with_milliseconds() -> None:
    assert bodies.instant(0) == "1970-01-01T00:00:00.000Z"
    assert bodies.instant(1_795_341_600_007) == "2026-11-22T10:00:00.007Z"


@pytest.mark.parametrize("size", [0, 1, 47, 48, 49, 500, 100_000])
def test_what_was_packed_is_unpacked_again(size: int) -> None:
    for tail in (b"x" * size, hashlib.shake_256(b"noise").digest(size)):
        assert bodies.unpack(bodies.pack(tail)) == tail


def test_a_packed_body_that_was_damaged_is_not_taken_for_another() -> None:
    packed = bytearray(bodies.pack(samples.resources()[0]))
    packed[len(packed) // 2] ^= 0x10
    with pytest.raises(Fault):
        bodies.unpack(bytes(packed))


def test_the_dictionary_is_the_one_that_packed_what_is_stored() -> None:
    """Not a byte of it may ever change: bodies in the field depend on it."""
    folder = Path(bodies.__file__).with_name("dictionaries")
    digest = hashlib.sha256((folder / "bodies-1.zdict").read_bytes()).hexdigest()
    assert digest == "0d678101127615f523be892638966f6588dd88d6c52b0632caff74e712afdbfa"
    known = bytes.fromhex(PACKED_WITH_DICTIONARY_1)
    assert bodies.unpack(known) == TAIL


def test_the_dictionary_pays_on_what_it_was_not_trained_on() -> None:
    plain = zstandard.ZstdCompressor(level=1)
    assert len(bodies.pack(TAIL)) < 0.6 * len(plain.compress(TAIL))


def test_the_training_samples_are_always_the_same_valid_resources() -> None:
    made = samples.resources()
    assert made == samples.resources()
    assert len(made) > 1_000
    for tail in made[:50]:
        msgspec.json.decode(bodies.head("Basic", "x", 1, WHEN) + tail)


TAIL = (
    b'},"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category",'
    b'"code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"14749-6"}],"text":"GLU"},'
    b'"subject":{"reference":"Patient/7"},"effectiveDateTime":"2031-05-06T07:08:09+08:00","valueQuantity":{"value":5.10,'
    b'"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}}'
)
PACKED_WITH_DICTIONARY_1 = (
    "01649100bd010043c103930946d851bd083dc041db595f9c040bfc9881957109f88dfae92b8c96144f62dcbe0144d9c8b96f"
    "08149d106c5a005e2a0dde15c73379bc"
)
