"""What an object probably is, of an archive that does not say: SOP Class UID is an optional key of a C-FIND at IMAGE
level (PS3.4 table C.6-4). The fetched object puts it right."""

_STORAGE = "1.2.840.10008.5.1.4.1.1"
_BY_MODALITY = {
    "CR": "1", "DX": "1.1", "DR": "1.1", "RG": "1.1", "PX": "1.1", "MG": "1.2", "IO": "1.3", "CT": "2", "MR": "4",
    "US": "6.1", "IVUS": "6.1", "OT": "7", "SC": "7", "ECG": "9.1.2", "HD": "9.2.1", "PR": "11.1", "XA": "12.1",
    "RF": "12.2", "NM": "20", "PT": "128", "SEG": "66.4", "REG": "66.1", "ES": "77.1.1", "GM": "77.1.2",
    "SM": "77.1.6", "XC": "77.1.4", "OP": "77.1.5.1", "OPT": "77.1.5.4", "SR": "88.33", "KO": "88.59",
    "DOC": "104.1", "RTIMAGE": "481.1", "RTDOSE": "481.2", "RTSTRUCT": "481.3", "RTPLAN": "481.5",
}  # fmt: skip
COMMON = tuple(dict.fromkeys(f"{_STORAGE}.{tail}" for tail in (*_BY_MODALITY.values(), "2.1", "4.1", "3.1", "7.4")))
"""SOP classes that most archives consist of."""


def sop_class_of(modality: str, in_study: list[str]) -> str:
    """``in_study`` are the SOP Classes in Study where the archive tells them."""
    if len(in_study) == 1:
        return in_study[0]
    return f"{_STORAGE}.{_BY_MODALITY.get(modality.upper(), '7')}"
