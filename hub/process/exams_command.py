"""``hub exams explain`` and ``hub exams windows import``: a verdict's stored reasoning, and a site's own windows."""

import json
import sys
from pathlib import Path

from hub.app import compose
from hub.contracts.caller import Caller, Role
from hub.contracts.errors import ExchangeError
from hub.exams.cli import explain as explanation
from hub.exams.cli import import_windows
from hub.settings import Settings


def explain(settings: Settings, verdict: str) -> int:
    """0, or 2 with one sentence where there is no such verdict."""
    parts = compose(settings)
    try:
        print(json.dumps(explanation(parts.store, verdict), ensure_ascii=False, indent=2))
        return 0
    except ExchangeError as error:
        print(f"hub exams explain: {error.sentence()}", file=sys.stderr)
        return 2
    finally:
        parts.close()


def import_windows_file(settings: Settings, file: Path, level: str, organization: str) -> int:
    """Replace the table of one level by a CSV file, within 5 s in a running hub; 0, or 2 with one sentence that names
    the line."""
    try:
        content = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        print(f"hub exams windows: {file} cannot be read as UTF-8 text ({type(error).__name__}).", file=sys.stderr)
        return 2
    parts = compose(settings)
    try:
        caller = Caller("hub", Role.SERVICE, organization or "hub")
        print(import_windows(parts.store, caller, content, level, organization))
        return 0
    except ExchangeError as error:
        print(f"hub exams windows: {error.sentence()}", file=sys.stderr)
        return 2
    finally:
        parts.close()
