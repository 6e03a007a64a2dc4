"""ECG files for the tests: our own samples, made anew, and the outside ones where they are at hand."""

import base64
import importlib.util
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from adapters.ecg.ingest import EcgIngest
from hub.contracts.caller import Caller, Role
from hub.contracts.quarantine import Refusal
from hub.contracts.submission import Outcome, Receipt, Submission

ROOT = Path(__file__).resolve().parents[3]
OUTSIDE = ROOT.parent / "shared" / "data" / "ecg"


def _make_samples() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ecg_make_samples", ROOT / "samples" / "ecg" / "make_samples.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def maker() -> ModuleType:
    return _make_samples()


@pytest.fixture(scope="session")
def samples(maker: ModuleType) -> dict[str, bytes]:
    made: dict[str, bytes] = maker.samples()
    return made


@pytest.fixture(scope="session")
def outside() -> Callable[[str], bytes]:
    def read(name: str) -> bytes:
        path = OUTSIDE / name
        if not path.exists():
            pytest.skip(f"{name} is not at hand")
        return path.read_bytes()

    return read


@pytest.fixture
def clinic() -> Caller:
    return Caller("qingshan", Role.CLINIC, "qingshan")


@pytest.fixture(scope="session")
def muse(maker: ModuleType) -> bytes:
    """A MUSE export with the eight leads such a system stores."""
    leads = {name: samples for name, samples in maker.tracing().items() if name in ("I", "II") or name[0] == "V"}
    data = "".join(
        f"<LeadData><LeadByteCountTotal>{2 * len(samples)}</LeadByteCountTotal><LeadSampleCountTotal>{len(samples)}"
        "</LeadSampleCountTotal><LeadAmplitudeUnitsPerBit>2.5</LeadAmplitudeUnitsPerBit>"
        "<LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits><LeadSampleSize>2</LeadSampleSize>"
        f"<LeadID>{name}</LeadID><WaveFormData>{base64.b64encode(np.array(samples, '<i2').tobytes()).decode()}"
        "</WaveFormData></LeadData>"
        for name, samples in leads.items()
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE RestingECG SYSTEM "restecg.dtd">
<RestingECG><MuseInfo><MuseVersion>9.0.9</MuseVersion></MuseInfo>
<PatientDemographics><PatientID>00000000</PatientID><Gender>FEMALE</Gender><DateofBirth>01-01-1900</DateofBirth>
<PatientLastName>Anonymous</PatientLastName></PatientDemographics>
<TestDemographics><AcquisitionDevice>MAC</AcquisitionDevice><AcquisitionTime>09:30:00</AcquisitionTime>
<AcquisitionDate>11-20-2026</AcquisitionDate></TestDemographics>
<RestingECGMeasurements><VentricularRate>72</VentricularRate><PRInterval>158</PRInterval><QTCorrected>421</QTCorrected>
<QTcFrederica>408</QTcFrederica></RestingECGMeasurements>
<Diagnosis><DiagnosisStatement><StmtFlag>ENDSLINE</StmtFlag><StmtText>窦性心律</StmtText></DiagnosisStatement></Diagnosis>
<Waveform><WaveformType>Rhythm</WaveformType><SampleBase>500</SampleBase><SampleExponent>0</SampleExponent>
<HighPassFilter>5</HighPassFilter><LowPassFilter>150</LowPassFilter>{data}</Waveform></RestingECG>
""".encode()


@pytest.fixture(scope="session")
def sierra(maker: ModuleType) -> bytes:
    """A Sierra export, not compressed, with the calibration pulse that some carts append."""
    tail = [0] * 60 + [400] * 100 + [0] * 40
    rows = [samples + tail for samples in maker.tracing().values()]
    data = base64.b64encode(np.array(rows, "<i2").tobytes()).decode()
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<restingecgdata xmlns="http://www3.medical.philips.com"><documentinfo><documenttype>SierraECG</documenttype>
<documentversion>1.03</documentversion></documentinfo>
<dataacquisition date="2026-11-20" time="09:30:00"><machine>PageWriter</machine><signalcharacteristics>
<samplingrate>500</samplingrate><signalresolution>2.5</signalresolution><acquisitiontype>STD-12</acquisitiontype>
<numberchannelsallocated>12</numberchannelsallocated><signalsigned>True</signalsigned></signalcharacteristics>
</dataacquisition>
<patient><generalpatientdata><patientid>PH-7</patientid><sex>Male</sex></generalpatientdata></patient>
<interpretations><interpretation><statement><leftstatement>&gt;&gt;&gt; Acute MI &lt;&lt;&lt;</leftstatement>
<rightstatement></rightstatement></statement></interpretation></interpretations>
<waveforms><parsedwaveforms compressflag="False" dataencoding="Base64" durationperchannel="{len(rows[0]) * 2}"
nbitspersample="16">{data}</parsedwaveforms></waveforms></restingecgdata>
""".encode()


class Hub:
    """The seam to intake and quarantine, kept in memory: one receipt a key."""

    def __init__(self) -> None:
        self.submissions: list[Submission] = []
        self.receipts: dict[str, Receipt] = {}
        self.refusals: list[Refusal] = []
        self.failures: list[Exception] = []

    def submit(self, submission: Submission) -> "Future[Receipt]":
        answer: Future[Receipt] = Future()
        if self.failures:
            answer.set_exception(self.failures.pop(0))
            return answer
        self.submissions.append(submission)
        outcomes = tuple(Outcome(entry.type, str(n), 1, 201, "") for n, entry in enumerate(submission.entries))
        assert submission.origin.key
        answer.set_result(self.receipts.setdefault(submission.origin.key, Receipt("s1", "", outcomes)))
        return answer

    def quarantine(self, refusal: Refusal, caller: Caller) -> str:
        self.refusals.append(refusal)
        return f"q{len(self.refusals)}"


class Instances:
    """The seam to the gateway's archive, kept in memory."""

    def __init__(self) -> None:
        self.stored: list[bytes] = []
        self.failure: Exception | None = None

    def store(self, part10: bytes, caller: Caller, *, announced: bool = False) -> None:
        if self.failure:
            raise self.failure
        assert announced
        self.stored.append(part10)


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def instances() -> Instances:
    return Instances()


@pytest.fixture
def ingest(hub: Hub, instances: Instances) -> EcgIngest:
    return EcgIngest(hub, instances)  # type: ignore[arg-type]
