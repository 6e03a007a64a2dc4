"""What happened to links, for good: rows are only added."""

from hub.contracts.store import CommitView

from .clock import now_us

_INSERT = (
    "INSERT INTO identity_event (at_us, kind, patient_id, left_person, joined_person, rule, client, actor, detail)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def moved(view: CommitView, patient_id: str, left: str | None, joined: str | None, rule: str) -> None:
    """A record came from one person to another, or (``joined`` None) was deleted."""
    view.execute(_INSERT, (now_us(view), "moved", patient_id, left, joined, rule, view.caller.client,
                           view.caller.actor, None))  # fmt: skip


def acted(view: CommitView, kind: str, patient_id: str, detail: str) -> None:
    """A person's act: ``kind`` is its name, ``detail`` its reason."""
    view.execute(_INSERT, (now_us(view), kind, patient_id, None, None, None, view.caller.client, view.caller.actor,
                           detail))  # fmt: skip
