"""What ORC and OBR say of an order, for reports and for orders alike (HL7 v2.5.1 chapters 4.5.1, 4.5.3)."""

from . import dtm, tables
from .datatypes import Json, ei, practitioner
from .message import Message, Segment
from .source import Source


def number(
    message: Message, source: Source, orc: Segment | None, obr: Segment | None, field: int, kind: str
) -> Json | None:
    """Placer (field 2, PLAC) or filler (field 3, FILL) number: of OBR, else of ORC."""
    for segment in (obr, orc):
        if segment is not None and segment.raw(field):
            found = ei(message, source, message.first_repetition(segment.raw(field)), kind)
            if found:
                return found
    return None


def requester(message: Message, source: Source, orc: Segment | None, obr: Segment | None) -> Json | None:
    for segment, field in ((orc, 12), (obr, 16)):
        if segment is not None and segment.raw(field):
            found = practitioner(message, source, message.first_repetition(segment.raw(field)))
            if found:
                return found
    return None


def section_and_status(obr: Segment) -> tuple[str, str]:
    """OBR-24 and OBR-25."""
    return (obr.text(23), obr.text(24)) if one_field_early(obr) else (obr.text(24), obr.text(25))


def one_field_early(obr: Segment) -> bool:
    """Some senders write OBR-22 (issued), OBR-24 (section) and OBR-25 (status) one field early: OBR-24 then holds a
    status and OBR-23, the charge, a section."""
    early = obr.text(23)
    return (
        bool(early)
        and not obr.text(25)
        and early.upper() in tables.SECTIONS
        and obr.text(24).upper() in tables.REPORT_STATUS
    )


def section(obr: Segment) -> str | None:
    """Observation category of OBR-24: laboratory, imaging, procedure, or None where it does not say."""
    return tables.SECTIONS.get(section_and_status(obr)[0].upper())


def service_key(message: Message, obr: Segment) -> str:
    """OBR-4 as one word: its identifier, else its text."""
    raw = message.first_repetition(obr.raw(4))
    parts = message.components(raw) if raw else []
    return next((part for part in (*parts[:1], *parts[3:4], *parts[1:2], *parts[4:5]) if part), "")


def priority(orc: Segment | None, obr: Segment | None, timing: Segment | None) -> str | None:
    """TQ1-9, OBR-5, OBR-27.6, ORC-7.6: the first that is said."""
    for segment, field, component in ((timing, 9, 1), (obr, 5, 1), (obr, 27, 6), (orc, 7, 6)):
        if segment is not None:
            known = tables.PRIORITY.get(segment.text(field, component).upper())
            if known:
                return known
    return None


def starts(orc: Segment | None, obr: Segment | None, timing: Segment | None) -> dtm.Moment | None:
    """When the service is wanted: TQ1-7, OBR-36, ORC-7.4, OBR-27.4, OBR-6, OBR-7; the first that is said."""
    for segment, field, component in (
        (timing, 7, 1),
        (obr, 36, 1),
        (orc, 7, 4),
        (obr, 27, 4),
        (obr, 6, 1),
        (obr, 7, 1),
    ):
        if segment is not None:
            found = dtm.read(segment.text(field, component), segment.name, field, segment.sequence)
            if found:
                return found
    return None
