"""What is stated of whole records takes effect: Linkages between Patients, and Patients that say they are replaced.

A Linkage (FHIR R4 linkage.html) whose items are Patients says that they are one person. ``historical``: that record was
merged into the ``source``, and the Linkage's id is the id of the merge; ``alternate``: both stay in use. Made inactive,
it is taken back; sent inactive in the first place, it says that they are two. A Patient with ``active`` false
and a link ``replaced-by`` (PIXm ITI-104, resolve duplicate) is such a merge in other words, and gets its Linkage.

The records themselves stay as they were sent, so that taking a merge back is exact. Who may state it: an admin of any
records, others of their own. Nothing is half-done: what cannot take effect refuses
the whole submission.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from hub.contracts.caller import Role
from hub.contracts.codes import EXTENSION
from hub.contracts.errors import Conflict, ExchangeError, Incorrect, NotFound
from hub.contracts.store import CommitView, Reaction, Written
from hub.contracts.submission import Channel

from . import merges, notices, replaced
from .actions import assert_not_same, assert_same, withdraw_assertion
from .notices import Readers

ROOM = "linkage"
REASON = f"{EXTENSION}/reason"
_ANY_RECORDS = frozenset({Role.ADMIN, Role.SERVICE})


def LinkageReaction(readers: Readers) -> Reaction:
    """After the identity reaction. ``readers`` says who was shown a record since when, for the notice that a merge was
    taken back."""
    return Reaction(room=ROOM, types=frozenset({"Linkage", "Patient"}), run=Stated(readers), derive=replaced.derive)


class Stated:
    """The consequence."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    def __call__(self, written: Sequence[Written], view: CommitView) -> None:
        for one in written:
            if one.type == "Linkage":
                self._linkage(one, view)
            elif not one.deleted and one.derived.get(ROOM):
                _put_linkages(one, view)

    def _linkage(self, one: Written, view: CommitView) -> None:
        standing = merges.merge_of(view.rows, one.id)
        if one.deleted:
            if standing is not None and standing.undone_us is None:
                self._unmerge(one, standing, "deleted", view)
            return
        body = msgspec.json.decode(one.body)
        items = _items(body)
        if not items:
            return
        reason = _reason(body, one, view)
        source, others = _sorted(items)
        if one.version > 1:
            self._changed(one, body, standing, source[1], others, reason, view)
            return
        for place, patient in (source, *((place, patient) for place, patient, _ in others)):
            _own(patient, place, view)
        for place, patient, kind in others:
            if not body.get("active", True):
                self._part(one, source[1], patient, reason, view)
            elif kind == "historical":
                self._merge(one, source[1], patient, place, reason, view)
            else:
                _placed(place, assert_same, view, source[1], patient, reason)
                notices.record(view, "link", [source[1], patient], f"Linkage/{one.id}", reason)

    def _merge(self, one: Written, target: str, source: str, place: str, reason: str, view: CommitView) -> None:
        if _stands(source, target, place, view):
            return
        _placed(place, merges.merge, view, source, target, reason, one.id)
        notices.record(view, "merge", [source, target], f"Linkage/{one.id}", reason)

    def _changed(
        self,
        one: Written,
        body: dict[str, Any],
        standing: merges.Merge | None,
        source: str,
        others: Sequence[tuple[str, str, str]],
        reason: str,
        view: CommitView,
    ) -> None:
        """A Linkage that was there is taken back by making it inactive, and never says something else."""
        ends = not body.get("active", True)
        if standing is not None and (standing.target, standing.source) == (source, others[0][1]):
            if ends:
                self._unmerge(one, standing, reason, view)
            elif standing.undone_us is not None:
                raise _wrong("A merge that was taken back stays so.", "Linkage.active", "Make a new Linkage.")
        elif standing is None and ends and all(kind == "alternate" for *_, kind in others):
            for place, patient, _ in others:
                act = partial(_placed, place, withdraw_assertion, view, source, patient, reason)
                notices.telling_readers(view, self._readers, source, patient, act)
                notices.record(view, "unlink", [source, patient], f"Linkage/{one.id}", reason)
        else:
            raise _wrong("A Linkage states one thing for good.", "Linkage.item", "Make a new Linkage.")

    def _unmerge(self, one: Written, standing: merges.Merge, reason: str, view: CommitView) -> None:
        if standing.undone_us is not None:
            raise Conflict(
                "This merge was taken back already.", where="Linkage.active", remedy="Nothing is left to do."
            )
        source, target = standing.source, standing.target
        act = partial(merges.unmerge, view, standing.id, reason)
        notices.telling_readers(view, self._readers, source, target, act, standing.at_us)
        notices.record(view, "unmerge", [source, target], f"Linkage/{one.id}", reason)

    def _part(self, one: Written, patient: str, other: str, reason: str, view: CommitView) -> None:
        """They are two: merges between them are taken back first, so that whoever read them is told."""
        for known in (*merges.merges_of(view.rows, patient), *merges.merges_of(view.rows, other)):
            if known.undone_us is None and {known.source, known.target} == {patient, other}:
                self._unmerge(one, known, reason, view)
        act = partial(assert_not_same, view, patient, other, reason)
        notices.telling_readers(view, self._readers, patient, other, act)
        notices.record(view, "unlink", [patient, other], f"Linkage/{one.id}", reason)


def _stands(source: str, target: str, place: str, view: CommitView) -> bool:
    """Whether this merge stands already and its source says so once more. Raises Conflict where a person asks for it
    twice, or where the records are merged otherwise."""
    known = [one for one in merges.merges_of(view.rows, source) if one.undone_us is None]
    if any(one.target == target for one in known) and view.submission.origin.channel is Channel.HL7V2:
        return True
    known += [one for one in merges.merges_of(view.rows, target) if one.undone_us is None and one.target == source]
    if known:
        raise Conflict(
            "This Patient is merged already.",
            where=place,
            remedy="Take that merge back first ($unmerge), if it was wrong.",
        )
    return False


def _put_linkages(one: Written, view: CommitView) -> None:
    """The Linkage that a replaced Patient stands for, where it is not there yet."""
    for reference in one.derived[ROOM]:
        target = replaced.successor(reference, one, view)
        if target is None:
            continue
        known = merges.merges_of(view.rows, one.id)
        if any(merge.undone_us is None and merge.target == target for merge in known):
            continue
        view.put(
            "Linkage",
            {
                "resourceType": "Linkage",
                "active": True,
                "author": {"reference": f"Organization/{one.owner}"},
                "item": [
                    {"type": "source", "resource": {"reference": f"Patient/{target}"}},
                    {"type": "historical", "resource": {"reference": f"Patient/{one.id}"}},
                ],
            },
            owner=one.owner,
        )


def _items(body: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Place, Patient id and type of each item; none where the Linkage is not about Patients."""
    references = [str((item.get("resource") or {}).get("reference") or "") for item in body.get("item") or ()]
    if not any(reference.startswith("Patient/") for reference in references):
        return []
    found = []
    for number, (item, reference) in enumerate(zip(body["item"], references, strict=True)):
        place = f"Linkage.item[{number}].resource"
        kind, _, patient = reference.partition("/_history/")[0].partition("/")
        if kind != "Patient" or not patient or "/" in patient:
            raise _wrong("An item is no Patient of this hub.", place, "Refer to Patient/ID in each item.")
        found.append((place, patient, str(item.get("type"))))
    return found


def _sorted(items: Sequence[tuple[str, str, str]]) -> tuple[tuple[str, str], list[tuple[str, str, str]]]:
    """The one source, and what it is linked with."""
    sources = [(place, patient) for place, patient, kind in items if kind == "source"]
    others = [item for item in items if item[2] != "source"]
    if len(sources) != 1 or not others:
        raise _wrong(
            "The Linkage has not one source and another item.",
            "Linkage.item",
            "Name one Patient as source, the others as historical (merged) or alternate (linked).",
        )
    for place, patient, _ in others:
        if patient == sources[0][1]:
            raise _wrong("A Patient cannot be merged or linked with itself.", place, "Name two different Patients.")
    return sources[0], others


def _own(patient: str, place: str, view: CommitView) -> None:
    """Raises NotFound for what is not there or not the caller's to speak of."""
    stored = view.read("Patient", patient)
    caller = view.caller
    if stored is not None:
        if caller.role in _ANY_RECORDS or stored.owner == caller.organization:
            return
        if caller.role is Role.PLATFORM and stored.sender == caller.client:
            return
    raise NotFound("There is no such Patient.", where=place, remedy="Name Patients that your organization has sent.")


def _reason(body: dict[str, Any], one: Written, view: CommitView) -> str:
    for extension in body.get("extension") or ():
        if extension.get("url") == REASON and str(extension.get("valueString") or "").strip():
            return str(extension["valueString"])
    return f"Linkage/{one.id}, {view.submission.origin.channel.value}"


def _placed(place: str, act: Callable[..., object], *arguments: object) -> None:
    """The act, with a refusal that names the item."""
    try:
        act(*arguments)
    except ExchangeError as error:
        error.where = place
        raise


def _wrong(what: str, where: str, remedy: str) -> Incorrect:
    return Incorrect(what, where=where, remedy=remedy, issue_code="business-rule")
