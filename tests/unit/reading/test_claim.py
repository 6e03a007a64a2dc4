"""A claim that names no owner is given its centre before it is stored."""

import json
from typing import Any

from hub.contracts.caller import Caller, Role
from hub.contracts.codes import READ_STUDY, TASK_CODE
from hub.contracts.submission import Entry, Method
from hub.reading.claim import with_owner

CENTRE = Caller("centre", Role.READER, "imaging-centre", actor="Practitioner/li-wen")


def entry(method: Method = Method.UPDATE, **task: Any) -> Entry:
    body = {
        "resourceType": "Task", "id": "t1", "status": "in-progress", "intent": "order",
        "code": {"coding": [{"system": TASK_CODE, "code": READ_STUDY}]}, **task,
    }  # fmt: skip
    return Entry(method, "Task", json.dumps(body).encode(), id="t1", if_match='W/"1"')


def owner(amended: Entry) -> Any:
    return json.loads(amended.body).get("owner")


def test_the_owner_is_the_readers_organization_with_the_reader_in_display() -> None:
    assert owner(with_owner(entry(), CENTRE)) == {
        "reference": "Organization/imaging-centre", "display": "Practitioner/li-wen",
    }  # fmt: skip
    assert owner(with_owner(entry(owner={"display": "李文"}), CENTRE)) == {
        "reference": "Organization/imaging-centre", "display": "李文",
    }  # fmt: skip


def test_everything_else_stays_as_it_was_written() -> None:
    written = entry(input=[{"type": {"text": "dose"}, "valueDecimal": 1}])
    written = Entry(written.method, "Task", written.body.replace(b'"valueDecimal": 1', b'"valueDecimal": 19.00'), "t1")
    amended = with_owner(written, CENTRE)
    assert b"19.00" in amended.body
    rest = json.loads(amended.body)
    del rest["owner"]
    assert rest == json.loads(written.body)


def test_an_owner_stated_by_the_client_is_not_touched() -> None:
    stated = entry(owner={"reference": "Organization/other"})
    assert with_owner(stated, CENTRE) is stated


def test_what_is_no_claim_is_not_touched() -> None:
    clinic = Caller("qingshan", Role.CLINIC, "qingshan")
    for untouched in (entry(Method.CREATE), entry(status="completed"), entry(code={"text": "something else"})):
        assert with_owner(untouched, CENTRE) is untouched
    assert owner(with_owner(entry(), clinic)) is None
    broken = Entry(Method.UPDATE, "Task", b"{", id="t1")
    assert with_owner(broken, CENTRE) is broken
    other = Entry(Method.UPDATE, "Observation", b"{}", id="o1")
    assert with_owner(other, CENTRE) is other
