"""ORU^R01 (HL7 v2.5.1 chapter 7.3.1) to DiagnosticReport and Observations.

A report is known by its filler number and its service, an observation by its report, its code and its sub-id: the same
report sent again, corrected, therefore updates both. The Patient and the order are created only where the source has
not sent them: a thin PID never erases what an ADT said.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hub.contracts.submission import Entry

from . import dtm, pv1, tables
from .datatypes import Json, codeable_concept
from .diagnostic_report import diagnostic_report, taken_at
from .entries import FullUrls, create, update, written
from .message import Message, Segment
from .obx import ObservationContext, observation
from .orders import number, requester, section, section_and_status, service_key
from .pid import condition_of, patient, primary, z_segments
from .refusal import MessageIncorrect, missing
from .source import Source, condition


@dataclass(slots=True)
class Group:
    """One ORDER_OBSERVATION of the message: OBR with what belongs to it."""

    obr: Segment
    orc: Segment | None
    pid: Segment
    visit: Segment | None
    notes: list[Segment] = field(default_factory=list)
    results: list[tuple[Segment, list[Segment]]] = field(default_factory=list)
    specimen: Segment | None = None


def translate(message: Message, source: Source, event: str) -> tuple[Entry, ...]:
    """Raises MessageIncorrect where the message names no patient or holds no result."""
    urls = FullUrls()
    entries: list[Entry] = []
    people: dict[int, tuple[str, str]] = {}
    extensions = z_segments(message)
    seen: dict[str, int] = {}
    for group in groups(message):
        known = people.get(id(group.pid))
        if known is None:
            person = patient(message, source, group.pid, [])
            known = people[id(group.pid)] = urls.next(), primary(person["identifier"])["value"]
            entries.append(create(person, known[0], unless=condition_of(person["identifier"])))
        _translate_group(message, source, group, known, urls, entries, extensions, seen)
        extensions = []
    if not any(entry.type == "Observation" for entry in entries):
        raise MessageIncorrect(
            "The message holds no result.", segment="OBX", code=100, remedy="Send at least one OBX after OBR."
        )
    return tuple(entries)


def groups(message: Message) -> Iterator[Group]:
    """The orders of the message in order, each with its results."""
    pid = visit = orc = None
    group: Group | None = None
    for segment in message.segments:
        name = segment.name
        if name == "OBX":
            if group is None:
                raise MessageIncorrect(
                    "An OBX stands before the first OBR.", segment="OBR", code=100, remedy="Send OBR before its OBX."
                )
            group.results.append((segment, []))
        elif name == "NTE":
            if group is not None:
                (group.results[-1][1] if group.results else group.notes).append(segment)
        elif name == "SPM":
            if group is not None and group.specimen is None:
                group.specimen = segment
        elif name == "OBR":
            if group is not None:
                yield group
            if pid is None:
                raise MessageIncorrect(
                    "The message names no patient.", segment="PID", code=100, remedy="Send a PID segment with PID-3."
                )
            group, orc = Group(segment, orc, pid, visit), None
        elif name in ("ORC", "PID"):
            if group is not None:
                yield group
                group = None
            orc = segment if name == "ORC" else None
            if name == "PID":
                pid, visit = segment, None
        elif name == "PV1":
            visit = segment
    if group is not None:
        yield group


def _translate_group(
    message: Message,
    source: Source,
    group: Group,
    person: tuple[str, str],
    urls: FullUrls,
    entries: list[Entry],
    extensions: list[Json],
    seen: dict[str, int],
) -> None:
    obr, sequence = group.obr, group.obr.sequence
    code = codeable_concept(message, source, message.first_repetition(obr.raw(4)), "service") if obr.raw(4) else None
    if code is None:
        raise missing("OBR", 4, sequence)
    subject: Json = {"reference": person[0]}
    status = report_status(group)
    encounter = _encounter(message, source, group, subject, urls, entries)
    order = _order(message, source, group, code, subject, status, urls, entries)
    kind = section(obr)
    filler = number(message, source, group.orc, obr, 3, "FILL")
    placer = number(message, source, group.orc, obr, 2, "PLAC")
    key = _report_key(message, group, person[1], filler or placer, seen)
    effective = taken_at(group)
    report = diagnostic_report(message, source, group, code, subject, status, kind)
    if filler:
        report["identifier"].append(filler)
    shared = ObservationContext(
        message,
        source,
        subject,
        key,
        code,
        _observation_status(status),
        effective,
        kind,
        encounter,
        {"display": report["contained"][0]["type"]["text"]} if _has_specimen_text(report) else None,
        seen,
    )
    keyed = not key.startswith("message/")
    results = []
    report_at = len(entries)
    for obx, notes in group.results:
        found, identifier = observation(shared, obx, notes)
        url = urls.next()
        results.append({"reference": url})
        entries.append(written("Observation", found, url, condition(shared.system, identifier) if keyed else None))
    if order:
        report["basedOn"] = [order]
    if encounter:
        report["encounter"] = encounter
    if results:
        report["result"] = results
    if extensions:
        report["extension"] = [*report.get("extension", ()), *extensions]
    system = source.system("report")
    report["identifier"].insert(0, {"system": system, "value": key})
    url = urls.next()
    entries.insert(report_at, update(report, condition(system, key), url) if keyed else create(report, url))


def report_status(group: Group) -> str:
    """OBR-25; where it is empty, what the results say of themselves."""
    stated = tables.REPORT_STATUS.get(section_and_status(group.obr)[1].upper())
    if stated:
        return stated
    told = {tables.OBSERVATION_STATUS.get(obx.fields[11].strip().upper(), "unknown") for obx, _ in group.results}
    if told <= {"final", "cancelled"} and "final" in told:
        return "final"
    if told & {"corrected", "amended"}:
        return "corrected"
    return "preliminary" if "preliminary" in told else "unknown"


def _observation_status(report: str) -> str:
    return {"partial": "preliminary", "appended": "amended"}.get(report, report)


def _has_specimen_text(report: Json) -> bool:
    return bool(report.get("contained")) and "text" in report["contained"][0].get("type", {})


def _report_key(
    message: Message, group: Group, patient_number: str, order_number: Json | None, seen: dict[str, int]
) -> str:
    """Filler (else placer) number and service, because laboratories put one sample number on several panels; without
    any number patient, service and time; without a time this message alone, which nothing can correct."""
    service = service_key(message, group.obr)
    taken = dtm.moment(group.obr.text(7))
    if order_number:
        key = f"{order_number['value']}/{service}"
    elif taken and taken.has_time:
        key = f"{patient_number}/{service}/{taken.value[:19]}"
    else:
        return f"message/{message.header.text(7)}/{message.header.text(10)}/{group.obr.sequence}"
    again = seen.get(f"report {key}", 0) + 1
    seen[f"report {key}"] = again
    return key if again == 1 else f"{key}~{again}"


def _encounter(
    message: Message, source: Source, group: Group, subject: Json, urls: FullUrls, entries: list[Entry]
) -> Json | None:
    """The visit of PV1-19, made only where no ADT told of it."""
    if group.visit is None:
        return None
    visit_number = pv1.visit_identifier(message, source, group.visit)
    if visit_number is None:
        return None
    made = condition(visit_number["system"], visit_number["value"])
    for entry in entries:
        if entry.type == "Encounter" and entry.condition == made:
            return {"reference": entry.full_url}
    url = urls.next()
    entries.append(create(pv1.encounter(message, source, group.visit, visit_number, subject, ""), url, unless=made))
    return {"reference": url}


def _order(
    message: Message,
    source: Source,
    group: Group,
    code: Json,
    subject: Json,
    report_status: str,
    urls: FullUrls,
    entries: list[Entry],
) -> Json | None:
    """The order of the placer number. Where no ORM told of it, what the report knows of it stands in its place."""
    placer = number(message, source, group.orc, group.obr, 2, "PLAC")
    if placer is None:
        return None
    unless = condition(placer["system"], placer["value"])
    for entry in entries:
        if entry.type == "ServiceRequest" and entry.condition == unless:
            return {"reference": entry.full_url}
    done = report_status in ("final", "corrected", "amended", "appended")
    found: Json = {
        "resourceType": "ServiceRequest",
        "identifier": [placer],
        "status": "completed" if done else "unknown",
        "intent": "order",
        "code": code,
        "subject": subject,
    }
    if who := requester(message, source, group.orc, group.obr):
        found["requester"] = who
    url = urls.next()
    entries.append(create(found, url, unless=unless))
    return {"reference": url}
