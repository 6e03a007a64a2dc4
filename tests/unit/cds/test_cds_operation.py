"""``ServiceRequest/$check-duplicate``: the same judgement through the FHIR door."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.api.fhir.app import FhirApp
from hub.api.fhir.check_duplicate import check_duplicate
from hub.api.fhir.operation import Operations
from hub.api.fhir.rooms import Rooms
from hub.blobs.folder import FolderBlobStore
from hub.cds.check_operation import CheckOperation
from hub.cds.judging import Judging
from hub.contracts.caller import Caller, Role
from hub.contracts.persons import regional_id
from hub.fhir.model import decode
from hub.intake.accept import Intake
from hub.security.policy import Policy

from .county import County, ago, order, patient, report

PATH = "/fhir/ServiceRequest/$check-duplicate"


@pytest.fixture
def ask(county: County, tmp_path: Path) -> Any:
    judging = Judging(county.store, Policy(), county.persons, county.audit, checker=county.checker)
    app = FhirApp(
        Rooms(
            store=county.store,
            intake=Intake(county.store, Policy(), FolderBlobStore(tmp_path / "blobs")),
            gate=Policy(),
            audit=county.audit,
            persons=county.persons,
            operations=Operations([check_duplicate(CheckOperation(judging))]),
        )
    )

    async def with_caller(scope: Any, receive: Any, send: Any) -> None:
        scope.setdefault("state", {})["caller"] = county.physician
        await app(scope, receive, send)

    def post(*parameters: dict[str, Any], body: Any = None) -> httpx.Response:
        content = json.dumps(body or {"resourceType": "Parameters", "parameter": parameters})

        async def send() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(with_caller), base_url="http://hub.example"
            ) as client:
                headers = {"Content-Type": "application/fhir+json"}
                return await client.post(PATH, content=content, headers=headers)

        return asyncio.run(send())

    return post


def given(resource: dict[str, Any]) -> dict[str, Any]:
    return {"name": "order", "resource": resource}


def verdicts(answer: httpx.Response) -> list[dict[str, Any]]:
    """Of each order, the parts by name."""
    assert answer.status_code == 200, answer.text
    decode(answer.content, "Parameters")
    found = []
    for one in answer.json()["parameter"]:
        assert one["name"] == "verdict"
        found.append({
            part["name"]: next(value for key, value in part.items() if key != "name") for part in one["part"]
        })  # fmt: skip
    return found


def test_each_order_has_its_verdict_and_what_repeats_its_issue(county: County, ask: Any) -> None:
    county.send(report("r1", "胸部CT平扫"))
    repeated, fresh = verdicts(ask(given(order("a", "胸部CT平扫")), given(order("b", "头颅CT平扫"))))
    assert (repeated["order"], repeated["code"]) == ({"reference": "ServiceRequest/a"}, "duplicate")
    assert (repeated["coverage"], repeated["indicator"]) == ("full", "warning")
    assert "城关镇卫生院" in repeated["detail"] and repeated["id"] and repeated["tables"]
    issue = repeated["issue"]
    assert (issue["status"], issue["code"]["coding"][0]["code"]) == ("preliminary", "DUPTHPY")
    assert [one["reference"] for one in issue["implicated"]] == ["ServiceRequest/a", "DiagnosticReport/r1"]
    assert (fresh["code"], "issue" in fresh, "detail" in fresh) == ("none", False, False)
    assert county.audit.noted[-1] == ("", "cds", ("p1",))


@pytest.mark.parametrize("form", ["alone", "bundle", "reference"])
def test_orders_may_come_alone_in_a_bundle_or_by_reference(county: County, ask: Any, form: str) -> None:
    draft = order("a", "胸部CT平扫")
    county.send(report("r1", "胸部CT平扫"))
    if form == "alone":
        answer = ask(body=draft)
    elif form == "bundle":
        answer = ask(given({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft}]}))
    else:
        county.send(draft | {"status": "active", "authoredOn": ago(hours=1)})
        who = {"name": "patient", "valueReference": {"reference": "Patient/p1"}}
        answer = ask({"name": "order", "valueReference": {"reference": "ServiceRequest/a"}}, who)
    [verdict] = verdicts(answer)
    assert (verdict["order"]["reference"], verdict["code"]) == ("ServiceRequest/a", "duplicate")


def test_the_regional_patient_stands_for_all_its_sources(county: County, ask: Any) -> None:
    county.send(patient("p2"), report("r1", "胸部CT平扫", who="p2"), organization="other")
    person = county.persons.person_of("p1")
    assert person is not None
    regional = regional_id(person)
    [verdict] = verdicts(ask(given(order("a", "胸部CT平扫", who=regional))))
    assert verdict["code"] == "duplicate"
    assert [card["indicator"] for card in county.cards(order("a", "胸部CT平扫"), patient=regional)] == ["warning"]


@pytest.mark.parametrize(
    ("parameters", "status", "where"),
    [
        ([], 400, "Parameters.parameter:order"),
        ([given({"resourceType": "ServiceRequest", "id": "a"})], 422, "ServiceRequest"),
        ([given({"resourceType": "Patient"})], 400, "ServiceRequest.resourceType"),
        ([given(order("a", "胸部CT平扫", who="nobody"))], 404, "patient"),
        ([given(order("a", "胸部CT平扫")), given(order("a", "头颅CT"))], 400, "order"),
        ([given(order("a", "胸部CT平扫", subject={"display": "某人"}))], 400, "patient"),
        ([given(order("a", "胸部CT平扫")), given(order("b", "头颅CT", who="p3"))], 412, "order"),
        ([{"name": "order", "valueReference": {"reference": "ServiceRequest/none"}},
          {"name": "patient", "valueReference": {"reference": "Patient/p1"}}], 412, "order"),
        ([{"name": "other", "valueString": "x"}], 400, "Parameters.parameter.name"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_and_nothing_reads_as_no_duplicate(
    county: County, ask: Any, parameters: list[dict[str, Any]], status: int, where: str
) -> None:
    answer = ask(*parameters)
    assert answer.status_code == status, answer.text
    assert answer.json()["issue"][0]["expression"][0].startswith(where)
    assert "verdict" not in answer.text


def test_a_protected_prior_is_not_named(county: County, ask: Any) -> None:
    county.send(report("secret1", "HIV抗体", effectiveDateTime=ago(hours=1)))
    answer = ask(given(order("a", "HIV抗体")))
    [verdict] = verdicts(answer)
    assert verdict["code"] == "duplicate" and "secret1" not in answer.text and "受隐私保护" in verdict["detail"]


def test_only_who_orders_may_ask(county: County, ask: Any) -> None:
    county.physician = Caller("other", Role.ADMIN, "hospital")
    assert ask(given(order("a", "胸部CT平扫"))).status_code == 403
