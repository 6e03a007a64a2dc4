"""What ``hub exams …`` does: names in, attributes out; a verdict's reasoning; a site's windows; a clinic's code map."""

from collections.abc import Iterable
from typing import Any, BinaryIO

import msgspec

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Forbidden, NotFound
from hub.contracts.store import ResourceReader, ResourceStore, ResourceWriter

from .code_maps.code_list import list_id, read_codes, store_codes
from .code_maps.rereading import EVERYBODY, ask_for, progress, step
from .examination import attributes
from .judging.site_windows import read_windows, store_windows, tables_of
from .naming.name_parser import parse
from .telling.explaining import decode_record, explained, lines
from .telling.kept_case import context_of
from .telling.withholding import is_withheld
from .telling.wording import HOW_TO_ASK

_LINE_BREAKS = {ord(each): f"\\u{ord(each):04x}" for each in "\x7f\x85\u2028\u2029"}
"""What JSON leaves as it is and some readers take for the end of a line."""


def parsed_line(text: str) -> str:
    """One name as one line of JSON."""
    parsed = parse(text)
    told = {"text": text, "answered": parsed.answered, "attributes": attributes(parsed.examination)}
    return msgspec.json.encode(told).decode().translate(_LINE_BREAKS)


def parse_lines(names: Iterable[bytes], out: BinaryIO) -> None:
    """``hub exams parse``: a name a line in, one JSON object a line out, in the same order and number whatever the
    lines hold. A line ends at LF or CRLF alone; bytes that are no UTF-8 stand as U+FFFD in ``text``.
    Out is UTF-8."""
    for line in names:
        text = line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", errors="replace")
        out.write(parsed_line(text).encode() + b"\n")
    out.flush()


def explain(store: ResourceReader, verdict_id: str, role: Role | None = None) -> dict[str, Any]:
    """``hub exams explain``: all that a verdict rested on, and the same in sentences as ``reasoning``. Raises
    NotFound; Forbidden where it rests on, or passed over, what may not be named to ``role``."""
    rows = store.side_rows("SELECT body FROM cds_verdict WHERE id = ?", (verdict_id,))
    if not rows:
        raise NotFound("There is no such verdict.", remedy="Use the id in the card's extension hub.verdict.")
    record = decode_record(rows[0][0])
    sites = tables_of(store.side_rows, record.case.site_tables)
    context = context_of(record.case, sites)
    weighed = [each.prior() for each in (*record.case.priors, *record.case.others)]
    if role is not None and any(is_withheld(prior, context, role) for prior in weighed):
        raise Forbidden("The reasoning names a protected result.", where="verdict", remedy=HOW_TO_ASK)
    told = explained(record, sites)
    return {"reasoning": list(lines(told))} | told


def import_windows(store: ResourceWriter, caller: Caller, content: str, level: str, site: str = "") -> str:
    """``hub exams windows import``: replace one site table; returns its version. Raises Incorrect naming the line."""
    rows = read_windows(content)
    version: str = store.act(lambda view: store_windows(view, level, site, rows), caller).result()
    return version


def import_codes(store: ResourceWriter, caller: Caller, content: str, organization: str) -> str:
    """``hub exams codes import``: replace an organization's code map; says how many lines it has. Raises Incorrect
    naming the line."""
    lines = read_codes(content)
    count: int = store.act(lambda view: store_codes(view, organization, lines), caller).result()
    return f"ConceptMap/{list_id(organization)}: {count} lines"


def reindex(store: ResourceStore, caller: Caller, organization: str = EVERYBODY) -> str:
    """``hub exams reindex``: read again and say what came of it."""
    store.act(lambda view: ask_for(view, organization), caller).result()
    while step(store):
        pass
    [told] = [one for one in progress(store.side_rows) if one["organization"] == organization]
    return f"{told['seen']} resources read again, {told['changed']} are understood otherwise"
