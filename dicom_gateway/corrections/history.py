"""What was done to a study and how its objects came: acts, corrections, and the evidence of each instance."""

from datetime import datetime
from typing import Any

import msgspec

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import NotFound
from hub.contracts.gate import Gate
from hub.contracts.site import ZONE

from ..study_index.acts import Act
from ..study_index.corrections import Made
from ..study_index.index import StudyIndex
from ..study_index.visibility import visible


class StudyHistory:
    """Any thread."""

    def __init__(self, index: StudyIndex, gate: Gate) -> None:
        self._index = index
        self._gate = gate

    def of(self, caller: Caller, study_uid: str) -> dict[str, Any]:
        """As JSON. An admin sees every study, but nothing of a patient. Raises NotFound where the caller sees none."""
        index, sees = self._index, caller.role is not Role.ADMIN
        sight, parameters = visible(self._gate.scope(caller)) if sees else ("1", [])
        rows = index.rows(
            f"SELECT st.id, o.name FROM study st JOIN organization o ON o.id = st.owner WHERE st.uid = ? AND {sight}",  # noqa: S608
            [study_uid, *parameters],
        )
        if not rows:
            raise NotFound("There is no such study, series or instance here.", remedy="Check the UIDs.")
        studies = [row[0] for row in rows]
        return {
            "study": study_uid,
            "organizations": [row[1] for row in rows],
            "acts": [_act(one) for study in studies for one in index.acts.of(study)],
            "corrections": [_correction(one, shown=sees) for one in index.corrections.of(studies)],
            "instances": [_instance(row) for study in studies for row in _instances(index, study)],
        }


def _instances(index: StudyIndex, study: int) -> list[tuple[Any, ...]]:
    """Of each instance, those laid aside too, what was received."""
    received = "coalesce(f.transfer_syntax, x.transfer_syntax), coalesce(f.sha256, x.sha256)"
    columns = f"x.uid, {received}, x.client, x.received_us, coalesce(f.characters, x.characters)"
    return index.rows(
        f"SELECT {columns}, f.instance IS NOT NULL, '' FROM instance x LEFT JOIN received_file f ON f.instance = x.id"  # noqa: S608
        f" WHERE x.study = ? UNION ALL SELECT {columns}, f.instance IS NOT NULL, r.title FROM withdrawn x"
        " LEFT JOIN received_file f ON f.instance = -x.id"
        " LEFT JOIN rejected r ON r.owner = x.owner AND r.uid = x.uid WHERE x.study = ?",
        (study, study),
    )


def _instance(row: tuple[Any, ...]) -> dict[str, Any]:
    uid, transfer_syntax, sha256, client, received_us, characters, corrected, title = row
    label, _, codec = characters.partition(" -> ")
    return {
        "uid": uid,
        "received": _instant(received_us),
        "client": client,
        "transfer_syntax": transfer_syntax,
        "sha256": sha256.hex(),
        "character_set": {"label": label, "read_as": codec},
        "corrected": bool(corrected),
        "rejected": title or None,
    }


def _act(act: Act) -> dict[str, Any]:
    by = act.by
    return {
        "act": act.id, "kind": act.kind.value, "subject": act.subject.split(), "at": _instant(by.at_us),
        "client": by.client, "organization": by.organization, "actor": by.actor, "reason": by.reason,
    }  # fmt: skip


def _correction(made: Made, *, shown: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"id": made.id, "act": made.act, "study": made.study_uid, "undone": made.undone}
    if shown:
        said: dict[str, Any] = msgspec.to_builtins(made.corrected)
        body |= {"now": said, "before": {name: made.before[name] for name in said if name in made.before}}
    return body


def _instant(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, ZONE).isoformat(timespec="milliseconds")
