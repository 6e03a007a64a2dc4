"""Content negotiation and preferences."""

import pytest

from hub.api.negotiation import answer_type, check_content_type, preferences
from hub.contracts.errors import Incorrect


@pytest.mark.parametrize(
    "accept",
    [
        b"",
        b"*/*",
        b"application/*",
        b"application/fhir+json",
        b"application/fhir+json; fhirVersion=4.0",
        b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        b"application/fhir+xml;q=0.2, application/fhir+json",
    ],
)
def test_whoever_can_take_fhir_json_gets_it(accept: bytes) -> None:
    assert answer_type(accept, None) == "application/fhir+json"


def test_who_asks_for_plain_json_alone_gets_it_under_that_name() -> None:
    assert answer_type(b"application/json", None) == "application/json"


@pytest.mark.parametrize(
    "accept", [b"application/fhir+xml", b"text/turtle", b"application/fhir+json;q=0", b"text/html"]
)
def test_other_formats_are_refused_naming_the_remedy(accept: bytes) -> None:
    with pytest.raises(Incorrect) as refused:
        answer_type(accept, None)
    assert refused.value.http_status == 406
    assert "_format=json" in refused.value.remedy


@pytest.mark.parametrize("wanted", ["json", "application/json", "application/fhir+json", "application/fhir json"])
def test_format_outweighs_accept(wanted: str) -> None:
    assert answer_type(b"application/fhir+xml", wanted) == "application/fhir+json"


@pytest.mark.parametrize("wanted", ["xml", "ttl", "", "json; fhirVersion=3.0"])
def test_a_format_that_is_not_there_is_refused(wanted: str) -> None:
    with pytest.raises(Incorrect) as refused:
        answer_type(b"*/*", wanted)
    assert refused.value.http_status == 406


@pytest.mark.parametrize("header", [b"", b"application/fhir+json", b"application/json; charset=UTF-8", b"text/json"])
def test_json_bodies_are_taken(header: bytes) -> None:
    check_content_type(header)


@pytest.mark.parametrize(
    "header",
    [
        b"text/plain",
        b"application/fhir+xml",
        b"application/x-www-form-urlencoded",
        b"application/json; charset=gb18030",
        b"application/fhir+json; fhirVersion=5.0",
        b"\xff\xfe",
    ],
)
def test_other_bodies_are_refused_with_415(header: bytes) -> None:
    with pytest.raises(Incorrect) as refused:
        check_content_type(header)
    assert refused.value.http_status == 415


def test_preferences_are_read_in_any_order_and_unknown_ones_left_alone() -> None:
    assert preferences(b'respond-async, return="minimal"; handling=lenient').returned == "minimal"
    assert preferences(b"respond-async, return=minimal; handling=lenient").lenient
    assert preferences(b"return=OperationOutcome").returned == "OperationOutcome"
    assert preferences(b"handling=strict").lenient is False
    assert preferences(b"\xff;;=,return=").returned is None
