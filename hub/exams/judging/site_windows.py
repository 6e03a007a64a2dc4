"""A site's own windows: a CSV table per organization, consortium or province, on top of the built-in ones.

Columns: ``item,min_days,limit_days`` and optionally ``code,setting,age_from,age_to,valid_from``; ``item`` is a name of
``tables/intervals.csv``, English or Chinese. An import replaces that table; an empty one clears it.
"""

import csv
import hashlib
import io
from collections.abc import Sequence

import msgspec

from hub.contracts.errors import Incorrect
from hub.contracts.store import CommitView, Select

from .intervals import LEVELS, SiteRow, SiteTables, item_names
from .recognition import Lookup, line

_SETTINGS = ("", "any", "outpatient", "inpatient", "emergency")
_SETTING_WORDS = {
    "any": "any", "outpatient": "outpatient", "inpatient": "inpatient", "emergency": "emergency",
    "不限": "any", "门诊": "outpatient", "住院": "inpatient", "急诊": "emergency", "chronic": "chronic monitoring",
}  # fmt: skip
"""How a setting begins, as the built-in table (inpatient stable) and as people write it. Chronic monitoring is nobody's
setting: such a row is a schedule and has no effect."""


def _setting(said: str) -> str | None:
    """The setting a cell names; None where it is none."""
    if not said:
        return ""
    return next((setting for word, setting in _SETTING_WORDS.items() if said.startswith(word)), None)


def _number(row: dict[str, str], column: str, at: int) -> float | None:
    cell = (row.get(column) or "").strip()
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = -1.0
    if value < 0:
        raise Incorrect(
            f"Line {at}: {column} is not a number of days or years.", where=column, remedy="Write 7 or 0.5."
        )
    return value


def read_windows(content: str) -> tuple[SiteRow, ...]:
    """The rows of a CSV file. Raises Incorrect naming line and column."""
    if not content.strip():
        return ()
    reader = csv.DictReader(io.StringIO(content.lstrip("\ufeff")))
    if "item" not in (reader.fieldnames or ()):
        raise Incorrect("The table has no column 'item'.", where="item", remedy="Begin with item,min_days,limit_days.")
    names = item_names()
    found: list[SiteRow] = []
    for at, row in enumerate(reader, 2):
        item = names.get((row.get("item") or "").strip())
        if item is None:
            raise Incorrect(f"Line {at}: no such item.", where="item", remedy="Use a name of the built-in table.")
        minimum, limit = _number(row, "min_days", at), _number(row, "limit_days", at)
        if minimum is None and limit is None:
            raise Incorrect(
                f"Line {at}: neither min_days nor limit_days.", where="min_days", remedy="Give one of them."
            )
        setting = _setting((row.get("setting") or "").strip().lower())
        if setting is None:
            raise Incorrect(
                f"Line {at}: unknown setting.", where="setting", remedy=f"One of {', '.join(_SETTINGS[1:])}."
            )
        low = minimum if minimum is not None else limit
        high = limit if limit is not None else minimum
        found.append(
            SiteRow(
                item=item,
                minimum_days=min(low or 0.0, high or 0.0),
                limit_days=high or 0.0,
                setting=setting,
                age_from=_number(row, "age_from", at),
                age_to=_number(row, "age_to", at),
                valid_from=(row.get("valid_from") or "").strip(),
                code=(row.get("code") or "").strip(),
            )
        )
    return tuple(found)


def store_windows(view: CommitView, level: str, site: str, rows: Sequence[SiteRow]) -> str:
    """Replace one table inside a commit; returns its version."""
    if level not in LEVELS:
        raise Incorrect("No such level.", where="level", remedy=f"One of {', '.join(LEVELS)}.")
    encoded = [msgspec.json.encode(row) for row in rows]
    version = hashlib.sha256(b"\n".join(encoded)).hexdigest()[:8]
    view.execute("DELETE FROM exams_window WHERE level = ? AND site = ?", (level, site))
    for number, row in enumerate(encoded):
        view.execute("INSERT INTO exams_window VALUES (?, ?, ?, ?, ?)", (level, site, number, row, version))
        view.execute("INSERT OR IGNORE INTO exams_window_kept VALUES (?, ?, ?)", (version, number, row))
    return version


_row = msgspec.json.Decoder(SiteRow)
_read: dict[str, tuple[SiteRow, ...]] = {}
"""Version → rows: a version is the hash of its rows, so what was read once stays right."""
_MOST_READ = 256


def _rows_of(select: Select, level: str, site: str, version: str) -> tuple[SiteRow, ...]:
    found = _read.get(version)
    if found is None:
        rows = select("SELECT row FROM exams_window_kept WHERE version = ? ORDER BY number", (version,)) or select(
            "SELECT row FROM exams_window WHERE level = ? AND site = ? AND version = ? ORDER BY number",
            (level, site, version),
        )
        if len(_read) >= _MOST_READ:
            _read.clear()
        found = _read[version] = tuple(_row.decode(row) for (row,) in rows)
    return found


def site_tables(select: Select, organization: str, institution: Lookup) -> SiteTables:
    """The tables that hold for an asking organization, as of the last commit."""
    stored = select("SELECT DISTINCT level, site, version FROM exams_window", ())
    if not stored:
        return SiteTables()
    wanted: dict[str, tuple[str, ...]] = {
        "organization": (organization,),
        "consortium": line(organization, institution),
        "province": (),
    }
    held = [
        (level, site, version)
        for level, site, version in sorted(stored)
        if site == "" or level == "province" or site in wanted[level]
    ]
    return tables_of(select, held)


def tables_of(select: Select, held: Sequence[tuple[str, str, str]]) -> SiteTables:
    """Site tables by (level, site, version), also those that were replaced since."""
    if not held:
        return SiteTables()
    levels: dict[str, tuple[SiteRow, ...]] = {}
    for level, site, version in held:
        levels[level] = (*levels.get(level, ()), *_rows_of(select, level, site, version))
    return SiteTables(
        organization=levels.get("organization", ()),
        consortium=levels.get("consortium", ()),
        province=levels.get("province", ()),
        version=".".join(version for _, _, version in held),
        held=tuple(held),
    )
