"""``verify`` finds whatever was changed behind the store's back, and names no patient."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.contracts.submission import Outcome
from hub.store.sqlite import SqliteResourceStore

Put = Callable[..., Outcome]
HIS = "https://example.org/his"

TAMPERINGS = {
    "UPDATE res SET body = x'00' || CAST('},\"code\":{}}' AS BLOB) WHERE id = 'o1'": "Observation",
    "UPDATE res SET body = x'01ff' WHERE id = 'o1'": "cannot be unpacked",
    "UPDATE res SET sum = x'00' WHERE id = 'o1'": "does not match its hash",
    "UPDATE hist SET sum = x'00'": "An old version",
    "UPDATE res SET keys = (SELECT keys FROM res WHERE id = 'o2') WHERE id = 'o1'": "what it is found by",
    "UPDATE res SET links = NULL WHERE id = 'o1'": "what it is found by",
    "UPDATE res SET ver = 7 WHERE id = 'o1'": "A version is missing",
    "UPDATE res SET pat = 0 WHERE id = 'o1'": "Index tok",
    "UPDATE res SET owner = owner + 1 WHERE id = 'o1'": "Index",
    "UPDATE res SET ts = ts + 1 WHERE id = 'o1'": "Index dat",
    "DELETE FROM res WHERE id = 'o2'": "not there",
    "DELETE FROM tok WHERE rid = (SELECT rid FROM res WHERE id = 'o1')": "Index tok lacks",
    "DELETE FROM ref": "Index ref lacks",
    "DELETE FROM dat WHERE p > 0": "Index dat lacks",
    "DELETE FROM str": "Index str lacks",
    "DELETE FROM qty": "Index qty lacks",
    "INSERT INTO tok VALUES (1, 2, 3, 1, 0, 0, 1)": "Index tok has a row",
    "INSERT INTO str VALUES (1, 1, 'x', 99)": "Index str has a row",
    "UPDATE qty SET v = v + 1": "Index qty",
    "DELETE FROM chg WHERE seq = 2": "gap",
    "UPDATE chg SET ver = 9 WHERE seq = 2": "missing in the change log",
    "DELETE FROM hist": "missing in the history",
    "INSERT INTO share VALUES (2, 1)": "lacks",
    "UPDATE claim SET h = h + 1": "claimed",
    "INSERT INTO submission_key VALUES (1, 1, 'fhir', 'k', x'00', x'00')": "receipt",
}


@pytest.fixture
def filled(store: SqliteResourceStore, put: Put) -> SqliteResourceStore:
    person = {"resourceType": "Patient", "identifier": [{"system": HIS, "value": "5"}], "name": [{"text": "王小明"}]}
    patient = put(person, condition=f"identifier={HIS}|5")
    for id_, value in (("o1", 1.5), ("o2", 2.5), ("o3", 3.5)):
        observation = {
            "resourceType": "Observation",
            "id": id_,
            "status": "final",
            "code": {"coding": [{"code": f"c-{id_}"}]},
            "subject": {"reference": patient.reference},
            "effectiveDateTime": "2024-01-01",
            "valueQuantity": {"value": value},
        }
        put(observation)
    put(observation | {"status": "amended"})
    return store


def test_a_sound_store_has_no_faults(filled: SqliteResourceStore) -> None:
    assert list(filled.verify()) == []


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_it_finds(tampering: str, filled: SqliteResourceStore, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "hub.sqlite")
    with connection:
        connection.execute(tampering)
    connection.close()
    faults = list(filled.verify())
    assert any(TAMPERINGS[tampering] in fault for fault in faults), faults
    assert not any("王" in fault or "o1" in fault or "c-o" in fault for fault in faults)
