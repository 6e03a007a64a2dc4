"""Code tables between HL7 v2 and FHIR R4, after HL7's published v2-to-FHIR concept maps, and the words that Chinese
systems send in the same places. Data only: a county may add rows."""

V3 = "http://terminology.hl7.org/CodeSystem/v3-"
V2 = "http://terminology.hl7.org/CodeSystem/v2-"

CODING_SYSTEMS = {
    "LN": "http://loinc.org",
    "LOINC": "http://loinc.org",
    "SCT": "http://snomed.info/sct",
    "SNOMED-CT": "http://snomed.info/sct",
    "UCUM": "http://unitsofmeasure.org",
    "I10": "http://hl7.org/fhir/sid/icd-10",
    "ICD10": "http://hl7.org/fhir/sid/icd-10",
    "ICD-10": "http://hl7.org/fhir/sid/icd-10",
    "I9": "http://hl7.org/fhir/sid/icd-9-cm",
    "I9C": "http://hl7.org/fhir/sid/icd-9-cm",
    "CVX": "http://hl7.org/fhir/sid/cvx",
    "NDC": "http://hl7.org/fhir/sid/ndc",
    "RXNORM": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "MDC": "urn:iso:std:iso:11073:10101",
    "ISO3166_1": "urn:iso:std:iso:3166",
}
"""Table 0396 names to FHIR system URIs. ``HL7nnnn`` is made by rule; everything else is local to the sender."""

ADMINISTRATIVE_SEX = {
    "F": "female", "M": "male", "O": "other", "U": "unknown", "A": "other", "N": "other",
    "女": "female", "男": "male", "女性": "female", "男性": "male", "未知": "unknown",
    "1": "male", "2": "female", "0": "unknown", "9": "unknown",
}  # fmt: skip
"""Table 0001, and GB/T 2261.1 (0, 1, 2, 9)."""

MARITAL_STATUS = {
    "A": "L", "D": "D", "M": "M", "S": "S", "W": "W", "C": "C", "G": "T", "P": "T", "R": "T", "E": "L", "N": "A",
    "I": "I", "B": "U",
}  # fmt: skip
"""Table 0002 to v3-MaritalStatus."""

NAME_USE = {
    "BAD": "old", "D": "usual", "L": "official", "M": "maiden", "MSK": "anonymous", "N": "nickname", "NAV": "temp",
    "R": "official", "TEMP": "temp", "NOUSE": "old",
}  # fmt: skip
"""Table 0200."""

ADDRESS_USE = {"BA": "old", "BI": "billing", "C": "temp", "B": "work", "H": "home", "O": "work"}
ADDRESS_TYPE = {"M": "postal", "SH": "postal"}
"""Table 0190."""

TELECOM_USE = {"PRN": "home", "ORN": "home", "WPN": "work", "VHN": "home", "PRS": "mobile"}
"""Table 0201."""
TELECOM_SYSTEM = {
    "PH": "phone", "FX": "fax", "MD": "other", "CP": "phone", "SAT": "other", "BP": "pager", "Internet": "email",
    "X.400": "email", "TDD": "other", "TTY": "other",
}  # fmt: skip
"""Table 0202."""

RELATIONSHIP = {
    "SEL": "ONESELF", "SPO": "SPS", "DOM": "SIGOTHR", "CHD": "CHILD", "GCH": "GRNDCHILD", "NCH": "NCHILD",
    "SCH": "STPCHLD", "FCH": "CHLDFOST", "PAR": "PRN", "MTH": "MTH", "FTH": "FTH", "GRP": "GRPRN", "EXF": "EXT",
    "SIB": "SIB", "BRO": "BRO", "SIS": "SIS", "FND": "FRND",
}  # fmt: skip
"""Table 0063 to v3-RoleCode."""

ENCOUNTER_CLASS = {
    "E": ("EMER", "emergency"), "I": ("IMP", "inpatient encounter"), "O": ("AMB", "ambulatory"),
    "P": ("PRENC", "pre-admission"), "H": ("HH", "home health"), "T": ("EMER", "emergency"),
}  # fmt: skip
"""Table 0004 to v3-ActCode; other codes stay as they are, of v2-0004."""

ENCOUNTER_STATUS = {
    "A01": "in-progress", "A02": "in-progress", "A03": "finished", "A04": "in-progress", "A05": "planned",
    "A06": "in-progress", "A07": "in-progress", "A11": "cancelled", "A12": "in-progress", "A13": "in-progress",
    "A14": "planned", "A38": "cancelled",
}  # fmt: skip
"""Trigger event to Encounter.status where it says one. A04 registers a visit that is there, so it has begun."""

_CODES_0078 = """
    < > A AA B CAR D DET E EX EXP H HH HU I IE IND L LL LU N NCL ND NEG NR NS POS R RR S SDD SYN-R SYN-S U UNE W WR
    HX LX
"""
INTERPRETATION = {
    **{code: code for code in _CODES_0078.split()},
    "↑": "H", "↓": "L", "↑↑": "HH", "↓↓": "LL", "高": "H", "低": "L", "偏高": "H", "偏低": "L", "正常": "N",
    "异常": "A", "阳性": "POS", "阴性": "NEG", "危急": "AA", "危急值": "AA", "弱阳性": "WR",
}  # fmt: skip
"""Table 0078 to v3-ObservationInterpretation."""

OBSERVATION_STATUS = {
    "A": "amended", "B": "amended", "C": "corrected", "D": "entered-in-error", "F": "final", "I": "registered",
    "N": "registered", "O": "registered", "P": "preliminary", "R": "preliminary", "S": "preliminary", "U": "final",
    "V": "final", "W": "entered-in-error", "X": "cancelled",
}  # fmt: skip
"""Table 0085 to Observation.status."""

REPORT_STATUS = {
    "A": "partial", "C": "corrected", "F": "final", "I": "registered", "M": "partial", "N": "registered",
    "O": "registered", "P": "preliminary", "R": "partial", "S": "registered", "X": "cancelled", "U": "final",
    "V": "final", "W": "entered-in-error",
}  # fmt: skip
"""Table 0123 to DiagnosticReport.status; U, V and W are not of it but are sent."""

ORDER_CONTROL = {
    "NW": "active", "CA": "revoked", "CR": "revoked", "DC": "revoked", "DR": "revoked", "DF": "revoked",
    "OC": "revoked", "OD": "revoked", "RP": "revoked", "HD": "on-hold", "HR": "on-hold", "OH": "on-hold",
    "AF": "active", "CH": "active", "FU": "completed", "NA": "active", "OK": "active", "OE": "active",
    "OR": "active", "PA": "active", "PR": "active", "PY": "active", "RE": "completed", "RF": "active",
    "RL": "active", "RO": "active", "RQ": "active", "RR": "active", "RU": "active", "SC": "active", "SN": "active",
    "SR": "active", "SS": "active", "XO": "active", "XR": "active", "XX": "active", "CN": "completed",
    "OF": "active", "OP": "active", "LI": "active", "UN": "active",
}  # fmt: skip
"""Table 0119 to ServiceRequest.status. What the sender asks to be cancelled counts as cancelled here: the hub only
keeps the record, the filler cancels."""
CANCELLING = frozenset(("CA", "CR", "DC", "DR", "OC", "OD"))
UNABLE = frozenset(("UA", "UC", "UD", "UF", "UH", "UM", "UR", "UX", "DE"))
"""Answers that say that something did not happen; they change no order."""

ORDER_STATUS = {
    "CA": "revoked", "CM": "completed", "DC": "revoked", "ER": "entered-in-error", "HD": "on-hold", "IP": "active",
    "RP": "revoked", "SC": "active", "A": "active",
}  # fmt: skip
"""Table 0038."""

MEDICATION_STATUS = {"revoked": "cancelled"}
"""ServiceRequest.status to MedicationRequest.status where they differ."""

PRIORITY = {
    "S": "stat", "A": "asap", "R": "routine", "T": "urgent", "P": "routine", "STAT": "stat", "ASAP": "asap",
    "U": "urgent", "急": "stat", "急诊": "stat", "加急": "urgent", "紧急": "stat", "普通": "routine", "平诊": "routine",
    "常规": "routine",
}  # fmt: skip
"""Table 0485 and OBR-5."""

_LABORATORY = "BG BLB CG CH GE HM IMM LAB MB MCB MYC SR TX VR OSL CP SP"
_IMAGING = "CUS CT NMS NMR OUS RAD RX RUS VUS XRC MR US DX CR DR MG XA RF PET NM"
_PROCEDURES = "AU CTH EC EN ECG PF ICU RC ES"
SECTIONS = {
    **dict.fromkeys(_LABORATORY.split(), "laboratory"),
    **dict.fromkeys(_IMAGING.split(), "imaging"),
    **dict.fromkeys(_PROCEDURES.split(), "procedure"),
}
"""Table 0074 (and DICOM modalities sent in its place) to Observation.category."""

ORDER_CATEGORY = {
    "laboratory": ("108252007", "Laboratory procedure"),
    "imaging": ("363679005", "Imaging"),
}
"""Observation.category to the SNOMED CT code of ServiceRequest.category."""

_CONCLUSIONS = """
    IMP IMPRESSION CONCLUSION DIAGNOSIS 19005-8 18782-3 印象 诊断 结论 诊断意见 诊断结论 检查结论 诊断印象 影像诊断
    超声提示
    心电图诊断 检查提示 印象诊断 报告结论 结论与诊断
"""
CONCLUSION_CODES = frozenset(_CONCLUSIONS.split())
"""OBX-3 identifiers, sub-identifiers and texts that mark the conclusion of a report."""
