"""Words, sequences and excerpts of full text."""

import json

import pytest

from hub.fhir.fulltext import content_of, excerpt, holds, narrative_of, sequences, words

REPORT = json.dumps(
    {
        "resourceType": "DiagnosticReport",
        "id": "磨",
        "text": {"status": "generated", "div": "<div>右肺<b>磨玻璃</b>结节 &amp; CT</div>"},
        "conclusion": "右肺上叶磨玻璃\n结节，约１２×８ｍｍ。建议复查",
        "presentedForm": [{"data": "56Oo", "title": "Rapport définitif"}],
    },
    ensure_ascii=False,
).encode()


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("磨玻璃结节", True),
        ("玻璃结", True),
        ("节约12", True),  # punctuation only separates
        ("8mm 右肺", True),
        ("8m", False),  # half a word is none
        ("DÉFINITIF", True),
        ("复查 rapport", True),
        ("复查rapport", False),  # one element does not go on in the next
        ("结节磨玻璃", False),
        ("56Oo", False),
    ],
)
def test_sequences_are_found_whatever_stands_between_their_characters(value: str, found: bool) -> None:
    content = content_of(json.loads(REPORT))
    assert all(holds(content, sequence) for sequence in sequences(value)) is found


def test_a_narrative_is_read_without_its_markup() -> None:
    assert narrative_of(json.loads(REPORT)) == "右 肺 磨 玻 璃 结 节 ct"
    assert narrative_of({"text": {"div": 5}}) == ""


def test_a_value_without_any_word_is_no_sequence() -> None:
    assert sequences("…… （）") == ()
    assert words("½ ﬁ 𠮷") == "1 2 fi 𠮷"


def test_an_excerpt_shows_the_hit_as_it_was_written() -> None:
    assert excerpt(REPORT, ["8mm"]) == "右肺上叶磨玻璃\n结节，约１２×【８ｍｍ】。建议复查"
    assert excerpt(REPORT, ["没 有"]) == ""
