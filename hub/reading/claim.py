"""A claim names its centre: ``Task.owner`` is the reader's Organization, whatever the client left out.

A pure amendment of what came in, before it is validated and stored: the hub keeps one version of a claim, not two.
"""

from dataclasses import replace

import msgspec

from hub.contracts.caller import Caller, Role
from hub.contracts.submission import Entry, Method

from .facts import Task, read_task

_elements = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
"""The body element by element, each as it was written, so that the sender's digits stay."""


def with_owner(entry: Entry, caller: Caller) -> Entry:
    """``entry`` itself, but for the update of a reading Task to in-progress by a reader that names no owner: there the
    owner is put in, displayed as the acting practitioner where one is stated."""
    if entry.type != "Task" or entry.method is not Method.UPDATE or caller.role is not Role.READER:
        return entry
    try:
        task: Task = read_task(entry.body)
        elements = _elements(entry.body)
    except (msgspec.MsgspecError, RecursionError):
        return entry  # refused with its reason when it is validated
    if task.status != "in-progress" or not task.is_reading or (task.owner and task.owner.reference):
        return entry
    owner = {"reference": f"Organization/{caller.organization}"}
    display = (task.owner and task.owner.display) or caller.actor
    if display:
        owner["display"] = display
    elements["owner"] = msgspec.Raw(msgspec.json.encode(owner))
    return replace(entry, body=msgspec.json.encode(elements))
