"""``Patient/$merge`` and ``$unmerge``, the same said by a feed (ITI-104), and by a Linkage."""

from itertools import count
from typing import Any

import pytest

from hub.contracts.codes import RESIDENT_ID
from tests.conformance.fhir_hub import FhirHub, entry, issue, observation, transaction
from tests.conformance.people import number, person_of, regional_of, register

KEYS = count(1)


def parameters(source: str, target: str, *more: dict[str, Any]) -> dict[str, Any]:
    named = [{"name": f"{name}-patient", "valueReference": {"reference": f"Patient/{patient}"}}
             for name, patient in (("source", source), ("target", target))]  # fmt: skip
    return {"resourceType": "Parameters", "parameter": [*named, *more]}


def merge(hub: FhirHub, body: Any, caller: str = "qingshan", key: str | None = "") -> Any:
    headers = {} if key is None else {"idempotency-key": key or f"merge-{next(KEYS)}"}
    return hub.ask("POST", "Patient/$merge", body, caller=caller, headers=headers)


def merge_id(answer: Any) -> str:
    assert answer.status_code == 200, answer.text
    return str(next(p["valueId"] for p in answer.json()["parameter"] if p["name"] == "merge-id"))


def unmerge(hub: FhirHub, merged: str, caller: str = "qingshan", key: str | None = None, **headers: str) -> Any:
    body = {"resourceType": "Parameters", "parameter": [{"name": "merge-id", "valueString": merged}]}
    headers = {"idempotency-key": key} if key else headers
    return hub.ask("POST", "Patient/$unmerge", body, caller=caller, headers=headers)


def links(hub: FhirHub) -> list[tuple[Any, ...]]:
    """Every link as it is kept, but for the time of its last move."""
    columns = "patient_id, person_id, own, state, rule, bits, because, model, actor, evidence"
    return hub.store.side_rows(f"SELECT {columns} FROM identity_link ORDER BY patient_id")


@pytest.fixture
def two(hub: FhirHub) -> tuple[FhirHub, str, str]:
    """Two files of one clinic that nothing but a person can know to be one."""
    old = register(hub, "qingshan", "OLD", None, name=[{"text": "李梅"}], birthDate="1980-01-01")
    new = register(hub, "qingshan", "NEW", number(3))
    hub.create(observation(f"Patient/{old}"))
    hub.create(observation(f"Patient/{new}"))
    return hub, old, new


def test_a_merge_makes_one_person_and_its_undoing_restores_every_link(two: tuple[FhirHub, str, str]) -> None:
    hub, old, new = two
    before, persons = links(hub), (person_of(hub, old), person_of(hub, new))
    seen = [hub.ask("GET", f"Patient/{patient}{what}", caller="hospital").json()
            for patient in (old, new) for what in ("", "/$person")]  # fmt: skip
    merged = merge_id(merge(hub, parameters(old, new)))
    assert person_of(hub, old) == person_of(hub, new)
    for patient in (old, new, regional_of(hub, old)):
        assert len(hub.found(f"Observation?patient={patient}")) == 2
    assert hub.ask("GET", f"Patient/{old}", caller="hospital").json() == seen[0]
    assert unmerge(hub, merged).status_code == 200
    assert links(hub) == before
    assert seen == [hub.ask("GET", f"Patient/{patient}{what}", caller="hospital").json()
                    for patient in (old, new) for what in ("", "/$person")]  # fmt: skip
    assert (person_of(hub, old), person_of(hub, new)) == persons
    assert len(hub.found(f"Observation?patient={old}")) == 1


def test_the_answer_carries_what_was_asked_what_became_of_it_and_the_target(two: tuple[FhirHub, str, str]) -> None:
    hub, old, new = two
    body = parameters(old, new, {"name": "reason", "valueString": "重复建档"})
    answer = {p["name"]: p for p in merge(hub, body).json()["parameter"]}
    assert answer["input"]["resource"] == body
    assert answer["outcome"]["resource"]["resourceType"] == "OperationOutcome"
    assert answer["result"]["resource"]["id"] == new


def test_an_admin_merges_across_clinics_without_a_chart_and_no_clinics_record_is_touched(hub: FhirHub) -> None:
    old = register(hub, "qingshan", "OLD", None, name=[{"text": "李梅"}])
    new = register(hub, "baihe", "NEW", number(3))
    before = hub.ask("GET", f"Patient/{old}").json()
    answer = merge(hub, parameters(old, new), caller="operator")
    merged = merge_id(answer)
    assert "result" not in {p["name"] for p in answer.json()["parameter"]}
    assert person_of(hub, old) == person_of(hub, new)
    assert hub.ask("GET", f"Patient/{old}").json() == before
    assert (
        hub.ask("GET", f"Linkage?item=Patient/{old}", caller="operator").json()["entry"][0]["resource"]["id"] == merged
    )
    assert unmerge(hub, merged, caller="operator").status_code == 200
    assert person_of(hub, old) != person_of(hub, new)
    for clinic, own, foreign in (("qingshan", old, new), ("baihe", new, old)):
        told = hub.ask("GET", f"Provenance?target=Patient/{own}", caller=clinic).json()["entry"]
        codes = [entry["resource"]["activity"]["coding"][0]["code"] for entry in told]
        assert sorted(codes) == ["merge", "unmerge"]
        assert foreign not in str(told)


def test_identifiers_name_patients_too(two: tuple[FhirHub, str, str]) -> None:
    hub, old, new = two
    body = {"resourceType": "Parameters", "parameter": [
        {"name": "source-patient-identifier", "valueIdentifier": {"system": "urn:test:qingshan", "value": "OLD"}},
        {"name": "target-patient-identifier", "valueIdentifier": {"system": "urn:test:qingshan", "value": "NEW"}},
        {"name": "target-patient-identifier", "valueIdentifier": {"system": RESIDENT_ID, "value": number(3)}},
    ]}  # fmt: skip
    merge_id(merge(hub, body))
    assert person_of(hub, old) == person_of(hub, new)


def test_the_same_request_again_is_answered_as_the_first_time(two: tuple[FhirHub, str, str]) -> None:
    hub, old, new = two
    first, again = (merge(hub, parameters(old, new), key="once") for _ in range(2))
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    assert merge(hub, parameters(new, old), key="once").status_code == 422
    merged = merge_id(first)
    back, once_more = (unmerge(hub, merged, key="back") for _ in range(2))
    assert (back.status_code, once_more.status_code) == (200, 200)
    assert once_more.headers["idempotency-replayed"] == "true"


def test_a_preview_tells_and_changes_nothing(two: tuple[FhirHub, str, str]) -> None:
    hub, old, new = two
    before = links(hub)
    answer = merge(hub, parameters(old, new, {"name": "preview", "valueBoolean": True}), key=None)
    assert answer.status_code == 200, answer.text
    assert "merge-id" not in {p["name"] for p in answer.json()["parameter"]}
    assert links(hub) == before
    assert person_of(hub, old) != person_of(hub, new)


def test_the_person_that_was_merged_away_leads_to_the_other(two: tuple[FhirHub, str, str]) -> None:
    hub, old, new = two
    away, stays = regional_of(hub, new), regional_of(hub, old)
    merged = merge_id(merge(hub, parameters(old, new)))
    assert regional_of(hub, new) == stays
    shown = hub.ask("GET", f"Patient/{away}").json()
    assert (shown["active"], shown["link"]) == (
        False,
        [{"other": {"reference": f"Patient/{stays}"}, "type": "replaced-by"}],
    )
    assert len(hub.found(f"Observation?patient={away}")) == 2
    assert hub.ask("GET", f"Patient/{away}", caller="baihe").status_code == 404
    assert unmerge(hub, merged).status_code == 200
    assert hub.ask("GET", f"Patient/{away}").json()["active"] is True


def test_the_target_may_be_given_as_it_is_to_be(two: tuple[FhirHub, str, str]) -> None:
    hub, old, new = two
    wanted = hub.ask("GET", f"Patient/{new}").json()
    wanted["telecom"] = [{"system": "phone", "value": "13900000009"}]
    answer = merge(hub, parameters(old, new, {"name": "result-patient", "resource": wanted}))
    assert answer.status_code == 422  # it does not say that it replaces the source
    wanted["link"] = [{"other": {"reference": f"Patient/{old}"}, "type": "replaces"}]
    merge_id(merge(hub, parameters(old, new, {"name": "result-patient", "resource": wanted})))
    assert hub.ask("GET", f"Patient/{new}").json()["telecom"] == wanted["telecom"]


def test_it_leaves_a_provenance_and_its_undoing_a_notice_to_every_reader(two: tuple[FhirHub, str, str]) -> None:
    hub, old, new = two
    merged = merge_id(merge(hub, parameters(old, new)))
    assert hub.ask("GET", f"Patient/{old}", caller="hospital").status_code == 200
    assert unmerge(hub, merged).status_code == 200
    found = hub.ask("GET", f"Provenance?target=Patient/{old}").json()["entry"]
    codes = {entry["resource"]["activity"]["coding"][0]["code"] for entry in found}
    assert codes == {"merge", "unmerge"}
    notices = [
        entry["resource"]
        for entry in hub.ask("GET", "Communication?recipient=Organization/org-county", caller="hospital").json()[
            "entry"
        ]
    ]
    assert [one["subject"]["reference"] for one in notices] == [f"Patient/{old}"]
    assert "现已分开" in notices[0]["payload"][0]["contentString"]


@pytest.mark.parametrize(
    ("change", "status", "where"),
    [
        (lambda old, new: {"resourceType": "Parameters"}, 400, "source-patient"),
        (lambda old, new: {"resourceType": "Parameters", "parameter": parameters(old, new)["parameter"][:1]}, 400,
         "target-patient"),
        (lambda old, new: parameters("nobody", new), 404, "source-patient"),
        (lambda old, new: parameters(old, "nobody"), 404, "target-patient"),
        (lambda old, new: parameters(old, f"regional-{new}"), 404, "target-patient"),
        (lambda old, new: parameters(old, old), 422, "target-patient"),
        (lambda old, new: parameters(old, new, {"name": "x", "valueBoolean": True}), 400, "Parameters.parameter.name"),
        (lambda old, new: {"resourceType": "Patient"}, 400, "Parameters"),
    ],
)  # fmt: skip
def test_what_cannot_be_merged_is_refused_by_name(
    two: tuple[FhirHub, str, str], change: Any, status: int, where: str
) -> None:
    hub, old, new = two
    before = links(hub)
    answer = merge(hub, change(old, new))
    assert answer.status_code == status, answer.text
    assert where in issue(answer)["expression"][0]
    assert links(hub) == before


def test_a_merge_without_a_key_is_refused(two: tuple[FhirHub, str, str]) -> None:
    hub, old, new = two
    answer = merge(hub, parameters(old, new), key=None)
    assert answer.status_code == 400
    assert issue(answer)["expression"] == ["Idempotency-Key"]
    assert person_of(hub, old) != person_of(hub, new)


def test_two_different_resident_numbers_are_never_merged(hub: FhirHub) -> None:
    one, other = register(hub, "qingshan", "A", number(2)), register(hub, "qingshan", "B", number(4))
    for more in ((), ({"name": "preview", "valueBoolean": True},)):
        answer = merge(hub, parameters(one, other, *more))
        assert answer.status_code == 409, answer.text
        assert "two different valid resident numbers" in issue(answer)["diagnostics"]
    assert person_of(hub, one) != person_of(hub, other)
    assert hub.found("Linkage") == []


def test_merged_twice_and_unmerged_twice_are_conflicts(two: tuple[FhirHub, str, str]) -> None:
    hub, old, new = two
    merged = merge_id(merge(hub, parameters(old, new)))
    assert merge(hub, parameters(old, new)).status_code == 409
    assert merge(hub, parameters(new, old)).status_code == 409
    assert unmerge(hub, merged).status_code == 200
    assert unmerge(hub, merged).status_code == 409
    assert unmerge(hub, "no-such-merge").status_code == 404
    assert merge_id(merge(hub, parameters(old, new))) != merged


def test_only_those_may_merge_whose_duty_or_whose_records_it_is(two: tuple[FhirHub, str, str]) -> None:
    hub, old, new = two
    for caller in ("hospital", "centre", "auditor"):
        assert merge(hub, parameters(old, new), caller=caller).status_code == 403, caller
    assert merge(hub, parameters(old, new), caller="baihe").status_code == 404
    foreign = register(hub, "baihe", "X", None, name=[{"text": "王芳"}])
    assert merge(hub, parameters(old, foreign)).status_code == 404
    linkage = {"resourceType": "Linkage", "item": [
        {"type": "source", "resource": {"reference": f"Patient/{new}"}},
        {"type": "historical", "resource": {"reference": f"Patient/{foreign}"}}]}  # fmt: skip
    assert hub.ask("POST", "Linkage", linkage).status_code == 404
    merged = merge_id(merge(hub, parameters(old, new)))
    assert unmerge(hub, merged, caller="baihe").status_code == 404


def test_a_feed_that_replaces_a_record_merges_it(two: tuple[FhirHub, str, str]) -> None:
    hub, old, new = two
    body = hub.ask("GET", f"Patient/{old}").json() | {"active": False, "link": [
        {"other": {"identifier": {"system": "urn:test:qingshan", "value": "NEW"}}, "type": "replaced-by"}]}  # fmt: skip
    del body["id"]
    path = "Patient?identifier=urn:test:qingshan|OLD"
    assert hub.ask("PUT", path, body).status_code == 200
    assert person_of(hub, old) == person_of(hub, new)
    assert hub.ask("PUT", path, body | {"gender": "female"}).status_code == 200
    (linkage,) = hub.found(f"Linkage?item=Patient/{old}")
    assert unmerge(hub, linkage.removeprefix("Linkage/")).status_code == 200
    assert person_of(hub, old) != person_of(hub, new)
    assert hub.ask("GET", f"Patient/{old}").json()["link"] == body["link"]


def test_a_feed_may_name_the_survivor_by_a_condition_or_in_one_transaction(two: tuple[FhirHub, str, str]) -> None:
    hub, old, new = two
    body = hub.ask("GET", f"Patient/{old}").json() | {"active": False, "link": [
        {"other": {"reference": "Patient?identifier=urn:test:qingshan|NEW"}, "type": "replaced-by"}]}  # fmt: skip
    assert hub.ask("PUT", f"Patient/{old}", body).status_code == 200
    assert person_of(hub, old) == person_of(hub, new)
    gone = register(hub, "qingshan", "GONE", None, name=[{"text": "赵兰"}])
    came = {"resourceType": "Patient", "identifier": [{"system": "urn:test:qingshan", "value": "CAME"}]}
    left = hub.ask("GET", f"Patient/{gone}").json() | {
        "active": False, "link": [{"other": {"reference": "urn:uuid:came"}, "type": "replaced-by"}]}  # fmt: skip
    answer = hub.ask("POST", "", transaction(entry("POST", "Patient", came, fullUrl="urn:uuid:came"),
                                             entry("PUT", f"Patient/{gone}", left)))  # fmt: skip
    assert answer.status_code == 200, answer.text
    (survivor,) = hub.found("Patient?identifier=urn:test:qingshan|CAME")
    assert person_of(hub, gone) == person_of(hub, survivor.removeprefix("Patient/"))


@pytest.mark.parametrize("other", [{"reference": "Patient/nobody"}, {"identifier": {"system": "urn:x", "value": "1"}}])
def test_a_feed_that_names_an_unknown_survivor_is_refused(two: tuple[FhirHub, str, str], other: Any) -> None:
    hub, old, _ = two
    body = hub.ask("GET", f"Patient/{old}").json() | {"active": False,
                                                      "link": [{"other": other, "type": "replaced-by"}]}  # fmt: skip
    answer = hub.ask("PUT", f"Patient/{old}", body)
    assert answer.status_code == 422, answer.text
    assert issue(answer)["expression"] == ["Patient.link.other"]
    assert "active" not in hub.ask("GET", f"Patient/{old}").json()


def test_a_removed_record_leaves_its_person_and_is_found_no_more(hub: FhirHub) -> None:
    one, other = register(hub, "qingshan", "A", number(2)), register(hub, "baihe", "B", number(2))
    assert hub.ask("DELETE", "Patient?identifier=urn:test:qingshan|A").status_code == 204
    shown = hub.ask("GET", f"Patient/{other}/$person", caller="hospital").json()
    assert [link["target"]["reference"] for link in shown["link"]] == [f"Patient/{other}"]
    assert one not in str(shown)


def test_a_linkage_links_and_sent_inactive_parts(two: tuple[FhirHub, str, str]) -> None:
    hub, old, new = two
    linkage = {
        "resourceType": "Linkage",
        "item": [
            {"type": "source", "resource": {"reference": f"Patient/{new}"}},
            {"type": "alternate", "resource": {"reference": f"Patient/{old}"}},
        ],
    }
    assert hub.ask("POST", "Linkage", linkage).status_code == 201
    assert person_of(hub, old) == person_of(hub, new)
    assert hub.ask("POST", "Linkage", {**linkage, "active": False}).status_code == 201
    assert person_of(hub, old) != person_of(hub, new)
    assert hub.ask("POST", "Linkage", linkage).status_code == 201


def test_a_linkage_made_inactive_is_taken_back(two: tuple[FhirHub, str, str]) -> None:
    hub, old, new = two
    before = links(hub)
    items = [{"type": "source", "resource": {"reference": f"Patient/{new}"}},
             {"type": "alternate", "resource": {"reference": f"Patient/{old}"}}]  # fmt: skip
    made = hub.create({"resourceType": "Linkage", "item": items})
    assert person_of(hub, old) == person_of(hub, new)
    assert hub.ask("PUT", f"Linkage/{made['id']}", {**made, "active": False}).status_code == 200
    assert links(hub) == before
    again = hub.ask("PUT", f"Linkage/{made['id']}", {**made, "active": True})
    assert again.status_code == 422


def test_a_merge_taken_back_stays_so_and_is_taken_back_though_a_record_is_gone(two: tuple[FhirHub, str, str]) -> None:
    hub, old, new = two
    merged = merge_id(merge(hub, parameters(old, new)))
    body = hub.ask("GET", f"Linkage/{merged}").json()
    assert unmerge(hub, merged).status_code == 200
    assert hub.ask("PUT", f"Linkage/{merged}", body).status_code == 422
    again = merge_id(merge(hub, parameters(old, new)))
    assert hub.ask("DELETE", f"Patient/{old}").status_code == 204
    assert unmerge(hub, again).status_code == 200


def test_a_deleted_merge_is_taken_back(two: tuple[FhirHub, str, str]) -> None:
    hub, old, new = two
    merged = merge_id(merge(hub, parameters(old, new)))
    assert hub.ask("DELETE", f"Linkage/{merged}").status_code == 204
    assert person_of(hub, old) != person_of(hub, new)


def test_a_linkage_that_says_nothing_clear_is_refused(two: tuple[FhirHub, str, str]) -> None:
    hub, old, new = two
    source = {"type": "source", "resource": {"reference": f"Patient/{new}"}}
    for items in ([source], [source, source], [{**source, "type": "alternate"}, {**source, "type": "historical"}],
                  [source, {**source, "type": "historical"}],
                  [source, {"type": "alternate", "resource": {"reference": "Observation/x"}}]):  # fmt: skip
        answer = hub.ask("POST", "Linkage", {"resourceType": "Linkage", "item": items})
        assert answer.status_code == 422, answer.text
        assert issue(answer)["expression"][0].startswith("Linkage.item")
    merged = merge_id(merge(hub, parameters(old, new)))
    body = hub.ask("GET", f"Linkage/{merged}").json()
    body["item"][0]["type"], body["item"][1]["type"] = body["item"][1]["type"], body["item"][0]["type"]
    assert hub.ask("PUT", f"Linkage/{merged}", body).status_code == 422
