"""CDS clients as they really come: signed calls as the public sandbox sends them, browsers of another origin."""

import json
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from hub.contracts.site import ZONE
from tests.journeys.running_hub import RunningHub

ISSUER, JKU = "https://sandbox.example", "https://sandbox.example/.well-known/jwks.json"
KEY = ec.generate_private_key(ec.SECP256R1())
SIGN = "/cds-services/duplicate-examination-sign"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    folder: Path = tmp_path_factory.mktemp("signed")
    keys = folder / "jwks.json"
    public = json.loads(ECAlgorithm.to_jwk(KEY.public_key())) | {"kid": "one", "alg": "ES256", "use": "sig"}
    keys.write_text(json.dumps({"keys": [public]}))
    running = RunningHub(folder / "data", HUB_HTTP__CORS_ORIGINS=json.dumps([ISSUER])).start()
    try:
        running.register("qingshan", "clinic", "qingshan", "--organization-name", "青山镇卫生院")
        running.register("sandbox", "physician", "county-hospital", "--jwt-issuer", ISSUER, "--jwks", str(keys),
                         "--jku", JKU)  # fmt: skip
        with running.session("qingshan") as clinic:
            put(clinic, {"resourceType": "Patient", "id": "pat-1", "name": [{"text": "测试甲"}]})
            put(clinic, {
                "resourceType": "DiagnosticReport", "id": "ct-1", "status": "final", "code": {"text": "腰椎CT平扫"},
                "subject": {"reference": "Patient/pat-1"}, "conclusion": "L4/5椎间盘突出",
                "effectiveDateTime": (datetime.now(ZONE) - timedelta(days=2)).isoformat(timespec="seconds"),
            })  # fmt: skip
        yield running
    finally:
        running.stop()


def put(clinic: httpx.Client, resource: dict[str, Any]) -> None:
    path = f"/fhir/{resource['resourceType']}/{resource['id']}"
    answer = clinic.put(path, content=json.dumps(resource), headers={"Content-Type": "application/fhir+json"})
    assert answer.status_code in (200, 201), answer.text


def sandbox_call(hook: str) -> dict[str, Any]:
    """A call of the shape that the public sandbox makes: a Bundle without a type, a draft with intent plan, prefetch
    left out, a token for its own FHIR server beside."""
    draft = {
        "resourceType": "ServiceRequest",
        "id": "example-request-id",
        "status": "draft",
        "intent": "plan",
        "code": {"coding": [{"system": "urn:his:services", "code": "CT-L", "display": "腰椎CT平扫"}]},
        "subject": {"reference": "Patient/pat-1"},
        "reasonCode": [{"coding": [{"system": "http://snomed.info/sct", "code": "279039007"}]}],
    }
    return {
        "hookInstance": str(uuid.uuid4()),
        "hook": hook,
        "fhirServer": "https://fhir.sandbox.example/r4",
        "fhirAuthorization": {
            "access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.read",
            "subject": "client",
        },
        "context": {
            "patientId": "pat-1",
            "userId": "Practitioner/example",
            "selections": ["ServiceRequest/example-request-id"],
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": draft}]},
        },
    }  # fmt: skip


def signed(url: str, **more: Any) -> dict[str, str]:
    now = int(time.time())
    claims = {"iss": ISSUER, "sub": "client", "aud": url, "exp": now + 300, "iat": now, "jti": str(uuid.uuid4())} | more
    token = jwt.encode(claims, KEY, algorithm="ES256", headers={"kid": "one", "jku": JKU})
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_the_sandbox_gets_its_card_by_a_signed_call(hub: RunningHub, hook: str) -> None:
    url = f"{hub.http}/cds-services/duplicate-examination-{hook.removeprefix('order-')}"
    answer = httpx.post(url, json=sandbox_call(hook), headers=signed(url))
    assert answer.status_code == 200, answer.text
    [card] = answer.json()["cards"]
    assert (card["indicator"], card["extension"]["hub.verdict"]["priors"]) == ("warning", ["DiagnosticReport/ct-1"])
    page = httpx.get(card["links"][0]["url"])
    assert page.status_code == 200
    assert "L4/5椎间盘突出" in page.text
    accepted = {"card": card["uuid"], "outcome": "accepted", "outcomeTimestamp": "2026-11-22T10:00:00Z",
                "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}]}  # fmt: skip
    told = httpx.post(f"{url}/feedback", json={"feedback": [accepted]}, headers=signed(f"{url}/feedback"))
    assert (told.status_code, told.json()) == (200, {})


def test_a_signed_call_is_good_once_and_for_its_own_address(hub: RunningHub) -> None:
    url = hub.http + SIGN
    once = signed(url)
    assert httpx.post(url, json=sandbox_call("order-sign"), headers=once).status_code == 200
    for headers in (once, signed(url + "x"), signed(url, iss="https://other.example"), signed(url, exp=1)):
        answer = httpx.post(url, json=sandbox_call("order-sign"), headers=headers)
        assert (answer.status_code, answer.json()["resourceType"]) == (401, "OperationOutcome")
        assert "cards" not in answer.text
    assert httpx.get(f"{hub.http}/fhir/Patient", headers=signed(f"{hub.http}/fhir/Patient")).status_code == 401


def test_a_browser_of_a_listed_origin_may_call(hub: RunningHub) -> None:
    url = hub.http + SIGN
    asked = {"Origin": ISSUER, "Access-Control-Request-Method": "POST"}
    preflight = httpx.options(url, headers=asked)
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, ISSUER)
    answer = httpx.post(url, json=sandbox_call("order-sign"), headers=signed(url) | {"Origin": ISSUER})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, ISSUER)
    assert httpx.options(url, headers=asked | {"Origin": "https://evil.example"}).status_code == 401
