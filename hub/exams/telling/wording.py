"""Verdicts in words, Chinese first: what a physician reads on a card and in a DetectedIssue."""

from datetime import UTC, datetime

from hub.contracts.site import ZONE

from ..examination import Contrast, Examination, Kind, Side
from ..judging.evidence import age_seconds
from ..judging.prior import Prior
from ..judging.recognition import Lookup
from ..judging.verdict import Verdict
from ..rows.row import State
from ..vocabulary import analytes, panels, regions

_SIDES = {Side.LEFT: "左", Side.RIGHT: "右", Side.BILATERAL: "双侧", Side.UNSAID: ""}
_PHASES = {Contrast.PLAIN: "平扫", Contrast.CONTRAST: "增强", Contrast.BOTH: "平扫+增强"}
_MODALITIES = {"US": "超声", "XR": "DR", "MG": "钼靶", "ES": "内镜", "ECG": "心电图", "EEG": "脑电图", "PT": "PET-CT"}
_TECHNIQUES = {"angiography": "血管成像", "hrct": "高分辨", "perfusion": "灌注", "holter": "动态"}
_VIEWS = {
    "AP": "正位",
    "LAT": "侧位",
    "OBL": "斜位",
    "OBL-L": "左斜位",
    "OBL-R": "右斜位",
    "AXIAL": "轴位",
    "OPEN-MOUTH": "张口位",
    "FLEX-EXT": "过伸过屈位",
    "STANDING": "立位",
    "SUPINE": "卧位",
    "WATERS": "华氏位",
    "CALDWELL": "柯氏位",
    "FROG": "蛙式位",
    "LORDOTIC": "前弓位",
    "SCAPHOID": "舟骨位",
    "SUNRISE": "日出位",
    "DECUBITUS": "侧卧位",
    "TANGENTIAL": "切线位",
    "OUTLET": "出口位",
    "INLET": "入口位",
    "FULL-LENGTH": "全长位",
    "LATERAL-SEMI": "半侧位",
}


def name_in_words(examination: Examination) -> str:
    """An examination as an order would name it."""
    if examination.kind is Kind.LABORATORY:
        return "、".join(analytes()[each].zh for each in examination.analytes)
    where = "+".join(f"{_SIDES[target.side]}{regions()[target.region].zh}" for target in examination.targets)
    how = "".join(_TECHNIQUES.get(each, "") for each in examination.technique)
    if "colour-doppler" in examination.technique:
        modality = "彩超"
    else:
        modality = _MODALITIES.get(examination.modality, examination.modality)
    phase = _PHASES[examination.contrast] if examination.contrast else ""
    views = "+".join(_VIEWS.get(view, view) for view in examination.views)
    return f"{where}{how}{modality}{phase}{views}"


def need_in_words(name: str) -> str:
    """One word of a remainder (``knee:right``, ``potassium``, ``LAT``) in Chinese."""
    slug, _, side = name.partition(":")
    if slug in analytes():
        return analytes()[slug].zh
    if slug in regions():
        return f"{_SIDES[Side(side)] if side else ''}{regions()[slug].zh}"
    return panels()[slug].zh if slug in panels() else _VIEWS.get(slug, slug)


def day_of(prior: Prior) -> str:
    """The day of a prior in the site's zone; 日期不详 where nobody knows."""
    if not prior.dated:
        return "日期不详"
    return datetime.fromtimestamp(prior.anchor_us / 1e6, UTC).astimezone(ZONE).date().isoformat()


def age_in_words(prior: Prior, now_us: int) -> str:
    if not prior.dated:
        return "时间不详"
    seconds = age_seconds(prior, now_us)
    if seconds >= 86_400:
        return f"{int(seconds // 86_400)}天前"
    if prior.date_only or seconds < 60:
        return "今天" if prior.date_only else "刚才"
    return f"{int(seconds // 3600)}小时前" if seconds >= 3600 else f"{int(seconds // 60)}分钟前"


def prior_name(prior: Prior) -> str:
    return prior.first("name") or name_in_words(prior.examination)


def place_of(prior: Prior, institution: Lookup) -> str:
    """Where it was done: the organization's name, else what the record shows, else its id."""
    named = institution(prior.organization).name if prior.organization else ""
    return named or prior.first("place") or prior.organization


def state_in_words(prior: Prior) -> str:
    if prior.sibling:
        return "本次医嘱中"
    match prior.state:
        case State.ORDERED:
            return "已开单未完成"
        case State.EXPECTED:
            return "结果待出"
        case State.PERFORMED:
            return "已检查"
        case _:
            return "已完成"


def heading(verdict: Verdict) -> str:
    """The first words of a card."""
    match verdict.code:
        case "duplicate":
            return "重复检查检验提醒"
        case "reusable":
            return "已有结果可参考互认"
        case "in-flight":
            return "同类项目已申请"
        case "narrow":
            return "部分项目已有结果"
        case "unrecognised":
            return "外院已有结果（未纳入互认）"
        case _:
            return "可能已有同类结果"


WITHHELD = "近期已有同类结果（受隐私保护，不予显示）"
HOW_TO_ASK = "如诊疗需要，请征得患者同意后由其本人提供，或凭诊疗理由向平台管理部门申请查阅。"


def sentence(verdict: Verdict, now_us: int, institution: Lookup) -> str:
    """One line: what, where, when; that there is something, where it may not be named."""
    if verdict.withheld and not verdict.covering:
        return f"{heading(verdict)}：{WITHHELD}"
    lead = verdict.covering[0]
    parts = [place_of(lead, institution), day_of(lead), prior_name(lead)]
    told = " ".join(part for part in parts if part)
    return f"{heading(verdict)}：{told}（{age_in_words(lead, now_us)}，{state_in_words(lead)}）"
