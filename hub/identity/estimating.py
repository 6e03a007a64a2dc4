"""Weights from a site's own records: ``m`` and ``u`` of Fellegi and Sunter, estimated without anybody's labels.

``u``, how often two people agree by chance, is counted: how common each birth date, telephone, house and name is among
the persons. ``m``, how often two records of one person agree, is counted on pairs under one checked number for the
name and the sex, and for the rest found by expectation-maximisation on pairs that share other fields than the one
estimated, of which one at least has no number: a birth date that was read off a number cannot be wrong. Where a site
has too few pairs, what stood in the table before weighs more.
"""

import hashlib
import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from .chinese import HAN
from .contacts import is_house
from .evidence import Evidence
from .judging import numbers_of
from .scoring import score
from .weights import Weights, surname_of

Levels = Mapping[str, str]
"""By field the level at which two records agree in it."""

MOST_PAIRS, MOST_IN_A_BLOCK = 200_000, 20
RANDOM_PAIRS = 20_000
_ROUNDS = 25
_PRIOR_MATCHES, _PRIOR_PAIRS = 100.0, 2_000.0
"""How many pairs the table that stood before counts for."""
_LEAST = 1e-7

Key = Callable[[Evidence], Iterator[object]]


def _name_phone(one: Evidence) -> Iterator[object]:
    return ((one.names[0].form, phone) for phone in one.phones)


def _name_born(one: Evidence) -> Iterator[object]:
    return ((one.names[0].form, born) for born in (one.known_born,) if born)


def _name_house(one: Evidence) -> Iterator[object]:
    return ((one.names[0].form, place) for place in one.addresses if is_house(place))


_SCHEMES: tuple[tuple[Key, frozenset[str]], ...] = (
    (_name_phone, frozenset({"born", "address"})),
    (_name_house, frozenset({"born", "phone"})),
    (_name_born, frozenset({"phone", "address"})),
)
"""By what pairs are found, and what is estimated on them."""


def estimate(records: Sequence[Evidence], persons: Sequence[Evidence], weights: Weights) -> Weights:
    """``records`` are all, ``persons`` one record of each person. Deterministic; the version is the table's hash."""
    known = [one for one in records if one.temporary is None]
    people = [one for one in persons if one.temporary is None]
    table = json.loads(json.dumps(weights.table))
    fields = table["fields"]
    for (field, level), u in _by_chance(people, weights).items():
        fields[field][level][1] = u
    by_chance = {(field, level): mu[1] for field, levels in fields.items() for level, mu in levels.items() if mu[1]}
    counts = _labelled(known, weights) + _expected(known, weights, by_chance)
    for field, levels in fields.items():
        if field == "document":
            continue
        prior = {level: mu[0] for level, mu in weights.table["fields"][field].items()}
        total = sum(counts[field, level] for level in levels)
        for level, mu in levels.items():
            mu[0] = _rounded((counts[field, level] + _PRIOR_MATCHES * prior[level]) / (total + _PRIOR_MATCHES))
    table["names"] |= _names(people, table["names"])
    table["origin"] = f"estimated on {len(records)} records of {len(persons)} persons"
    table.pop("version")
    digest = hashlib.sha256(json.dumps(table, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    return Weights({"version": f"site-{digest[:12]}", **table})


def _by_chance(people: Sequence[Evidence], weights: Weights) -> dict[tuple[str, str], float]:
    found = {
        ("born", "same"): _meeting(Counter(one.known_born for one in people if len(one.known_born or "") == 10)),
        ("phone", "same"): _meeting(Counter(phone for one in people for phone in one.phones)),
        ("address", "house"): _meeting(Counter(p for one in people for p in one.addresses if is_house(p))),
    }
    chosen, seen = random.Random(1), Counter[tuple[str, str]]()  # noqa: S311 - a sample, not a secret
    for _ in range(RANDOM_PAIRS if people else 0):
        one, other = chosen.choice(people), chosen.choice(people)
        if one is not other:
            seen.update(_levels(one, other, weights).items())
    for field, levels in weights.table["fields"].items():
        total = sum(seen[field, level] for level in levels)
        for level, (_, u) in levels.items():
            if u is not None and (field, level) not in found and field != "document":
                found[field, level] = (seen[field, level] + _PRIOR_PAIRS * u) / (total + _PRIOR_PAIRS)
    return {key: _rounded(max(u, _LEAST)) for key, u in found.items() if u > 0}


def _meeting(values: Counter[Any]) -> float:
    """How often two draws without replacement are equal; 0 where none ever were."""
    total = sum(values.values())
    return sum(n * (n - 1) for n in values.values()) / max(1, total * (total - 1))


def _labelled(records: Sequence[Evidence], weights: Weights) -> Counter[tuple[str, str]]:
    """Levels of name and sex of pairs under one number."""
    counts: Counter[Any] = Counter()
    for one, other in _pairs(records, lambda record: iter(numbers_of(record))):
        counts.update(item for item in _levels(one, other, weights).items() if item[0] in ("name", "sex"))
    return counts


def _expected(
    records: Sequence[Evidence], weights: Weights, by_chance: Mapping[tuple[str, str], float]
) -> Counter[tuple[str, str]]:
    counts: Counter[Any] = Counter()
    for key, fields in _SCHEMES:
        pairs = [
            {field: level for field, level in _levels(one, other, weights).items() if field in fields}
            for one, other in _pairs(records, key)
            if not numbers_of(one) or not numbers_of(other)
        ]
        counts.update(_maximised(pairs, weights, by_chance))
    return counts


def _maximised(
    pairs: Sequence[Levels], weights: Weights, by_chance: Mapping[tuple[str, str], float]
) -> dict[tuple[str, str], float]:
    """Expected counts of the levels among the pairs that are matches; ``u`` stays as it is."""
    patterns = Counter(tuple(sorted(one.items())) for one in pairs if one)
    prior = {(field, level): mu[0] for field, levels in weights.table["fields"].items() for level, mu in levels.items()}
    m, share = dict(prior), 0.9
    counts: dict[tuple[str, str], float] = {}
    for _ in range(_ROUNDS if patterns else 0):
        counts, matches = defaultdict(float), 0.0
        for pattern, times in patterns.items():
            odds = share / (1 - share) * math.prod(m[key] / by_chance[key] for key in pattern)
            expected = times * odds / (1 + odds)
            matches += expected
            for key in pattern:
                counts[key] += expected
        share = min(max(matches / sum(patterns.values()), 0.01), 0.99)
        totals: Counter[str] = Counter()
        for (field, _), count in counts.items():
            totals[field] += count  # type: ignore[assignment]
        m = {
            (field, level): (counts.get((field, level), 0.0) + _PRIOR_MATCHES * old) / (totals[field] + _PRIOR_MATCHES)
            for (field, level), old in prior.items()
        }
    return dict(counts)


def _pairs(records: Sequence[Evidence], key: Key) -> Iterator[tuple[Evidence, Evidence]]:
    blocks: dict[object, list[Evidence]] = defaultdict(list)
    for record in records:
        for value in key(record):
            blocks[value].append(record)
    given = 0
    for block in blocks.values():
        if len(block) <= MOST_IN_A_BLOCK:
            for pair in combinations(block, 2):
                yield pair
                given += 1
                if given >= MOST_PAIRS:
                    return


def _levels(one: Evidence, other: Evidence, weights: Weights) -> dict[str, str]:
    return {
        field: level
        for field, level, _ in score(one, other, weights).fields
        if level != "shared" and field not in ("number", "document")
    }


def _names(people: Sequence[Evidence], before: Mapping[str, Any]) -> dict[str, Any]:
    """Shares of surnames, and how often two of one surname share the given name."""
    forms = [form for one in people if HAN.search(form := one.names[0].form) and len(form) <= 4]
    surnames = Counter(map(surname_of, forms))
    found: dict[str, Any] = {}
    if len(forms) >= _PRIOR_PAIRS:
        common = {surname: _rounded(n / len(forms)) for surname, n in surnames.most_common(300) if n >= 5}
        rest = [n / len(forms) for surname, n in surnames.items() if surname not in common]
        found["surnames"] = common
        found["other_surname"] = _rounded(sum(rest) / len(rest)) if rest else before["other_surname"]
    for element, is_one in (("given_one", True), ("given_more", False)):
        whole = Counter(form for form in forms if (len(form) - len(surname_of(form)) == 1) == is_one)
        within: Counter[str] = Counter()
        for form, n in whole.items():
            within[surname_of(form)] += n
        pairs = sum(n * (n - 1) for n in within.values())
        equal = sum(n * (n - 1) for n in whole.values())
        prior = _PRIOR_PAIRS * 10
        found[element] = _rounded((equal + prior * before[element]) / (pairs + prior))
    return found


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
