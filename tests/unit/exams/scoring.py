"""Scores the name parser against ``data/names_*.csv``, per attribute and per stratum.

``python -m tests.unit.exams.scoring`` prints the report. An attribute counts where the parser answered; techniques that
make no other examination are not compared, and a panel may be answered with its optional analytes.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.exams.examination import KIND_OF_MODALITY, Kind, attributes
from hub.exams.name_parser import parse
from hub.exams.rules import ignored_techniques
from hub.exams.vocabulary import panels

DATA = Path(__file__).parent / "data"


@dataclass
class Report:
    """Names and answers per stratum; right and compared per attribute; what was wrong, in words."""

    names: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def note(self, stratum: str, name: str, expected: dict[str, Any], got: dict[str, Any]) -> None:
        self.answered[stratum] += 1
        for attribute, value in expected.items():
            self.compared[attribute] += 1
            if got[attribute] == value:
                self.right[attribute] += 1
            else:
                self.wrong.append(f"{name}: {attribute} is {got[attribute]!r}, not {value!r}")


def _rows(file: str) -> list[dict[str, str]]:
    with (DATA / file).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _listed(cell: str) -> set[str]:
    return {part for part in cell.split(";") if part}


def _imaging(report: Report) -> None:
    ignored = ignored_techniques()
    for row in _rows("names_imaging.csv"):
        report.names[row["stratum"]] += 1
        parsed = parse(row["text"])
        if not parsed.answered:
            report.wrong.append(f"{row['text']}: abstained")
            continue
        expected = {
            "kind": KIND_OF_MODALITY.get(row["modality"], Kind.IMAGING).value,
            "modality": row["modality"],
            "regions": _listed(row["regions"]),
            "laterality": row["laterality"] or None,
            "contrast": row["contrast"] or None,
            "technique": _listed(row["technique"]) - ignored,
            "views": _listed(row["views"]),
            "guidance": bool(row["guidance"]),
        }
        got = attributes(parsed.examination)
        got |= {name: set(got[name]) for name in ("regions", "technique", "views")}
        got["technique"] -= ignored
        report.note(row["stratum"], row["text"], expected, got)


def _laboratory(report: Report) -> None:
    for row in _rows("names_laboratory.csv"):
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


def score() -> Report:
    report = Report()
    _imaging(report)
    _laboratory(report)
    return report


def answered_although_nothing_is_named() -> list[str]:
    return [row["text"] for row in _rows("names_abstain.csv") if parse(row["text"]).answered]


if __name__ == "__main__":
    found = score()
    for stratum, count in found.names.items():
        print(f"{stratum:12} {found.answered[stratum]:4} answered of {count:4}")
    for attribute, count in found.compared.items():
        print(f"{attribute:12} {found.right[attribute]:4} right of {count:4}")
    print(*found.wrong, sep="\n")
