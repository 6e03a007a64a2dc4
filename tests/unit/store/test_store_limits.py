"""What a search may cost, and what is said when it costs more."""

from collections.abc import Callable

import pytest

from hub.contracts.caller import EVERYTHING
from hub.contracts.errors import Busy, Unsupported
from hub.contracts.submission import Outcome
from hub.fhir.search import parse
from hub.store.sqlite import SqliteResourceStore, including, limits, ordering, planning, searching

Put = Callable[..., Outcome]


@pytest.fixture
def filled(store: SqliteResourceStore, put: Put) -> SqliteResourceStore:
    for number in range(40):
        put(
            {
                "resourceType": "Observation",
                "status": ("final", "amended")[number % 2],
                "code": {"coding": [{"code": "x"}]},
                "subject": {"reference": "Patient/p"},
                "effectiveDateTime": f"2024-01-{number % 28 + 1:02d}",
            }
        )
    put({"resourceType": "Patient", "id": "p"})
    return store


def search(store: SqliteResourceStore, *pairs: tuple[str, str], kind: str = "Observation") -> int:
    return len(store.search(parse(kind, pairs), EVERYTHING).matches)


def test_a_search_that_takes_too_long_is_given_up_with_the_reason(
    filled: SqliteResourceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits.Deadline, "__init__", lambda self: setattr(self, "_end", 0.0))
    monkeypatch.setattr(limits, "_STEPS", 10)
    with pytest.raises(Busy) as refusal:
        search(filled, ("code:not", "y"))
    assert refusal.value.issue_code == "too-costly"
    assert refusal.value.http_status == 503
    monkeypatch.undo()
    assert search(filled, ("code:not", "y")) == 40


def test_a_sort_without_an_index_over_too_many_matches_is_refused(
    filled: SqliteResourceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (planning, ordering, searching):
        monkeypatch.setattr(module, "MOST_COLLECTED", 10)
    with pytest.raises(Unsupported) as refusal:
        search(filled, ("code", "x"), ("_sort", "status,-date"))
    assert (refusal.value.issue_code, refusal.value.http_status) == ("too-costly", 422)
    with pytest.raises(Unsupported):
        search(filled, ("_sort", "status"))
    assert search(filled, ("code", "x"), ("_sort", "-date")) == 40
    assert search(filled, ("code", "x"), ("date", "lt2024-01-04"), ("_sort", "status")) == 6


def test_includes_end_at_their_limit(filled: SqliteResourceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(including, "MOST_INCLUDED", 15)
    query = parse("Patient", [("_revinclude", "Observation:subject")])
    assert len(filled.search(query, EVERYTHING).included) == 15
