"""Every move of a reading Task by everybody: what stands in the table goes, all else is refused."""

import itertools

import pytest

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import ExchangeError, Forbidden, Incorrect, Precondition
from hub.reading.task_states import Move, Standing, Status, holder_after

CENTRE = Caller("centre", Role.READER, "imaging-centre")
OTHER_CENTRE = Caller("other", Role.READER, "other-centre")
CLINIC = Caller("qingshan", Role.CLINIC, "qingshan")
OTHER_CLINIC = Caller("baihe", Role.CLINIC, "baihe")
PHYSICIAN = Caller("hospital", Role.PHYSICIAN, "county-hospital")
ADMIN = Caller("ops", Role.ADMIN, "county")
EVERYBODY = [CENTRE, OTHER_CENTRE, CLINIC, OTHER_CLINIC, PHYSICIAN, ADMIN]

ALLOWED = {
    ("requested", "requested"): {CLINIC},
    ("requested", "in-progress"): {CENTRE, OTHER_CENTRE},
    ("requested", "cancelled"): {CLINIC},
    ("in-progress", "in-progress"): {CENTRE},
    ("in-progress", "requested"): {CENTRE},
    ("in-progress", "completed"): {CENTRE},
    ("in-progress", "cancelled"): {CLINIC},
    ("completed", "completed"): {CENTRE},
}
STATUSES = [*(status.value for status in Status), "accepted", "rejected", "failed", "on-hold", "draft", "ready",
            "received", "entered-in-error"]  # fmt: skip


def standing(status: str) -> Standing:
    return Standing(Status(status), None if status == "requested" else "imaging-centre", "qingshan")


def move(status: str, owner: str | None = None, *, if_match: bool = True, reported: bool = True) -> Move:
    return Move(status, owner, if_match, reported)


@pytest.mark.parametrize(("before", "after"), list(itertools.product([s.value for s in Status], STATUSES)))
def test_only_the_table_moves_a_task(before: str, after: str) -> None:
    for caller in EVERYBODY:
        try:
            holder_after(standing(before), move(after), caller)
            went = True
        except ExchangeError as refusal:
            assert refusal.http_status in (403, 422)
            went = False
        assert went == (caller in ALLOWED.get((before, after), set())), (caller.client, before, after)


def test_a_claim_gives_the_task_to_the_centre_and_a_release_takes_it_back() -> None:
    assert holder_after(standing("requested"), move("in-progress", "imaging-centre"), CENTRE) == "imaging-centre"
    assert holder_after(standing("requested"), move("in-progress"), CENTRE) == "imaging-centre"
    assert holder_after(standing("in-progress"), move("requested"), CENTRE) is None
    assert holder_after(standing("in-progress"), move("completed", "imaging-centre"), CENTRE) == "imaging-centre"


def test_a_claim_says_which_version_it_claims() -> None:
    with pytest.raises(Precondition) as refusal:
        holder_after(standing("requested"), move("in-progress", if_match=False), CENTRE)
    assert "If-Match" in refusal.value.remedy


def test_nobody_claims_for_somebody_else() -> None:
    for owner in ("other-centre", "qingshan", "Practitioner/li-wen"):
        with pytest.raises(Incorrect) as refusal:
            holder_after(standing("requested"), move("in-progress", owner), CENTRE)
        assert refusal.value.where == "Task.owner"


def test_a_task_given_back_has_no_owner() -> None:
    with pytest.raises(Incorrect):
        holder_after(standing("in-progress"), move("requested", "imaging-centre"), CENTRE)


def test_without_a_final_report_no_task_is_completed() -> None:
    with pytest.raises(Incorrect) as refusal:
        holder_after(standing("in-progress"), move("completed", reported=False), CENTRE)
    assert refusal.value.where == "Task.output"


def test_a_centre_does_not_complete_what_another_claimed() -> None:
    with pytest.raises(Forbidden):
        holder_after(standing("in-progress"), move("completed"), OTHER_CENTRE)
