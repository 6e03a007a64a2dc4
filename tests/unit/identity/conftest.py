"""A real store that keeps every Patient linked to its person."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.contracts.caller import Caller, Role
from hub.contracts.codes import RESIDENT_ID
from hub.contracts.submission import Channel, Entry, Method, Origin, Receipt, Submission
from hub.identity import reviews
from hub.identity.persons import SqlPersons
from hub.identity.reaction import IdentityReaction
from hub.store.sqlite import SqliteResourceStore


class County:
    """Clinics that send Patients, and the persons seen across them."""

    def __init__(self, store: SqliteResourceStore) -> None:
        self.store = store
        self.persons = SqlPersons(store)

    def send(self, clinic: str, *resources: dict[str, Any], method: Method = Method.UPDATE) -> Receipt:
        entries = tuple(
            Entry(
                method, one["resourceType"], b"" if method is Method.DELETE else json.dumps(one).encode(), id=one["id"]
            )
            for one in resources
        )
        caller = Caller(clinic, Role.CLINIC, clinic)
        submission = Submission(entries, Origin(caller, Channel.FHIR, datetime.now(UTC)))
        return self.store.submit(self.store.prepare(submission)).result()

    def patient(self, clinic: str, id_: str, number: str | None, name: str | None = "陈秀英") -> Receipt:
        body: dict[str, Any] = {"resourceType": "Patient", "id": id_}
        if number is not None:
            body["identifier"] = [{"system": RESIDENT_ID, "value": number}]
        if name is not None:
            body["name"] = [{"text": name}]
        return self.send(clinic, body)

    def record(self, id_: str, number: str | None = None, name: str = "陈秀英", *, born: str | None = None,
               sex: str | None = None, phone: str | None = None, address: str | None = None,
               **elements: Any) -> str | None:  # fmt: skip
        """A Patient with what is given; its person."""
        body: dict[str, Any] = {"resourceType": "Patient", "id": id_, "name": [{"text": name}], **elements}
        if number is not None:
            own = [{"system": RESIDENT_ID, "value": number}]
            body["identifier"] = [*own, *elements.get("identifier", ())]
        body |= {k: v for k, v in (("birthDate", born), ("gender", sex)) if v is not None}
        if phone is not None:
            body["telecom"] = [{"system": "phone", "value": phone}]
        if address is not None:
            body["address"] = [{"text": address}]
        self.send("qingshan", body)
        return self.persons.person_of(id_)

    def together(self, *ids: str) -> bool:
        return len({self.persons.person_of(id_) for id_ in ids}) == 1

    def asked(self, one: str, other: str) -> str | None:
        """The rule by which a person is asked about these two, None where nobody is."""
        found = [
            review for review in reviews.reviews(self.store.side_rows) if {one, other} == {review.one, review.other}
        ]
        return found[0].rule if found else None

    def decide(self, act: Callable[..., Any], *arguments: Any) -> Any:
        """An act of a person, committed."""
        return self.store.act(lambda view: act(view, *arguments), Caller("desk", Role.ADMIN, "county")).result()

    def delete(self, clinic: str, id_: str) -> None:
        self.send(clinic, {"resourceType": "Patient", "id": id_}, method=Method.DELETE)


@pytest.fixture
def county(tmp_path: Path) -> Iterator[County]:
    store = SqliteResourceStore(tmp_path, reactions=[IdentityReaction()])
    yield County(store)
    store.close()
