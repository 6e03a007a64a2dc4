"""A clinic's code map at a running hub: the command, what it changes at once, and what is read again behind it."""

from datetime import datetime, timedelta
from pathlib import Path

from hub.contracts.site import ZONE
from tests.journeys.county import County
from tests.journeys.running_hub import wait_for


def test_what_a_clinic_sent_under_its_own_code_warns_soon_after_the_code_was_mapped(
    county: County, tmp_path: Path
) -> None:
    patient = county.admit(county.new("C"), county.resident())
    code, when = county.new("X"), datetime.now(ZONE) - timedelta(days=2)
    report = {
        "resourceType": "DiagnosticReport", "status": "final", "subject": {"reference": f"Patient/{patient['id']}"},
        "code": {"coding": [{"system": "urn:qingshan:items", "code": code}]},
        "effectiveDateTime": when.isoformat(timespec="seconds"),
    }  # fmt: skip
    county.ask("qingshan", "POST", "/fhir/DiagnosticReport", 201, json=report)
    assert county.check(patient["id"], "胸部CT平扫")["verdict"] == "none"
    unread = county.get("qingshan", "/exams/unmapped", _count="1000")["items"]
    assert [one["times"] for one in unread if one["code"] == code] == [1]

    table = tmp_path / "codes.csv"
    table.write_text(f"code,means\n{code},胸部CT平扫\n", encoding="utf-8")
    done = county.hub.run("exams", "codes", "import", str(table), "--organization", "qingshan",
                          "--data-dir", str(county.hub.folder))  # fmt: skip
    assert done.returncode == 0, done.stderr

    def warned() -> bool:
        return county.check(patient["id"], "胸部CT平扫")["verdict"] == "duplicate"

    assert wait_for(warned)
    verdict = county.check(patient["id"], "胸部CT平扫")
    assert verdict["card"]["indicator"] == "warning"
    assert wait_for(lambda: all(one["done"] for one in county.get("qingshan", "/exams/unmapped")["rereading"]))
    told = county.hub.run("exams", "explain", verdict["id"], "--data-dir", str(county.hub.folder))
    assert '"identical": true' in told.stdout, told.stderr
    assert county.get("operator", "/figures/duplicates")["total"]["shown"] >= 1
