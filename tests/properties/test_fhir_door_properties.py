"""Whatever is sent to the FHIR door is answered as FHIR says, and never by a fault of the hub."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.fhir_hub import FhirHub, entry, observation, patient, transaction

WORDS = st.sampled_from(
    ["", "x", "Patient/1", "urn:uuid:1", "2026-02-31", "a|b", "|", "\\", ",", "王", "NaN", "../..", "\0", "%", "-1"]
) | st.text(max_size=8)
NAMES = st.sampled_from(
    [
        "_id",
        "_sort",
        "_count",
        "_include",
        "_cursor",
        "_format",
        "_pretty",
        "_lastUpdated",
        "_summary",
        "name",
        "birthdate",
        "identifier",
        "patient",
        "subject",
        "date",
        "code:not",
        "patient.name",
        "value-quantity",
        "gender:missing",
    ]
)
PATHS = st.sampled_from(["", "metadata", "Patient", "Observation", "Person", "_history"]) | st.tuples(
    st.sampled_from(["Patient", "Observation", "Patience"]), WORDS, st.sampled_from(["", "/_history", "/$person", "/x"])
).map(lambda parts: f"{parts[0]}/{quote(parts[1])}{parts[2]}")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
PATIENT_ELEMENTS = st.sampled_from(["name", "gender", "birthDate", "link", "id", "meta", "extension"])
OBSERVATION_ELEMENTS = st.sampled_from(["status", "code", "subject", "component", "value"])
RESOURCES = st.one_of(
    st.dictionaries(PATIENT_ELEMENTS, JSON, max_size=2).map(lambda more: patient(**more)),
    st.dictionaries(OBSERVATION_ELEMENTS, JSON, max_size=2).map(lambda more: {**observation("Patient/1"), **more}),
    JSON,
)
ENTRIES = st.builds(entry, st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]), PATHS, RESOURCES | st.none())
BODIES = (
    RESOURCES
    | st.lists(ENTRIES, max_size=3).map(lambda entries: transaction(*entries))
    | st.lists(ENTRIES, max_size=3).map(lambda entries: transaction(*entries, kind="batch"))
)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FhirHub]:
    folder: Path = tmp_path_factory.mktemp("door")
    made = FhirHub(folder)
    yield made
    made.close()


def _check(answer: Any, method: str) -> None:
    assert answer.status_code < 500, answer.text
    if method != "HEAD" and answer.content:
        told = answer.json()
        assert (answer.status_code >= 400) == (told["resourceType"] == "OperationOutcome")
        assert '"status":"500' not in answer.text


@settings(max_examples=150, deadline=None)
@given(
    method=st.sampled_from(["GET", "HEAD", "DELETE", "OPTIONS"]),
    path=PATHS,
    query=st.lists(st.tuples(NAMES, WORDS), max_size=3),
    caller=st.sampled_from(["qingshan", "hospital", "feed", "operator"]),
)
def test_no_address_makes_a_fault(
    door: FhirHub, method: str, path: str, query: list[tuple[str, str]], caller: str
) -> None:
    _check(door.ask(method, f"{path}?{urlencode(query)}" if query else path, caller=caller), method)


@settings(max_examples=150, deadline=None)
@given(path=PATHS, body=BODIES, method=st.sampled_from(["POST", "PUT"]))
def test_no_body_makes_a_fault(door: FhirHub, path: str, body: Any, method: str) -> None:
    _check(door.ask(method, path, json.dumps(body).encode()), method)
