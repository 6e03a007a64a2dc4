"""Tokens of a name to an examination with images or traces: modality, regions with sides, phases, technique, views."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from ..examination import KIND_OF_MODALITY, Contrast, Examination, Kind, Side, Target
from ..rules import rules
from ..vocabulary import regions
from .lexicon import Token

_BY_VIEWS = "XR"
"""Who names a view and no modality means a plain film."""
_STRONGER = (
    ("PT", "CT"),
    ("PT", "MR"),
    ("PT", "NM"),
    ("NM", "CT"),
    ("ES", "US"),
    ("CT", "XA"),
    ("MR", "XA"),
    ("RF", "XA"),
    ("MR", "RF"),
    ("MG", "XR"),
    ("RF", "XR"),
    ("XA", "XR"),
    ("DXA", "XR"),
)
"""Of two modalities in one name the first is meant."""
_VEINS = frozenset({"leg-veins", "arm-veins", "portal-vein"})
_ARTERIES = frozenset(
    {
        "heart",
        "coronary",
        "carotid",
        "vertebral-artery",
        "intracranial-vessels",
        "pulmonary-artery",
        "aorta",
        "thoracic-aorta",
        "abdominal-aorta",
        "leg-arteries",
        "arm-arteries",
        "renal-artery",
    }
)
"""造影 of these is angiography; of anything else without CT or MR it is fluoroscopy."""
_MODALITY_OF_TECHNIQUE = {"dwi": "MR", "swi": "MR", "mrs": "MR", "dti": "MR", "functional": "MR", "hrct": "CT"}
_WITHOUT_REGION = frozenset({"DXA", "ABPM"})
_VESSELS = {
    "angiography": {
        "head": "intracranial-vessels",
        "brain": "intracranial-vessels",
        "lower-limb": "leg-arteries",
        "upper-limb": "arm-arteries",
        "lung": "pulmonary-artery",
        "kidney": "renal-artery",
    },
    "venography": {
        "head": "intracranial-vessels",
        "brain": "intracranial-vessels",
        "lower-limb": "leg-veins",
        "upper-limb": "arm-veins",
    },
}
_SAME_FOR_MODALITY = {
    "CT": {"brain": "head", "lung": "chest"},
    "XR": {"brain": "head", "lung": "chest"},
    "MR": {"head": "brain"},
}
"""颅脑 is the head for CT and the brain for MR; 肺 is the chest for CT and X-ray."""


def _values(tokens: Iterable[Token], slot: str) -> list[str]:
    return list(dict.fromkeys(value for token in tokens for name, value in token.meanings if name == slot))


def _modality(tokens: Sequence[Token], technique: Sequence[str], views: Sequence[str]) -> str | None:
    """One modality, or None where there is none or more than one. ``usually`` words (片, X线, 弹性成像) name one only
    where no other word does."""
    found = _values(tokens, "modality") or _values(tokens, "usually")
    for stronger, weaker in _STRONGER:
        if stronger in found and weaker in found:
            found.remove(weaker)
    if not found:
        implied = {_MODALITY_OF_TECHNIQUE[each] for each in technique if each in _MODALITY_OF_TECHNIQUE}
        if len(implied) == 1:
            return implied.pop()
        if views:
            return "MG" if {"CC", "MLO"} & set(views) else _BY_VIEWS
    return found[0] if len(found) == 1 else None


def _opacified(modality: str | None, named: Iterable[str], technique: list[str]) -> str | None:
    """The modality of a 造影: angiography of vessels, fluoroscopy of hollow organs. What CT or MR fill is a vessel or
    a question nobody can answer from the name."""
    regions_named = set(named)
    vessels = bool(regions_named) and regions_named <= _VEINS | _ARTERIES
    if modality == "US":
        technique.append("contrast-ultrasound")
        return modality
    if vessels:
        if regions_named <= _VEINS:
            technique[:] = [each for each in technique if each != "angiography"]
        technique.append("venography" if regions_named <= _VEINS else "angiography")
        return modality if modality in ("CT", "MR") else "XA"
    if modality in (None, "RF", "XR"):
        return "RF"
    return modality if modality in ("XA", "MG", "OP") or technique else None


def _replaced(found: list[Target], region: str, previous: Token | None, token: Token) -> None:
    """Drop the whole where a part is named with it: 右手拇指, 腹部(肝胆胰脾)."""
    known = regions()
    follows = bool(found) and previous is not None and previous.has("region")
    if follows and region in rules()["named_with"].get(found[-1].region, ()):
        found.pop()
    if token.depth > 0:
        found[:] = [each for each in found if each.region not in known[region].ancestors]


def _narrowed(found: list[Target], inside: list[Target]) -> list[Target]:
    """四肢血管(双下肢静脉): a bracket that repeats some of the regions before it says which are meant."""
    said = {each.region for each in inside}
    before = {each.region for each in found}
    return inside if inside and said < before else [*found, *inside]


def targets_of(tokens: Sequence[Token]) -> list[Target]:
    """Regions with the side that belongs to them: the side said before it, else the one said after the last region."""
    known = regions()
    found: list[Target] = []
    inside: list[Target] = []
    side = Side.UNSAID
    fresh = False
    previous: Token | None = None
    for token in tokens:
        named = [value for name, value in token.meanings if name == "region"]
        if named:
            for region in named:
                _replaced(found, region, previous, token)
                bears = known[region].paired or fresh
                named_here = inside if token.depth > 0 else found
                named_here.append(Target(region, side if bears else Side.UNSAID))
            fresh = False
        elif token.has("side"):
            said = Side(_values([token], "side")[0])
            side = Side.BILATERAL if fresh and {side, said} == {Side.LEFT, Side.RIGHT} else said
            fresh = True
        previous = token
    found = _narrowed(found, inside)
    if fresh:
        found = [
            Target(each.region, side)
            if each.side is Side.UNSAID and (known[each.region].paired or len(found) == 1)
            else each
            for each in found
        ]
    return found


def merged_targets(targets: Iterable[Target]) -> tuple[Target, ...]:
    """Each region once; left and right of it are both."""
    sides: dict[str, set[Side]] = {}
    for target in targets:
        sides.setdefault(target.region, set()).add(target.side)
    merged: list[Target] = []
    for region, said in sides.items():
        named = said - {Side.UNSAID}
        if Side.BILATERAL in named or {Side.LEFT, Side.RIGHT} <= named:
            merged.append(Target(region, Side.BILATERAL))
        else:
            merged.append(Target(region, named.pop() if named else Side.UNSAID))
    return tuple(merged)


def as_usage_has_it(targets: Sequence[Target], modality: str, technique: Sequence[str]) -> list[Target]:
    """The regions under the names that the modality's usage gives them."""
    renamed: dict[str, str] = {}
    named = {each.region for each in targets}
    if not {"head", "neck"} <= named:
        for each in technique:
            renamed |= _VESSELS.get(each, {}) if modality in ("CT", "MR", "XA") else {}
    for old, new in _SAME_FOR_MODALITY.get(modality, {}).items():
        renamed.setdefault(old, new)
    if modality == "MR" and "neck" in named:
        renamed.pop("head", None)
    return [Target(renamed.get(each.region, each.region), each.side) for each in targets]


def _with_its_own(tokens: Sequence[Token], targets: Sequence[Target], renamed: list[Target]) -> list[Target]:
    """头颅MRI+MRA is the brain and its vessels; 头颅MRA the vessels alone."""
    with_modality = [token for token in tokens if token.has("modality")]
    vessels = [token for token in with_modality if set(_VESSELS) & set(_values([token], "technique"))]
    others = [token for token in with_modality if token not in vessels]
    if not vessels or not others or list(targets) == renamed:
        return renamed
    return [*as_usage_has_it(targets, _values(others, "modality")[0], ()), *renamed]


def _technique(tokens: Sequence[Token]) -> list[str]:
    found = _values(tokens, "technique")
    if "colour-doppler" in found and "b-mode" in found:
        found.remove("b-mode")
    return found


def _usual_targets(tokens: Sequence[Token]) -> list[Target]:
    """What the modality examines where no region is named (钼靶: the breast)."""
    sides = _values(tokens, "side")
    side = Side(sides[0]) if len(sides) == 1 else Side.UNSAID
    known = regions()
    return [Target(each, side if known[each].paired else Side.UNSAID) for each in _values(tokens, "default")]


def _last_said(tokens: Sequence[Token]) -> Token:
    return next((token for token in reversed(tokens) if not token.has("noise")), tokens[-1])


def _contrast(tokens: Sequence[Token], modality: str) -> Contrast | None:
    said = set(_values(tokens, "contrast"))
    if not said and modality in ("CT", "MR") and _last_said(tokens).has("with"):
        return Contrast.CONTRAST  # CT CHEST W
    if not said or modality in ("XR", "US"):
        return None  # a plain film has no phase
    return Contrast(said.pop()) if len(said) == 1 else Contrast.BOTH


def _without_remarks(tokens: Sequence[Token]) -> list[Token]:
    """The known tokens; of a bracket that speaks of the patient (肾结石, 外伤) only what names no part of the body,
    where the name says the part outside it."""
    remarks = {token.bracket for token in tokens if token.bracket and (token.has("clinical") or not token.known)}
    named = any(token.has("region") for token in tokens if token.bracket not in remarks)
    kept = (token for token in tokens if token.known)
    return [token for token in kept if not (named and token.bracket in remarks and token.has("region"))]


def _views(tokens: Sequence[Token], modality: str) -> list[str]:
    """The views; 轴位 and 斜位 of the breast are CC and MLO."""
    usage = {"AXIAL": "CC", "OBL": "MLO"} if modality == "MG" else {}
    return list(dict.fromkeys(usage.get(view, view) for view in _values(tokens, "view")))


def _ill_matched(tokens: Sequence[Token]) -> bool:
    """Whether a single character names an organ right beside a region it has nothing to do with: 乳胰彩超 is a slip of
    the pen, 肝胆胰脾 a list."""
    known = regions()
    surface = set(rules()["surface_regions"])
    for one, other in pairwise(tokens):
        pair = [{value for slot, value in each.meanings if slot == "region"} for each in (one, other)]
        if not all(pair) or one.bracket != other.bracket:
            continue
        wholes = [set().union(*(known[region].ancestors | {region} for region in named)) for named in pair]
        organ = any(
            len(each.text) == 1 and not named <= surface for each, named in zip((one, other), pair, strict=True)
        )
        if organ and not wholes[0] & wholes[1]:
            return True
    return False


def imaging_from_tokens(tokens: Sequence[Token]) -> Examination | None:
    """None where modality or region are missing, or two modalities are named."""
    tokens = _without_remarks(tokens)
    if _ill_matched(tokens):
        return None
    technique = _technique(tokens)
    views = _values(tokens, "view")
    modality = _modality(tokens, technique, views)
    if any(token.has("opacified") for token in tokens):
        modality = _opacified(modality, _values(tokens, "region"), technique)
    if modality is None:
        return None
    technique = [each for each in technique if _MODALITY_OF_TECHNIQUE.get(each, modality) == modality]
    targets = targets_of(tokens) or _usual_targets(tokens)
    for whole in ("bone-age", "skeleton"):  # 左手腕骨龄, 全身骨: one word says it all
        if any(each.region == whole for each in targets):
            targets = [Target(whole)]
    targets = _with_its_own(tokens, targets, as_usage_has_it(targets, modality, technique))
    if modality == "CT" and {each.region for each in targets} == {"coronary"} and not technique:
        technique = ["angiography"]
    if modality == _BY_VIEWS and {each.region for each in targets} == {"breast"}:
        modality = "MG"
    by_film_alone = modality == _BY_VIEWS and not views and not _values(tokens, "modality")
    if by_film_alone and {each.region for each in targets} & set(rules()["not_on_plain_film"]):
        return None  # 甲状腺片 is a medicine
    views = _views(tokens, modality)
    if not targets and modality not in _WITHOUT_REGION:
        return None
    return Examination(
        kind=KIND_OF_MODALITY.get(modality, Kind.IMAGING),
        modality=modality,
        targets=merged_targets(targets),
        contrast=_contrast(tokens, modality),
        technique=tuple(dict.fromkeys(technique)),
        views=tuple(views),
        guidance=any(token.has("guidance") for token in tokens),
    )
