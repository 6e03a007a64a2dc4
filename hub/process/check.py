"""``hub check`` and ``hub verify``: what is set, what is wrong, and whether everything stored is what it was."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hub.app import compose
from hub.app.blobs import misplaced, why_not
from hub.process.folder import running_doors
from hub.settings import Settings, refusals

LOW_SPACE_BYTES = 5 << 30
_SECRET = ("password", "secret", "token", "api_key")


def check(settings: Settings) -> int:
    """Print the effective settings, secrets masked, and a sentence for each thing that is wrong: then 1, else 0."""
    print(json.dumps(_masked(settings.model_dump(mode="json")), indent=2, ensure_ascii=False))
    wrong = [*refusals(settings), *_about_the_folder(settings.data_dir)]
    if (told := why_not(settings)) is not None:
        wrong.append(told)
    for sentence in wrong:
        print(f"! {sentence}")
    running = running_doors(settings.data_dir)
    print(f"Running: pid {running['pid']}, {running['http']}" if running else "Not running.")
    return 1 if wrong else 0


def verify(settings: Settings) -> int:
    """Print one sentence per fault, then the sum: 0 where everything is as it was written, else 1."""
    if not (settings.data_dir / "hub.sqlite").exists():
        print(f"hub verify: {settings.data_dir} holds no hub. Give the right --data-dir.", file=sys.stderr)
        return 2
    if (told := misplaced(settings)) is not None:
        print(f"hub verify: {told}", file=sys.stderr)
        return 2
    parts = compose(settings)
    faults = 0
    try:
        for sentence in parts.verify():
            faults += 1
            print(sentence)
    finally:
        parts.close()
    print(f"{faults} faults." if faults else "Everything stored is what was written.")
    return 1 if faults else 0


def _masked(value: Any) -> Any:
    """The same, with stars for what is secret by its name, however deep."""
    if isinstance(value, list):
        return [_masked(one) for one in value]
    if not isinstance(value, dict):
        return value
    secret = {name for name in value if any(word in name for word in _SECRET)}
    return {name: "***" if inner and name in secret else _masked(inner) for name, inner in value.items()}


def _about_the_folder(folder: Path) -> Iterator[str]:
    if not folder.exists():
        if not folder.absolute().parent.exists():
            yield f"{folder} cannot be made: its parent is not there. Create it, or give another --data-dir."
        return
    free = shutil.disk_usage(folder).free
    if free < LOW_SPACE_BYTES:
        yield f"Only {free >> 20} MiB are free on the disk of {folder}. Make room before clinics are refused."
