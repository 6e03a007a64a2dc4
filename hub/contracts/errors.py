"""What can go wrong, as a closed set of categories.

ExchangeError
├── Incorrect        the input is wrong; sending it again unchanged cannot help
├── Unsupported      well-formed, but asks for something this hub does not do
├── Unauthenticated  no credential, or one nobody knows
├── Forbidden        known caller, not allowed
├── NotFound         not there, or not the caller's to know of
├── Gone             was there and has been deleted
├── Conflict         contradicts what is stored (also version mismatch)
├── Precondition     If-Match or a condition with several matches failed
├── TooLarge         over a stated limit
├── Busy             try again later, nothing was kept
└── Fault            our own failure, nothing was kept

Each carries *what* happened, *where* (a FHIRPath, a segment-field, a DICOM tag) and the *remedy*. None of the
three may hold patient data: name the element, never its value. Every protocol maps the category once
(FHIR: ``hub.fhir.outcome``; HL7 v2: ``adapters.hl7v2.ack``; DICOM: ``dicom_gateway.status``).
"""

from typing import ClassVar


class ExchangeError(Exception):
    """Base of every refusal the hub states on purpose."""

    http_status: ClassVar[int] = 500
    issue_code: ClassVar[str] = "exception"
    """FHIR ``issue-type`` code (R4 4.0.1, value set issue-type)."""
    quarantine_id: str = ""
    """Set by whoever kept what was refused (``hub.contracts.quarantine``); empty where nothing was kept."""

    def __init__(
        self, what: str, *, where: str = "", remedy: str = "", issue_code: str = "", http_status: int = 0
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy
        if issue_code:
            self.issue_code = issue_code  # type: ignore[misc]
        if http_status:
            self.http_status = http_status  # type: ignore[misc]

    def sentence(self) -> str:
        """What and remedy as one line, for a log, a console or ``diagnostics``."""
        return f"{self.what} {self.remedy}".strip()


class Incorrect(ExchangeError):
    http_status = 422
    issue_code = "invalid"


class Unsupported(ExchangeError):
    http_status = 422
    issue_code = "not-supported"


class Unauthenticated(ExchangeError):
    http_status = 401
    issue_code = "login"


class Forbidden(ExchangeError):
    http_status = 403
    issue_code = "forbidden"


class NotFound(ExchangeError):
    http_status = 404
    issue_code = "not-found"


class Gone(ExchangeError):
    http_status = 410
    issue_code = "deleted"


class Conflict(ExchangeError):
    http_status = 409
    issue_code = "conflict"


class Precondition(ExchangeError):
    http_status = 412
    issue_code = "conflict"


class TooLarge(ExchangeError):
    http_status = 413
    issue_code = "too-long"


class Busy(ExchangeError):
    http_status = 503
    issue_code = "transient"

    def __init__(self, what: str, *, retry_after_seconds: int = 5, http_status: int = 0, **rest: str) -> None:
        super().__init__(what, http_status=http_status, **rest)
        self.retry_after_seconds = retry_after_seconds


class Fault(ExchangeError):
    http_status = 500
    issue_code = "exception"
