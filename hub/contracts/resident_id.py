"""The resident identity number (公民身份号码), GB 11643-1999: 6 digits region, 8 birth date, 3 sequence, 1 check.

The check character is ISO/IEC 7064 MOD 11-2. Old numbers of 15 digits have no century and no check character: ``19`` is
put in and the character computed; the sequences 996 to 999 were kept for those over a hundred, who were born in ``18``.
Residence permits of foreigners (beginning with 9, since 2023) and of people from Hong Kong, Macao and Taiwan (81, 82,
83) are built alike. A valid number is not proof of a person: numbers were given twice and cards are lent.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

_EIGHTEEN = re.compile(r"[1-9][0-9]{16}[0-9X]")
_FIFTEEN = re.compile(r"[1-9][0-9]{14}")
_LEFT_OUT = str.maketrans("", "", " \t-\u00a0\u200b\ufeff")
_EARLIEST_YEAR, _LATEST_YEAR = 1800, 2099
_CENTENARIANS = frozenset({"996", "997", "998", "999"})
_CHARACTERS = "10X98765432"


@dataclass(frozen=True, slots=True)
class ResidentId:
    """A number of 18 characters whose check character and birth date are right."""

    value: str

    @property
    def birth_date(self) -> date:
        return date(int(self.value[6:10]), int(self.value[10:12]), int(self.value[12:14]))

    @property
    def gender(self) -> str:
        """FHIR administrative-gender from the sequence number: odd is male."""
        return "male" if int(self.value[16]) % 2 else "female"


def parse(text: str) -> ResidentId | None:
    """The number behind ``text`` (full-width forms, spaces, lower-case x, 15 digits allowed), None where it is not
    valid."""
    plain = unicodedata.normalize("NFKC", text).translate(_LEFT_OUT).upper()
    if _FIFTEEN.fullmatch(plain):
        plain = plain[:6] + ("18" if plain[12:] in _CENTENARIANS else "19") + plain[6:]
        plain += check_character(plain)
    elif not _EIGHTEEN.fullmatch(plain) or check_character(plain[:17]) != plain[17]:
        return None
    try:
        born = date(int(plain[6:10]), int(plain[10:12]), int(plain[12:14]))
    except ValueError:
        return None
    return ResidentId(plain) if _EARLIEST_YEAR <= born.year <= _LATEST_YEAR else None


def is_number(text: str) -> bool:
    """Whether ``text`` as it stands is a valid number of 18 characters; the check character may be a small x."""
    return len(text) == 18 and text.isascii() and text[0].isdigit() and parse(text) is not None


def check_character(first_seventeen: str) -> str:
    """ISO/IEC 7064 MOD 11-2 over 17 digits: weights are powers of 2 modulo 11."""
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(first_seventeen))
    return _CHARACTERS[total % 11]
