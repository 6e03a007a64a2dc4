"""Cards (CDS Hooks 2.0, CDS Service Response): at most three, warnings first, each with the prior itself and one useful
action. ``systemActions`` are not used: nothing is cancelled but by the physician."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hub.contracts.codes import BASE
from hub.exams.judging.coverage import Coverage
from hub.exams.judging.prior import Context, Order, Prior
from hub.exams.judging.verdict import Verdict
from hub.exams.telling.wording import (
    HOW_TO_ASK,
    WITHHELD,
    age_in_words,
    day_of,
    heading,
    name_in_words,
    need_in_words,
    place_of,
    prior_name,
    sentence,
    state_in_words,
)

from .offers import View, links, suggestions
from .outside import Heard
from .override_reasons import override_reasons
from .phrases import NOT_CHECKED, SILENCE, explained, in_words
from .request import Draft

MOST_CARDS = 3
LONGEST_SUMMARY = 139
"""CDS Hooks says less than 140."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~])")


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict on its way out: whole, as it is kept under ``id``; as this caller may be ``told`` it; and the card that
    shows it."""

    draft: Draft
    verdict: Verdict
    told: Verdict
    id: str
    card: str | None = None
    muted: bool = False
    """A committee has decided that no card is shown of it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the hub is reached, and how a browser gets to see one resource."""

    base_url: str
    view: View


def plain(words: str) -> str:
    """Text of records within markdown: never markup, never more than one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(words.split()))[:500]


def verdict_json(draft_ref: str, verdict: Verdict, number: str) -> dict[str, Any]:
    """``hub.verdict`` as other systems read it."""
    told: dict[str, Any] = {
        "draft": draft_ref,
        "verdict": verdict.code,
        "coverage": verdict.coverage.value,
        "priors": list(verdict.priors),
        "remainder": list(verdict.remainder),
        "rules": list(verdict.rules),
        "tables": verdict.tables,
        "id": number,
    }
    if verdict.reason:
        told["reason"] = verdict.reason
    if verdict.lowered_by:
        told["loweredBy"] = list(verdict.lowered_by)
    if verdict.withheld:
        told["withheld"] = verdict.withheld
    if verdict.window is not None:
        told["window"] = {"item": verdict.window.item, "level": verdict.window.level}
    return told


def _ranked(judged: Sequence[Judged]) -> list[Judged]:
    """Warnings first, then the youngest prior, ties in the order of the drafts."""
    shown = [each for each in judged if each.verdict.indicator is not None and not each.muted]

    def rank(each: Judged) -> tuple[bool, int]:
        newest = max((prior.anchor_us for prior in each.told.covering), default=0)
        return each.verdict.indicator != "warning", -newest

    return sorted(shown, key=rank)


def _prior_lines(prior: Prior, context: Context) -> list[str]:
    told = f"- **{plain(prior_name(prior))}** · {plain(place_of(prior, context.institution))}"
    when = f"{day_of(prior)}（{age_in_words(prior, context.now_us)}，{state_in_words(prior)}）"
    lines = [f"{told} · {when}"]
    conclusion = prior.first("conclusion")
    if conclusion:
        lines.append(f"  - 结论：{plain(conclusion)}")
    return lines


def _detail(verdict: Verdict, context: Context, more: int) -> str:
    order = verdict.order
    named = order.name or (name_in_words(order.examination) if order.examination else "")
    lines = [f"**{heading(verdict)}**", ""]
    if verdict.covering:
        lines += [f"本次医嘱：{plain(named)}", "", "既往检查检验："]
    for prior in verdict.covering[:5]:
        lines += _prior_lines(prior, context)
    if verdict.withheld:
        lines += [f"- {WITHHELD}：{verdict.withheld} 项。{HOW_TO_ASK}"]
    if verdict.remainder and verdict.code in ("narrow", "in-flight"):
        lines += ["", "尚缺：" + "、".join(need_in_words(each) for each in verdict.remainder)]
    lines += [f"- {line}" for line in explained(verdict)]
    if more:
        lines += ["", f"另有 {more} 项医嘱也有提示，未逐一显示。"]
    return "\n".join(lines)


def _card(judged: Judged, context: Context, place: Place, more: int) -> dict[str, Any]:
    verdict = judged.told
    if verdict.code == "not-checked":
        return _not_checked(judged, more)
    summary = sentence(verdict, context.now_us, context.institution)
    card: dict[str, Any] = {
        "uuid": judged.card,
        "summary": _shortened(summary),
        "detail": _detail(verdict, context, more),
        "indicator": verdict.indicator,
        "source": _source(place.base_url, verdict.code),
        "overrideReasons": override_reasons(),
        "links": links(verdict, place.view),
        "extension": {"hub.verdict": verdict_json(judged.draft.ref, verdict, judged.id)},
    }
    offered = suggestions(judged.draft, verdict)
    if offered:
        card |= {"suggestions": offered, "selectionBehavior": "at-most-one"}
    return card


def _not_checked(judged: Judged, more: int) -> dict[str, Any]:
    further = f"\n\n另有 {more} 项医嘱也未能核对。" if more else ""
    return {
        "uuid": judged.card,
        "summary": NOT_CHECKED,
        "detail": f"{NOT_CHECKED}这不表示没有重复。{further}",
        "indicator": "info",
        "source": _source("", "not-checked"),
        "extension": {"hub.verdict": verdict_json(judged.draft.ref, judged.verdict, judged.id)},
    }


def _source(base_url: str, code: str) -> dict[str, Any]:
    source: dict[str, Any] = {"label": "县域健康信息平台 · 检查检验互认"}
    if base_url:
        source["url"] = base_url + "/"
    source["topic"] = {"system": f"{BASE}/CodeSystem/duplicate-verdict", "code": code, "display": in_words(code)}
    return source


def _shortened(summary: str) -> str:
    one_line = " ".join(summary.split())
    return one_line if len(one_line) <= LONGEST_SUMMARY else one_line[: LONGEST_SUMMARY - 1] + "…"


def answer(
    judged: Sequence[Judged], others: Sequence[Draft], context: Context, place: Place, heard: Sequence[Heard] = ()
) -> tuple[dict[str, Any], list[Judged]]:
    """The response, and the verdicts with the cards that show them. ``others`` are drafts of types nobody judges,
    ``heard`` what outside sources said: which of them were silent stands on every card."""
    ranked = _ranked(judged)
    shown = [replace(each, card=str(uuid.uuid4())) for each in ranked[:MOST_CARDS]]
    more = len(ranked) - len(shown)
    cards = [_card(each, context, place, more if at == len(shown) - 1 else 0) for at, each in enumerate(shown)]
    with_card = {each.id for each in shown}
    silent = [
        verdict_json(each.draft.ref, each.told, each.id) | ({"muted": True} if each.muted else {})
        for each in judged
        if each.id not in with_card
    ]
    silent += [
        verdict_json(draft.ref, verdict, str(uuid.uuid4()))
        for draft in others
        for verdict in (not_ours(draft, context),)
    ]
    rest = [each for each in judged if each.id not in with_card]
    extension: dict[str, Any] = {"hub.verdicts": silent}
    if heard:
        extension["hub.sources"] = [
            {"source": one.source, "state": "silent" if one.silent else "answered", "results": one.results}
            for one in heard
        ]
    for card in cards:
        card["detail"] += "".join(f"\n\n{plain(one.source)}{SILENCE}" for one in heard if one.silent)
    return {"cards": cards, "extension": extension}, [*shown, *rest]


def not_ours(draft: Draft, context: Context) -> Verdict:
    """Drafts that are no examination: medicines, diets."""
    return Verdict(Order(draft.ref, "", None), "none", Coverage.NONE, tables=context.sites.name)
