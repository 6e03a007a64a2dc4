import msgspec
import pytest

from hub.contracts.errors import Incorrect
from hub.fhir import body

AT = "2024-02-29T08:30:00.000+08:00"


def test_minify_keeps_every_digit() -> None:
    raw = b'{ "value" : 19.00 ,\n "x" : [ 1.10, 3.14159265358979323846264338327950288, 1E5 ], "t" : " a  b " }'
    assert body.minify(raw) == b'{"value":19.00,"x":[1.10,3.14159265358979323846264338327950288,1E5],"t":" a  b "}'


def test_identity_is_set_and_all_else_stays_byte_for_byte() -> None:
    compact = b'{"resourceType":"Observation","valueQuantity":{"value":19.00},"status":"final"}'
    assert body.with_identity(compact, "Observation", "o1", 1, AT) == (
        b'{"resourceType":"Observation","id":"o1","meta":{"versionId":"1","lastUpdated":"'
        + AT.encode()
        + b'"},"valueQuantity":{"value":19.00},"status":"final"}'
    )


def test_the_senders_other_meta_fields_stay() -> None:
    compact = (
        b'{"active":true,"meta":{"versionId":"9","source":"urn:x","tag":[{"code":"a"}],"lastUpdated":"2000-01-01T00:00:00Z"},'
        b'"id":"other","resourceType":"Patient"}'
    )
    assert body.with_identity(compact, "Patient", "p1", 2, AT) == (
        b'{"resourceType":"Patient","id":"p1","meta":{"versionId":"2","lastUpdated":"'
        + AT.encode()
        + b'","source":"urn:x","tag":[{"code":"a"}]},"active":true}'
    )


def test_setting_identity_again_changes_nothing_else() -> None:
    once = body.with_identity(b'{"resourceType":"Patient","active":true}', "Patient", "p1", 1, AT)
    assert body.with_identity(once, "Patient", "p1", 1, AT) == once


def test_references_are_rewritten_where_references_stand() -> None:
    compact = (
        b'{"subject":{"reference":"urn:uuid:1"},"basedOn":[{"reference":"urn:uuid:2"},{"reference":"urn:uuid:3"}],'
        b'"note":[{"text":"urn:uuid:1"}],"content":{"url":"urn:uuid:1"},"value":19.00}'
    )
    assert body.rewrite_references(compact, {"urn:uuid:1": "Patient/p1", "urn:uuid:2": "ServiceRequest/s1"}) == (
        b'{"subject":{"reference":"Patient/p1"},"basedOn":[{"reference":"ServiceRequest/s1"},{"reference":"urn:uuid:3"}],'
        b'"note":[{"text":"urn:uuid:1"}],"content":{"url":"Patient/p1"},"value":19.00}'
    )


def test_references_escaped_by_the_sender_are_rewritten_too() -> None:
    compact = b'{"subject":{"reference":"http:\\/\\/example.org\\/fhir\\/Patient\\/7"}}'
    rewritten = body.rewrite_references(compact, {"http://example.org/fhir/Patient/7": "Patient/p1"})
    assert msgspec.json.decode(rewritten) == {"subject": {"reference": "Patient/p1"}}


def test_conditional_references_are_rewritten() -> None:
    compact = b'{"subject":{"reference":"Patient?identifier=s|1"},"text":"Patient?identifier=s|1"}'
    assert body.rewrite_references(compact, {"Patient?identifier=s|1": "Patient/p1"}) == (
        b'{"subject":{"reference":"Patient/p1"},"text":"Patient?identifier=s|1"}'
    )


def test_text_that_looks_like_a_reference_stays() -> None:
    compact = b'{"text":"say \\"reference\\":\\"urn:uuid:1\\""}'
    assert body.rewrite_references(compact, {"urn:uuid:1": "Patient/p1"}) == compact


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(Incorrect):
        body.with_identity(b"[1]", "Patient", "p1", 1, AT)
    with pytest.raises(Incorrect):
        body.minify(b'{"a":')
