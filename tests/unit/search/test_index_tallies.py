"""Look-ups, reminders and reads by organization and month: the index counts what the store counts."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import pytest

from hub.app.tallies import TALLIES
from hub.cds.tables import CDS_TABLES
from hub.contracts.caller import Caller, Role
from hub.contracts.site import ZONE
from hub.contracts.store import CommitView
from hub.fhir.months import months_between
from hub.search.elasticsearch import tallying
from hub.security.tables import AUDIT_TABLES
from tests.servers.elasticsearch import ElasticsearchServer
from tests.servers.indexed_county import IndexedCounty

HUB = Caller("hub", Role.SERVICE, "hub")
MONTHS = months_between("2026-01", "2026-03")
ASKED = "INSERT OR IGNORE INTO cds_asked VALUES (?, ?, '', ?, '', 'p', '', '', 'repeat', '', NULL, ?, '')"
READ = (
    "INSERT INTO audit_event (at_us, client, role, organization, action, interaction, type, n, outcome)"
    " VALUES (?, 'c', 'clinic', ?, ?, 'read', 'Patient', 1, ?)"
)
ASKINGS = [
    ("2026-01-31T23:59:59", "qingshan", "card-1"),
    ("2026-02-01T00:00:00", "qingshan", None),
    ("2026-02-14T12:00:00", "baihe", "card-2"),
    ("2026-02-14T12:00:01", "baihe", "card-3"),
    ("2026-04-01T00:00:00", "baihe", "card-4"),
]
READINGS = [
    ("2026-02-03T08:00:00", "baihe", "R", 0),
    ("2026-02-03T08:00:00", "baihe", "C", 0),
    ("2026-02-03T08:00:00", "baihe", "R", 4),
    ("2026-03-31T23:59:59", "imaging-centre", "R", 0),
]
COUNTED = {
    "look-up": {("qingshan", "2026-01"): 1, ("qingshan", "2026-02"): 1, ("baihe", "2026-02"): 2},
    "reminder": {("qingshan", "2026-01"): 1, ("baihe", "2026-02"): 2},
    "read": {("baihe", "2026-02"): 1, ("imaging-centre", "2026-03"): 1},
}


def at_us(local: str) -> int:
    return int(datetime.fromisoformat(local).replace(tzinfo=ZONE).timestamp()) * 1_000_000


def happen(
    county: IndexedCounty, asked: Sequence[tuple[str, str, str | None]], read: Sequence[tuple[object, ...]]
) -> None:
    def run(view: CommitView) -> None:
        for n, (at, organization, card) in enumerate(asked):
            for _ in range(2):  # what is kept twice happened once
                view.execute(ASKED, (at_us(at), f"{organization}-{n}", organization, card))
        for at, organization, action, outcome in read:
            view.execute(READ, (at_us(str(at)), organization, action, outcome))

    county.store.act(run, HUB).result()


@pytest.fixture(scope="module")
def county(elasticsearch: ElasticsearchServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexedCounty]:
    tables = [CDS_TABLES, AUDIT_TABLES]
    tallies = list(TALLIES.values())
    made = IndexedCounty(tmp_path_factory.mktemp("tallies"), elasticsearch.url, "tallies", tallies, side_tables=tables)
    happen(made, ASKINGS, READINGS)
    made.settle()
    yield made
    made.close()


@pytest.mark.parametrize("kind", COUNTED)
@pytest.mark.parametrize("owner", [None, "baihe", "nobody"])
def test_both_engines_count_what_happened(county: IndexedCounty, kind: str, owner: str | None) -> None:
    expected = {key: n for key, n in COUNTED[kind].items() if owner in (None, key[0])}
    assert county.store.tallied(TALLIES[kind], MONTHS, owner) == expected
    assert county.runner.run(county.searches.tallied(TALLIES[kind], MONTHS, owner)) == (expected, "index")


def test_the_store_counts_where_the_index_has_not_seen_all_of_these_months(county: IndexedCounty) -> None:
    happen(county, [], [("2026-05-05T05:05:05", "qingshan", "R", 0)])
    may = months_between("2026-05", "2026-05")
    one = {("qingshan", "2026-05"): 1}
    assert county.runner.run(county.searches.tallied(TALLIES["read"], may, None)) == (one, "store")
    assert county.runner.run(county.searches.tallied(TALLIES["read"], MONTHS, None))[1] == "index"
    county.settle()
    assert county.runner.run(county.searches.tallied(TALLIES["read"], may, None)) == (one, "index")


def test_blocks_that_grow_are_written_again_and_count_once(
    county: IndexedCounty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallying, "BLOCK", 4)
    county.progress.ask_for_rebuild()
    july = months_between("2026-07", "2026-07")
    for hour in range(24):
        happen(county, [], [(f"2026-07-07T{hour:02d}:00:00", "qingshan", "R", 0)] * (1 + hour % 5))
        county.settle()
        expected = {("qingshan", "2026-07"): sum(1 + one % 5 for one in range(hour + 1))}
        assert county.runner.run(county.searches.tallied(TALLIES["read"], july, None)) == (expected, "index")
    assert county.check().differing == 0
    monkeypatch.undo()
    county.progress.ask_for_rebuild()
    county.settle()
    assert county.check().differing == 0


def test_what_somebody_did_to_a_count_is_found_and_repaired(county: IndexedCounty) -> None:
    live = county.progress.live()
    assert live is not None
    index = county.indexer.generations.index(live.n, "tallies")
    hits = county.elasticsearch("POST", f"/{index}/_search", {"query": {"term": {"type": "look-up"}}})["hits"]["hits"]
    first, second = hits[0]["_id"], hits[1]["_id"]
    county.elasticsearch("DELETE", f"/{index}/_doc/{first.replace('/', '%2F')}?refresh=true")
    county.elasticsearch("POST", f"/{index}/_update/{second.replace('/', '%2F')}?refresh=true", {"doc": {"n": 99}})
    stranger = {"type": "reminder", "owner": "x", "occurred": 1, "block": 7, "n": 1}
    county.elasticsearch("PUT", f"/{index}/_doc/reminder%2Fx%2F0%2F7?refresh=true", stranger)
    expected = {first: "missing", second: "another content", "reminder/x/0/7": "not in the store"}
    assert dict(county.check().listed) == expected
    assert county.check(repair=True).repaired == 3
    assert county.check().listed == ()
    counted = county.runner.run(county.searches.tallied(TALLIES["look-up"], MONTHS, None))
    assert counted == (COUNTED["look-up"], "index")
