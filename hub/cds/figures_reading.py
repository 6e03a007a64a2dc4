"""The figures of a period, read from what this room keeps, and as they are told: pooled where somebody reads who may
see no chart."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from hub.contracts.site import ZONE
from hub.contracts.store import Select
from hub.exams.judging.exemption import reasons

from .figures import EPISODE_HOURS, FEWEST, FOLLOWS_DAYS, OTHERS, Asked, Figures, Row, figures, pooled, unheeded
from .muting import EVERYWHERE, decisions
from .phrases import in_words
from .prices import price_table

_ASKED = (
    "SELECT a.id, a.at_us, a.call, a.organization, a.department, a.patient, a.item, a.verdict, a.coverage, a.indicator,"
    " a.card, a.reason, f.outcome, f.reason_code, a.named FROM cds_asked AS a"
    " LEFT JOIN cds_feedback AS f ON f.card = a.card WHERE a.at_us >= ? AND a.at_us < ?"
)
_ORDERS = (
    "SELECT o.card, o.at_us, o.organization FROM cds_asked AS a CROSS JOIN cds_order AS o ON o.card = a.card"
    " WHERE a.at_us >= ? AND a.at_us < ? AND a.card IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days at the site, both of them counted."""

    first: date
    last: date

    @property
    def from_us(self) -> int:
        return _midnight_us(self.first)

    @property
    def to_us(self) -> int:
        return _midnight_us(self.last + timedelta(days=1))


def _midnight_us(day: date) -> int:
    return int(datetime.combine(day, time(), ZONE).timestamp()) * 1_000_000


def asked_in(
    select: Select, period: Period, person_of: Callable[[str], str | None]
) -> tuple[list[Asked], dict[str, str]]:
    """What was asked in a period and around it, and item → Chinese name."""
    bounds = (period.from_us - FOLLOWS_DAYS * 86_400_000_000, period.to_us + EPISODE_HOURS * 3_600_000_000)
    orders: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for card, at_us, organization in select(_ORDERS, bounds):
        orders[card].append((at_us, organization))
    persons: dict[str, str] = {}
    names: dict[str, str] = {}
    found: list[Asked] = []
    for row in select(_ASKED, bounds):
        (number, at_us, call, organization, department, patient, item, verdict, coverage, indicator, card, reason,
         outcome, code, named) = row  # fmt: skip
        if outcome == "accepted" and patient not in persons:
            persons[patient] = person_of(patient) or patient
        names[item] = named
        person = persons.get(str(patient), str(patient))
        ordered = tuple(orders.get(card or "", ()))
        found.append(
            Asked(number, at_us, call, organization, department, patient, person, item, verdict, coverage, indicator,
                  card, reason, outcome, code or "", ordered)
        )  # fmt: skip
    return found, names


def told(
    select: Select,
    period: Period,
    now_us: int,
    organization: str | None,
    *,
    open_book: bool,
    person_of: Callable[[str], str | None],
    name_of: Callable[[str], str],
) -> dict[str, Any]:
    """The figures of one organization, or of all. ``open_book``: small groups are shown as they are. ``name_of`` names
    an organization."""
    asked, names = asked_in(select, period, person_of)

    def counts(one: Asked) -> bool:
        return period.from_us <= one.at_us < period.to_us and organization in (None, one.organization)

    found = figures(asked, now_us, price_table(select), counts)
    shape: Callable[[Mapping[str, Row]], Mapping[str, Row]] = dict if open_book else pooled
    listed = found.rules if open_book else {k: row for k, row in found.rules.items() if row.shown >= FEWEST}
    names[OTHERS] = f"其他（每项少于{FEWEST}次）"
    names.setdefault("", "")
    return {
        "from": period.first.isoformat(),
        "to": period.last.isoformat(),
        "organization": organization,
        "pooled_below": None if open_book else FEWEST,
        "total": _row(found.total),
        "clinics": [{"organization": key, "name": name_of(key)} | _row(row) for key, row in _most(found.clinics)],
        "departments": [{"department": key} | _row(row) for key, row in _most(shape(found.departments))],
        "items": [{"item": key, "name": names[key]} | _row(row) for key, row in _most(shape(found.items))],
        "verdicts": [{"verdict": key, "name": in_words(key)} | _row(row) for key, row in _most(shape(found.verdicts))],
        "reasons": _reasons(found, open_book),
        "rules": [_rule(key, row, names) for key, row in sorted(listed.items(), key=lambda pair: -pair[1].shown)],
        "to_mute": [_rule(key, found.rules[key], names) for key in unheeded(found.rules)],
        "decided": _decided(select, organization),
    }


def _decided(select: Select, organization: str | None) -> list[dict[str, Any]]:
    mine = (EVERYWHERE, organization)
    return [one for one in decisions(select) if organization is None or one["organization"] in mine]


def _most(group: Mapping[str, Row]) -> list[tuple[str, Row]]:
    return sorted(group.items(), key=lambda pair: (pair[0] == OTHERS, -pair[1].lookups, pair[0]))


def _row(row: Row) -> dict[str, Any]:
    plain = asdict(row)
    plain["yuan_saved"] = plain.pop("fen_saved") / 100
    return plain | {"acceptance": row.acceptance}


def _rule(key: tuple[str, str], row: Row, names: Mapping[str, str]) -> dict[str, Any]:
    verdict, item = key
    return {
        "verdict": verdict,
        "item": item,
        "name": f"{in_words(verdict)} · {names[item]}",
        "shown": row.shown,
        "accepted": row.accepted,
        "acceptance": row.acceptance,
    }


def _reasons(found: Figures, open_book: bool) -> list[dict[str, Any]]:
    known = reasons()
    listed: list[dict[str, Any]] = []
    for use, counted in (("override", found.overrides), ("exemption", found.exemptions)):
        for code, count in _few_together(counted, open_book):
            name = known[code].zh if code in known else code or "未说明"
            listed.append({"use": use, "code": code, "name": name, "count": count})
    return listed


def _few_together(counted: Counter[str], open_book: bool) -> list[tuple[str, int]]:
    if open_book:
        return counted.most_common()
    shaped = pooled({code: Row(lookups=count) for code, count in counted.items()})
    return [(code, row.lookups) for code, row in _most(shaped)]


def as_csv(content: Mapping[str, Any]) -> str:
    """One table: a line a group, beginning with its dimension and key."""
    columns = list(content["total"])
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["dimension", "key", "name", *columns])
    writer.writerow(["total", "", "", *content["total"].values()])
    for dimension, key in (("clinics", "organization"), ("departments", "department"), ("items", "item"),
                           ("verdicts", "verdict")):  # fmt: skip
        for row in content[dimension]:
            writer.writerow([key, _inert(row[key]), _inert(row.get("name", "")), *(row[name] for name in columns)])
    for row in content["reasons"]:
        writer.writerow([f"{row['use']} reason", _inert(row["code"]), _inert(row["name"]), row["count"]])
    for row in content["to_mute"]:
        writer.writerow(["to mute", _inert(f"{row['verdict']} {row['item']}"), _inert(row["name"]), "", "", "",
                         row["shown"], row["accepted"]])  # fmt: skip
    return "\ufeff" + out.getvalue()


def _inert(cell: str) -> str:
    """No cell is a formula to a spreadsheet: names come from outside."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
