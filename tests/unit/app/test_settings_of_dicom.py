"""Settings of single DICOM devices and of the associations that we open to them."""

from pathlib import Path

import pytest

from hub.app.parts import Parts
from hub.settings import SettingsError, load, refusals


def test_a_device_is_spoken_to_over_tls_with_what_stands_nearest(tmp_path: Path) -> None:
    for name in ("door.pem", "door.key", "out.pem", "out.key", "ca.pem", "own.pem"):
        (tmp_path / name).touch()
    devices = {"CT01": {"tls": True}, "DX01": {"tls": True, "ca": tmp_path / "own.pem", "tls_name": "dx"}, "US01": {}}
    door = {"certificate": tmp_path / "door.pem", "key": tmp_path / "door.key", "devices": devices}
    trusting = {"outgoing": {"ca": tmp_path / "ca.pem"}}
    showing = {"outgoing": {"certificate": tmp_path / "out.pem", "key": tmp_path / "out.key"}}
    first = Parts(load(data_dir=tmp_path, dicom=door | trusting)).dicom_settings
    ct, dx = first.device("CT01").tls, first.device("DX01").tls
    assert ct is not None
    assert dx is not None
    assert (ct.ca, ct.certificate, ct.key, ct.name) == (tmp_path / "ca.pem", door["certificate"], door["key"], "")
    assert (dx.ca, dx.name) == (tmp_path / "own.pem", "dx")
    assert first.device("US01").tls is None
    second = Parts(load(data_dir=tmp_path, dicom=door | showing)).dicom_settings.device("CT01").tls
    assert second is not None
    assert (second.ca, second.certificate, second.key) == (None, tmp_path / "out.pem", tmp_path / "out.key")


def test_files_that_are_not_there_are_named_before_anything_is_served(tmp_path: Path) -> None:
    missing = {
        "devices": {"CT01": {"tls": True, "ca": tmp_path / "no-ca.pem"}}, "outgoing": {"certificate": tmp_path / "no"},
    }  # fmt: skip
    told = refusals(load(data_dir=tmp_path, dicom=missing))
    assert any("no-ca.pem is not there. Correct dicom.devices.CT01.ca." in one for one in told)
    assert any("certificate without its key" in one for one in told)


@pytest.mark.parametrize("wrong", [{"processes": 0}, {"outgoing": {"certficate": "x"}}])
def test_what_is_misspelt_or_out_of_range_is_told(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="is not accepted"):
        load(data_dir=tmp_path, dicom=wrong)
