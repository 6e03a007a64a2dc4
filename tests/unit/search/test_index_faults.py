"""What can happen to the index: searches go on or say so, and afterwards it equals the store again."""

import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from elasticsearch import ApiError

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Busy, Gone, Incorrect
from hub.contracts.search import IndexAway
from hub.contracts.store import CommitView
from hub.search import searching
from hub.search.elasticsearch import feeding, indexer
from hub.search.elasticsearch.feeding import Throttled
from hub.search.elasticsearch.index import SEARCH_SECONDS
from hub.search.freshness import Freshness
from tests.contracts.resource_stores import BAIHE, OWN, create, delete, observation, patient, update
from tests.servers.elasticsearch import ElasticsearchServer
from tests.servers.indexed_county import IndexedCounty

HUB = Caller("hub", Role.SERVICE, "hub")


@pytest.fixture(scope="module")
def shared(elasticsearch: ElasticsearchServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexedCounty]:
    made = IndexedCounty(tmp_path_factory.mktemp("faults"), elasticsearch.url, "faults")
    made.submit(*(update(patient(f"{n}", id=f"p{n}", name=[{"family": "王"}])) for n in range(30)))
    made.settle()
    yield made
    made.close()


@pytest.fixture
def county(shared: IndexedCounty) -> Iterator[IndexedCounty]:
    """Whatever was done to the index, afterwards it equals the store, and pages and totals agree."""
    shared.look_again()
    shared.settle()
    yield shared
    shared.look_again()
    shared.settle()
    assert shared.check().listed == ()
    assert sorted(shared.index_ids("Patient?name=王")) == sorted(shared.ids("Patient?name=王"))


def index_of(county: IndexedCounty, group: str = "people") -> str:
    live = county.progress.live()
    assert live is not None
    return county.indexer.generations.index(live.n, group)


def test_an_update_takes_the_place_of_the_old_and_what_is_deleted_leaves(county: IndexedCounty) -> None:
    county.one(update(patient("1", id="p1", name=[{"family": "赵"}])))
    county.one(delete("Patient/p2"))
    county.settle()
    assert county.index_ids("Patient?name=赵") == ["p1"]
    assert not {"p1", "p2"} & set(county.index_ids("Patient?name=王"))
    county.one(update(patient("2", id="p2", name=[{"family": "王"}])))
    county.settle()
    assert "p2" in county.index_ids("Patient?name=王")


def test_what_is_shared_without_a_new_version_is_found_by_who_it_is_shared_with(county: IndexedCounty) -> None:
    assert county.index_ids("Patient?name=王", OWN["baihe"]) == []

    def share(view: CommitView) -> None:
        view.share("Patient", "p5", "baihe")

    county.store.act(share, HUB).result()
    assert county.ask("Patient?name=王", OWN["baihe"]).behind
    county.settle()
    assert county.index_ids("Patient?name=王", OWN["baihe"]) == ["p5"]


def test_a_clock_that_runs_slow_does_not_hide_that_the_index_is_behind(county: IndexedCounty) -> None:
    county.one(update(patient("3", id="p3", name=[{"family": "钱"}])))
    for hours, seconds in ((-5, 0.0), (5, 18_000.0)):
        skewed = Freshness(county.store, county.progress, lambda h=hours: datetime.now(UTC) + timedelta(hours=h))
        condition = skewed.condition()
        assert condition.behind_changes == 1
        assert condition.behind_seconds == pytest.approx(seconds, abs=600)


def test_an_indexer_that_was_killed_does_its_last_work_again(county: IndexedCounty) -> None:
    county.one(update(patient("7", id="p7", name=[{"family": "孙"}])))
    live = county.progress.live()
    assert live is not None
    rids, _ = county.store.touched_since(live.mark, 10)
    county.runner.run(county.indexer.feeder.write(live, rids))  # written, and not saved how far
    county.runner.run(county.index.close())
    county.reopen()
    county.settle()
    assert county.index_ids("Patient?name=孙") == ["p7"]


def test_a_write_that_was_held_up_does_not_overtake(county: IndexedCounty) -> None:
    live = county.progress.live()
    assert live is not None
    old = county.indexer.feeder._made(live, list(county.store.rids_of(["Patient/p8"]).values())).lines
    county.one(update(patient("8", id="p8", name=[{"family": "周"}])))
    county.one(delete("Patient/p9"))
    county.settle()
    assert county.runner.run(county.indexer.feeder.send(old)) == []
    assert "p8" in county.index_ids("Patient?name=周")


def test_what_somebody_did_to_the_index_is_found_and_repaired(county: IndexedCounty) -> None:
    index = index_of(county)
    county.elasticsearch("DELETE", f"/{index}/_doc/Patient%2Fp10?refresh=true")
    county.elasticsearch("POST", f"/{index}/_update/Patient%2Fp11?refresh=true", {"doc": {"token": ["x"]}})
    county.elasticsearch("POST", f"/{index}/_update/Patient%2Fp12?refresh=true", {"doc": {"check": 1}})
    stranger = {"type": "Patient", "id": "nobody", "rid": 3, "check": 5, "readers": []}
    county.elasticsearch("PUT", f"/{index}/_doc/Patient%2Fnobody?refresh=true", stranger)
    found = county.check()
    assert dict(found.listed) == {
        "Patient/p10": "missing",
        "Patient/p11": "another content",
        "Patient/p12": "another content",
        "Patient/nobody": "not in the store",
    }
    repaired = county.check(repair=True)
    assert (repaired.differing, repaired.repaired) == (4, 4)
    assert county.check().differing == 0
    county.one(update(patient("10", id="p10", name=[{"family": "吴"}])))
    county.settle()
    assert county.index_ids("Patient?name=吴") == ["p10"]


def test_a_wiped_server_is_filled_again_while_the_store_searches(county: IndexedCounty) -> None:
    live = county.progress.live()
    assert live is not None
    county.elasticsearch("DELETE", "/" + ",".join(county.indexer.generations.indices(live.n)))
    answer = county.ask("Patient?name=王&_count=100")
    assert answer.engine == "store"
    assert answer.page.matches
    county.look_again()
    county.settle()
    county.runner.run(county.index.close())
    county.reopen()
    assert county.ask("Patient?name=王&_count=100").engine == "index"


def test_a_place_in_the_log_that_was_lost_costs_a_rebuild_and_no_match(county: IndexedCounty) -> None:
    county.store.act(lambda view: view.execute("DELETE FROM search_generation"), HUB).result()
    assert county.ask("Patient?name=王").engine == "store"
    county.look_again()
    county.settle()
    assert county.ask("Patient?name=王").engine == "index"


def test_a_disk_that_is_nearly_full_holds_up_the_index_and_nothing_else(
    county: IndexedCounty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(searching, "STRICT_SECONDS", 0.1)
    blocks = f"/{index_of(county)}/_settings"
    county.elasticsearch("PUT", blocks, {"index.blocks.read_only_allow_delete": True})
    county.one(update(patient("13", id="p13", name=[{"family": "郑"}])))
    with pytest.raises(Throttled):
        county.settle()
    answer = county.ask("Patient?name=郑")
    assert (answer.engine, answer.behind) == ("index", True)
    assert "is behind by 1 changes" in answer.notes[0]
    assert [one.id for one in county.ask("Patient?name=郑", strict=True).page.matches] == ["p13"]
    county.elasticsearch("PUT", blocks, {"index.blocks.read_only_allow_delete": None})
    county.settle()
    assert county.index_ids("Patient?name=郑") == ["p13"]


def test_a_server_that_has_no_room_for_requests_holds_up_the_index_and_nothing_else(
    county: IndexedCounty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(searching, "STRICT_SECONDS", 0.1)

    def limit(room: str | None) -> None:  # the server itself answers 429 then
        settings = {"persistent": {"network.breaker.inflight_requests.limit": room}}
        county.elasticsearch("PUT", "/_cluster/settings", settings)

    limit("4kb")
    try:
        names = [f"p{number}" for number in range(40, 50)]
        for name in names:
            county.one(update(patient(name, id=name, name=[{"family": "何"}])))
        live = county.progress.live()
        assert live is not None
        rids, _ = county.store.touched_since(live.mark, 100)
        made = county.indexer.feeder._made(live, rids).lines
        with pytest.raises(ApiError) as refused:
            county.runner.run(
                county.client.bulk(operations=[part for one in made for part in (one.action, one.source)])
            )
        assert refused.value.status_code == 429
        with pytest.raises(Throttled):
            county.settle()
        answer = county.ask("Patient?name=何&_count=100")
        assert (answer.engine, answer.behind) == ("index", True)
        assert "is behind by 10 changes" in answer.notes[0]
        strict = county.ask("Patient?name=何&_count=100", strict=True)
        assert (strict.engine, sorted(one.id for one in strict.page.matches)) == ("store", names)
    finally:
        limit(None)
    county.settle()
    assert sorted(county.index_ids("Patient?name=何")) == names


def test_an_index_in_another_shape_is_told_and_built_anew(county: IndexedCounty) -> None:
    before = county.progress.live()
    index = index_of(county)
    told = county.elasticsearch("GET", f"/{index}")[index]
    mappings = told["mappings"]
    mappings["properties"]["string"] = {"type": "long"}
    county.elasticsearch("DELETE", f"/{index}")
    analysis = told["settings"]["index"]["analysis"]
    planted = {"mappings": mappings, "settings": {"analysis": analysis}, "aliases": {"faults-people": {}}}
    county.elasticsearch("PUT", f"/{index}", planted)
    made = county.one(create(patient("30", name=[{"family": "吕"}])))
    county.runner.run(county.indexer.round())
    (refused,) = county.progress.refused()
    assert (refused.reference, "parsing" in refused.reason) == (f"Patient/{made.id}", True)
    answer = county.ask("Patient?name=吕")
    assert (answer.engine, [one.id for one in answer.page.matches]) == ("store", [made.id])
    county.searches._rest.until = 0.0
    county.settle()  # an index that refuses is looked at, and this one is not what was made
    after = county.progress.live()
    assert before is not None
    assert after is not None
    assert after.n > before.n
    assert county.index_ids("Patient?name=吕") == [made.id]
    assert county.progress.refused() == []


def test_an_index_of_an_older_shape_is_searched_and_fed_until_the_new_one_takes_over(county: IndexedCounty) -> None:
    live = county.progress.live()
    assert live is not None
    generations = county.indexer.generations
    older = 2
    for name, old in zip(generations.indices(live.n), generations.indices(live.n, older), strict=False):
        county.elasticsearch("PUT", f"/{name}/_settings", {"index.blocks.write": True})
        county.elasticsearch("PUT", f"/{name}/_clone/{old}", {"settings": {"index.blocks.write": None}})
        county.elasticsearch("GET", f"/_cluster/health/{old}?wait_for_status=yellow&timeout=20s")
        county.elasticsearch("PUT", f"/{old}/_mapping", {"_meta": {**_meta(county, old), "mapping": older}})
        county.elasticsearch("PUT", f"/{old}/_alias/{old.partition('-v')[0]}")
    county.elasticsearch("DELETE", "/" + ",".join(generations.indices(live.n)))
    sql = "UPDATE search_generation SET mapping = ? WHERE n = ?"
    county.store.act(lambda view: view.execute(sql, (older, live.n)), HUB).result()
    county.one(update(patient("50", id="p50", name=[{"family": "施"}])))
    county.look_again()
    county.runner.run(county.indexer.round())
    still = county.progress.live()
    assert still is not None
    assert (still.n, still.mapping) == (live.n, older)
    assert county.index_ids("Patient?name=施") == ["p50"]
    assert county.ask("Patient?name=施").engine == "index"
    county.settle()
    after = county.progress.live()
    assert after is not None
    assert (after.n > live.n, after.mapping > older) == (True, True)
    assert county.index_ids("Patient?name=施") == ["p50"]


def _meta(county: IndexedCounty, index: str) -> dict[str, object]:
    found: dict[str, object] = county.elasticsearch("GET", f"/{index}/_mapping")[index]["mappings"]["_meta"]
    return found


def test_one_document_that_the_server_will_not_take_is_listed_alone(county: IndexedCounty) -> None:
    refusing = {"processors": [{"fail": {"if": "ctx.id == 'p15'", "message": "no"}}]}
    county.elasticsearch("PUT", "/_ingest/pipeline/faults", refusing)
    settings = f"/{index_of(county)}/_settings"
    county.elasticsearch("PUT", settings, {"index.default_pipeline": "faults"})
    for number in (14, 15, 16):
        county.one(update(patient(f"{number}", id=f"p{number}", name=[{"family": "冯"}])))
    county.settle()
    assert sorted(county.index_ids("Patient?name=冯")) == ["p14", "p16"]
    (refused,) = county.progress.refused()
    assert refused.reference == "Patient/p15"
    assert "fail_processor_exception" in refused.reason
    assert "1 resources of this type could not be indexed" in county.ask("Patient?name=冯").notes[0]
    assert "p15" not in county.index_ids("Patient?name=王")  # nor by what it said before
    county.elasticsearch("PUT", settings, {"index.default_pipeline": "_none"})
    assert county.check(repair=True).differing == 0
    assert sorted(county.index_ids("Patient?name=冯")) == ["p14", "p15", "p16"]
    assert county.progress.refused() == []
    assert county.ask("Patient?name=冯").notes == ()


def test_a_frozen_server_costs_a_search_less_than_two_seconds(
    county: IndexedCounty, elasticsearch: ElasticsearchServer
) -> None:
    county.runner.run(county.index.close())
    county.reopen(search_seconds=SEARCH_SECONDS)
    elasticsearch.signal(signal.SIGSTOP)
    try:
        asked = time.monotonic()
        answer = county.ask("Patient?name=王&_count=100")
        spent_seconds = time.monotonic() - asked
        again = county.ask("Patient?name=王&_count=100")
    finally:
        elasticsearch.signal(signal.SIGCONT)
    county.runner.run(county.index.close())
    county.reopen()
    assert answer.engine == again.engine == "store"
    assert len(answer.page.matches) == len(county.ids("Patient?name=王"))
    assert spent_seconds < 10  # 1.5 s for the index, then the store; the rest is for a busy machine


def test_a_rebuild_that_is_broken_off_goes_on_where_it_was(
    county: IndexedCounty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "BATCH", 7)
    monkeypatch.setattr(indexer, "VISIBLE_SECONDS", 0.0)
    before = county.progress.live()
    county.progress.ask_for_rebuild()
    county.runner.run(county.indexer.round())
    monkeypatch.setattr(indexer, "VISIBLE_SECONDS", 0.01)
    county.runner.run(county.indexer.round())
    (filling,) = county.progress.generations(indexer.State.FILLING)
    assert 0 < filling.scanned < filling.ceiling
    assert county.ask("Patient?name=王").engine == "index"  # the old one goes on
    county.one(create(patient("99", name=[{"family": "王"}])))
    county.runner.run(county.index.close())
    county.reopen()
    county.settle()
    after = county.progress.live()
    assert before is not None
    assert after is not None
    assert after.n == filling.n > before.n


def test_pages_go_on_over_a_rebuild_and_end_with_a_word_when_their_moment_is_over(county: IndexedCounty) -> None:
    first = county.find("Patient?name=王&_count=5")
    county.progress.ask_for_rebuild()
    county.settle()
    second = county.find("Patient?name=王&_count=5", after=first.next)
    assert not set(first.ids) & set(second.ids)
    county.elasticsearch("DELETE", "/_pit", {"id": _point(county, second.next)})
    with pytest.raises(Gone, match="point in time"):
        county.find("Patient?name=王&_count=5", after=second.next)


def _point(county: IndexedCounty, cursor: str) -> str:
    from hub.search.cursor import read
    from tests.contracts.resource_stores import query

    return read(county.index._key, query("Patient?name=王"), cursor).point_in_time


def test_a_cursor_of_another_search_or_a_broken_one_is_refused(county: IndexedCounty) -> None:
    cursor = county.find("Patient?name=王&_count=5").next
    for text, after in (("Patient?name=李", cursor), ("Patient?name=王", "i.AAAA"), ("Patient?name=王", "i.")):
        with pytest.raises(Incorrect, match="cursor"):
            county.find(text, after=after)


def test_a_page_of_an_index_that_went_away_is_refused_with_the_reason(
    county: IndexedCounty, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = county.find("Patient?name=王&_count=5").next

    async def away(*_: object) -> None:
        raise IndexAway("The search index cannot be reached.")

    monkeypatch.setattr(county.index, "find", away)
    with pytest.raises(Busy, match=r"cannot be reached. This page can come from there alone"):
        county.ask("Patient?name=王&_count=5", after=cursor)
    monkeypatch.undo()
    county.searches._rest.until = 0.0


def test_two_organizations_records_of_one_kind_are_searched_apart(county: IndexedCounty) -> None:
    made = county.one(create(observation("Patient/p1")), by=BAIHE)
    county.settle()
    assert county.index_ids("Observation?code=718-7", OWN["baihe"]) == [made.id]
    assert county.index_ids("Observation?code=718-7", OWN["qingshan"]) == []
