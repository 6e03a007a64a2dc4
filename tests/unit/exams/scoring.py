"""Scores the name parser against a set of labelled names, per attribute and per stratum.

``python -m tests.unit.exams.scoring [SET [HALF]]`` prints the report. A set is three files in ``data/``: the first set
has no name (``names_imaging.csv``), the others carry theirs (``names_county_imaging.csv``). A set is split in two by a
checksum of the text: ``seen`` may be looked at when the tables are mended, ``held-out`` only counts.

An attribute counts where the parser answered and the label says it (``?``: the documents leave it open); techniques
that make no other examination are not compared, and a panel may be answered with its optional analytes.
"""

from __future__ import annotations

import csv
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.exams.examination import KIND_OF_MODALITY, Kind, attributes
from hub.exams.naming.name_parser import parse
from hub.exams.rules import ignored_techniques
from hub.exams.vocabulary import panels

DATA = Path(__file__).parent / "data"
OPEN = "?"


@dataclass
class Report:
    """Names and answers per stratum; right and compared per attribute; what was wrong, in words."""

    names: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def note(self, stratum: str, name: str, expected: dict[str, Any], got: dict[str, Any]) -> None:
        self.answered[stratum] += 1
        for attribute, value in expected.items():
            if value == OPEN or value == {OPEN}:
                continue
            self.compared[attribute] += 1
            if got[attribute] == value:
                self.right[attribute] += 1
            else:
                self.faults[stratum] += 1
                self.wrong.append(f"{name}: {attribute} is {got[attribute]!r}, not {value!r}")

    def lines(self) -> Iterator[str]:
        for stratum, count in self.names.items():
            yield f"{stratum:18} {self.answered[stratum]:4} answered of {count:4}, {self.faults[stratum]:3} faults"
        names, answered = self.names.total(), self.answered.total()
        yield f"{'all':18} {answered:4} answered of {names:4}, {answered / max(names, 1):.3f}"
        for attribute, count in self.compared.items():
            yield f"{attribute:18} {self.right[attribute]:4} right of {count:4}, {self.right[attribute] / count:.3f}"


def half_of(text: str) -> str:
    return ("seen", "held-out")[zlib.crc32(text.encode()) & 1]


def _rows(of: str, part: str, half: str) -> list[dict[str, str]]:
    file = DATA / "_".join(filter(None, ("names", of, f"{part}.csv")))
    with file.open(encoding="utf-8", newline="") as lines:
        return [row for row in csv.DictReader(lines) if half in ("", half_of(row["text"]))]


def _listed(cell: str) -> set[str]:
    found = {part for part in cell.split(";") if part}
    return {OPEN} if OPEN in found else found


def _imaging(report: Report, of: str, half: str) -> None:
    ignored = ignored_techniques()
    for row in _rows(of, "imaging", half):
        report.names[row["stratum"]] += 1
        parsed = parse(row["text"])
        if not parsed.answered:
            report.wrong.append(f"{row['text']}: abstained")
            continue
        open_kind = row["modality"] == OPEN
        expected = {
            "kind": OPEN if open_kind else KIND_OF_MODALITY.get(row["modality"], Kind.IMAGING).value,
            "modality": row["modality"],
            "regions": _listed(row["regions"]),
            "laterality": row["laterality"] or None,
            "contrast": row["contrast"] or None,
            "technique": _listed(row["technique"]) - ignored,
            "views": _listed(row["views"]),
            "guidance": OPEN if row["guidance"] == OPEN else bool(row["guidance"]),
        }
        got = attributes(parsed.examination)
        got |= {name: set(got[name]) for name in ("regions", "technique", "views")}
        got["technique"] -= ignored
        report.note(row["stratum"], row["text"], expected, got)


def _laboratory(report: Report, of: str, half: str) -> None:
    for row in _rows(of, "laboratory", half):
        report.names[row["stratum"]] += 1
        parsed = parse(row["text"])
        if not parsed.answered:
            report.wrong.append(f"{row['text']}: abstained")
            continue
        core: set[str] = set()
        allowed: set[str] = set()
        for word in _listed(row["analytes"]):
            kind, _, slug = word.partition(":")
            core |= set(panels()[slug].core) if slug else {kind}
            allowed |= set(panels()[slug].optional) if slug else set()
        got = attributes(parsed.examination)
        analytes = set(got["analytes"])
        got["analytes"] = core if core <= analytes <= core | allowed else analytes
        expected = {
            "kind": "lab",
            "analytes": core,
            "specimen": row["specimen"] or None,
            "time_aspect": row["time_aspect"] or None,
            "method": row["method"] or None,
        }
        report.note(row["stratum"], row["text"], expected, got)


def score(of: str = "", half: str = "") -> Report:
    report = Report()
    _imaging(report, of, half)
    _laboratory(report, of, half)
    return report


def answered_although_nothing_is_named(of: str = "", half: str = "") -> list[str]:
    return [row["text"] for row in _rows(of, "abstain", half) if parse(row["text"]).answered]


def words_reached(sets: Iterable[str]) -> Counter[tuple[str, str]]:
    """How many labelled names say each word of the vocabulary, and are read as saying it: (attribute, word)."""
    reached: Counter[tuple[str, str]] = Counter()
    for of in sets:
        for row in [*_rows(of, "imaging", ""), *_rows(of, "laboratory", "")]:
            parsed = parse(row["text"])
            got = attributes(parsed.examination)
            for attribute in set(row) & set(got):
                told = got[attribute] if isinstance(got[attribute], list) else [got[attribute]]
                for word in _listed(row[attribute]):
                    panel = word.removeprefix("panel:")
                    if word in told:
                        reached[attribute, word] += 1
                    elif panel != word and set(panels()[panel].core) <= set(told):
                        reached["panel", panel] += 1
    return reached


if __name__ == "__main__":
    found = score(*sys.argv[1:])
    print(*found.lines(), sep="\n")
    print(*found.wrong, sep="\n")
    print("answered although nothing is named:", *answered_although_nothing_is_named(*sys.argv[1:]), sep="\n  ")
