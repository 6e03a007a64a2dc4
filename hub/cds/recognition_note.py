"""What is written down when a card was answered: the recognition note (互认记录) or the reason of the repeat
(重复检查检验理由), and the explanation for the patient beside it.

Both are Communications (R4 communication.html) of the ordering organization, found by ``subject`` and ``category``
(``recognition-note``, ``repeat-reason``, ``patient-explanation``); ``about`` are the priors, ``reasonCode`` is the
override reason, ``sender`` who decided. Feedback that comes again leaves them as they are; feedback that changes its
mind makes a new version. What may not be named on a card is not named here either.
"""

import re
from dataclasses import dataclass
from typing import Any

from hub.contracts.caller import Role
from hub.contracts.codes import BASE
from hub.contracts.store import CommitView
from hub.exams.judging.intervals import SiteTables
from hub.exams.judging.prior import Context, Prior
from hub.exams.telling.explaining import Record
from hub.exams.telling.kept_case import context_of
from hub.exams.telling.withholding import is_withheld
from hub.exams.telling.wording import WITHHELD, day_of, place_of, prior_name

from .override_reasons import clean, in_words, reason_concept

CATEGORY = f"{BASE}/CodeSystem/communication"
CARD = f"{BASE}/cds-card"
"""Identifier system: the card that was answered."""
LONGEST_NAME = 200
_ACTOR = re.compile(r"(?:Practitioner|PractitionerRole)/[A-Za-z0-9\-.]{1,64}")
_CATEGORIES = {
    "recognition-note": "检查检验结果互认记录",
    "repeat-reason": "重复检查检验理由",
    "patient-explanation": "患者告知",
}


@dataclass(frozen=True, slots=True)
class Answered:
    """A card with the feedback on it."""

    card: str
    patient: str
    organization: str
    actor: str | None
    accepted: bool
    reason_system: str | None = None
    reason_code: str | None = None
    comment: str | None = None


def _known(record: Record, context: Context) -> tuple[list[Prior], bool]:
    """The priors that may be named, and whether there are others."""
    decisive = [each.prior() for each in record.case.priors if set(each.refs) & set(record.told["priors"])]
    named = [p for p in decisive if not p.sibling and not is_withheld(p, context, Role.PHYSICIAN, from_owner=True)]
    return named, len(named) < len(decisive)


def _found(priors: list[Prior], withheld: bool, context: Context) -> str:
    said = [f"{place_of(prior, context.institution)} {day_of(prior)} {prior_name(prior)}" for prior in priors]
    return "；".join(said + ([WITHHELD] if withheld else []))


def texts(record: Record, answered: Answered) -> tuple[str, str]:
    """The note for the record, and the words for the patient."""
    context = context_of(record.case, SiteTables())
    priors, withheld = _known(record, context)
    found = _found(priors, withheld, context) or WITHHELD
    asked = "本次所开项目" if withheld else f"“{record.case.order.name[:LONGEST_NAME]}”"
    seen = "".join(f"结论：{text}。" for prior in priors if (text := prior.first("conclusion").rstrip("。")))
    if answered.accepted:
        note = f"拟行{asked}。查见已有结果：{found}。{seen}经判断可满足本次诊疗需要，予以互认，不再重复检查。"
        told = (
            f"您近期已做过同类检查检验（{found}），结果可以继续使用，本次不需要重做，可减少等候和费用。"
            "如病情变化，医生会重新安排。"
        )
        return note, told
    why = in_words(answered.reason_code, answered.comment)
    note = f"拟行{asked}。查见已有结果：{found}。{seen}因“{why}”，需再次检查。"
    told = f"您近期已做过同类检查检验（{found}）。医生认为仍需再做一次，原因是：{why}。如有疑问，请向医生询问。"
    return note, told


def write(view: CommitView, record: Record, answered: Answered) -> None:
    """Put both Communications into the commit of the feedback."""
    note, told = texts(record, answered)
    context = context_of(record.case, SiteTables())
    priors, _ = _known(record, context)
    about = list(dict.fromkeys(ref for prior in priors for ref in prior.refs))
    kind = "recognition-note" if answered.accepted else "repeat-reason"
    first = _communication(answered, kind, note, about)
    if not answered.accepted:
        first["reasonCode"] = [reason_concept(answered.reason_system, answered.reason_code, answered.comment)]
    second = _communication(answered, "patient-explanation", told, about)
    second["recipient"] = [{"reference": f"Patient/{answered.patient}"}]
    second["partOf"] = [{"reference": f"Communication/note-{answered.card}"}]
    for number, body in ((f"note-{answered.card}", first), (f"explanation-{answered.card}", second)):
        view.put("Communication", body, owner=answered.organization, id=number, patient=answered.patient)


def _communication(answered: Answered, kind: str, text: str, about: list[str]) -> dict[str, Any]:
    named = answered.actor is not None and _ACTOR.fullmatch(answered.actor)
    sender = answered.actor if named else f"Organization/{answered.organization}"
    category = {"coding": [{"system": CATEGORY, "code": kind, "display": _CATEGORIES[kind]}], "text": _CATEGORIES[kind]}
    body: dict[str, Any] = {
        "resourceType": "Communication",
        "identifier": [{"system": CARD, "value": answered.card}],
        "status": "completed",
        "category": [category],
        "subject": {"reference": f"Patient/{answered.patient}"},
        "sender": {"reference": sender},
        "payload": [{"contentString": clean(text)}],
    }
    return body | ({"about": [{"reference": ref} for ref in about]} if about else {})
