"""The code maps of all clinics as they hold now: rows beside the ConceptMaps they come from, in the same commits."""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from hub.contracts.store import CommitView, Select, Written

from ..examination import Examination, attributes
from ..naming.local_codes import NO_LOCAL_CODES, LocalCodes
from ..naming.normalise import normalised
from ..rows.row_writing import ROOM
from .concept_map import Mapped, mapped

TYPE = "ConceptMap"
TABLE = """
CREATE TABLE IF NOT EXISTS exams_code (
    organization TEXT NOT NULL, map TEXT NOT NULL, number INTEGER NOT NULL, line BLOB NOT NULL,
    PRIMARY KEY (organization, map, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS exams_code_map (organization TEXT PRIMARY KEY, version TEXT NOT NULL) WITHOUT ROWID;
"""
_line = msgspec.json.Decoder(Mapped)
_read: dict[str, LocalCodes] = {}
"""Version → map: a version is the hash of its lines, so what was read once stays right."""
_MOST_READ = 64


def local_codes(select: Select, organization: str) -> LocalCodes:
    """The code map of an organization as of the last commit."""
    found = select("SELECT version FROM exams_code_map WHERE organization = ?", (organization,))
    if not found:
        return NO_LOCAL_CODES
    version = found[0][0]
    known = _read.get(version)
    if known is None:
        rows = select("SELECT line FROM exams_code WHERE organization = ? ORDER BY map, number", (organization,))
        if len(_read) >= _MOST_READ:
            _read.clear()
        known = _read[version] = map_of(version, [_line.decode(line) for (line,) in rows])
    return known


def map_of(version: str, lines: Sequence[Mapped]) -> LocalCodes:
    """Later lines beat earlier ones of the same code; a name that stands for two examinations stands for none."""
    codes: dict[tuple[str, str], Examination] = {}
    names: dict[str, set[Examination]] = {}
    for line in lines:
        if line.code:
            codes[line.system, line.code] = line.examination
        if line.name and (name := normalised(line.name)):
            names.setdefault(name, set()).add(line.examination)
    return LocalCodes(version, codes, {name: next(iter(those)) for name, those in names.items() if len(those) == 1})


def derive(resource: Any) -> tuple[Mapped, ...]:
    """The lines of a ConceptMap, before the lock is taken. Raises Incorrect where one is not understood."""
    return tuple(mapped(resource))


def keep(one: Written, view: CommitView) -> bool:
    """Put the lines of a ConceptMap in the place of those it had; whether its owner's map is another one now."""
    lines: Sequence[Mapped] = () if one.deleted else one.derived[ROOM]
    view.execute("DELETE FROM exams_code WHERE organization = ? AND map = ?", (one.owner, one.id))
    for number, line in enumerate(lines):
        row = (one.owner, one.id, number, msgspec.json.encode(line))
        view.execute("INSERT INTO exams_code VALUES (?, ?, ?, ?)", row)
    held = view.rows("SELECT line FROM exams_code WHERE organization = ? ORDER BY map, number", (one.owner,))
    before = view.rows("SELECT version FROM exams_code_map WHERE organization = ?", (one.owner,))
    digest = hashlib.sha256(one.owner.encode() + b"\n".join(line for (line,) in held)).hexdigest()[:16]
    if not held:
        view.execute("DELETE FROM exams_code_map WHERE organization = ?", (one.owner,))
    else:
        view.execute("INSERT OR REPLACE INTO exams_code_map VALUES (?, ?)", (one.owner, digest))
    return (before[0][0] if before else None) != (digest if held else None)


def lines_held(select: Select, organization: str) -> list[dict[str, Any]]:
    """The map of an organization, a line each, with what it is taken for."""
    rows = select("SELECT map, line FROM exams_code WHERE organization = ? ORDER BY map, number", (organization,))
    return [
        {"map": f"ConceptMap/{number}", "system": line.system, "code": line.code, "name": line.name,
         "attributes": attributes(line.examination)}
        for number, line in ((number, _line.decode(encoded)) for number, encoded in rows)
    ]  # fmt: skip
