"""The same estimate with splink's expectation-maximisation for birth date, sex, telephone and house.

splink (MIT) is an optional extra, ``pip install 'regional-health-hub[identity]'``; it runs here, offline, on what the
evidence holds. It gives ``m``; names, and what splink could not train, are those of ``estimating``.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from .contacts import is_house
from .estimating import estimate
from .evidence import Evidence
from .judging import numbers_of
from .weights import Weights

MISSING = (
    "hub: splink is not installed here. Install it with pip install 'regional-health-hub[identity]', or estimate"
    " without --splink."
)
_MOST_SAMPLED = 1_000_000
_LEAST_M = 0.001
"""What a site's sample never shows may happen all the same."""
_NEAR = " + ".join(f"CAST(substr(born_l, {at}) = substr(born_r, {at}) AS INT)" for at in ("1, 4", "6, 2", "9, 2"))
_LEVELS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "born": ("born", (("same", "born_l = born_r"), ("near", f"{_NEAR} = 2"), ("other", "ELSE"))),
    "sex": ("sex", (("same", "sex_l = sex_r"), ("other", "ELSE"))),
    "phone": ("phone", (("same", "phone_l = phone_r"), ("other", "ELSE"))),
    "address": ("house", (("house", "house_l = house_r"), ("other", "ELSE"))),
}
"""By field of ours: the column, and the levels with their conditions, the strongest first."""
_BLOCKS = (("form", "phone"), ("form", "house"), ("form", "born"))


def estimate_with_splink(records: Sequence[Evidence], persons: Sequence[Evidence], weights: Weights) -> Weights | None:
    """None where splink is not installed."""
    try:
        import splink
    except ImportError:
        return None
    table = json.loads(json.dumps(estimate(records, persons, weights).table))
    for (field, level), m in _trained(splink, records).items():
        table["fields"][field][level][0] = float(f"{min(max(m, _LEAST_M), 1 - _LEAST_M):.4g}")
    table.pop("version")
    table["origin"] += f", with splink {splink.__version__}"
    digest = hashlib.sha256(json.dumps(table, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    return Weights({"version": f"site-{digest[:12]}", **table})


def _trained(splink: Any, records: Sequence[Evidence]) -> dict[tuple[str, str], float]:
    import pyarrow

    database = splink.DuckDBAPI()
    known = [one for one in records if one.temporary is None and not numbers_of(one)]
    rows = [_row(n, one) for n, one in enumerate(known)]
    frame = database.register(pyarrow.Table.from_pylist(rows), table_name="records")
    settings = splink.SettingsCreator(link_type="dedupe_only", comparisons=[_comparison(field) for field in _LEVELS])
    linker = splink.Linker(frame, settings, log_level=None)
    linker.training.estimate_u_using_random_sampling(max_pairs=_MOST_SAMPLED, seed=1)
    for columns in _BLOCKS:
        rule = splink.block_on(*columns)
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    model = linker.misc.save_model_to_json()
    found: dict[tuple[str, str], float] = {}
    for comparison in model["comparisons"]:
        for level in comparison["comparison_levels"]:
            if not level.get("is_null_level") and level.get("m_probability"):
                found[comparison["output_column_name"], level["label_for_charts"]] = level["m_probability"]
    return found


def _row(n: int, one: Evidence) -> dict[str, object]:
    return {
        "unique_id": n,
        "form": one.names[0].form,
        "born": one.known_born if len(one.known_born or "") == 10 else None,
        "sex": one.sex,
        "phone": one.phones[0] if one.phones else None,
        "house": next(filter(is_house, one.addresses), None),
    }


def _comparison(field: str) -> dict[str, Any]:
    column, levels = _LEVELS[field]
    null = {
        "sql_condition": f"{column}_l IS NULL OR {column}_r IS NULL",
        "label_for_charts": "null",
        "is_null_level": True,
    }
    return {
        "output_column_name": field,
        "comparison_levels": [null, *({"sql_condition": sql, "label_for_charts": name} for name, sql in levels)],
    }
