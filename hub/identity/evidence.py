"""What one source Patient says of who it is, and the keys by which others that may be the same are found.

Pure, and made before the lock is taken. Everything that is compared later stands here in the form in which it is
compared; the Patient itself is not read again.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from hub.contracts import resident_id
from hub.contracts.codes import EXTENSION, TEMPORARY_PERSON

from .contacts import addresses, is_house, phones
from .documents import bare, corrections, stated
from .names import Name, is_placeholder, patient_names

IDENTITY_UNKNOWN = f"{EXTENSION}/identity-unknown"
MOTHER_IDENTIFIER = f"{EXTENSION}/mother-identifier"
_SEXES = {"male": "male", "female": "female"}
_DATE = re.compile(r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?")


class Evidence(msgspec.Struct, frozen=True, array_like=True):
    """``number`` is the one checked number in use; None where there is none, or two, since it cannot be known which is
    right (then ``numbers`` has both). ``mistyped`` was meant as one, its check character is wrong. ``contradicts``:
    birth date or sex of the record is not that of its number. ``born`` is as stated, perhaps a year or a month,
    and so is ``sex``. ``temporary`` says why nobody can be recognised by this record."""

    number: str | None = None
    mistyped: str | None = None
    contradicts: bool = False
    names: tuple[Name, ...] = ()
    born: str | None = None
    sex: str | None = None
    phones: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    temporary: str | None = None
    numbers: tuple[str, ...] = ()

    @property
    def known_born(self) -> str | None:
        """As stated, but where the number agrees, or nothing is stated, as exact as the number."""
        if self.number is None:
            return self.born
        birth = f"{self.number[6:10]}-{self.number[10:12]}-{self.number[12:14]}"
        return birth if self.born is None or birth.startswith(self.born) else self.born

    @property
    def year(self) -> int | None:
        born = self.known_born
        return int(born[:4]) if born else None

    @property
    def known_sex(self) -> str | None:
        """As stated, else that of the number."""
        return self.sex or (resident_id.ResidentId(self.number).gender if self.number is not None else None)


def evidence_of(patient: Mapping[str, Any]) -> Evidence:
    """What a FHIR Patient (R4 JSON) says. The mother's number is never the child's, whatever field it stands in."""
    said = stated(patient.get("identifier") or ())
    mothers = _mothers_numbers(patient)
    numbers = tuple(number for number in said.numbers if number not in mothers)
    names = patient_names(patient)
    unnumbered = Evidence(
        mistyped=said.mistyped[0] if said.mistyped and not numbers else None,
        names=names,
        born=_date(patient.get("birthDate")),
        sex=_SEXES.get(patient.get("gender") or ""),
        phones=phones(patient.get("telecom") or ()),
        addresses=addresses(patient.get("address") or ()),
        documents=said.documents,
        temporary=_temporary(patient, names),
    )
    return with_numbers(unnumbered, numbers) if numbers else unnumbered


def with_numbers(evidence: Evidence, numbers: tuple[str, ...]) -> Evidence:
    """The same record, stating these checked numbers in place of those it states."""
    if len(numbers) != 1:
        return msgspec.structs.replace(evidence, number=None, numbers=numbers, contradicts=False)
    checked = resident_id.ResidentId(numbers[0])
    birth, born, sex = checked.birth_date.isoformat(), evidence.born, evidence.sex
    agrees = born is None or birth.startswith(born)
    return msgspec.structs.replace(
        evidence,
        number=numbers[0],
        numbers=(),
        contradicts=not agrees or sex not in (None, checked.gender),
    )


def stated_numbers(evidence: Evidence) -> tuple[str, ...]:
    """Every checked number the record states."""
    return evidence.numbers or ((evidence.number,) if evidence.number is not None else ())


def keys_of(evidence: Evidence) -> tuple[int, ...]:
    """Blocking keys: records that share one are compared. A mistyped number has the keys of all it may have meant, so
    that both find each other whichever came first. Only keys that few people share: name, birth date, telephone and
    address two by two, numbers alone. Those of numbers come first."""
    return tuple(dict.fromkeys(_hashed(text) for text in _key_texts(evidence)))


def _key_texts(evidence: Evidence) -> Iterator[str]:
    if evidence.temporary is not None:
        return
    for number in stated_numbers(evidence):
        yield number_key_text(number)
    if evidence.mistyped is not None:
        for number in sorted(corrections(evidence.mistyped)):
            yield number_key_text(number)
        yield f"mistyped {evidence.mistyped}"
    for document in evidence.documents:
        yield f"document {document}"
    letters = tuple(dict.fromkeys(name.letters for name in evidence.names))[:2]
    known = evidence.known_born
    born = known if known and len(known) == 10 else None
    houses = [one for one in evidence.addresses if is_house(one)]
    for sound in letters:
        if born:
            yield f"name born {sound} {born}"
        for phone in evidence.phones:
            yield f"name phone {sound} {phone}"
        for place in evidence.addresses:
            yield f"name place {sound} {place}"
    if born:
        for phone in evidence.phones:
            yield f"born phone {born} {phone}"
        for house in () if evidence.phones else houses:
            yield f"born house {born} {house}"


def number_key_text(number: str) -> str:
    return f"number {number}"


def number_key(number: str) -> int:
    """The key of everybody who states this checked number."""
    return _hashed(number_key_text(number))


def _hashed(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big", signed=True)


def _temporary(patient: Mapping[str, Any], names: tuple[Name, ...]) -> str | None:
    if any(one.get("url") == IDENTITY_UNKNOWN and one.get("valueBoolean") for one in patient.get("extension") or ()):
        return "unknown"
    if any(tag.get("code") == TEMPORARY_PERSON for tag in (patient.get("meta") or {}).get("tag") or ()):
        return "unknown"
    if not names:
        return "nameless"
    return "placeholder" if is_placeholder(names[0].form) else None


def _mothers_numbers(patient: Mapping[str, Any]) -> set[str]:
    found = set()
    for extension in patient.get("extension") or ():
        if extension.get("url") == MOTHER_IDENTIFIER:
            value = bare(str((extension.get("valueIdentifier") or {}).get("value") or ""))
            number = resident_id.parse(value)
            found.add(number.value if number else value)
    return found


def _date(text: Any) -> str | None:
    return text if isinstance(text, str) and _DATE.fullmatch(text) else None
