"""``hub identity estimate``: weights from the site's own records, what they would change, and the change."""

import sys
import tempfile
from functools import partial
from pathlib import Path

from hub.app.parts import compose
from hub.contracts.caller import Caller, Role
from hub.identity.estimating import estimate
from hub.identity.reaction import IdentityReaction
from hub.identity.rehearsal import Change, kept_evidence, put_in_force, rehearse
from hub.identity.weights import Weights
from hub.identity.weights_in_force import weights_in_force
from hub.settings import Settings
from hub.store.sqlite import SqliteResourceStore

LEAST_RECORDS = 1_000
_OPERATOR = Caller("hub", Role.SERVICE, "hub")


def estimate_weights(settings: Settings, *, apply: bool, with_splink: bool) -> int:
    """Prints both tables side by side and the change; ``apply`` also makes it. Exit status 2 where there is too little
    to estimate from."""
    parts = compose(settings)
    try:
        rows = parts.store.side_rows
        old = weights_in_force(rows)
        records, persons = kept_evidence(rows)
        if len(records) < LEAST_RECORDS:
            print(
                f"hub: {len(records)} records are too few to estimate from; {LEAST_RECORDS} are needed. The table in"
                f" force, {old.version}, stays.",
                file=sys.stderr,
            )
            return 2
        if with_splink:
            from hub.identity.splink_estimating import MISSING, estimate_with_splink

            new = estimate_with_splink(records, persons, old)
            if new is None:
                print(MISSING, file=sys.stderr)
                return 2
        else:
            new = estimate(records, persons, old)
        change = _rehearsed(parts.store, new)
        _show(old, new, change)
        if apply:
            put_in_force(new, lambda action: parts.store.act(action, _OPERATOR), change.concerned)
            print(f"In force: {new.version}")
        else:
            print("Nothing was changed. Run it again with --apply to decide by these weights.")
        return 0
    finally:
        parts.close()


def _rehearsed(store: SqliteResourceStore, weights: Weights) -> Change:
    with tempfile.TemporaryDirectory(prefix="hub-identity-") as folder:
        scratch = SqliteResourceStore(Path(folder), reactions=[IdentityReaction()])
        try:
            act = partial(scratch.act, caller=_OPERATOR)
            return rehearse(store.side_rows, act, scratch.side_rows, weights)
        finally:
            scratch.close()


def _show(old: Weights, new: Weights, change: Change) -> None:
    print(f"{'field':<10}{'level':<11}{'m':>10}{'u':>12}{'bits':>8}{'were':>8}")
    for field, levels in new.table["fields"].items():
        for level, (m, u) in levels.items():
            bits = f"{new.bits[field, level]:.1f}" if u else "by name"
            were = f"{old.bits[field, level]:.1f}" if u else ""
            print(f"{field:<10}{level:<11}{m:>10.4g}{u or 0:>12.4g}{bits:>8}{were:>8}")
    names, before = new.table["names"], old.table["names"]
    for element in ("given_one", "given_more"):
        print(f"two of one surname share the given name ({element}): {names[element]:.4g}, was {before[element]:.4g}")
    print(
        f"\n{old.version} → {new.version}, {change.records} records:\n"
        f"  links gained {change.gained}, lost {change.lost} (pairs of records)\n"
        f"  reviews waiting {change.reviews_before} → {change.reviews_after}\n"
        f"  records concerned {len(change.concerned)}"
    )
