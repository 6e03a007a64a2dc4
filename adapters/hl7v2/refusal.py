"""Why a message is refused, in HL7's own terms: segment, sequence, field, and a code of table 0357."""

from hub.contracts.errors import Incorrect, TooLarge, Unsupported

_ISSUE_CODES = {100: "structure", 101: "required", 102: "value", 103: "code-invalid"}


class MessageIncorrect(Incorrect):
    """``code`` is of HL7 table 0357 (100 segment sequence, 101 required field, 102 data type, 103 table value)."""

    def __init__(
        self, what: str, *, segment: str, field: int = 0, sequence: int = 1, code: int = 102, remedy: str = ""
    ) -> None:
        where = f"{segment}-{field}" if field else segment
        super().__init__(what, where=where, remedy=remedy, issue_code=_ISSUE_CODES.get(code, "invalid"))
        self.segment, self.sequence, self.field, self.code = segment, sequence, field, code


class MessageUnsupported(Unsupported):
    """``code`` 200 for a message type, 201 for an event that is not taken."""

    def __init__(self, what: str, *, component: int, remedy: str = "") -> None:
        super().__init__(what, where=f"MSH-9.{component}", remedy=remedy)
        self.segment, self.sequence, self.field, self.component = "MSH", 1, 9, component
        self.code = 199 + component


class MessageTooLarge(TooLarge):
    """More lines, segments or bytes than one message may have."""


def missing(segment: str, field: int, sequence: int = 1, remedy: str = "") -> MessageIncorrect:
    """A required field that is empty (code 101)."""
    return MessageIncorrect(
        f"{segment}-{field} is required and empty.",
        segment=segment,
        field=field,
        sequence=sequence,
        code=101,
        remedy=remedy or f"Send {segment}-{field}.",
    )
