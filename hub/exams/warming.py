"""Loading every table and lexicon before the first order is judged: a check that waits for them would be late."""

from .items import item_of
from .judging.history import priors_from
from .judging.order_facts import order_from
from .judging.prior import Context
from .judging.recognition import Institution
from .judging.signing import judge_all, reach
from .naming.name_parser import parse
from .rows.exam_rows import proto_rows
from .rows.proto import Proto
from .rows.row import Row, encode_detail

_NAMES = ("胸部CT平扫", "血常规", "腹部彩超", "心电图", "空腹血糖", "左膝关节MRI", "chest CT", "既非检查亦非检验之名")
"""One of each kind, and one that nobody understands: mending it asks for every word there is."""


def warm() -> None:
    """Judge one order of each kind, and parse a name that leads nowhere. About a second, once for all processes."""
    context = Context(0, "", Institution)
    for name in _NAMES:
        parse(name)
        resource = {"resourceType": "DiagnosticReport", "id": "1", "status": "final", "code": {"text": name}}
        rows = [
            Row(key, proto.anchor_us, "DiagnosticReport/1", proto.state, "", proto.exam, "", _detail(proto))
            for proto in proto_rows("DiagnosticReport", resource)
            for key in proto.keys
        ]
        coded = {"text": name, "coding": [{"system": "urn:none", "code": "none"}]}
        said = [{"text": "无"}]
        order = order_from({"code": coded, "bodySite": said, "reasonCode": said}, "ServiceRequest/1")
        reach([order], [context])
        for verdict in judge_all([order], [0], priors_from(rows), [context]):
            if verdict.order.examination is not None:
                item_of(verdict.order.examination)


def _detail(proto: Proto) -> bytes:
    return encode_detail(proto.detail)
