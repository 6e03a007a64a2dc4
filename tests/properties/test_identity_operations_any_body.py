"""Whatever an operation on persons is asked with, it answers as FHIR says, and never by a fault of the hub."""

import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.fhir_hub import FhirHub
from tests.conformance.people import number, register

WORDS = st.sampled_from(["", "x", "Patient/a", "Patient/regional-x", "a|b", "|", "2026-02-31", "王", "\0", "true"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)
REFERENCES = (
    st.builds(lambda text: {"reference": text}, WORDS) | st.builds(lambda one: {"identifier": one}, JSON) | JSON
)
IDENTIFIERS = st.dictionaries(st.sampled_from(["system", "value", "use"]), JSON, max_size=3) | JSON
PATIENTS = st.dictionaries(
    st.sampled_from(["id", "identifier", "name", "birthDate", "gender", "link", "active"]), JSON, max_size=3
).map(lambda elements: {"resourceType": "Patient", **elements})
VALUES = st.one_of(
    REFERENCES.map(lambda value: {"valueReference": value}),
    IDENTIFIERS.map(lambda value: {"valueIdentifier": value}),
    (PATIENTS | JSON).map(lambda value: {"resource": value}),
    JSON.map(lambda value: {"valueString": value}),
    JSON.map(lambda value: {"valueBoolean": value}),
    JSON.map(lambda value: {"valueInteger": value}),
    JSON.map(lambda value: {"valueDate": value}),
)
NAMES = st.sampled_from(
    ["resource", "onlyCertainMatches", "count", "source-patient", "target-patient", "source-patient-identifier",
     "target-patient-identifier", "result-patient", "preview", "reason", "merge-id", "patient", "old", "new", "_type",
     "start", "_since", "_count"]
)  # fmt: skip
PARAMETERS = st.lists(st.tuples(NAMES, VALUES).map(lambda pair: {"name": pair[0], **pair[1]}), max_size=4)
BODIES = PARAMETERS.map(lambda given: {"resourceType": "Parameters", "parameter": given}) | PATIENTS | JSON
OPERATIONS = st.sampled_from(
    ["Patient/$match", "Patient/$merge", "Patient/$unmerge", "Patient/$supersede-number", "Patient/a/$everything"]
)
QUERIES = st.dictionaries(
    st.sampled_from(["sourceIdentifier", "targetSystem", "_type", "_since", "start", "_count", "_cursor", "_tag",
                     "_profile", "family", "mothersMaidenName", "code", "status", "_id"]), WORDS, max_size=3
)  # fmt: skip


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FhirHub]:
    made = FhirHub(tmp_path_factory.mktemp("hub"))
    register(made, "qingshan", "A", number(2))
    body = {"resourceType": "Patient", "id": "a", "name": [{"text": "李梅"}]}
    assert made.ask("PUT", "Patient/a", body).status_code == 201
    yield made
    made.close()


@settings(max_examples=150, deadline=None)
@given(OPERATIONS, BODIES, st.sampled_from(["qingshan", "operator", "hospital"]))
def test_no_body_breaks_an_operation(hub: FhirHub, path: str, body: Any, caller: str) -> None:
    key = hashlib.sha256(repr(body).encode()).hexdigest()
    answer = hub.ask("POST", path, body, caller=caller, headers={"idempotency-key": key})
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.json()["resourceType"] == "OperationOutcome"


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["Patient/$ihe-pix", "Patient/a/$everything", "Patient", "Task"]), QUERIES)
def test_no_query_breaks_a_question_about_persons(hub: FhirHub, path: str, query: dict[str, str]) -> None:
    caller = "operator" if path == "Task" else "hospital"
    answer = hub.ask("GET", f"{path}?{urlencode(query)}", caller=caller)
    assert answer.status_code < 500, answer.text
