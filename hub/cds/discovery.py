"""The services on offer (CDS Hooks 2.0, Discovery). No prefetch and no access token are asked for: the history is the
hub's own."""

from dataclasses import dataclass
from typing import Any

from hub.contracts.errors import NotFound


@dataclass(frozen=True, slots=True)
class Service:
    id: str
    hook: str
    title: str
    description: str

    def advertised(self) -> dict[str, Any]:
        return {
            "hook": self.hook,
            "id": self.id,
            "title": self.title,
            "description": self.description,
            "usageRequirements": "A token of a physician client; the patient must be known to the hub.",
        }


SERVICES = {
    service.id: service
    for service in (
        Service(
            "duplicate-examination-select",
            "order-select",
            "重复检查检验提醒（选择医嘱时） · Duplicate examinations",
            "Tells of examinations of this person anywhere in the county that answer the selected orders.",
        ),
        Service(
            "duplicate-examination-sign",
            "order-sign",
            "重复检查检验提醒（签署医嘱时） · Duplicate examinations",
            "Tells of examinations of this person anywhere in the county that answer the orders to be signed.",
        ),
        Service(
            "duplicate-examination-dispatch",
            "order-dispatch",
            "重复检查检验提醒（分派医嘱时） · Duplicate examinations",
            "Tells of examinations of this person that answer orders for which a performer is being sought.",
        ),
    )
}


def discovery() -> dict[str, Any]:
    return {"services": [service.advertised() for service in SERVICES.values()]}


def service_of(service_id: str) -> Service:
    """Raises NotFound for an id that discovery does not name."""
    service = SERVICES.get(service_id)
    if service is None:
        raise NotFound("There is no such CDS service.", remedy="See GET /cds-services for the ids on offer.")
    return service
