"""What ``hub check`` shows of the settings."""

from pathlib import Path

import pytest

from hub.process.check import check
from hub.settings import SettingsError, load

SETTINGS = """
[outside.province]
url = "https://province.example.org"
token = "very-secret-1"

[[dicom.routes]]
name = "to the county hospital"
dicomweb = "https://pacs.example.org/dicom-web"
token = "very-secret-2"
modality = ["CT"]
"""


def test_secrets_are_masked_however_deep_they_lie(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "settings.toml").write_text(SETTINGS, "utf-8")
    check(load(data_dir=tmp_path))
    shown = capsys.readouterr().out
    assert "very-secret" not in shown
    assert "https://pacs.example.org/dicom-web" in shown


@pytest.mark.parametrize("more", ["", 'to = "PACS"\ndicomweb = "https://a/b"', 'to = "PACS"\nbodypart = ["CHEST"]'])
def test_a_route_that_leads_nowhere_or_twice_is_refused(tmp_path: Path, more: str) -> None:
    (tmp_path / "settings.toml").write_text(f'[[dicom.routes]]\nname = "x"\n{more}\n', "utf-8")
    with pytest.raises(SettingsError) as refused:
        load(data_dir=tmp_path)
    assert "dicom.routes.0" in str(refused.value)
