"""Windows: site tables over built-in rows, own rows over groups, what has none."""

import pytest

from hub.contracts.errors import Incorrect
from hub.exams.judging.coverage import needs
from hub.exams.judging.intervals import DAY_SECONDS, Circumstances, SiteRow, SiteTables, window_of
from hub.exams.judging.site_windows import read_windows
from hub.exams.naming.name_parser import parse
from hub.exams.vocabulary import table_rows


def _days(name: str, sites: SiteTables | None = None, **circumstances) -> float | None:
    exam = parse(name).examination
    assert exam is not None
    window = window_of(exam, needs(exam)[0], sites or SiteTables(), Circumstances(**circumstances))
    return None if window is None else window.limit_seconds / DAY_SECONDS


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("胸部CT平扫", 28), ("颅脑CT平扫", 7), ("颅脑CT增强", 28), ("左膝关节CT", 28), ("鼻窦CT", 60), ("冠脉CTA", 180),
        ("左膝关节MR", 90), ("颅脑MR平扫", 28), ("前列腺MR", 60), ("胸部DR正位", 14), ("腹部立位平片", 3),
        ("骨龄片", 30),
        ("腹部彩超", 14), ("乳腺彩超", 90), ("左下肢静脉彩超", 7), ("心脏彩超", 30), ("产科彩超", 0), ("心电图", 1),
        ("24小时动态心电图", 30), ("运动平板试验", None), ("喉镜", None), ("胃镜", 90), ("血常规", 3), ("血红蛋白", 30),
        ("钾", 7), ("AFP", 6), ("CEA", 30), ("CA72-4", 21), ("C反应蛋白", None), ("超敏CRP", 30), ("TSH", 28),
        ("肌钙蛋白I", 0), ("尿素", 30), ("尿常规", 3), ("尿糖", 30), ("床旁血糖", 0), ("INR", None),
        ("地贫基因", 36500),
    ],
)  # fmt: skip
def test_the_built_in_window_of_an_outpatient(name: str, days: float | None) -> None:
    assert _days(name) == days


@pytest.mark.parametrize(
    ("name", "days"), [("血常规", 1), ("肝功能", 2), ("胸部CT平扫", None), ("骨密度", 365), ("血沉", 7)]
)
def test_an_inpatient_has_rows_for_inpatients_or_anybody_alone(name: str, days: float | None) -> None:
    assert _days(name, setting="inpatient") == days


def test_an_emergency_uses_the_row_for_outpatients() -> None:
    assert _days("胸部CT平扫", setting="emergency") == 28


def test_organization_beats_consortium_beats_province_beats_built_in() -> None:
    rows = {level: (SiteRow("CT chest plain", days, days),) for level, days in
            (("organization", 3.0), ("consortium", 5.0), ("province", 9.0))}  # fmt: skip
    assert _days("胸部CT平扫", SiteTables(**rows)) == 3
    assert _days("胸部CT平扫", SiteTables(consortium=rows["consortium"], province=rows["province"])) == 5
    assert _days("胸部CT平扫", SiteTables(province=rows["province"])) == 9


def test_a_site_row_for_a_group_does_not_beat_an_own_built_in_row() -> None:
    sites = SiteTables(organization=(SiteRow("CT any region", 1, 1),))
    assert _days("胸部CT平扫", sites) == 28
    assert _days("左膝关节CT", sites) == 1


def test_rows_for_an_age_or_a_setting_hold_for_it_alone() -> None:
    sites = SiteTables(organization=(SiteRow("CT chest plain", 2, 2, age_from=0, age_to=14),))
    assert _days("胸部CT平扫", sites, age_days=3650) == 2
    assert _days("胸部CT平扫", sites, age_days=36500) == 28
    assert _days("胸部CT平扫", sites) == 28


def test_a_row_that_begins_to_hold_later_does_not_hold_yet() -> None:
    sites = SiteTables(organization=(SiteRow("CT chest plain", 2, 2, valid_from="2027-01-01"),))
    assert _days("胸部CT平扫", sites, today="2026-11-22") == 28
    assert _days("胸部CT平扫", sites, today="2027-01-01") == 2


def test_a_table_is_read_by_english_and_chinese_item_names() -> None:
    rows = read_windows("item,min_days,limit_days,setting\n胸部CT平扫,7,28,\nHbA1c,30,,outpatient\n")
    assert [(row.item, row.minimum_days, row.limit_days) for row in rows] == [
        ("CT chest plain", 7, 28),
        ("HbA1c", 30, 30),
    ]


def test_an_empty_table_clears() -> None:
    assert read_windows("") == () == read_windows("item,min_days,limit_days\n")


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ("name,min_days\nx,1\n", "item"),
        ("item,min_days,limit_days\n某项目,1,2\n", "item"),
        ("item,min_days,limit_days\nHbA1c,x,2\n", "min_days"),
        ("item,min_days,limit_days\nHbA1c,-1,2\n", "min_days"),
        ("item,min_days,limit_days\nHbA1c,,\n", "min_days"),
        ("item,min_days,limit_days,setting\nHbA1c,1,2,moon\n", "setting"),
    ],
)
def test_a_wrong_table_names_the_column(table: str, where: str) -> None:
    with pytest.raises(Incorrect) as refused:
        read_windows(table)
    assert refused.value.where == where


def test_every_name_and_setting_of_the_built_in_table_is_accepted() -> None:
    table = "item,limit_days,setting\n" + "".join(
        f'"{row[name]}",9,{row["setting"]}\n' for row in table_rows("intervals.csv") for name in ("item", "item_zh")
    )
    rows = read_windows(table)
    assert {"Full blood count", "CT any region", "HbA1c"} <= {row.item for row in rows}
    assert {row.setting for row in rows} <= {"any", "outpatient", "inpatient", "emergency", "chronic monitoring"}


def test_a_row_that_is_another_source_for_an_item_names_that_item() -> None:
    (row,) = read_windows("item,min_days,limit_days\nComplete blood count,1,2\n")
    assert row.item == "Full blood count"
