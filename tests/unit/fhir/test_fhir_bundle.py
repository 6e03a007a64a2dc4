from typing import Any

import msgspec
import pytest
from fhir_samples import PATIENT

from hub.contracts.errors import Incorrect, TooLarge
from hub.fhir import bundle
from hub.fhir.model import decode

ENTRY: dict[str, Any] = {
    "fullUrl": "urn:uuid:1",
    "resource": PATIENT,
    "request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=1"},
}


def transaction(*entries: Any, **changes: Any) -> bytes:
    return msgspec.json.encode({"resourceType": "Bundle", "type": "transaction", "entry": entries, **changes})


def test_a_transaction_is_split_without_touching_its_resources() -> None:
    raw = b'{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:1","resource": {"a" : 19.00},'
    raw += b'"request":{"method":"PUT","url":"Patient/1","ifMatch":"W/\\"2\\"","ifNoneMatch":"*"}},'
    raw += b'{"request":{"method":"DELETE","url":"Patient/2"}}]}'
    request = bundle.split(raw)
    assert request.type == "transaction"
    put, delete = request.entries
    assert put == bundle.RawEntry("urn:uuid:1", b'{"a" : 19.00}', "PUT", "Patient/1", 'W/"2"', "*")
    assert (delete.method, delete.url, delete.resource, delete.full_url) == ("DELETE", "Patient/2", b"", None)


def test_a_batch_without_entries_is_empty() -> None:
    assert bundle.split(b'{"type":"batch","resourceType":"Bundle"}').entries == ()


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (transaction(type="collection"), "Bundle.type"),
        (transaction(resourceType="Patient"), "Bundle.resourceType"),
        (transaction(ENTRY, {**ENTRY, "request": None}), "Bundle.entry[1].request"),
        (transaction({"resource": PATIENT}), "Bundle.entry[0].request"),
        (transaction({**ENTRY, "request": {"url": "Patient"}}), "Bundle.entry[0].request.method"),
        (transaction({**ENTRY, "request": {"method": "SEND", "url": "x"}}), "Bundle.entry[0].request.method"),
        (transaction({**ENTRY, "request": {"method": "POST"}}), "Bundle.entry[0].request.url"),
        (transaction({**ENTRY, "request": {"method": "POST", "url": 5}}), "Bundle.entry[0].request.url"),
        (transaction({"request": {"method": "POST", "url": "Patient"}}), "Bundle.entry[0].resource"),
        (transaction({**ENTRY, "resource": "x"}), "Bundle.entry[0].resource"),
        (transaction("x"), "Bundle.entry[0]"),
        (transaction(entry={}), "Bundle.entry"),
    ],
)
def test_a_broken_bundle_is_refused_at_its_place(raw: bytes, where: str) -> None:
    with pytest.raises(Incorrect) as caught:
        bundle.split(raw)
    assert caught.value.where == where
    assert caught.value.http_status == 400


def test_too_many_entries_are_refused_with_413() -> None:
    with pytest.raises(TooLarge) as caught:
        bundle.split(transaction(ENTRY, ENTRY, ENTRY), most_entries=2)
    assert caught.value.http_status == 413


def test_a_searchset_splices_stored_bytes() -> None:
    body = (
        b'{"resourceType":"Observation","id":"1","status":"final","code":{"text":"x"},"valueQuantity":{"value":19.00}}'
    )
    written = bundle.searchset(
        "http://localhost/fhir/",
        [("Observation/1", body)],
        [("Patient/p1", msgspec.json.encode(PATIENT))],
        links=[("self", "http://localhost/fhir/Observation?a=b")],
        total=1,
        outcome=b'{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"processing"}]}',
    )
    assert b'"value":19.00' in written
    resource = decode(written, "Bundle")
    assert [entry.search.mode for entry in resource.entry] == ["match", "include", "outcome"]
    assert resource.entry[0].fullUrl == "http://localhost/fhir/Observation/1"
    assert resource.total == 1


def test_an_empty_searchset_is_valid() -> None:
    assert decode(bundle.searchset("http://localhost/fhir", []), "Bundle").type == "searchset"


def test_responses_and_history_are_valid_bundles() -> None:
    outcome = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid"}]}'
    at = "2024-02-29T08:30:00.000+08:00"
    entries = [
        bundle.ResponseEntry("201 Created", "Patient/p1/_history/1", 'W/"1"', at, msgspec.json.encode(PATIENT)),
        bundle.ResponseEntry("204 No Content"),
        bundle.ResponseEntry("422 Unprocessable Entity", outcome=outcome),
    ]
    response = decode(bundle.response_bundle("batch-response", entries), "Bundle")
    assert [entry.response.status[:3] for entry in response.entry] == ["201", "204", "422"]
    versions = [
        bundle.HistoryEntry("http://e/Patient/p1", b"", "DELETE", "Patient/p1", "204", at, 'W/"2"'),
        bundle.HistoryEntry("http://e/Patient/p1", msgspec.json.encode(PATIENT), "POST", "Patient", "201", at, 'W/"1"'),
    ]
    history = decode(bundle.history(versions, total=2), "Bundle")
    assert [entry.request.method for entry in history.entry] == ["DELETE", "POST"]
