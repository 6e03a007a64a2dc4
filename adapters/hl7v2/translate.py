"""From a parsed message to the submission it means: which translator reads which message (HL7 table 0076, 0003)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from hub.contracts.caller import Caller
from hub.contracts.errors import ExchangeError
from hub.contracts.submission import Channel, Entry, Origin, Original, Submission

from . import adt_a01, adt_a40, orm_o01, oru_r01, tables
from .message import FRAMING, Message
from .refusal import MessageIncorrect, MessageUnsupported, missing
from .source import Source, is_fhir_id, source_of

Translator = Callable[[Message, Source, str], tuple[Entry, ...]]

CONTENT_TYPE = "x-application/hl7-v2+er7"

TRANSLATORS: Mapping[str, Mapping[str, Translator]] = {
    "ADT": {
        **dict.fromkeys((*tables.ENCOUNTER_STATUS, "A08", "A28", "A31"), adt_a01.translate),
        **dict.fromkeys((*adt_a40.MERGE, adt_a40.LINK, adt_a40.UNLINK), adt_a40.translate),
    },
    "ORM": {"O01": orm_o01.translate},
    "OML": {"O21": orm_o01.translate},
    "OMG": {"O19": orm_o01.translate},
    "OMI": {"O23": orm_o01.translate},
    "OMP": {"O09": orm_o01.translate},
    "RDE": {"O11": orm_o01.translate},
    "ORU": {"R01": oru_r01.translate},
}
_ONLY_EVENT = {"ORM": "O01", "OML": "O21", "ORU": "R01"}
_KEY_FIELDS = (3, 4, 7, 10)
_LONGEST_KEY_PART = 250
_ACTORS = (("ORC", 10), ("ORC", 12), ("OBR", 32), ("OBR", 16), ("EVN", 5))
"""Where a message names the person who acts: entered by, ordering provider, interpreter, operator."""


def submission_of(content: bytes, message: Message, caller: Caller, received: datetime) -> Submission:
    """What the message means. ``content`` are its bytes as received.

    Raises MessageUnsupported for a type or event without a translator, MessageIncorrect for what is wrong in it."""
    entries = translator_of(message)(message, source_of(message, caller), event_of(message))
    actor = actor_of(message)
    origin = Origin(
        replace(caller, actor=actor) if actor else caller,
        Channel.HL7V2,
        received,
        key=key_of(message),
        key_hash=sha256(content.strip(FRAMING)).digest(),
    )
    return Submission(entries, origin, Original(content, content_type(message)))


def key_of(message: Message) -> str:
    """Sender (MSH-3, MSH-4), MSH-7 and MSH-10: what makes a message one. Raises MessageIncorrect without MSH-10."""
    header = message.header
    if not header.text(10):
        raise missing("MSH", 10)
    parts = [header.raw(field) for field in _KEY_FIELDS]
    for field, part in zip(_KEY_FIELDS, parts, strict=True):
        if len(part) > _LONGEST_KEY_PART:
            raise MessageIncorrect(
                f"MSH-{field} has more than {_LONGEST_KEY_PART} characters.",
                segment="MSH",
                field=field,
                code=104,
                remedy="Shorten it.",
            )
    return "|".join(parts)


def translator_of(message: Message) -> Translator:
    """Raises MessageIncorrect where MSH-9 is empty, MessageUnsupported where nobody reads it."""
    kind = message.header.text(9).upper()
    if not kind:
        raise missing("MSH", 9)
    by_event = TRANSLATORS.get(kind)
    if by_event is None:
        raise MessageUnsupported(
            "This message type is not taken.", component=1, remedy=f"Send one of {', '.join(TRANSLATORS)}."
        )
    translator = by_event.get(event_of(message))
    if translator is None:
        raise MessageUnsupported(
            "This trigger event is not taken.", component=2, remedy=f"Send one of {', '.join(sorted(by_event))}."
        )
    return translator


def located(message: Message, error: ExchangeError) -> ExchangeError:
    """What the store refused, told of a segment and field where the translator knows which."""
    if translator_of(message) is adt_a40.translate:
        return adt_a40.located(message, event_of(message), error)
    return error


def event_of(message: Message) -> str:
    """MSH-9.2, else EVN-1, else the only event its type has here."""
    header = message.header
    event = header.text(9, 2).upper()
    if not event:
        evn = message.first("EVN")
        event = evn.text(1).upper() if evn is not None else ""
    return event or _ONLY_EVENT.get(header.text(9).upper(), "")


def content_type(message: Message) -> str:
    """Says how the bytes were read, and what MSH-18 said where that was something else."""
    contradicted = message.contradicted_charset
    said = f"; declared={contradicted}" if contradicted else ""
    return f"{CONTENT_TYPE}; charset={message.codec}{said}"


def actor_of(message: Message) -> str | None:
    """The person who acts, as a Practitioner reference made of the number the sender states; recorded, not verified."""
    for name, field in _ACTORS:
        segment = message.first(name)
        if segment is not None:
            stated = segment.text(field)
            if stated and is_fhir_id(stated):
                return f"Practitioner/{stated}"
    return None
