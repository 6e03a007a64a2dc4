"""Where people decide on identity: the queue of reviews, and an official change of number.

Each decision is one commit with its Provenance. Whether the caller may is asked by the door.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, get_args

from hub.contracts.caller import Caller
from hub.contracts.errors import Incorrect, NotFound
from hub.contracts.store import CommitView, ResourceStore

from . import actions, notices, reviews
from .actions import Verdict
from .comparison import compared, summary
from .reviews import Review, State

REVIEW_PREFIX = "review-"
"""The Task of a review has this before the review's id."""
MOST_LISTED = 1000


class Desk:
    """Over one store. Any thread; the decisions resolve after their commit. ``readers`` as in ``notices``."""

    def __init__(self, store: ResourceStore, readers: notices.Readers) -> None:
        self._store = store
        self._readers = readers

    def reviews(self, states: Sequence[State], count: int, *, patient_id: str | None = None) -> list[Review]:
        """Those that wait first, in the order in which they were opened."""
        return reviews.reviews(
            self._store.side_rows, states=states, patient_id=patient_id, count=min(count, MOST_LISTED)
        )

    def count(self, states: Sequence[State], *, patient_id: str | None = None) -> int:
        return reviews.count(self._store.side_rows, states, patient_id)

    def listed(self, states: Sequence[State], count: int) -> list[dict[str, Any]]:
        return [summary(one) for one in self.reviews(states, count)]

    def review(self, review_id: str) -> Review | None:
        return reviews.review(self._store.side_rows, review_id)

    def compared(self, review_id: str) -> tuple[Review, dict[str, Any]]:
        """The review with both records side by side. Raises NotFound."""
        found = self.review(review_id)
        if found is None:
            raise NotFound("There is no such identity review.", remedy="List them with GET /identity/reviews.")
        return found, compared(found, self._store)

    def decide(self, review_id: str, verdict: str, reason: str, caller: Caller) -> "Future[Review]":
        """Fails with NotFound, Incorrect (no such verdict, no reason) or Conflict (what holds always would break)."""
        if verdict not in get_args(Verdict):
            raise Incorrect(
                "This is no decision.",
                where="decision",
                remedy=f"Decide {', '.join(get_args(Verdict))}.",
                issue_code="value",
                http_status=400,
            )

        def run(view: CommitView) -> Review:
            asked = reviews.review(view.rows, review_id)
            one, other = (asked.one, asked.other) if asked is not None else ("", "")
            act = partial(actions.decide_review, view, review_id, verdict, reason)  # type: ignore[arg-type]
            decided = notices.telling_readers(view, self._readers, one, other, act)
            if verdict != "later":
                activity: notices.Activity = "link" if verdict == "same" else "unlink"
                patients = [decided.one, decided.other]
                notices.record(view, activity, patients, f"Task/{REVIEW_PREFIX}{review_id}", reason)
            return decided

        return self._store.act(run, caller)

    def supersede(self, patient: str, old: str, new: str, reason: str, caller: Caller) -> "Future[None]":
        """The person of this Patient was given the number ``new`` in place of ``old``."""

        def run(view: CommitView) -> None:
            actions.supersede_number(view, patient, old, new, reason)
            notices.record(view, "amend", [patient], f"Patient/{patient}", reason)

        return self._store.act(run, caller)
