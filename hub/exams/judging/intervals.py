"""How long an examination answers for another: minimum retest intervals and recognition limits, by item.

Built-in rows stand in ``tables/intervals.csv`` with their sources; a site's own rows come on top, organization before
consortium before province before built-in. An item's own row beats the row of the panel it was ordered in, that beats
a group row (CT any region), that the fallback (any recognised item, outpatients only, and only for what has no row of
its own at all). The functions are pure; site rows are handed in.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import groupby

from ..examination import Contrast, Examination, Kind
from ..naming.laboratory_name import BLOOD
from ..vocabulary import regions, table_rows, tables_version
from .coverage import Need
from .laboratory_coverage import specimen_of

DAY_SECONDS = 86_400
_ONCE = "once per admission"
_LABORATORY_FALLBACK = "Any recognised laboratory item (fallback)"
_IMAGING_FALLBACK = "Any recognised imaging item (fallback)"
LEVELS = ("organization", "consortium", "province")


@dataclass(frozen=True, slots=True)
class Window:
    """Up to ``minimum_seconds`` a repeat is low value, up to ``limit_seconds`` the old result may still serve. With
    ``once_per_admission`` a result of the same stay is a duplicate at any age, an older stay's never."""

    item: str
    minimum_seconds: float
    limit_seconds: float
    level: str = "built-in"
    once_per_admission: bool = False


@dataclass(frozen=True, slots=True)
class SiteRow:
    """One row of a site's table, as imported. Empty ``setting`` is any; ages in years; ``valid_from`` ISO date."""

    item: str
    minimum_days: float
    limit_days: float
    setting: str = ""
    age_from: float | None = None
    age_to: float | None = None
    valid_from: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class SiteTables:
    """The rows that hold for one asking organization, by level, and the version that stands in its verdicts."""

    organization: tuple[SiteRow, ...] = ()
    consortium: tuple[SiteRow, ...] = ()
    province: tuple[SiteRow, ...] = ()
    version: str = ""
    held: tuple[tuple[str, str, str], ...] = ()
    """(level, site, version) of each table."""

    @property
    def name(self) -> str:
        return f"{tables_version()}+{self.version}" if self.version else tables_version()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What windows depend on besides the item: ``setting`` outpatient, inpatient or emergency; age in days, None where
    nobody knows; ``today`` as ISO date for rows that begin to hold."""

    setting: str = "outpatient"
    age_days: float | None = None
    today: str = ""


@dataclass(frozen=True, slots=True)
class _Item:
    name: str
    rank: str
    modality: str
    regions: frozenset[str]
    whole: bool
    technique: frozenset[str]
    without: frozenset[str]
    contrast: frozenset[str]
    analytes: frozenset[str]
    panels: frozenset[str]
    specimen: str


def _set(cell: str) -> frozenset[str]:
    return frozenset(filter(None, cell.lstrip("=").split(";")))


@cache
def _items() -> tuple[_Item, ...]:
    return tuple(
        _Item(
            name=row["item"],
            rank=row["rank"],
            modality=row["modality"],
            regions=_set(row["regions"]),
            whole=row["regions"].startswith("="),
            technique=_set(row["technique"]),
            without=_set(row["without_technique"]),
            contrast=_set(row["contrast"]),
            analytes=_set(row["analytes"]),
            panels=_set(row["panels"]),
            specimen=row["specimen"],
        )
        for row in table_rows("interval_items.csv")
    )


@cache
def _rows() -> dict[str, list[tuple[str, str]]]:
    """Item → (setting, window) of the rows in use."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in table_rows("intervals.csv"):
        if row["used"] == "yes":
            found.setdefault(row["item"], []).append((row["setting"], row["window_days"]))
    return found


@cache
def item_names() -> dict[str, str]:
    """Every name a site table may use for an item (English or Chinese) → the item. A row that is a second source for an
    item (Complete blood count) names that item; one that nothing is looked up under (a schedule, a study) is a name all
    the same, and has no effect."""
    looked_up = {item.name for item in _items()} | {_LABORATORY_FALLBACK, _IMAGING_FALLBACK}
    rows = sorted(table_rows("intervals.csv"), key=lambda row: row["item"] not in looked_up)
    names: dict[str, str] = {}
    for row in rows:
        item = row["item"]
        if item not in looked_up:
            item = names.get(row["item_zh"], item)
        names.setdefault(row["item"], item)
        names.setdefault(row["item_zh"], item)
    return names


def _imaging_item_fits(item: _Item, order: Examination, region: str) -> bool:
    if item.modality != order.modality:
        return False
    technique = frozenset(order.technique)
    if not item.technique <= technique or item.without & technique:
        return False
    contrast = (order.contrast or Contrast.PLAIN).value
    if item.contrast and contrast not in item.contrast:
        return False
    if not item.regions or region in item.regions:
        return True
    known = regions().get(region)
    return not item.whole and known is not None and bool(known.ancestors & item.regions)


def _laboratory_item_fits(item: _Item, order: Examination, need: Need) -> bool:
    determination = order.determinations[need.at]
    if item.panels:
        return determination.panel in item.panels
    if determination.analyte not in item.analytes:
        return False
    if item.specimen == "blood" and specimen_of(determination) not in BLOOD:
        return False
    return item.name != "Bedside glucose" or determination.method == "rapid"


@lru_cache(maxsize=16384)
def _ranked_items(order: Examination, need: Need) -> tuple[_Item, ...]:
    laboratory = order.kind is Kind.LABORATORY
    fitting = [
        item
        for item in _items()
        if (
            not item.modality and _laboratory_item_fits(item, order, need)
            if laboratory
            else bool(item.modality) and _imaging_item_fits(item, order, need.item)
        )
    ]
    if fitting and fitting[0].name == "Bedside glucose":
        fitting = fitting[:1]
    return tuple(sorted(fitting, key=_rank))


def _rank(item: _Item) -> int:
    return ("own", "panel", "group").index(item.rank)


def items_of(order: Examination, need: Need) -> tuple[str, ...]:
    """The items a need may be looked up under, best first: own, panel, group."""
    return tuple(dict.fromkeys(item.name for item in _ranked_items(order, need)))


def _site_windows(item: str, sites: SiteTables, circumstances: Circumstances) -> Iterator[Window]:
    years = None if circumstances.age_days is None else circumstances.age_days / 365.25
    for level in LEVELS:
        rows: Sequence[SiteRow] = getattr(sites, level)
        fitting = [
            row
            for row in rows
            if row.item == item
            and row.setting in ("", "any", circumstances.setting)
            and (row.age_from is None or (years is not None and years >= row.age_from))
            and (row.age_to is None or (years is not None and years < row.age_to))
            and (not row.valid_from or row.valid_from <= circumstances.today)
        ]
        for row in sorted(fitting, key=_specific, reverse=True)[:1]:
            yield Window(item, row.minimum_days * DAY_SECONDS, row.limit_days * DAY_SECONDS, level)


def _specific(row: SiteRow) -> tuple[bool, bool, str]:
    return row.setting not in ("", "any"), row.age_from is not None or row.age_to is not None, row.valid_from


def _built_in(item: str, setting: str) -> Window | None:
    rows = _rows().get(item, [])
    for wanted in (setting, "any"):
        for row_setting, window in rows:
            if row_setting == wanted:
                if window == _ONCE:
                    return Window(item, float("inf"), float("inf"), once_per_admission=True)
                return Window(item, float(window) * DAY_SECONDS, float(window) * DAY_SECONDS)
    return None


def window_of(order: Examination, need: Need, sites: SiteTables, circumstances: Circumstances) -> Window | None:
    """The window for one need of an order; None where there is none, and so never a card. An emergency uses the row for
    outpatients."""
    setting = "outpatient" if circumstances.setting == "emergency" else circumstances.setting
    asked = replace(circumstances, setting=setting)
    ranked = _ranked_items(order, need)
    for _, alike in groupby(ranked, key=_rank):
        items = [item.name for item in alike]
        found = (
            next((site for item in items for site in _site_windows(item, sites, circumstances)), None)
            or next((site for item in items for site in _site_windows(item, sites, asked)), None)
            or next((built for item in items if (built := _built_in(item, setting))), None)
        )
        if found is not None:
            return found
    has_a_row = any(item.rank != "panel" for item in ranked)
    if has_a_row or setting != "outpatient":
        return None
    fallback = {Kind.LABORATORY: _LABORATORY_FALLBACK, Kind.IMAGING: _IMAGING_FALLBACK}.get(order.kind)
    if fallback is None:
        return None
    return next(_site_windows(fallback, sites, asked), None) or _built_in(fallback, setting)
