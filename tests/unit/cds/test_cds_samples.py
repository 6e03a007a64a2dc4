"""The stories of ``samples/cds``: history in, order-sign asked, verdicts as written down."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from .county import SIGN, County, ago

SAMPLES = Path(__file__).resolve().parents[3] / "samples" / "cds"
STORIES = sorted(path.name for path in SAMPLES.iterdir() if path.is_dir())


def _read(story: str, name: str) -> Any:
    text = (SAMPLES / story / f"{name}.json").read_text(encoding="utf-8")
    return json.loads(re.sub(r"\{\{days ago (\d+)\}\}", lambda found: ago(days=int(found[1])), text))


@pytest.mark.parametrize("story", STORIES)
def test_a_story_ends_as_it_is_written_down(county: County, story: str) -> None:
    county.send(*(entry["resource"] for entry in _read(story, "history")["entry"]), organization="sample-clinic")
    answer = county.http("POST", SIGN, json=_read(story, "order-sign")).json()
    told = [card["extension"]["hub.verdict"] | {"indicator": card["indicator"]} for card in answer["cards"]]
    told += [each | {"indicator": None} for each in answer["extension"]["hub.verdicts"]]
    expected = _read(story, "expected")
    shown = {each["draft"]: each for each in told}
    for one in expected:
        assert {key: shown[one["draft"]][key] for key in one} == one
    assert len(told) == len(expected)
