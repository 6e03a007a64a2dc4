"""Orders are answered by the response of their event, with what the hub found in NTE."""

import pytest

from adapters.hl7v2.ack import acknowledge
from adapters.hl7v2.message import parse
from hub.contracts.submission import Notice, Outcome, Receipt

TOLD = "重复检查检验提醒：县人民医院 胸部CT|平扫（2天前，已完成）"
AT = "2026-11-22T04:00:00.123Z"


def _order(kind: str, charset: str = "UNICODE UTF-8", name: str = "胸部CT平扫") -> bytes:
    lines = [
        f"MSH|^~\\&|HIS|QS001|HUB|XG|20261122083000||{kind}|Q1|P|2.5.1||||||{charset}",
        "PID|1||H1^^^QS001^PI||CHEN||19620415|F",
        "ORC|NW|P1",
        f"OBR|1|P1||CT1^{name}^L",
        "ORC|NW|P2",
        f"OBR|2|P2||CT2^{name}^L",
    ]
    return "\r".join([*lines, ""]).encode("gb18030" if charset.startswith("GB") else "utf-8")


def _receipt(*notices: Notice, replayed: bool = False) -> Receipt:
    outcomes = [("Patient", "p1"), ("ServiceRequest", "s1"), ("ServiceRequest", "s2")]
    made = tuple(Outcome(kind, number, 1, 201, AT) for kind, number in outcomes)
    return Receipt("01JC", AT, made, "Person/x", replayed, notices)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("ORM^O01^ORM_O01", "ORR^O02^ORR_O02"),
        ("ORM", "ORR^O02^ORR_O02"),
        ("OML^O21^OML_O21", "ORL^O22^ORL_O22"),
        ("OMI^O23^OMI_O23", "ORI^O24^ORI_O24"),
        ("ADT^A04^ADT_A01", "ACK^A04^ACK"),
        ("ORU^R01^ORU_R01", "ACK^R01^ACK"),
    ],
)
def test_each_event_has_its_own_response(kind: str, answer: str) -> None:
    told = parse(acknowledge(parse(_order(kind)), _receipt()).content)
    assert told.header.raw(9) == answer
    assert (told.need("MSA").text(1), told.need("MSA").text(2), told.all("NTE")) == ("AA", "Q1", [])


def test_a_finding_stands_in_an_nte_that_names_its_order() -> None:
    message = parse(_order("ORM^O01"))
    notice = Notice("ServiceRequest/s2", "duplicate", TOLD)
    answer = acknowledge(message, _receipt(notice))
    told = parse(answer.content)
    [nte] = told.all("NTE")
    assert [nte.text(at) for at in (1, 2, 4)] == ["1", "L", "RE"]
    assert nte.text(3) == f"医嘱 P2：{TOLD} (Duplicate examination: duplicate)"
    assert [segment.name for segment in told.segments] == ["MSH", "MSA", "NTE"]
    assert answer == acknowledge(message, _receipt(notice, replayed=True))


@pytest.mark.parametrize(
    ("charset", "name", "codec", "declared"),
    [("GB 18030-2000", "胸部CT", "gb18030", "GB 18030-2000"), ("", "CT CHEST", "utf-8", "UNICODE UTF-8"),
     ("ASCII", "CT CHEST", "utf-8", "UNICODE UTF-8")],
)  # fmt: skip
def test_the_finding_can_be_read_whatever_the_order_was_written_in(
    charset: str, name: str, codec: str, declared: str
) -> None:
    answer = acknowledge(parse(_order("ORM^O01", charset, name)), _receipt(Notice("ServiceRequest/s1", "x", TOLD)))
    assert "重复检查检验提醒" in answer.content.decode(codec)
    assert (parse(answer.content).header.raw(18), answer.content_type.rpartition("=")[2]) == (declared, codec)
