"""Criteria that the scan of another can check by itself.

A row of ``tok`` or ``ref`` holds everything that stands in the other rows of its resource in those two tables, so
whether they are there is one look into an index each, without reading the resource.
"""

from collections.abc import Sequence

from .atoms import Clause, Presence, ReferenceAtom, TokenAtom

MOST_ATOMS = 16
_IN_TOK = (
    "EXISTS (SELECT 1 FROM tok AS x WHERE x.p = ? AND x.h = ? AND x.sys = ? AND x.owner = {lead}.owner"
    " AND x.pat = {pat} AND x.sd = {lead}.sd AND x.rid = {lead}.rid)"
)
_IN_REF = (
    "EXISTS (SELECT 1 FROM ref AS x WHERE x.p = ? AND x.tgt = ? AND x.owner = {lead}.owner"
    " AND x.sd = {lead}.sd AND x.rid = {lead}.rid)"
)


def lead_table(clause: Clause) -> str | None:
    """The one table in which a clause is looked up, if it is ``tok`` or ``ref``."""
    kinds = {type(atom) for atom in clause.atoms}
    return {TokenAtom: "tok", ReferenceAtom: "ref"}.get(kinds.pop()) if len(kinds) == 1 else None


def condition(clause: Clause | Presence, lead: str, patient: str | None) -> tuple[str, list[int]] | None:
    """What to add to a scan of table ``lead``; None where a clause must be checked on the resource. ``patient``: the
    column of the lead that holds the resource's Patient, if it has one."""
    if not isinstance(clause, Clause) or not 0 < len(clause.atoms) <= MOST_ATOMS:
        return None
    looks: list[str] = []
    values: list[int] = []
    for atom in clause.atoms:
        if isinstance(atom, TokenAtom) and patient and atom.code is not None and atom.system is not None:
            looks.append(_IN_TOK.format(lead=lead, pat=patient))
            values += [atom.parameter, atom.code, atom.system]
        elif isinstance(atom, ReferenceAtom):
            looks.append(_IN_REF.format(lead=lead))
            values += [atom.parameter, atom.target]
        else:
            return None
    return f"{'NOT ' if clause.negated else ''}({' OR '.join(looks)})", values


def absorbed(
    clauses: Sequence[Clause | Presence], lead: int, *, names_patients: bool
) -> tuple[str, list[int], frozenset[int]]:
    """(conditions, their values, numbers of the clauses they stand for). ``names_patients``: the lead's targets are the
    Patients of the resources it finds."""
    clause = clauses[lead]
    table = lead_table(clause) if isinstance(clause, Clause) else None
    text, values, numbers = "", [], set()
    if table is not None:
        patient = "tok.pat" if table == "tok" else "ref.tgt" if names_patients else None
        for number, other in enumerate(clauses):
            made = condition(other, table, patient) if number != lead else None
            if made is not None:
                text += f" AND {made[0]}"
                values += made[1]
                numbers.add(number)
    return text, values, frozenset(numbers)
