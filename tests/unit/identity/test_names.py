"""Names as they are compared, and names that compare with nobody."""

import pytest

from hub.identity.names import is_placeholder, name_key, patient_names


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("陈秀英", " 陈 秀 英 "),
        ("陈秀英", "陈　秀英"),
        ("阿卜杜拉·买买提", "阿卜杜拉•买买提"),
        ("阿卜杜拉·买买提", "阿卜杜拉・买买提"),
        ("阿卜杜拉·买买提", "阿卜杜拉.买买提"),
        ("阿卜杜拉·买买提", "阿卜杜拉．买买提"),
        ("Smith, John", "JOHN SMITH"),
        ("ＬＩ Ｗｅｎ", "li wen"),
        ("Müller Jörg", "jorg muller"),
    ],
)
def test_habits_of_writing_make_no_difference(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("陈秀英", "陈秀瑛"), ("陈秀英", "秀英陈"), ("张伟", "张玮"), ("Li Wen", "Li Wei"), ("𠮷田", "吉田")],
)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@pytest.mark.parametrize("text", ["", " ", "·", "...", "--"])
def test_nothing_is_no_name(text: str) -> None:
    assert name_key(text) is None


@pytest.mark.parametrize(
    "text",
    ["无名氏", "无名氏3", "未知", "王某", "王某某", "陈秀英之女", "陈秀英之子", "李梅之长子", "刘芳的女", "新生儿",
     "王梅男婴", "陈", "Unknown", "UNKNOWN Male", "Baby Smith"],
)  # fmt: skip
def test_a_placeholder_links_nobody(text: str) -> None:
    key = name_key(text)
    assert key is not None and is_placeholder(key)


@pytest.mark.parametrize("text", ["陈秀英", "李国宝", "王子", "赵婷", "欧阳娜娜", "Li Wen", "张三", "买买提"])
def test_a_real_name_is_none(text: str) -> None:
    assert not is_placeholder(name_key(text) or "")


def first(patient: dict[str, object]) -> str | None:
    return next((name.form for name in patient_names(patient)), None)


def test_parts_and_text_of_a_name_are_one() -> None:
    assert first({"name": [{"family": "陈", "given": ["秀英"]}]}) == "陈秀英"
    assert first({"name": [{"text": "陈秀英"}]}) == "陈秀英"
    assert first({"name": [{"text": "陈秀英", "family": "Chen", "given": ["Xiuying"]}]}) == "陈秀英"
    assert first({"name": [{"text": "Dr. John Smith", "family": "Smith", "given": ["John"]}]}) == "john smith"


def test_the_name_in_use_comes_first_and_former_ones_last_whatever_the_order() -> None:
    names = [
        {"use": "old", "text": "陈小花"},
        {"use": "official", "text": "Chen Xiuying"},
        {"use": "usual", "text": "陈秀英"},
        {"text": "陈阿姨", "period": {"end": "2001"}},
    ]
    forms = [name.form for name in patient_names({"name": names})]
    assert forms == [name.form for name in patient_names({"name": names[::-1]})]
    assert forms == ["陈秀英", "chen xiuying", "陈阿姨", "陈小花"]
    assert patient_names({"name": [{"use": "nickname", "text": "阿英"}]}) == patient_names({}) == ()
