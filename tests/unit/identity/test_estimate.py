"""Weights from a site's own records: found again where they are known, shown before they are applied."""

import json
from pathlib import Path
from typing import Any

import pytest

from hub.cli import main
from hub.contracts.caller import Caller, Role
from hub.identity import splink_estimating
from hub.identity.estimating import estimate
from hub.identity.evidence import evidence_of
from hub.identity.reaction import IdentityReaction
from hub.identity.rehearsal import kept_evidence, put_in_force, rehearse
from hub.identity.weights import Weights, built_in
from hub.identity.weights_in_force import weights_in_force
from hub.store.sqlite import SqliteResourceStore
from tests.benchmarks.people import County as MadeUp
from tests.benchmarks.people import Customs

County = Any
HUB = Caller("hub", Role.SERVICE, "hub")


@pytest.fixture(scope="module")
def site() -> tuple[list[Any], list[Any]]:
    """A county in which telephones often change and half the records have no number."""
    customs = Customs(no_number=0.5, new_phone=0.4, wrong_birth=0.1, homophone=0.0)
    samples = MadeUp(700, 1, customs).records()
    records = {sample.human: evidence_of(sample.patient) for sample in samples}
    return [evidence_of(sample.patient) for sample in samples], list(records.values())


def test_what_a_site_is_like_is_found_in_its_records(site: tuple[list[Any], list[Any]]) -> None:
    before, found = built_in(), estimate(*site, built_in())
    fields, were = found.table["fields"], before.table["fields"]
    assert 0.3 < fields["phone"]["same"][0] < 0.45 < were["phone"]["same"][0]  # 0.6 of 0.6 keep theirs
    assert fields["born"]["same"][0] < 0.9
    assert fields["address"]["house"][1] > 2e-4
    assert found.version.startswith("site-")


def test_splink_gives_the_same_picture_where_it_is_installed(site: tuple[list[Any], list[Any]]) -> None:
    pytest.importorskip("splink")
    found = splink_estimating.estimate_with_splink(*site, built_in())
    assert found is not None
    assert found.table["fields"]["phone"]["same"][0] < 0.6


def test_what_would_change_is_shown_first_and_then_made(county: County, tmp_path: Path) -> None:
    for n in range(12):
        born = f"19{50 + n}-04-15"
        county.record(f"a{n}", None, born=born, sex="female", phone=f"1380013{8000 + n}")
        county.record(f"b{n}", None, born=born, sex="female", phone=f"1380013{8000 + n if n % 2 else 9000 + n}")
    table = json.loads(json.dumps(built_in().table)) | {"version": "site-stricter", "link_bits": 35}
    stricter = Weights(table)
    (tmp_path / "scratch").mkdir()
    scratch = SqliteResourceStore(tmp_path / "scratch", reactions=[IdentityReaction()])
    rows = county.store.side_rows
    change = rehearse(rows, lambda action: scratch.act(action, HUB), scratch.side_rows, stricter)
    scratch.close()
    assert (change.records, change.gained, change.lost) == (24, 0, 6)
    assert (change.reviews_before, change.reviews_after) == (0, 6)
    assert county.together("a0", "b0") and weights_in_force(rows).version == built_in().version
    put_in_force(stricter, lambda action: county.store.act(action, HUB), change.concerned)
    assert weights_in_force(rows) == stricter
    assert [county.together(f"a{n}", f"b{n}") for n in range(4)] == [False, True, False, True]
    assert county.asked("a0", "b0") == "likely"
    models = {model for (model,) in rows("SELECT model FROM identity_review")}
    assert models == {"site-stricter"}
    assert len(kept_evidence(rows)[1]) == 18


def test_too_few_records_are_no_ground(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["identity", "estimate", "--data-dir", str(tmp_path / "data")]) == 2
    assert "too few" in capsys.readouterr().err
