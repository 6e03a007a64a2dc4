"""What ``hub exams …`` does: names in, attributes out; a verdict's reasoning; a site's windows."""

from collections.abc import Iterable
from typing import Any, TextIO

import msgspec

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Forbidden, NotFound
from hub.contracts.store import ResourceReader, ResourceWriter

from .examination import attributes
from .explaining import decode_record, explained, lines
from .kept_case import context_of
from .name_parser import parse
from .site_windows import read_windows, store_windows, tables_of
from .withholding import is_withheld
from .wording import HOW_TO_ASK


def parsed_line(text: str) -> str:
    """One name as one line of JSON."""
    parsed = parse(text)
    told = {"text": text, "answered": parsed.answered, "attributes": attributes(parsed.examination)}
    return msgspec.json.encode(told).decode()


def parse_lines(names: Iterable[str], out: TextIO) -> None:
    """``hub exams parse``: a name a line in, one JSON object a line out, in the same order."""
    for line in names:
        out.write(parsed_line(line.rstrip("\r\n")) + "\n")
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
