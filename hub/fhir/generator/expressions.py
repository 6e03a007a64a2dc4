"""FHIRPath of search parameters (R4 search.html), narrowed to what R4's own parameters use, as paths.

A path is element names from the resource, joined by dots: ``name.family``. A step may be narrowed to one type of a
choice (``value:Quantity``), by the value of a child (``telecom[system=phone]``), by position (``entry[0]``), or by the
type a reference leads to (``subject>Patient``). ``deceased?`` asks whether it is there and not false.
"""

import re

_AS_CALL = re.compile(r"\.(?:as|ofType)\((\w+)\)")
_AS_OPERATOR = re.compile(r"\(([\w.]+) as (\w+)\)")
_WHERE = re.compile(r"\.where\((\w+)\s*=\s*'([^']*)'\)")
_RESOLVE = re.compile(r"\.where\(resolve\(\) is (\w+)\)")
_EXISTS = re.compile(r"([\w.]+)\.exists\(\) and \1 != false")
_PATH = re.compile(
    r"[A-Za-z]\w*(?::\w+|\[\w+(?:=[^\]]*)?\]|>\w+|\?)?(?:\.[A-Za-z]\w*(?::\w+|\[\w+(?:=[^\]]*)?\]|>\w+|\?)?)*"
)


def paths(expression: str, resource_type: str) -> list[str]:
    """The paths of an expression's alternatives that start at ``resource_type``. Raises ValueError for FHIRPath that
    this does not read."""
    found = []
    for alternative in expression.split(" | "):
        text = alternative.strip()
        text = _EXISTS.sub(r"\1?", text)
        text = _AS_OPERATOR.sub(r"\1:\2", text)
        text = _AS_CALL.sub(r":\1", text)
        text = _WHERE.sub(r"[\1=\2]", text)
        text = _RESOLVE.sub(r">\1", text)
        if not _PATH.fullmatch(text):
            raise ValueError(f"cannot read {alternative!r}")
        start, _, path = text.partition(".")
        if start[0].islower():
            found.append(text)
        elif start in {resource_type, "Resource", "DomainResource"}:
            found.append(path)
    return found
