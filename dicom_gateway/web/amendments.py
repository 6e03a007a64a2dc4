"""Amending what was stored: corrections, their undoing, deletion, and the history of a study.

``POST …/corrections`` below a study, series or instance, ``POST corrections/{id}/undo``, ``DELETE`` of a study, series
or instance, ``GET studies/{s}/history``. For the organization that sent the study, and for admins, who are shown
nothing of a patient.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Incorrect, NotFound, TooLarge
from hub.contracts.gate import Gate

from ..archive import Archive
from ..corrections.desk import CorrectionDesk
from ..corrections.history import StudyHistory
from ..study_index.corrections import Subject
from ..study_index.visibility import SIGHT_OF
from ..withdrawal.deletion import Deletion
from .asgi import Answer, Request, no_such_route
from .search import checked_uid

AMEND = "dicom-amend"
_LARGEST_BODY_BYTES = 64 << 10
_LEVELS = ("studies", "series", "instances")


class _Wanted(msgspec.Struct, forbid_unknown_fields=True):
    reason: str = ""
    patient: str | None = None
    attributes: dict[str, Any] = {}


class Amendments:
    def __init__(
        self, archive: Archive, desk: CorrectionDesk, deletion: Deletion, gate: Gate, audit: ReadAudit
    ) -> None:
        self._archive = archive
        self._desk = desk
        self._deletion = deletion
        self._gate = gate
        self._audit = audit
        self._past = StudyHistory(archive.index, gate)

    async def serve(self, request: Request) -> Answer | None:
        """None where the request is none of these."""
        route = self._route(request)
        if route is None:
            return None
        self._gate.check_action(request.caller, AMEND)
        body = await _body(request) if request.method == "POST" else b""
        return await asyncio.to_thread(route, request, body)

    def _route(self, request: Request) -> Callable[[Request, bytes], Answer] | None:
        match request.method, request.path:
            case "POST", ["corrections", _, "undo"]:
                return self._undo
            case "POST", ["studies", *_, "corrections"]:
                return self._correct
            case "DELETE", ["studies", _, *_]:
                return self._delete
            case "GET", ["studies", _, "history"]:
                return self._history
        return None

    def _correct(self, request: Request, body: bytes) -> Answer:
        subject = _subject(request.path[:-1], request)
        wanted = _read(body)
        patient = wanted.patient
        if patient is not None:
            kind, _, patient = patient.partition("/")
            if kind != "Patient" or not patient:
                raise Incorrect("This is no reference to a Patient.", where="patient", remedy="Send Patient/ID.")
        before = self._patients(subject.study_uid)
        correction, study = self._desk.correct(request.caller, subject, patient, wanted.attributes, wanted.reason)
        self._note(request.caller, before | self._patients(study))
        url = f"{request.root}/studies/{study}"
        answer = {"id": correction, "study": study, "url": url, "history": f"{url}/history"}
        return Answer(201, msgspec.json.encode(answer), "application/json", [(b"location", url.encode("ascii"))])

    def _undo(self, request: Request, body: bytes) -> Answer:
        number = request.path[1]
        if not (number.isascii() and number.isdigit() and len(number) < 16):
            raise no_such_route()
        self._desk.undo(request.caller, int(number), _read(body).reason)
        rows = self._archive.index.rows(
            "SELECT st.uid FROM correction c JOIN study st ON st.id = coalesce(c.split_from, c.study) WHERE c.id = ?",
            (int(number),),
        )
        self._note(request.caller, self._patients(rows[0][0]))
        return Answer(200, msgspec.json.encode({"id": int(number), "undone": True}), "application/json")

    def _delete(self, request: Request, _body: bytes) -> Answer:
        subject = _subject(request.path, request)
        before = self._patients(subject.study_uid)
        deleted = self._deletion.delete(request.caller, subject, dict(request.query).get("reason", ""))
        self._note(request.caller, before)
        return Answer(200, msgspec.json.encode({"deleted": deleted}), "application/json")

    def _history(self, request: Request, _body: bytes) -> Answer:
        study_uid = checked_uid(request.path[1])
        body = self._past.of(request.caller, study_uid)
        self._note(request.caller, self._patients(study_uid))
        return Answer(200, msgspec.json.encode(body), "application/json")

    def _patients(self, study_uid: str) -> set[str]:
        rows = self._archive.index.rows("SELECT patient FROM study WHERE uid = ? AND patient IS NOT NULL", (study_uid,))
        return {str(row[0]) for row in rows}

    def _note(self, caller: Caller, patients: set[str]) -> None:
        self._audit.note(caller, "operation", SIGHT_OF, sorted(patients))


def _subject(path: list[str], request: Request) -> Subject:
    """The study, series or instance that a path names."""
    if len(path) not in (2, 4, 6) or tuple(path[::2]) != _LEVELS[: len(path) // 2]:
        raise no_such_route()
    admin = request.caller.role is Role.ADMIN
    owner = dict(request.query).get("organization") if admin else request.caller.organization
    return Subject(owner, *(checked_uid(uid) for uid in path[1::2]))


def _read(body: bytes) -> _Wanted:
    try:
        return msgspec.json.decode(body, type=_Wanted)
    except msgspec.MsgspecError:
        raise Incorrect(
            "The body cannot be read.",
            remedy='Send JSON: {"patient": "Patient/ID", "attributes": {"PatientID": "…"}, "reason": "…"}.',
            http_status=400,
        ) from None


async def _body(request: Request) -> bytes:
    body = bytearray()
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise NotFound("The client went away.")
        body += message.get("body", b"")
        if len(body) > _LARGEST_BODY_BYTES:
            raise TooLarge("The body is larger than this takes.")
        if not message.get("more_body", False):
            return bytes(body)
