"""All drafts of one signing: each judged against the history and against its siblings.

Of two drafts where one covers the other, the covered one is told; of equal ones, the later (clarification 20).
"""

from collections.abc import Sequence

from ..rows.row import Detail, State, encode_detail
from .coverage import Coverage, answer
from .evidence import furthest_seconds
from .history import keys_for
from .prior import Context, Order, Prior
from .verdict import Verdict, judge


def reach(orders: Sequence[Order], contexts: Sequence[Context]) -> dict[str, int]:
    """Which rows have to be read for these orders: their keys, each with how far back it matters (microseconds)."""
    since_us: dict[str, int] = {}
    for order, context in zip(orders, contexts, strict=True):
        if order.examination is not None:
            earliest = context.now_us - int(furthest_seconds(order.examination, context) * 1e6)
            for key in keys_for(order.examination):
                since_us[key] = min(since_us.get(key, earliest), earliest)
    return since_us


def siblings(orders: Sequence[Order], at: int, context: Context) -> list[Prior]:
    """The drafts that make the one at ``at`` needless, as priors."""
    mine = orders[at].examination
    found: list[Prior] = []
    for other_at, other in enumerate(orders):
        if other_at == at or mine is None or other.examination is None or other.ref == orders[at].ref:
            continue
        if answer(mine, other.examination).coverage is not Coverage.FULL:
            continue
        equal = answer(other.examination, mine).coverage is Coverage.FULL
        if equal and other_at > at:
            continue
        detail = Detail(name=other.name, contradictions=other.contradictions)
        found.append(
            Prior(
                refs=(other.ref,),
                examination=other.examination,
                state=State.ORDERED,
                anchor_us=context.now_us,
                owner=context.organization,
                raw_details=(encode_detail(detail),),
                sibling=True,
            )
        )
    return found


def judge_all(
    orders: Sequence[Order], selected: Sequence[int], priors: Sequence[Prior], contexts: Sequence[Context]
) -> list[Verdict]:
    """Verdicts on the drafts at ``selected``, in that order. ``contexts`` go with ``orders``: drafts may belong to
    different encounters."""
    return [judge(orders[at], [*siblings(orders, at, contexts[at]), *priors], contexts[at]) for at in selected]
