"""OBR with its results to DiagnosticReport (v2-to-FHIR map OBR[DiagnosticReport]); SPM or OBR-15 to its specimen."""

import base64
import binascii
import re
from typing import TYPE_CHECKING

from . import dtm, tables
from .datatypes import Json, annotations, codeable_concept, name_text, practitioner
from .message import Message, Segment
from .obx import is_text, text_of
from .obx_value import ATTACHED_TYPES
from .orders import one_field_early, section_and_status
from .refusal import MessageIncorrect
from .source import Source

if TYPE_CHECKING:
    from .oru_r01 import Group

NOTE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.note"
_CONCLUDES = re.compile(r"(?<!临床)(?:诊断|结论|印象|提示|诊断意见)$")
_CONTENT_TYPES = {
    "PDF": "application/pdf", "JPEG": "image/jpeg", "JPG": "image/jpeg", "PNG": "image/png", "TIFF": "image/tiff",
    "HTML": "text/html", "XML": "application/xml", "DICOM": "application/dicom", "PLAIN": "text/plain",
}  # fmt: skip
_MEDIA_TYPE = re.compile(r"(?:application|image|text|audio|video)/[\w.+-]+", re.ASCII)


def diagnostic_report(
    message: Message, source: Source, group: "Group", code: Json, subject: Json, status: str, kind: str | None
) -> Json:
    """Without what refers to other entries (result, basedOn, encounter). Raises MessageIncorrect for a date or an
    attachment that is none."""
    obr, sequence = group.obr, group.obr.sequence
    found: Json = {"resourceType": "DiagnosticReport"}
    if comments := annotations(group.notes):
        found["extension"] = [{"url": NOTE, "valueAnnotation": comment} for comment in comments]
    if specimen := _specimen(message, source, group):
        found["contained"] = [specimen]
    found["identifier"] = []
    found["status"] = status
    if stated := section_and_status(obr)[0]:
        system = f"{tables.V2}0074" if stated.upper() in tables.SECTIONS else source.system("section")
        found["category"] = [{"coding": [{"system": system, "code": " ".join(stated.split())}]}]
    found["code"] = code
    found["subject"] = subject
    _put_effective(found, group)
    issued = 21 if one_field_early(obr) else 22
    dtm.put_instant(found, "issued", dtm.read(obr.text(issued), "OBR", issued, sequence))
    found["performer"] = [source.organization]
    interpreters = [
        who for field in (32, 33) for one in obr.repetitions(field) if (who := _interpreter(message, source, one))
    ]
    if interpreters:
        found["resultsInterpreter"] = interpreters
    if specimen:
        found["specimen"] = [{"reference": "#specimen"}]
    if text := _conclusion(message, group, kind):
        found["conclusion"] = text
    forms = [form for obx, _ in group.results if (form := _attachment(message, obx))]
    if forms:
        found["presentedForm"] = forms
    return found


def taken_at(group: "Group") -> dtm.Moment | None:
    """When the specimen was taken or the examination made: OBR-7, SPM-17, else the first OBX-14, else OBR-14."""
    obr, spm = group.obr, group.specimen
    stated = dtm.read(obr.text(7), "OBR", 7, obr.sequence)
    if stated is None and spm is not None:
        stated = dtm.read(spm.text(17), "SPM", 17, spm.sequence)
    if stated is None:
        observed = (dtm.read(obx.text(14), "OBX", 14, obx.sequence) for obx, _ in group.results if obx.raw(14))
        stated = next((one for one in observed if one), None)
    return stated or dtm.read(obr.text(14), "OBR", 14, obr.sequence)


def _put_effective(found: Json, group: "Group") -> None:
    began = taken_at(group)
    ended = dtm.read(group.obr.text(8), "OBR", 8, group.obr.sequence)
    if began and ended:
        period: Json = {}
        dtm.put(period, "start", began)
        dtm.put(period, "end", ended)
        found["effectivePeriod"] = period
    else:
        dtm.put(found, "effectiveDateTime", began)


def _interpreter(message: Message, source: Source, repetition: str) -> Json | None:
    """NDL: number and name are subcomponents of its first component; many send them as components."""
    inner = message.subcomponents(repetition, 1)
    if len(inner) < 2:
        return practitioner(message, source, repetition)
    found: Json = {}
    if inner[0]:
        found = {"type": "Practitioner", "identifier": {"system": source.system("staff"), "value": inner[0]}}
    name = name_text(inner[1], [one for one in inner[2:3] if one])
    if name:
        found["display"] = name
    return found or None


def _conclusion(message: Message, group: "Group", kind: str | None) -> str:
    """The results marked as conclusion; of a report in words alone that marks none, all its text."""
    texts = [(obx, text) for obx, _ in group.results if is_text(obx) and (text := text_of(obx))]
    marked = [text for obx, text in texts if _concludes(message, obx)]
    if marked:
        return "\n".join(marked)
    if not texts or kind == "laboratory":
        return ""
    in_words = len(texts) == sum(bool(obx.raw(5)) and obx.raw(2) not in ("ED", "RP") for obx, _ in group.results)
    return "\n".join(text for _, text in texts) if in_words or kind == "imaging" else ""


def _concludes(message: Message, obx: Segment) -> bool:
    repetition = message.first_repetition(obx.raw(3))
    words = [*message.components(repetition), *message.subcomponents(repetition, 1)[1:]]
    return any(word.upper() in tables.CONCLUSION_CODES or _CONCLUDES.search(word) for word in words if word)


def _specimen(message: Message, source: Source, group: "Group") -> Json | None:
    spm, obr = group.specimen, group.obr
    found: Json = {"resourceType": "Specimen", "id": "specimen"}
    if spm is not None:
        if spm.raw(2) and (number := message.component(message.first_repetition(spm.raw(2)))):
            found["identifier"] = [{"system": source.system("specimen"), "value": number}]
        raw, taken, field = spm.raw(4), spm.text(17), ("SPM", 17, spm.sequence)
    else:
        raw, taken, field = obr.raw(15), "", ("OBR", 15, obr.sequence)
    if raw and (kind := codeable_concept(message, source, message.first_repetition(raw), "specimen")):
        kind.setdefault("text", kind["coding"][0]["code"])
        found["type"] = kind
    if moment := dtm.read(taken, *field):
        collection: Json = {}
        dtm.put(collection, "collectedDateTime", moment)
        found["collection"] = collection
    return found if len(found) > 2 else None


def _attachment(message: Message, obx: Segment) -> Json | None:
    """ED (base64) and RP as presentedForm."""
    kind = obx.fields[2]
    if kind not in ATTACHED_TYPES or not obx.raw(5):
        return None
    parts = message.components(message.first_repetition(obx.raw(5)))
    parts += [""] * (5 - len(parts))
    stated = _CONTENT_TYPES.get(parts[2].upper()) or _CONTENT_TYPES.get(parts[1].upper())
    if stated is None and _MEDIA_TYPE.fullmatch(f"{parts[1]}/{parts[2]}"):
        stated = f"{parts[1]}/{parts[2]}".lower()
    found: Json = {"contentType": stated} if stated else {}
    if title := obx.text(3, 2) or obx.text(3):
        found["title"] = title
    if kind == "RP":
        return {**found, "url": "".join(parts[0].split())} if parts[0] else None
    if not parts[4]:
        return None
    return {**found, "data": _base64(parts[3], parts[4], obx)}


def _base64(encoding: str, data: str, obx: Segment) -> str:
    try:
        if encoding.upper() == "HEX":
            return base64.b64encode(bytes.fromhex(data)).decode("ascii")
        if encoding.upper() in ("A", ""):
            return base64.b64encode(data.encode()).decode("ascii")
        plain = "".join(data.split())
        binascii.a2b_base64(plain, strict_mode=True)
        return plain
    except (ValueError, UnicodeEncodeError):
        raise MessageIncorrect(
            "OBX-5 holds no data in the encoding it states.",
            segment="OBX",
            field=5,
            sequence=obx.sequence,
            remedy="Encode the data in base64 and say so in OBX-5.4.",
        ) from None
