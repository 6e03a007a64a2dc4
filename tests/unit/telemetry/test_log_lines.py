"""Log lines carry declared fields alone."""

import json
import logging
from pathlib import Path

import pytest

from hub.telemetry import events, lines, metrics


@pytest.fixture(autouse=True)
def _own_event() -> None:
    events.declare("test.refused", "warning", ("door", "count"), "For these tests.")


def _last_line(text: str) -> dict[str, object]:
    return json.loads(text.strip().splitlines()[-1])  # type: ignore[no-any-return]


def test_a_declared_field_is_shown_and_an_undeclared_value_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    events.catalogue()["test.refused"].log(door="mllp", count=2, patient="张三")
    text = capfd.readouterr().err
    assert "张三" not in text
    line = _last_line(text)
    assert line["event"] == "test.refused"
    assert line["level"] == "warning"
    assert (line["door"], line["count"], line["dropped"]) == ("mllp", 2, ["patient"])


def test_line_breaks_in_a_value_do_not_forge_a_second_line(capfd: pytest.CaptureFixture[str]) -> None:
    events.catalogue()["test.refused"].log(door='x\n{"event":"forged"}')
    assert len(capfd.readouterr().err.strip().splitlines()) == 1


def test_an_event_declared_twice_with_other_fields_is_a_mistake_in_the_code() -> None:
    with pytest.raises(ValueError, match="twice"):
        events.declare("test.refused", "warning", ("other",), "For these tests.")


def test_a_library_that_quotes_its_input_is_heard_but_not_quoted(capfd: pytest.CaptureFixture[str]) -> None:
    record = logging.LogRecord("pydicom", logging.WARNING, "valuerep.py", 7, "Invalid value 张三", (), None)
    lines.ForeignRecords().emit(record)
    text = capfd.readouterr().err
    assert "张三" not in text
    assert _last_line(text)["logger"] == "pydicom"


def test_numbers_of_several_processes_are_added_up(tmp_path: Path) -> None:
    (tmp_path / "999999999.json").write_text(
        json.dumps({"counters": [["hub_x_total", {"door": "http"}, 4]], "gauges": [["hub_open", {}, 9]]})
    )
    metrics.start(tmp_path)
    metrics.count("hub_x_total", door="http")
    metrics.count("hub_x_total", door='a"b')
    metrics.gauge("hub_open", 1)
    text = metrics.exposition()
    assert 'hub_x_total{door="http"} 5' in text
    assert 'hub_x_total{door="a\\"b"} 1' in text
    assert "hub_open 1" in text  # the gauge of a process that is gone does not count
    assert "# TYPE hub_x_total counter" in text
