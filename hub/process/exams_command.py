"""``hub exams explain``, ``reindex``, and the imports of a site's windows, code maps and prices."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from hub.app import Parts, compose
from hub.cds.prices import read_prices, store_prices
from hub.contracts.caller import Caller, Role
from hub.contracts.errors import ExchangeError
from hub.exams import cli
from hub.settings import Settings


def _answer(settings: Settings, command: str, run: Callable[[Parts], str]) -> int:
    """Print what ``run`` says; 0, or 2 with one sentence where it is refused."""
    parts = compose(settings)
    try:
        print(run(parts))
        return 0
    except ExchangeError as error:
        print(f"hub exams {command}: {error.sentence()}", file=sys.stderr)
        return 2
    finally:
        parts.close()


def _with_file(settings: Settings, command: str, file: Path, run: Callable[[Parts, str], str]) -> int:
    try:
        content = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        print(f"hub exams {command}: {file} cannot be read as UTF-8 text ({type(error).__name__}).", file=sys.stderr)
        return 2
    return _answer(settings, command, lambda parts: run(parts, content))


def _hub(organization: str) -> Caller:
    return Caller("hub", Role.SERVICE, organization or "hub")


def explain(settings: Settings, verdict: str) -> int:
    """The reasoning of one verdict as JSON."""
    return _answer(
        settings,
        "explain",
        lambda parts: json.dumps(cli.explain(parts.store, verdict), ensure_ascii=False, indent=2),
    )


def import_windows_file(settings: Settings, file: Path, level: str, organization: str) -> int:
    """Replace the table of one level by a CSV file, within 5 s in a running hub."""
    return _with_file(
        settings,
        "windows",
        file,
        lambda parts, content: cli.import_windows(parts.store, _hub(organization), content, level, organization),
    )


def import_codes_file(settings: Settings, file: Path, organization: str) -> int:
    """Replace a clinic's code map by a CSV file. It holds at once; what the clinic sent before is read again by the
    running hub, or by ``hub exams reindex``."""
    return _with_file(
        settings,
        "codes",
        file,
        lambda parts, content: cli.import_codes(parts.store, _hub(organization), content, organization),
    )


def import_prices_file(settings: Settings, file: Path, organization: str) -> int:
    """Replace a price table by a CSV file."""

    def run(parts: Parts, content: str) -> str:
        prices = read_prices(content)
        acted = parts.store.act(lambda view: store_prices(view, organization, prices), _hub(organization))
        return f"{acted.result()} prices"

    return _with_file(settings, "prices", file, run)


def reindex(settings: Settings, organization: str) -> int:
    """Read again, with the tables and code maps of now; returns when it has ended, also beside a running hub."""
    return _answer(settings, "reindex", lambda parts: cli.reindex(parts.store, _hub(organization), organization))
