"""Under which item an examination is counted and priced: what was examined, without sides, views and equipment."""

from functools import lru_cache

from .examination import Contrast, Examination, Kind, Target
from .rules import ignored_techniques, rules
from .telling.wording import name_in_words
from .vocabulary import analytes, panels

_MOST_NAMED = 3


def _core(examination: Examination) -> Examination:
    """An imaging examination by modality, regions, phase and dedicated technique."""
    contrast = examination.contrast
    if contrast is None and examination.modality in rules()["phases_matter"]:
        contrast = Contrast.PLAIN  # what was not said counts as plain
    return Examination(
        kind=examination.kind,
        modality=examination.modality,
        targets=tuple(Target(region) for region in sorted(examination.regions)),
        contrast=contrast if examination.modality in rules()["phases_matter"] else None,
        technique=tuple(sorted(set(examination.technique) - ignored_techniques())),
        guidance=examination.guidance,
    )


def _panel(examination: Examination) -> str:
    """The one panel under whose name everything was ordered."""
    ordered = {each.panel for each in examination.determinations}
    return ordered.pop() if len(ordered) == 1 else ""


@lru_cache(maxsize=16384)
def item_of(examination: Examination) -> tuple[str, str]:
    """A stable key and its Chinese name: ``CT chest plain``, ``panel:cbc``, ``potassium``."""
    if examination.kind is Kind.LABORATORY:
        panel = _panel(examination)
        if panel:
            return f"panel:{panel}", panels()[panel].zh
        names = sorted(examination.analytes)
        zh = "、".join(analytes()[each].zh for each in names[:_MOST_NAMED])
        return "+".join(names), zh if len(names) <= _MOST_NAMED else f"{zh}等{len(names)}项"
    core = _core(examination)
    said = [core.modality, "+".join(core.regions), *core.technique, core.contrast.value if core.contrast else ""]
    if core.guidance:
        said.append("guided")
    return " ".join(filter(None, said)), name_in_words(core)
