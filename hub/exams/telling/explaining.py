"""The whole reasoning of a verdict, from what was kept with it; and the verdict given once more, to see that it is the
same."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from hub.contracts.site import ZONE

from ..examination import attributes
from ..judging.evidence import windows
from ..judging.intervals import SiteTables
from ..judging.verdict import Verdict
from ..naming.name_parser import parse
from ..rows.fhir_reading import UNDATED_US
from .kept_case import KeptCase, KeptPrior, context_of, replayed, told


class Record(msgspec.Struct, frozen=True):
    """A verdict as it was given, and what it was given from. ``verdict`` is ``kept_case.told``."""

    id: str
    verdict: msgspec.Raw
    case: KeptCase

    @property
    def told(self) -> dict[str, Any]:
        given: dict[str, Any] = msgspec.json.decode(self.verdict)
        return given


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Record)


def encode_record(number: str, verdict: Verdict, case: KeptCase) -> bytes:
    return _encoder.encode(Record(number, msgspec.Raw(told(verdict)), case))


def decode_record(content: bytes) -> Record:
    return _decoder.decode(content)


def replay(record: Record, sites: SiteTables) -> dict[str, Any]:
    """``identical`` says whether the verdict given again is the same byte for byte; None where nothing was judged
    since the history could not be read. ``tables`` are those of then, ``tables_now`` those of the second time."""
    given = record.told
    now = sites.name
    if given["verdict"] == "not-checked":
        return {"identical": None, "tables": given["tables"], "tables_now": now}
    again = told(replayed(record.case, sites))
    answer: dict[str, Any] = {"identical": again == bytes(record.verdict), "tables": given["tables"], "tables_now": now}
    if not answer["identical"]:
        answer["now"] = msgspec.json.decode(again)
    return answer


def _moment(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, UTC).astimezone(ZONE).isoformat(timespec="seconds")


def _prior(prior: KeptPrior) -> dict[str, Any]:
    kept = prior.prior()
    return {
        "refs": list(prior.refs),
        "examination": prior.attributes(),
        "name": kept.first("name"),
        "state": prior.state,
        "anchor": None if prior.anchor_us >= UNDATED_US else _moment(prior.anchor_us),
        "date_only": prior.date_only,
        "organization": kept.organization,
        "contradictions": list(kept.contradictions),
        "outcome": prior.outcome,
        "decisive": prior.decisive,
        "rules": list(prior.rules),
        "refusal": prior.refusal or None,
    }


def explained(record: Record, sites: SiteTables) -> dict[str, Any]:
    """Everything, for machines; ``lines`` puts it in sentences. ``sites`` are the tables the verdict was given with."""
    case, order = record.case, record.case.order
    context = context_of(case, sites)
    parsed = parse(order.name)
    asked = windows(order.examination, context) if order.examination is not None else []
    return {
        "id": record.id,
        "verdict": record.told,
        "order": {
            "ref": order.ref,
            "name": order.name,
            "examination": attributes(order.examination) if order.examination else None,
            "sources": list(order.sources),
            "words": [list(pair) for pair in parsed.evidence],
            "unknown_words": list(parsed.unknown),
            "contradictions": list(order.contradictions),
            "reasons": [said.text or next((d for _, _, d in said.codings if d), "") for said in order.reasons],
        },
        "at": _moment(context.now_us),
        "organization": context.organization,
        "setting": context.setting,
        "age_days": None if context.age_days is None else int(context.age_days),
        "windows": [
            {"need": need.name}
            | (
                {}
                if window is None
                else {
                    "item": window.item,
                    "level": window.level,
                    "once_per_admission": window.once_per_admission,
                    "minimum_days": None if window.once_per_admission else window.minimum_seconds / 86_400,
                    "limit_days": None if window.once_per_admission else window.limit_seconds / 86_400,
                }
            )
            for need, window in asked
        ],
        "priors": [_prior(prior) for prior in (*case.priors, *case.others)],
        "passed_over": case.passed_over,
        "replay": replay(record, sites),
    }


def _said(examination: dict[str, Any] | None) -> str:
    if examination is None:
        return "not understood"
    return ", ".join(f"{name} {value}" for name, value in examination.items() if value not in (None, [], False))


def _window(window: dict[str, Any]) -> str:
    if "item" not in window:
        return f"Window of {window['need']}: none, so a repeat is never told of"
    if window["once_per_admission"]:
        return f"Window of {window['need']}: {window['item']} ({window['level']}): once per admission"
    days = f"minimum {window['minimum_days']:g} d, limit {window['limit_days']:g} d"
    return f"Window of {window['need']}: {window['item']} ({window['level']}): {days}"


def lines(told: dict[str, Any]) -> Iterator[str]:
    """The reasoning that ``explained`` gave, a line a step."""
    verdict, order = told["verdict"], told["order"]
    yield f"Verdict {told['id']}: {verdict['verdict']} ({verdict['coverage']}), {verdict['indicator'] or 'no card'}"
    yield f"Given {told['at']} in the setting {told['setting']}, with tables {verdict['tables']}"
    yield f"Order {order['ref']} “{order['name']}”: {_said(order['examination'])}"
    if order["sources"]:
        yield "Understood from: " + ", ".join(order["sources"])
    if order["words"]:
        yield "Words: " + "; ".join(f"{word} = {meaning}" for word, meaning in order["words"])
    if order["unknown_words"]:
        yield "Unknown words: " + ", ".join(order["unknown_words"])
    if order["contradictions"]:
        yield "Code and text contradict each other in: " + ", ".join(order["contradictions"])
    if order["reasons"]:
        yield "Stated reasons: " + "; ".join(order["reasons"])
    yield from map(_window, told["windows"])
    yield "Rules: " + (", ".join(verdict["rules"]) or "none")
    for note in verdict["notes"]:
        yield f"Note: {note}"
    if verdict["reason"]:
        yield f"Reason: {verdict['reason']}"
    if verdict["loweredBy"]:
        yield "Lowered by: " + ", ".join(verdict["loweredBy"])
    if verdict["remainder"]:
        yield "Remainder: " + ", ".join(verdict["remainder"])
    for prior in told["priors"]:
        mark = "rests on" if set(prior["refs"]) & set(verdict["priors"]) else "considered"
        by = f"by {', '.join(prior['rules'])}" if prior["rules"] else ""
        why = " ".join(filter(None, [prior["outcome"], prior["refusal"], by]))
        where = f"[{prior['state']}, {prior['anchor'] or 'undated'}, {prior['organization']}]"
        yield f"{mark} {', '.join(prior['refs'])} {where}: {_said(prior['examination'])}: {why}"
    if told["passed_over"]:
        yield f"{told['passed_over']} more priors changed nothing and are not listed"
    yield _replay(told["replay"])


def _replay(replay: dict[str, Any]) -> str:
    if replay["identical"] is None:
        return "Replay: nothing was judged, the history could not be read in time"
    if replay["identical"]:
        return f"Replay: the same verdict again, with tables {replay['tables_now']}"
    changed = replay["tables"] != replay["tables_now"]
    why = f"the tables are now {replay['tables_now']}" if changed else "the tables are the same, the program is another"
    return f"Replay: {replay['now']['verdict']} today, {replay['now']['indicator'] or 'no card'}: {why}"
