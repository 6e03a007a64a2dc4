"""What cards say besides the examination: verdicts, notes and lowered warnings in words."""

from hub.exams.judging.exemption import reasons
from hub.exams.judging.verdict import Verdict

NOT_CHECKED = "本次未能核对重复检查检验：既往记录暂时无法读取，请自行核实。"
SILENCE = "未在规定时间内答复，其结果未计入本次提醒。"
"""After the name of an outside source."""
_VERDICTS = {
    "duplicate": "重复",
    "reusable": "可互认",
    "in-flight": "已申请",
    "narrow": "部分重复",
    "possible": "可能重复",
    "unrecognised": "未纳入互认",
    "exempt": "豁免",
    "none": "无",
    "not-understood": "未识别",
    "not-checked": "未核对",
}
_ATTRIBUTES = {
    "laterality": "左右侧",
    "contrast": "平扫/增强",
    "regions": "部位",
    "modality": "检查类型",
    "views": "体位",
    "analytes": "检验项目",
    "specimen": "标本",
    "time_aspect": "采样时间",
    "method": "方法",
    "kind": "类别",
}
_NOTES = {
    "contrast-unsaid-order": "医嘱未注明平扫或增强，按平扫比较。",
    "contrast-unsaid-prior": "既往检查未注明平扫或增强，按平扫比较。",
    "future-prior": "有一项日期晚于现在的记录未计入。",
    "quality-complaint": "有一项被反映质量不佳的检查未计入。",
    "undated": "既往结果没有日期，无法判断是否仍然适用。",
}


def in_words(code: str) -> str:
    return _VERDICTS.get(code, code)


def explained(verdict: Verdict) -> list[str]:
    """One sentence per thing the physician should know of how the verdict came about."""
    known = reasons()
    lines = [f"已降为提示：{known[code].zh}。" for code in verdict.lowered_by if code in known]
    for note in verdict.notes:
        kind, _, attribute = note.partition(":")
        if kind in ("order-contradiction", "prior-contradiction"):
            whose = "医嘱" if kind == "order-contradiction" else "既往记录"
            lines.append(f"{whose}中编码与文字不一致（{_ATTRIBUTES.get(attribute, attribute)}），请核实。")
        elif note in _NOTES:
            lines.append(_NOTES[note])
    if verdict.code == "unrecognised":
        lines.append("该结果未纳入互认范围，仅供参考。")
    return lines
