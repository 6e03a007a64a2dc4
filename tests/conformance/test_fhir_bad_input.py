"""Nasty input at the FHIR door: a clear refusal, nothing stored by halves, the next request served."""

import json
import resource
from typing import Any

import pytest

from tests.conformance.fhir_hub import LIMIT_BYTES, FhirHub, entry, issue, many_bytes, observation, patient, transaction

DEEP = 10_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"Patient"',
        b"\xff\xfe",
        b'{"resourceType":"Patient","name":[{"text":"\xff"}]}',
        b'\xef\xbb\xbf{"resourceType":"Patient"}',
        b'{"resourceType":"Patient"} trailing',
        b'{"resourceType":"Patient","multipleBirthInteger":NaN}',
        b'{"resourceType":"Patient","multipleBirthInteger":Infinity}',
        b'{"resourceType":"Patient","extension":' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b"<Patient/>",
        b'{"resourceType":7}',
    ],
)
@pytest.mark.parametrize("path", ["Patient", ""])
def test_what_is_no_resource_is_400(hub: FhirHub, body: bytes, path: str) -> None:
    answer = hub.ask("POST", path, body)
    assert answer.status_code in (400, 422)
    issue(answer)
    assert hub.ask("POST", "Patient", patient()).status_code == 201


@pytest.mark.parametrize(
    ("elements", "where"),
    [
        ({"unknownField": 1}, "Patient"),
        ({"gender": "unheard-of"}, "Patient.gender"),
        ({"birthDate": "2026-02-31"}, "Patient.birthDate"),
        ({"name": {"text": "x"}}, "Patient.name"),
        ({"name": []}, "Patient.name"),
        ({"active": "yes"}, "Patient.active"),
        ({"multipleBirthInteger": 1, "multipleBirthBoolean": True}, "Patient"),
    ],
)
def test_what_breaks_a_rule_is_422_and_says_where(hub: FhirHub, elements: dict[str, Any], where: str) -> None:
    answer = hub.ask("POST", "Patient", patient(**elements))
    assert answer.status_code == 422
    assert issue(answer)["expression"][0].startswith(where)


@pytest.mark.parametrize("content_type", ["text/plain", "application/fhir+xml", "application/json; charset=gbk"])
def test_a_wrong_content_type_is_415(hub: FhirHub, content_type: str) -> None:
    for method, path in (("POST", "Patient"), ("PUT", "Patient/1"), ("POST", "")):
        answer = hub.ask(method, path, patient(id="1"), headers={"content-type": content_type})
        assert answer.status_code == 415
        issue(answer)


def test_a_compressed_body_is_415(hub: FhirHub) -> None:
    answer = hub.ask("POST", "Patient", b"\x1f\x8b" + b"\0" * 100, headers={"content-encoding": "gzip"})
    assert answer.status_code == 415


def test_an_answer_in_another_format_is_406(hub: FhirHub) -> None:
    for headers, path in (({"accept": "application/fhir+xml"}, "metadata"), ({}, "metadata?_format=xml")):
        answer = hub.ask("GET", path, headers=headers)
        assert answer.status_code == 406
        issue(answer)


def test_a_hundred_megabytes_cost_no_memory(hub: FhirHub) -> None:
    hub.ask("POST", "Patient", patient())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = hub.ask("POST", "Patient", many_bytes(100 << 20))
    assert answer.status_code == 413
    issue(answer)
    grown_bytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown_bytes < 8 * LIMIT_BYTES
    assert hub.ask("POST", "Patient", patient()).status_code == 201


def test_a_stated_length_over_the_limit_is_413_at_once(hub: FhirHub) -> None:
    answer = hub.ask("POST", "Patient", b"{}", headers={"content-length": str(4 << 30)})
    assert answer.status_code == 413


def test_a_bundle_of_too_many_entries_is_413(hub: FhirHub) -> None:
    one = json.dumps(entry("GET", "Patient/1")).encode()
    body = b'{"resourceType":"Bundle","type":"batch","entry":[' + b",".join([one] * 10_001) + b"]}"
    answer = hub.ask("POST", "", body)
    assert answer.status_code == 413
    issue(answer)


def test_a_body_of_too_many_values_is_413(hub: FhirHub) -> None:
    names = b'{"resourceType":"Patient","name":[{"given":[' + b",".join([b"1"] * 2_000_002) + b"]}]}"
    answer = hub.ask("POST", "Patient", names)
    assert answer.status_code == 413
    issue(answer)


@pytest.mark.parametrize("host", ["evil.example/x?y#", "a b", "x" * 3000, "user@evil.example", '"><script>'])
def test_a_hostile_host_changes_nothing_and_is_not_repeated(hub: FhirHub, host: str) -> None:
    answer = hub.ask("POST", "Patient", patient(), headers={"host": host})
    assert answer.status_code == 201
    assert host not in answer.headers["location"]
    assert answer.headers["location"].startswith("http://hub.test/fhir/Patient/")


@pytest.mark.parametrize("resource_id", ["a_b", "a b", "ü", "a" * 65, "a/b", "..%2f", "a%0d%0aX-Evil: 1"])
def test_an_id_that_fhir_does_not_allow_is_refused(hub: FhirHub, resource_id: str) -> None:
    answer = hub.ask("PUT", f"Patient/{resource_id}", patient(id=resource_id))
    assert answer.status_code in (400, 404)
    assert "x-evil" not in answer.headers
    issue(answer)


def test_a_reference_to_a_type_that_does_not_fit_is_refused(hub: FhirHub) -> None:
    answer = hub.ask("POST", "Observation", observation("Organization/o"))
    assert answer.status_code == 422
    assert issue(answer)["expression"][0].startswith("Observation.subject")


def test_refusals_do_not_repeat_what_was_sent(hub: FhirHub) -> None:
    secret = "张秘密"
    for answer in (
        hub.ask("POST", "Patient", patient(gender=secret)),
        hub.ask("POST", "Patient", patient(birthDate=secret)),
        hub.ask("POST", "", transaction(entry("POST", "Patient", patient(gender=secret)))),
        hub.ask("GET", f"Patient?birthdate={secret}"),
        hub.ask("GET", f"Patient/{secret}"),
    ):
        assert answer.status_code >= 400
        assert secret not in answer.text


def test_a_fault_of_the_hub_tells_no_internals(hub: FhirHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret path /srv/hub")

    monkeypatch.setattr(hub.store, "read", broken)
    answer = hub.ask("GET", "Patient/1")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "event" in issue(answer)["diagnostics"]
