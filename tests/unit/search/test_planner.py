"""One engine for each search, decided on the question and the state of the index alone."""

import pytest

from hub.contracts.caller import EVERYTHING, Scope
from hub.search.planner import Condition, Decision, Engine, decide
from tests.contracts.resource_stores import query

FRESH = Condition()


def decided(
    text: str, index: Condition | None = FRESH, scope: Scope = EVERYTHING, after: str | None = None
) -> Decision:
    return decide(query(text), scope, index, most_seconds=5.0, after=after)


@pytest.mark.parametrize(
    "text",
    [
        "Patient?_id=1",
        "Patient?identifier=urn:x|1",
        "Observation?patient=1",
        "Observation?subject=Patient/1&code=718-7&_sort=-date",
        "Observation?patient.identifier=urn:x|1",
        "DiagnosticReport?patient=1&_content=结节",
        "Observation?_sort=combo-code",
    ],
)
def test_the_store_answers_what_must_be_current(text: str) -> None:
    assert decided(text).engine is Engine.STORE


@pytest.mark.parametrize(
    "text",
    [
        "Patient?name=王",
        "Patient?identifier:not=1",
        "Observation?code=718-7&_sort=-date",
        "Observation?patient.name=王",
        "DiagnosticReport?_content=结节",
        "Task?code=read-study&status=requested",
        "Patient?_has:Observation:patient:code=718-7",
        "Observation?performer=Organization/1",
    ],
)
def test_the_index_answers_what_goes_across_patients(text: str) -> None:
    assert decided(text).engine is Engine.INDEX
    assert decided(text, None).engine is Engine.STORE


def test_an_index_that_is_away_or_late_is_not_asked() -> None:
    assert decided("Patient?name=王", Condition("It is away.")) == Decision(Engine.STORE, "It is away.")
    assert decided("Patient?name=王", Condition("", 3, 4.9)).engine is Engine.INDEX
    late = decided("Patient?name=王", Condition("", 3, 5.1))
    assert late.engine is Engine.STORE
    assert "3 changes" in late.reason


def test_who_sees_certain_patients_alone_is_answered_by_the_store() -> None:
    assert decided("Patient?name=王", scope=Scope(frozenset(), patients=frozenset({"1"}))).engine is Engine.STORE
    assert decided("Patient?name=王", scope=Scope(frozenset(), person="1")).engine is Engine.STORE


def test_the_pages_of_one_search_come_from_one_engine() -> None:
    assert decided("Patient?name=王", Condition("It is away."), after="i.x").engine is Engine.INDEX
    assert decided("Patient?name=王", after="x").engine is Engine.STORE
