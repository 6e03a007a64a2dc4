from pathlib import Path

import pytest

from adapters.ecg.read import read

FOLDER = Path(__file__).resolve().parents[3] / "samples" / "ecg"


def test_the_samples_in_the_repository_are_what_their_script_makes(samples: dict[str, bytes]) -> None:
    assert {name: (FOLDER / name).read_bytes() == content for name, content in samples.items()} == dict.fromkeys(
        samples, True
    )


@pytest.mark.parametrize("name", ["recording.xml", "recording-gb18030.xml", "recording.scp", "recording.dcm"])
def test_every_form_of_the_recording_gives_the_same_leads_and_measurements(
    samples: dict[str, bytes], name: str
) -> None:
    one, other = read(samples["recording.xml"]), read(samples[name])
    leads = {lead.name: lead for lead in other.leads}
    assert all((leads[lead.name].samples == lead.samples).all() for lead in one.leads)
    assert all((leads[lead.name].microvolts() == lead.microvolts()).all() for lead in one.leads)
    assert set(one.measurements) == set(other.measurements)
    assert one.statements == other.statements
    assert one.patient == other.patient
    assert one.start == other.start and not other.zone_assumed
    assert one.sampling_rate_hz == other.sampling_rate_hz == 500


def test_the_outside_scp_and_aecg_of_one_recording_have_equal_leads_sample_by_sample(outside) -> None:
    one, other = read(outside("aecg_hl7_example.xml")), read(outside("scp_ecgconversion_clark.scp"))
    leads = {lead.name: lead for lead in other.leads}
    assert len(one.leads) == len(leads) == 12
    for lead in one.leads:
        assert (leads[lead.name].microvolts() == lead.microvolts()).all()
    intervals = {(m.kind, m.value, m.formula) for m in one.measurements}
    assert intervals == {(m.kind, m.value, m.formula) for m in other.measurements}


def test_an_outside_dicom_ecg_gives_the_values_its_cart_measured(outside) -> None:
    recording = read(outside("dicom_12lead_mortara_pydicom.dcm"))
    assert len(recording.leads) == 12 and recording.sampling_rate_hz == 1000
    values = {m.kind.value: int(m.value) for m in recording.measurements}
    assert values | {"rr": 982, "pr": 161, "qrs": 75, "qt": 368, "qtc": 370} == values
    assert len(recording.median_beats) == 12 and not recording.patient.name


def test_an_outside_muse_export_gives_eight_leads_and_four_that_follow(outside) -> None:
    recording = read(outside("muse_9_guangxi_teaching.xml"))
    assert [lead.name for lead in recording.leads if not lead.derived] == [
        "I",
        "II",
        "V1",
        "V2",
        "V3",
        "V4",
        "V5",
        "V6",
    ]
    assert [lead.name for lead in recording.leads if lead.derived] == ["III", "aVR", "aVL", "aVF"]
    assert {(m.formula, int(m.value)) for m in recording.measurements if m.formula} == {
        ("unknown", 417),
        ("Fridericia", 384),
    }
    assert not recording.patient.names_somebody


def test_an_outside_sierra_export_loses_its_calibration_pulse(outside) -> None:
    recording = read(outside("sierra_1_03_129DYPRG.xml"))
    assert {len(lead.samples) for lead in recording.leads} == {5264}
    assert ">>> Acute MI <<<" in [statement.text for statement in recording.statements]
