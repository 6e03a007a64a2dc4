"""All tables of ``hub/fhir/tables`` as bytes, the same bytes for the same definitions."""

import json
from pathlib import Path
from typing import Any

from hub.fhir.generator.code_lists import CodeLists
from hub.fhir.generator.compartment import patient_compartment
from hub.fhir.generator.definitions import Definitions
from hub.fhir.generator.search_parameters import search_table
from hub.fhir.generator.structures import Leaves, structure_table

TABLES = Path(__file__).resolve().parent.parent / "tables"


def make_tables(folder: Path) -> dict[str, bytes]:
    """File name to content, from the definitions in ``folder``."""
    definitions = Definitions(folder)
    code_lists = CodeLists(definitions)
    structures = structure_table(definitions, code_lists)
    committed = TABLES / "search_parameters.json"
    numbered = json.loads(committed.read_bytes())["parameters"] if committed.exists() else {}
    return {
        "patient_compartment.json": _text(patient_compartment(definitions)),
        "search_parameters.json": _text(search_table(definitions, Leaves(structures), numbered)),
        "structures.json": _text({group: structures[group] for group in sorted(structures)}),
        "value_sets.json": _text(dict(sorted(code_lists.table.items()))),
    }


def _text(table: dict[str, Any]) -> bytes:
    """JSON with one line per entry of the second level, so that a change can be read in a diff."""
    lines = []
    for key, value in table.items():
        if isinstance(value, dict) and value:
            inner = ",\n".join(f"  {json.dumps(name)}: {_line(item)}" for name, item in value.items())
            lines.append(f"{json.dumps(key)}: {{\n{inner}\n}}")
        else:
            lines.append(f"{json.dumps(key)}: {_line(value)}")
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
