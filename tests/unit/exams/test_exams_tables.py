"""The tables speak the words they should, and only those."""

import json
from pathlib import Path

import pytest

from hub.exams.judging.intervals import _items, _rows, item_names
from hub.exams.naming.codes import body_codes, known_codes, modality_codes
from hub.exams.naming.lexicon import imaging_lexicon, laboratory_lexicon
from hub.exams.vocabulary import analytes, panels, regions, tables_version, words

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "exam-vocabulary.json"


def test_every_word_of_the_lexicons_means_something_of_the_vocabulary() -> None:
    allowed = {
        "modality": set(words()["modalities"]), "region": set(regions()), "default": set(regions()),
        "usually": set(words()["modalities"]), "bare": set(analytes()), "in-fluid": set(analytes()),
        "opacified": {""}, "clinical": {""}, "with": {""}, "other": {""},
        "contrast": {"plain", "contrast", "both"}, "technique": set(words()["technique"]),
        "view": set(words()["views"]),
        "side": {"left", "right", "bilateral"}, "analyte": set(analytes()), "panel": set(panels()),
        "specimen": set(words()["specimens"]), "time": set(words()["time_aspects"]),
        "method": set(words()["methods"]) | {"chemical"}, "guidance": {""}, "join": {""}, "noise": {""},
    }  # fmt: skip
    for lexicon in (imaging_lexicon(), laboratory_lexicon()):
        for word, meanings in lexicon._words.items():
            for slot, value in meanings:
                assert value in allowed[slot], (word, slot, value)


def test_codes_speak_the_vocabulary() -> None:
    for code, exam in known_codes().items():
        assert {target.region for target in exam.targets} <= set(regions()), code
        assert set(exam.analytes) <= set(analytes()), code
    for targets in body_codes().values():
        assert {target.region for target in targets} <= set(regions())
    assert set(modality_codes().values()) <= set(words()["modalities"])


def test_every_item_that_windows_are_looked_up_by_has_a_row() -> None:
    assert {item.name for item in _items()} <= set(item_names().values())
    assert {item.name for item in _items()} - set(_rows()) == {"Lipid profile", "Basic metabolic panel", "CT chest"}


def test_every_analyte_and_region_has_a_chinese_name() -> None:
    assert all(each.zh for each in (*analytes().values(), *regions().values(), *panels().values()))


def test_the_version_is_stable_within_a_process() -> None:
    assert tables_version() == tables_version()


@pytest.mark.skipif(not SHARED.exists(), reason="the shared vocabulary is not beside the repository")
def test_the_vocabulary_is_the_shared_one() -> None:
    shared = json.loads(SHARED.read_text(encoding="utf-8"))
    assert set(regions()) == set(shared["regions"])
    assert {slug: sorted(r.ancestors) for slug, r in regions().items()}.keys() == shared["regions"].keys()
    assert set(analytes()) == set(shared["analytes"])
    assert {slug: list(panel.core) for slug, panel in panels().items()} == {
        slug: panel["core"] for slug, panel in shared["panels"].items()
    }
    for name in ("modalities", "technique", "technique_ignored", "views", "specimens", "time_aspects", "methods"):
        assert words()[name] == shared[name]
