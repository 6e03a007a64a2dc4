"""``Patient/ID/$everything`` (https://hl7.org/fhir/R4/patient-operation-everything.html): all of one person.

The source Patients of the person that the asker may read, then what lies in their compartments, type after type; each
page brings along what its resources refer to (who and where, medicines, attachments). ``ID`` may be any source or the
regional Patient.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlencode

from hub.contracts.caller import Scope
from hub.contracts.errors import ExchangeError, Incorrect, NotFound
from hub.contracts.persons import person_of_regional
from hub.contracts.store import Stored
from hub.fhir import search_params
from hub.fhir.bundle import searchset
from hub.fhir.model import RESOURCE_TYPES
from hub.fhir.search import parse
from hub.fhir.search_values import date

from .exchange import Pairs, Request, Response
from .operation import Operation
from .parameters import Parameters
from .rooms import Rooms

DEFAULT_COUNT, LARGEST_COUNT = 500, 1000
_PARAMETERS = ("start", "end", "_since", "_type", "_count", "_cursor")
_BY = {"Patient": "_id", "Task": "patient"}
"""The Patients themselves; and Tasks, which R4 puts in no patient's compartment: the reading of a patient's studies."""
_NOT_A_PATIENTS = frozenset({"AuditEvent", "Person", "Group", "Schedule", "ResearchSubject", "MeasureReport"})
_CITED = re.compile(
    rb'"reference":"((?:Binary|Device|Location|Medication|Organization|Practitioner|PractitionerRole|Substance)'
    rb'/[A-Za-z0-9.-]{1,64})"'
)
_MOST_CITED = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """``criteria``: search parameters for every type. ``care``: bounds of the care date (``ge…``, ``le…``). ``cursor``:
    the type that the page before ended in, and where in it."""

    types: tuple[str, ...]
    criteria: Pairs
    care: tuple[str, ...]
    count: int
    cursor: tuple[str, str]


async def _everything(rooms: Rooms, request: Request, resource_id: str | None) -> Response:
    caller = rooms.caller(request)
    scope = rooms.scope(request, "Patient")
    assert resource_id is not None  # noqa: S101 - registered for instances alone
    pairs = request.pairs
    if request.method == "POST":
        pairs = pairs + _posted(await request.json_body())
    asked = _asked(pairs, scope)
    patients = _readable(rooms, resource_id, scope)
    walk = _Walk(rooms, scope, patients, asked)
    matches = walk.page()
    cited = list(_cited(rooms, scope, matches))
    rooms.audit.note(
        caller, "operation", "Patient", sorted({*patients, *(one.patient for one in matches if one.patient)})
    )
    url = f"{request.base}/Patient/{resource_id}/$everything"
    links = [("self", f"{url}?{urlencode(pairs)}" if pairs else url)]
    if walk.next is not None:
        kept = [pair for pair in pairs if pair[0] != "_cursor"]
        links.append(("next", f"{url}?{urlencode([*kept, ('_cursor', walk.next)])}"))
    found = [[(one.reference, one.body) for one in group] for group in (matches, cited)]
    return Response(200, searchset(request.base, *found, links=links))


EVERYTHING_OPERATION = Operation(
    "everything",
    "Patient",
    True,
    frozenset({"GET", "POST"}),
    _everything,
    "http://hl7.org/fhir/OperationDefinition/Patient-everything",
)


class _Walk:
    """Type after type of the compartments, from where the page before ended. ``next`` is the cursor of the page after
    this one, None on the last."""

    def __init__(self, rooms: Rooms, scope: Scope, patients: Sequence[str], asked: Asked) -> None:
        self._rooms, self._scope, self._patients, self._asked = rooms, scope, patients, asked
        self.next: str | None = None

    def page(self) -> list[Stored]:
        found: list[Stored] = []
        types = self._asked.types
        begin, after = self._asked.cursor
        for resource_type in types[types.index(begin) if begin else 0 :]:
            left = self._asked.count - len(found)
            if left <= 0:
                self.next = f"{resource_type}."
                break
            query = parse(resource_type, self._pairs(resource_type, left))
            page = self._rooms.store.search(query, self._scope, after=after or None)
            after = ""
            found += page.matches
            if page.next is not None:
                self.next = f"{resource_type}.{page.next}"
                break
        return found

    def _pairs(self, resource_type: str, count: int) -> Pairs:
        whose = ",".join(one if resource_type == "Patient" else f"Patient/{one}" for one in self._patients)
        pairs = [(_whose_param(resource_type), whose), ("_count", str(count)), *self._asked.criteria]
        date = search_params.primary_date(resource_type)
        if date is not None and date.code != "birthdate":
            pairs += [(date.code, bound) for bound in self._asked.care]
        return pairs


def _whose_param(resource_type: str) -> str:
    return _BY.get(resource_type) or search_params.compartment_params(resource_type)[0].code


@cache
def _all_types() -> tuple[str, ...]:
    inside = (one for one in RESOURCE_TYPES if search_params.compartment_params(one) and one not in _NOT_A_PATIENTS)
    return tuple(dict.fromkeys(("Patient", *sorted({*inside, *_BY}))))


def _asked(pairs: Pairs, scope: Scope) -> Asked:
    """Raises Incorrect (400) naming the parameter."""
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in _PARAMETERS:
            raise _wrong(f"The parameter {name[:64]!r} is not known to this operation.", name[:64], "not-supported")
        if name in given and name != "_type":
            raise _wrong(f"{name} is given twice.", name)
        given[name] = f"{given[name]},{value}" if name in given else value
    types = _all_types()
    if "_type" in given:
        wanted = {one.strip() for one in given["_type"].split(",")}
        if unknown := wanted - RESOURCE_TYPES:
            raise _wrong(f"{sorted(unknown)[0][:64]!r} is no FHIR R4 resource type.", "_type", "value")
        types = tuple(one for one in types if one in wanted)
    types = tuple(one for one in types if scope.sees_type(one))
    count = given.get("_count", str(DEFAULT_COUNT))
    if not (count.isascii() and count.isdigit() and int(count[:9]) > 0):
        raise _wrong("_count is not a whole number above 0.", "_count", "value")
    for name in ("start", "end", "_since"):
        if name in given:
            date(name, given[name])
    begin, _, after = given.get("_cursor", "").partition(".")
    if begin and begin not in types:
        raise _wrong("The cursor does not belong to this search.", "_cursor", "value")
    return Asked(
        types,
        [("_lastUpdated", f"ge{given['_since']}")] if "_since" in given else [],
        tuple(prefix + given[name] for name, prefix in (("start", "ge"), ("end", "le")) if name in given),
        min(int(count[:9]), LARGEST_COUNT),
        (begin, after),
    )


def _posted(body: bytes) -> Pairs:
    given = Parameters.read(body, _PARAMETERS)
    elements = ("valueDate", "valueInstant", "valueCode", "valueInteger", "valueString")
    return [(name, str(value)) for name in _PARAMETERS for value in given.values(name, *elements)]


def _wrong(what: str, where: str, issue_code: str = "invalid") -> Incorrect:
    remedy = f"Known are {', '.join(_PARAMETERS)}; follow next links as they stand."
    return Incorrect(what, where=where, remedy=remedy, issue_code=issue_code, http_status=400)


def _readable(rooms: Rooms, resource_id: str, scope: Scope) -> list[str]:
    """The person's source Patients within the scope. Raises NotFound, Gone."""
    if person_of_regional(resource_id) is None:
        rooms.store.read("Patient", resource_id, scope)
    found = []
    for one in rooms.persons.sources(resource_id) if rooms.persons is not None else [resource_id]:
        try:
            found.append(rooms.store.read("Patient", one, scope).id)
        except ExchangeError:
            continue
    if not found:
        raise NotFound("There is no such resource.", where="Patient", remedy="Check the id.")
    return found


def _cited(rooms: Rooms, scope: Scope, matches: Sequence[Stored]) -> Iterator[Stored]:
    """What the matches refer to outside any compartment, each once, as far as the asker may read it."""
    names = dict.fromkeys(name for one in matches for name in _CITED.findall(one.body))
    for name in list(names)[:_MOST_CITED]:
        resource_type, _, resource_id = name.decode("ascii").partition("/")
        if scope.sees_type(resource_type):
            try:
                yield rooms.store.read(resource_type, resource_id, scope)
            except ExchangeError:
                continue
