"""``hub demo``: start a hub, register a county, play the three journeys, stay up."""

import runpy
import signal
import subprocess
import sys
from pathlib import Path

from hub.demo.journeys import SAMPLES, County, centre_reads, clinics_push, physician_is_warned
from hub.demo.narrator import Narrator, StepFailed
from hub.demo.stage import Stage


def _make_images(folder: Path) -> dict[str, list[Path]]:
    """The CT series and the DR image of the play, drawn anew each time so that they are of yesterday."""
    module = runpy.run_path(str(SAMPLES / "dicom" / "make_county.py"))
    made: dict[str, list[Path]] = module["make"](folder)
    return made


def play(folder: Path, *, once: bool) -> int:
    """0 when every step did what it says; 1 with a list of what failed. Without ``once`` the hub stays up after a
    success until Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended from outside, it takes its hub along
    narrator = Narrator()
    stage = Stage(folder, narrator)
    county: County | None = None
    try:
        with narrator.step("准备数据目录并启动平台", "Clean folder, start the hub"):
            stage.clean()
            stage.start()
        with narrator.step("登记两家卫生院、诊断中心、县医院", "Register two clinics, a centre, a hospital"):
            county = County(stage, narrator)
        with narrator.step("生成影像样本", "Draw the sample images"):
            images = _make_images(stage.folder / "samples")
        clinics_push(county, images)
        centre_reads(county)
        physician_is_warned(county)
        with narrator.step("生成状态页的一次性登录链接", "A one-time link to the status page"):
            link = _sign_in_link(stage)
        narrator.say(f"\n✔ 三条主线全部走通 · All three journeys work.\n  状态页 Status page: {link}")
        if not once:
            narrator.say("  按 Ctrl-C 结束 · Ctrl-C ends it")
            stage.wait()
        return 0
    except KeyboardInterrupt:
        return 0
    except Exception as error:
        if not isinstance(error, StepFailed):
            narrator.failures.append(f"{type(error).__name__}: {error}")
        narrator.say("\n✘ 演示未完成 · The demonstration failed:")
        for failure in dict.fromkeys(narrator.failures):
            narrator.say(f"  - {failure}")
        narrator.say(f"  日志 log: {stage.folder / 'hub.log'}")
        return 1
    finally:
        stage.stop()
        if county is not None:
            county.close()


def _sign_in_link(stage: Stage) -> str:
    printed = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "hub", "client", "sign-in", "centre", "--data-dir", str(stage.folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if printed.returncode:
        raise StepFailed(printed.stderr.strip())
    return printed.stdout.strip()
