"""Labelled bundles at a running hub: transactions in, order-sign out; a site's windows change what is said."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.contracts.site import ZONE
from tests.journeys.running_hub import RunningHub, wait_for
from tests.unit.cds.bundles import FILES, load, play, settle, sign

EVERY = 19
PARTIES = {("county-hospital", "platform"), ("county-hospital", "clinic:town-a")}
"""Each party is a client to be registered; a few are enough."""
HEADER = "item,min_days,limit_days,setting,age_from,age_to\n"


class HubDoors:
    """The doors of a running hub, its command line among them."""

    def __init__(self, hub: RunningHub, folder: Path) -> None:
        self._hub = hub
        self._folder = folder
        self._http = httpx.Client(base_url=hub.http, timeout=30)

    def ask(self, client: str, role: str, organization: str, path: str, body: Any) -> tuple[int, Any]:
        known = self._hub.clients.get(client)
        token = known["token"] if known else self._hub.register(client, role, organization)
        kind = "application/json" if path.startswith("/cds") else "application/fhir+json"
        headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
        answer = self._http.post(path, content=json.dumps(body).encode(), headers=headers)
        return answer.status_code, answer.json()

    def windows(self, level: str, site: str, content: str) -> None:
        table = self._folder / "windows.csv"
        table.write_text(content, encoding="utf-8")
        where = ["--id", site] if site else []
        done = self._hub.run("exams", "windows", "import", str(table), "--level", level, *where,
                             "--data-dir", str(self._hub.folder))  # fmt: skip
        assert done.returncode == 0, done.stderr

    def close(self) -> None:
        self._http.close()


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubDoors]:
    folder = tmp_path_factory.mktemp("bundles")
    hub = RunningHub(folder / "data").start()
    doors = HubDoors(hub, folder)
    try:
        yield doors
    finally:
        doors.close()
        hub.stop()


def test_a_running_hub_says_what_the_labels_say(doors: HubDoors) -> None:
    settle(doors, windows=False)
    known = [case for case in load(*FILES) if (case["asker"], case["sender"]) in PARTIES][::EVERY]
    told = [one for case in known for one in play(doors, case, datetime.now(ZONE))]
    wrong = [(one.case["id"], one.verdict, one.card) for one in told if not one.right]
    assert len(told) >= 25
    assert len(wrong) <= 2, wrong


def test_windows_count_at_once_by_level_setting_and_age(doors: HubDoors) -> None:
    """Organization beats consortium beats province beats built-in; an empty table clears its level."""
    settle(doors, windows=False)
    case = next(each for each in load(*FILES) if each["note"] == "胸部CT平扫 12d")
    now = datetime.now(ZONE)
    (first,) = play(doors, case, now)
    assert (first.verdict, first.card) == ("duplicate", "warning")

    def said() -> str | None:
        answer = sign(doors, case, first.names, now)[1]
        (told,) = (*answer["extension"]["hub.verdicts"],
                   *(card["extension"]["hub.verdict"] for card in answer["cards"]))  # fmt: skip
        return str(told["verdict"])

    def becomes(verdict: str) -> bool:
        return bool(wait_for(lambda: said() == verdict, 5))

    item = "胸部CT平扫"
    doors.windows("province", "", f"{HEADER}{item},7,28,,,\n")
    assert becomes("reusable")
    doors.windows("consortium", "yiti", f"{HEADER}{item},7,10,outpatient,,\n")
    assert becomes("none")
    doors.windows("organization", "county-hospital", f"{HEADER}{item},14,,,18,65\n{item},1,2,,65,\n")
    assert becomes("duplicate")
    doors.windows("organization", "county-hospital", f"{HEADER}{item},14,,inpatient,,\n")
    assert becomes("none")
    doors.windows("consortium", "yiti", "")
    assert becomes("reusable")
