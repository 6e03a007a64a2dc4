"""What is known of one device beyond its AE title: how it wants to be spoken to."""

from dataclasses import dataclass

from .scu.tls import OutgoingTls

X_RAY = "XR"
"""In the words of the hub's examination tables: an X-ray image, whatever takes it."""
_X_RAY_DEVICES = ("DX", "CR", "DR", "RG")
_DICOM_TERMS = {"DXA": "BMD", "OP": "OP", "OCT": "OPT"}
"""Where the defined terms of Modality (0008,0060) differ from the words of the tables."""


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """``character_set``: Specific Character Set of what we answer; "" follows its request. ``x_ray``: the Modality that
    an X-ray order is offered under, DX or CR; "" as the device asks for it, else DX. ``modalities``: it is offered
    these alone; empty offers all. ``quiet_seconds``: None is the gateway's own setting. ``tls``: how it is spoken to on
    associations that we open; None is without TLS."""

    character_set: str = ""
    x_ray: str = ""
    modalities: frozenset[str] = frozenset()
    station_name: str = ""
    quiet_seconds: float | None = None
    written_in: str = ""
    """A key of ``character_set.DEVICE_CODECS``: what it writes in where neither label nor bytes say so."""
    tls: OutgoingTls | None = None

    def modality(self, word: str, asked: str = "") -> str:
        """The Modality under which an order is offered; ``asked`` is the one that the device asks for."""
        if word != X_RAY:
            return _DICOM_TERMS.get(word, word or "OT")
        return self.x_ray or (asked if asked in _X_RAY_DEVICES else _X_RAY_DEVICES[0])

    def why_not(self, modality: str) -> str:
        """Why an order of this Modality is not offered to the device; "" where it is."""
        if self.modalities and modality not in self.modalities:
            return f"此设备只接收 {', '.join(sorted(self.modalities))} the device's profile takes only these modalities"
        return ""


ANY_DEVICE = DeviceProfile()
