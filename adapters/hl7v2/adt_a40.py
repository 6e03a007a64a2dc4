"""ADT^A40, A18, A34 (merge), A24 (link) and A37 (unlink) to Linkage (HL7 v2.5.1 chapter 3.3.40, 3.3.18, 3.3.24,
3.3.37; FHIR R4 linkage.html).

Each says of patients sent before that they are one, or are not; who they are is said by A08. So no Patient is written
here: a Linkage names them by their numbers, and both must be known. Of a merge the surviving record (PID) is the
``source`` and the prior one (MRG) ``historical``; of a link they are ``source`` and ``alternate``; a link that no
longer holds is not ``active``. A merge may hold many pairs of PID and MRG.
"""

import re
from collections.abc import Iterator

from hub.contracts.errors import ExchangeError, NotFound, Precondition
from hub.contracts.submission import Entry

from .datatypes import Json
from .entries import FullUrls, create
from .message import Message, Segment
from .pid import identifiers, primary, z_segments
from .refusal import MessageIncorrect
from .source import Source, condition

MERGE = frozenset(("A18", "A34", "A40"))
LINK, UNLINK = "A24", "A37"
_PRIOR = ((1, "PI"), (4, "PT"))
_PLACE = re.compile(r"(?:Bundle\.entry\[(\d+)\]\.resource|Linkage)\.item\[(\d+)\]")


def translate(message: Message, source: Source, event: str) -> tuple[Entry, ...]:
    """A Linkage for each pair. Raises MessageIncorrect where a segment or a number is missing."""
    urls = FullUrls()
    role = "historical" if event in MERGE else "alternate"
    entries = []
    for one, other in pairs(message, event):
        linkage: Json = {"resourceType": "Linkage"}
        if z := z_segments(message):
            linkage["extension"] = z
        linkage["active"] = event != UNLINK
        linkage["author"] = source.organization
        linkage["item"] = [
            {"type": "source", "resource": _patient(message, source, one)},
            {"type": role, "resource": _patient(message, source, other)},
        ]
        entries.append(create(linkage, urls.next()))
    return tuple(entries)


def pairs(message: Message, event: str) -> list[tuple[Segment, Segment]]:
    """PID and MRG, or the two PIDs, in the order of the message."""
    if event not in MERGE:
        people = message.all("PID")
        if len(people) != 2:
            raise _structure("PID", "The message does not name two patients.", "Send two PID segments.")
        return [(people[0], people[1])]
    found = list(_merges(message))
    if not found:
        raise _structure("MRG", "The message names no prior patient.", "Send MRG after its PID, with MRG-1.")
    return found


def located(message: Message, event: str, error: ExchangeError) -> ExchangeError:
    """A refusal of the store, told of the segment that named the patient in question."""
    place = _PLACE.match(error.where)
    if place is None:
        return error
    pair = pairs(message, event)[int(place[1] or 0)]
    segment = pair[int(place[2])]
    field = 1 if segment.name == "MRG" else 3
    if isinstance(error, NotFound) or (isinstance(error, Precondition) and error.issue_code == "not-found"):
        return MessageIncorrect(
            f"{segment.name}-{field} names a patient that is not known.",
            segment=segment.name,
            field=field,
            sequence=segment.sequence,
            code=204,
            remedy="Send the patient first (A04, A08, A28), under this number.",
        )
    return MessageIncorrect(
        error.what, segment=segment.name, field=field, sequence=segment.sequence, code=205, remedy=error.remedy
    )


def _merges(message: Message) -> Iterator[tuple[Segment, Segment]]:
    pid: Segment | None = None
    for segment in message.segments:
        if segment.name == "PID":
            pid = segment
        elif segment.name == "MRG":
            if pid is None:
                raise _structure("MRG", "MRG stands before any PID.", "Send PID, then its MRG.")
            yield pid, segment


def _patient(message: Message, source: Source, segment: Segment) -> Json:
    """A conditional reference by the source's own number. One typed MR counts as PI where no PI stands beside it (see
    ``pid``), but may have stood beside one when the patient was sent: either will do."""
    fields = _PRIOR if segment.name == "MRG" else ((3, "PI"), (2, "PT"), (4, "PT"))
    number = primary(identifiers(message, source, segment, fields))
    wanted = condition(number["system"], number["value"])
    if number["system"] == source.system("PI") and number["type"]["coding"][0]["code"] == "MR":
        also = condition(source.system("MR"), number["value"])
        wanted = f"{wanted},{also.removeprefix('identifier=')}"
    return {"reference": "Patient?" + wanted.replace("\\", "%5C")}


def _structure(segment: str, what: str, remedy: str) -> MessageIncorrect:
    return MessageIncorrect(what, segment=segment, code=100, remedy=remedy)
