"""Which rows of one examination count, and what state it is in (clarifications 19 to 21).

Final, amended and corrected count; registered, partial and preliminary are on their way; cancelled and entered in
error void the whole examination, its images too, unless another valid report stands.
"""

from collections.abc import Sequence

from ..rows.row import Row, State


def standing(rows: Sequence[Row]) -> tuple[State, list[Row]]:
    """The state of a group of rows, reports first, and the rows that count."""
    reports = [row for row in rows if row.ref.startswith(("DiagnosticReport/", "Procedure/", "Observation/"))]
    studies = [row for row in rows if row.ref.startswith("ImagingStudy/")]
    orders = [row for row in rows if row.ref.startswith("ServiceRequest/")]
    final = [row for row in reports if row.state in (State.FINAL, State.PERFORMED)]
    expected = [row for row in reports if row.state == State.EXPECTED]
    if any(study.state == State.VOID for study in studies) and not any(s.state == State.PERFORMED for s in studies):
        return State.VOID, []
    seen = [study for study in studies if study.state != State.VOID]
    if final:
        return State.FINAL, final + seen + _readable_orders(final + seen, orders)
    if expected:
        return State.EXPECTED, expected + seen + _readable_orders(expected + seen, orders)
    if reports:
        return State.VOID, []
    if seen:
        performed = any(study.state == State.PERFORMED for study in seen)
        return State.PERFORMED if performed else State.EXPECTED, seen + _readable_orders(seen, orders)
    live = [order for order in orders if order.state == State.ORDERED]
    return (State.ORDERED, live) if live else (State.VOID, [])


def _readable_orders(rows: Sequence[Row], orders: list[Row]) -> list[Row]:
    """The order lends its examination only where report and study cannot be read."""
    return [] if any(row.exam is not None for row in rows) else orders
