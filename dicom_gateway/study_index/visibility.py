"""A Scope as SQL on the study and instance tables: tenancy is part of the search, never a filter afterwards."""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always parameters

from hub.contracts.caller import Scope

SIGHT_OF = "ImagingStudy"
"""The gateway shows a study to whoever may read its ImagingStudy."""


def visible(scope: Scope, study: str = "st") -> tuple[str, list[object]]:
    """(condition on the study table alias, parameters). A scope by person shows nothing here: the gateway knows no
    persons yet."""
    if not scope.sees_type(SIGHT_OF):
        return "0", []
    if scope.owners is None:
        return "1", []
    conditions: list[str] = []
    parameters: list[object] = []
    if scope.owners:
        marks = ", ".join("?" * len(scope.owners))
        conditions.append(f"{study}.owner IN (SELECT id FROM organization WHERE name IN ({marks}))")
        parameters += sorted(scope.owners)
    if scope.sender is not None:
        conditions.append(f"{study}.client = ?")
        parameters.append(scope.sender)
    return f"({' OR '.join(conditions)})" if conditions else "0", parameters
