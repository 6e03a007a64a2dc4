"""ADT^A01, A04, A08 and the other events of structure ADT_A01 (HL7 v2.5.1 chapter 3.3) to Patient and Encounter.

Each states the whole patient, so it replaces what the source sent before: conditional updates by the source's own
numbers. An A08 that comes before its A01 is therefore as good as one.
"""

from hub.contracts.submission import Entry

from . import dtm, pv1
from .entries import FullUrls, update
from .message import Message, Segment
from .pid import condition_of, need_pid, patient, primary, z_segments
from .source import Source

_BEGINS_A_VISIT = frozenset(("A01", "A04", "A05"))


def translate(message: Message, source: Source, event: str) -> tuple[Entry, ...]:
    """Patient, and Encounter where PV1 tells of a visit that can be told from others."""
    urls = FullUrls()
    pid = need_pid(message)
    person = patient(message, source, pid, message.all("NK1"))
    if z := z_segments(message):
        person["extension"] = [*person.get("extension", ()), *z]
    patient_url = urls.next()
    entries = [update(person, condition_of(person["identifier"]), patient_url)]
    visit = message.first("PV1")
    if visit is not None and (
        number := _visit_number(message, source, visit, primary(person["identifier"])["value"], event)
    ):
        found = pv1.encounter(message, source, visit, number, {"reference": patient_url}, event)
        entries.append(update(found, pv1.condition_of(number), urls.next()))
    return tuple(entries)


def _visit_number(
    message: Message, source: Source, visit: Segment, patient_number: str, event: str
) -> dict[str, object] | None:
    """PV1-19, else patient and beginning. An update that names neither says nothing of one visit: None."""
    stated = pv1.visit_identifier(message, source, visit)
    if stated:
        return stated
    if not visit.text(2) or visit.text(2) == "N":
        return None
    began = visit.text(44)
    if not began and event in _BEGINS_A_VISIT:
        evn = message.first("EVN")
        began = (evn.text(6) or evn.text(2) if evn else "") or message.header.text(7)
    moment = dtm.moment(began) if began else None
    return pv1.made_identifier(source, patient_number, moment.value[:19]) if moment else None
