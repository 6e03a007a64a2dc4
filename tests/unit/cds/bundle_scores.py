"""Scores what the hub says of labelled bundles: per stratum, per verdict, and of its warnings.

``python -m tests.unit.cds.bundle_scores [FILE.jsonl …] [--half dev|held]`` prints the report and every wrong answer.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .bundles import FILES, Told, load, near_doors, play_all

SAFETY = ("laterality", "contrast", "invalid", "emergency")
"""Strata in which a false warning does harm: opposite side, contrast, invalid status, emergency."""
WARNING = "warning"


@dataclass
class Scores:
    told: Sequence[Told]
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(label, said) → how often."""
    cases: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for one in self.told:
            stratum = one.case["stratum"]
            self.confusion[one.expected["verdict"], one.verdict] += 1
            self.cases[stratum] += 1
            self.right[stratum] += one.right

    def accuracy(self, stratum: str) -> float:
        return self.right[stratum] / self.cases[stratum]

    @property
    def wrong(self) -> list[Told]:
        return [one for one in self.told if not one.right]

    @property
    def false_warnings(self) -> list[Told]:
        return [one for one in self.told if one.card == WARNING != one.expected["card"]]

    @property
    def missed_warnings(self) -> list[Told]:
        return [one for one in self.told if one.expected["card"] == WARNING != one.card]

    @property
    def precision(self) -> float:
        given = sum(one.card == WARNING for one in self.told)
        return 1 - len(self.false_warnings) / given

    @property
    def recall(self) -> float:
        due = sum(one.expected["card"] == WARNING for one in self.told)
        return 1 - len(self.missed_warnings) / due

    def f1(self, verdict: str) -> float:
        right = self.confusion[verdict, verdict]
        wrong = sum(count for pair, count in self.confusion.items() if verdict in pair and pair != (verdict, verdict))
        return 2 * right / (2 * right + wrong)

    @property
    def verdicts(self) -> list[str]:
        return sorted({label for label, _ in self.confusion})

    @property
    def macro_f1(self) -> float:
        return sum(map(self.f1, self.verdicts)) / len(self.verdicts)

    def lines(self) -> list[str]:
        found = [
            f"{stratum:12} {self.right[stratum]:4} right of {count:4}, false warnings "
            f"{sum(one.case['stratum'] == stratum for one in self.false_warnings)}, missed "
            f"{sum(one.case['stratum'] == stratum for one in self.missed_warnings)}"
            for stratum, count in self.cases.items()
        ]
        found += [f"{verdict:15} F1 {self.f1(verdict):.3f}" for verdict in self.verdicts]
        found += [f"label {a:15} said {b:15} {count:4}" for (a, b), count in sorted(self.confusion.items()) if a != b]
        found.append(
            f"warnings: precision {self.precision:.4f}, recall {self.recall:.4f}; macro-F1 {self.macro_f1:.4f}; "
            f"{len(self.told)} drafts of {len({one.case['id'] for one in self.told})} cases"
        )
        return found


def in_words(one: Told) -> str:
    """One wrong answer, for a person."""
    doubt = f" (doubt: {one.case['doubt']})" if "doubt" in one.case else ""
    priors = "" if one.priors_right else f", priors {one.said.get('priors')}"
    return (
        f"{one.case['id']} {one.case['stratum']}: {one.case['note']}: {one.draft} is {one.verdict}/{one.card}, not "
        f"{one.expected['verdict']}/{one.expected['card']}{priors} {one.said.get('rules', '')}{doubt}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", default=FILES)
    parser.add_argument("--half", choices=("dev", "held"))
    asked = parser.parse_args()
    cases = [case for case in load(*asked.files) if asked.half in (None, case["half"])]
    with tempfile.TemporaryDirectory() as folder, near_doors(Path(folder) / "data") as doors:
        scores = Scores(play_all(doors, cases))
    print(*map(in_words, scores.wrong), *scores.lines(), sep="\n")


if __name__ == "__main__":
    main()
