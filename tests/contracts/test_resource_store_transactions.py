"""What every ResourceStore promises of several entries in one submission, of conditions, and of the sender's keys."""

import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from hub.contracts.caller import EVERYTHING, Scope
from hub.contracts.errors import Conflict, ExchangeError, Incorrect, Precondition
from hub.contracts.submission import Entry, Receipt
from tests.contracts.resource_stores import (
    BAIHE,
    CENTRE,
    OWN,
    QINGSHAN,
    County,
    create,
    delete,
    observation,
    opened,
    patient,
    submission,
    update,
    with_other_body,
)

URN = "urn:uuid:00000000-0000-4000-8000-000000000001"
OTHER_URN = "urn:uuid:00000000-0000-4000-8000-000000000002"
HIS = "https://example.org/his"


def by_number(number: str) -> str:
    return f"identifier={HIS}|{number}"


def test_entries_refer_to_one_another_by_full_url_in_any_order(county: County) -> None:
    receipt = county.submit(
        create(observation(URN), full_url=OTHER_URN),
        create(observation(URN, hasMember=[{"reference": OTHER_URN}])),
        create(patient(), full_url=URN),
    )
    first, second, person = receipt.outcomes
    assert county.read(first.reference)["subject"] == {"reference": person.reference}
    assert county.read(second.reference)["hasMember"] == [{"reference": first.reference}]
    assert county.store.read("Observation", first.id, EVERYTHING).patient == person.id
    assert county.ids(f"Observation?patient={person.id}") == [second.id, first.id]


def test_a_transaction_is_kept_whole_or_not_at_all(county: County) -> None:
    county.one(update(patient(id="P1")))
    before = county.store.last_sequence()
    with pytest.raises(Precondition) as refusal:
        county.submit(
            create(patient("2")),
            create(observation("Patient/P1")),
            update(patient(id="P1", gender="male"), if_match='W/"9"'),
        )
    assert refusal.value.where == "Bundle.entry[2].resource.meta.versionId"
    assert county.store.last_sequence() == before
    assert county.total("Observation?") == 0
    with pytest.raises(Incorrect) as wrong:
        county.submit(create(patient("2")), create(observation(status="nonsense")))
    assert wrong.value.where == "Bundle.entry[1].resource.status"


def test_two_changes_of_one_resource_in_a_transaction_are_refused(county: County) -> None:
    county.one(update(patient(id="P1")))
    for second in (delete("Patient/P1"), update(patient(id="P1", gender="male"))):
        with pytest.raises(Incorrect) as refusal:
            county.submit(update(patient(id="P1", active=True)), second)
        assert refusal.value.http_status == 400
    assert county.read("Patient/P1")["meta"]["versionId"] == "1"


def test_deletes_go_before_creates_before_updates(county: County) -> None:
    county.one(update(patient("1", id="P1")))
    updated, created, deleted = county.submit(
        update(patient("9", id="P2")), create(patient("1")), delete("Patient/P1")
    ).outcomes
    assert (updated.status, created.status, deleted.status) == (201, 201, 204)
    assert [one.type for one in county.store.changes_since(1, 10)] == ["Patient"] * 3
    assert [one.deleted for one in county.store.changes_since(1, 10)] == [True, False, False]


def test_a_conditional_create_finds_what_is_there(county: County) -> None:
    first = county.one(create(patient("5"), condition=by_number("5")))
    again = county.one(create(patient("5", gender="male"), condition=by_number("5")))
    assert (first.status, again.status, again.id, again.version) == (201, 200, first.id, 1)
    assert b"gender" not in again.body
    county.create(patient("5"))
    with pytest.raises(Precondition) as refusal:
        county.one(create(patient("5"), condition=by_number("5")))
    assert refusal.value.http_status == 412


def test_conditions_look_among_the_owners_own_resources(county: County) -> None:
    theirs = county.one(create(patient("5"), condition=by_number("5")), by=BAIHE)
    ours = county.one(create(patient("5"), condition=by_number("5")), by=QINGSHAN)
    assert (ours.status, ours.id != theirs.id) == (201, True)


def test_a_condition_may_be_any_search(county: County) -> None:
    first = county.create(patient("5", gender="male", birthDate="1960-02-03"))
    condition = "gender=male&birthdate=1960-02-03"
    assert county.one(create(patient("6"), condition=condition)).id == first.id
    assert county.one(create(patient("6"), condition="birthdate=1961")).status == 201
    for nonsense in ("x=1", "_count=1", ""):
        with pytest.raises(Incorrect) as refusal:
            county.one(create(patient("7"), condition=nonsense))
        assert refusal.value.http_status == 400


def test_equal_conditional_creates_in_one_transaction_are_one_resource(county: County) -> None:
    first, second, one = county.submit(
        create(patient("5"), condition=by_number("5"), full_url=URN),
        create(patient("5"), condition=by_number("5"), full_url=OTHER_URN),
        create(observation(OTHER_URN)),
    ).outcomes
    assert (first.status, second.status, second.id) == (201, 200, first.id)
    assert county.read(one.reference)["subject"]["reference"] == first.reference


def test_references_to_a_conditional_create_lead_to_what_it_found(county: County) -> None:
    known = county.create(patient("5"))
    _, one = county.submit(
        create(patient("5"), condition=by_number("5"), full_url=URN), create(observation(URN))
    ).outcomes
    assert county.read(one.reference)["subject"]["reference"] == known.reference
    assert county.ids(f"Observation?patient={known.id}") == [one.id]


def test_a_conditional_update_creates_updates_or_refuses(county: County) -> None:
    made = county.one(update(patient("5"), condition=by_number("5")))
    changed = county.one(update(patient("5", gender="male"), condition=by_number("5")))
    assert (made.status, changed.status, changed.id, changed.version) == (201, 200, made.id, 2)
    with_id = county.one(update(patient("6", id="mine"), condition=by_number("6")))
    assert (with_id.status, with_id.id) == (201, "mine")
    with pytest.raises(Incorrect) as refusal:
        county.one(update(patient("5", id="mine"), condition=by_number("5")))
    assert refusal.value.http_status == 400
    county.create(patient("5"))
    with pytest.raises(Precondition):
        county.one(update(patient("5"), condition=by_number("5")))


def test_a_conditional_delete_deletes_the_one_match(county: County) -> None:
    one = county.create(patient("5"))
    county.create(patient("6"))
    county.create(patient("6"))
    assert county.one(delete(type="Patient", condition=by_number("5"))).id == one.id
    assert county.one(delete(type="Patient", condition=by_number("5"))).status == 204
    with pytest.raises(Precondition):
        county.one(delete(type="Patient", condition=by_number("6")))
    assert county.total("Patient?") == 2


def test_an_identifier_that_was_given_up_may_be_taken_by_another(county: County) -> None:
    first = county.one(create(patient("5"), condition=by_number("5")))
    county.one(update(patient("6", id=first.id)))
    second = county.one(create(patient("5"), condition=by_number("5")))
    county.one(delete(second.reference))
    third = county.one(create(patient("5"), condition=by_number("5")))
    assert len({first.id, second.id, third.id}) == 3
    county.one(update(patient("5", id=first.id)))
    with pytest.raises(Precondition):
        county.one(create(patient("5"), condition=by_number("5")))


def test_a_condition_that_the_body_does_not_meet_promises_nothing(county: County) -> None:
    for _ in range(2):
        assert county.one(create(patient("5"), condition=by_number("other"))).status == 201


def test_conditional_references_are_resolved_in_the_transaction(county: County) -> None:
    known = county.create(patient("5"))
    one = county.create(observation(f"Patient?{by_number('5')}"))
    assert county.read(one.reference)["subject"]["reference"] == known.reference
    made, two = county.submit(create(patient("6")), create(observation(f"Patient?{by_number('6')}"))).outcomes
    assert county.read(two.reference)["subject"]["reference"] == made.reference
    assert county.store.read("Observation", two.id, EVERYTHING).patient == made.id


def test_a_conditional_reference_without_one_match_is_refused_by_path(county: County) -> None:
    county.create(patient("6"))
    county.create(patient("6"))
    for number in ("5", "6"):
        with pytest.raises(Precondition) as refusal:
            county.submit(create(patient("7")), create(observation(f"Patient?{by_number(number)}")))
        assert refusal.value.where == "Bundle.entry[1].resource.subject"
        assert refusal.value.http_status == 412
    assert county.total("Patient?") == 2


def test_a_conditional_reference_may_reach_what_the_caller_may_read(county: County) -> None:
    theirs = county.create(patient("5"), by=BAIHE)
    with pytest.raises(Precondition):
        county.one(create(observation(f"Patient?{by_number('5')}")), by=CENTRE)
    with pytest.raises(Precondition):
        county.one(create(observation(f"Patient?{by_number('5')}")), by=QINGSHAN, scope=OWN["qingshan"])
    one = county.one(create(observation(f"Patient?{by_number('5')}")), by=CENTRE, scope=Scope(None))
    assert county.read(one.reference)["subject"]["reference"] == theirs.reference


def test_a_decision_that_was_prepared_on_an_old_snapshot_is_made_again(county: County) -> None:
    waiting = county.store.prepare(
        submission(create(patient("5"), condition=by_number("5"), full_url=URN), create(observation(URN)))
    )
    known = county.create(patient("5"))
    found, one = county.store.submit(waiting).result(60).outcomes
    assert (found.status, found.id) == (200, known.id)
    assert county.read(one.reference)["subject"]["reference"] == known.reference

    waiting = county.store.prepare(submission(update(patient("5", gender="male"), condition=by_number("5"))))
    county.one(delete(known.reference))
    (made,) = county.store.submit(waiting).result(60).outcomes
    assert (made.status, made.id != known.id) == (201, True)


def test_one_refused_submission_does_not_fail_those_that_share_its_commit(backend: str, tmp_path: Path) -> None:
    county = County(opened(backend, tmp_path))
    holding = threading.Event()
    held = county.store.act(lambda view: holding.wait(30), QINGSHAN)
    futures: list[Future[Receipt]] = []
    for number in range(20):
        entries: list[Entry] = [create(patient(str(number % 7)), condition=by_number(str(number % 7)))]
        if number % 3 == 2:
            entries.append(update(patient(id="P1"), if_match='W/"9"'))
        futures.append(county.store.submit(county.store.prepare(submission(*entries))))
    holding.set()
    held.result(60)
    failed = [number for number, future in enumerate(futures) if future.exception(60) is not None]
    assert failed == [number for number in range(20) if number % 3 == 2]
    assert county.total("Patient?") == 7
    assert county.verified() == []
    county.store.close()


def test_the_same_key_and_body_give_the_first_receipt_again(county: County) -> None:
    one = submission(create(patient("5")), create(observation()), key="k1")
    first = county.store.submit(county.store.prepare(one)).result(60)
    again = county.store.submit(county.store.prepare(one)).result(60)
    assert not first.replayed
    assert again.replayed
    assert (again.submission, again.accepted_at) == (first.submission, first.accepted_at)
    assert [outcome.reference for outcome in again.outcomes] == [outcome.reference for outcome in first.outcomes]
    assert all(outcome.body == b"" for outcome in again.outcomes)
    assert county.total("Patient?") == 1


def test_the_same_key_with_another_body_is_refused(county: County) -> None:
    one = submission(create(patient("5")), key="k1")
    county.store.submit(county.store.prepare(one)).result(60)
    with pytest.raises(Conflict) as refusal:
        county.store.submit(county.store.prepare(with_other_body(one))).result(60)
    assert refusal.value.http_status == 422
    assert county.total("Patient?") == 1


def test_a_key_belongs_to_one_client_and_only_success_binds_it(county: County) -> None:
    county.submit(create(patient("5")), key="k1", by=QINGSHAN)
    county.submit(create(patient("5")), key="k1", by=BAIHE)
    assert county.total("Patient?") == 2
    refused = submission(update(patient(id="P1"), if_match='W/"3"'), key="k2")
    with pytest.raises(Precondition):
        county.store.submit(county.store.prepare(refused)).result(60)
    assert not county.submit(create(patient("6")), key="k2").replayed


def test_the_same_key_at_the_same_time_is_one_submission(county: County) -> None:
    prepared = [county.store.prepare(submission(create(patient("5")), key="k1")) for _ in range(100)]
    receipts = [future.result(60) for future in [county.store.submit(one) for one in prepared]]
    assert len({receipt.outcomes[0].id for receipt in receipts}) == 1
    assert sum(not receipt.replayed for receipt in receipts) == 1
    assert county.total("Patient?") == 1


def test_parallel_conditional_creates_give_one_resource(county: County) -> None:
    results: list[Any] = []

    def send() -> None:
        try:
            results.append(county.one(create(patient("5"), condition=by_number("5"))))
        except ExchangeError as refusal:
            results.append(refusal)

    threads = [threading.Thread(target=send) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.id for one in results}) == 1
    assert sorted(one.status for one in results) == [200] * 63 + [201]
