"""The ``hub`` command: what may be said to it, and nothing of what is then done.

Every mistake in arguments or settings ends with status 2 and one sentence that holds the remedy.
"""

import argparse
import importlib.metadata
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from hub.contracts.caller import Role
from hub.settings import Settings, SettingsError, address, load


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. See {self.prog} --help.\n")


def _door_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--http", metavar="HOST:PORT", help="FHIR, CDS Hooks, DICOMweb, pages (default 127.0.0.1:8080)")
    parser.add_argument("--mllp", metavar="HOST:PORT", help="HL7 v2 over MLLP (default 127.0.0.1:2575)")
    parser.add_argument("--dicom", metavar="HOST:PORT", help="DICOM (default 127.0.0.1:11112)")
    parser.add_argument("--workers", type=int, metavar="N", help="HTTP and MLLP processes (default: cores, at most 4)")
    parser.add_argument("--trusted-network", metavar="CIDR", help="devices here may come without a certificate")


def _index_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--elasticsearch", metavar="URL", help="search index: Elasticsearch 8 or 9 (several with commas)"
    )


def _parser() -> argparse.ArgumentParser:
    top = _Parser(prog="hub", description="Regional health hub. 区域卫生信息交换平台。")
    top.add_argument("--version", action="version", version=importlib.metadata.version("regional-health-hub"))
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    folder = _Parser(add_help=False)
    folder.add_argument("--data-dir", type=Path, metavar="DIR", help="the data folder (default hub-data)")

    serve = commands.add_parser("serve", parents=[folder], help="run the hub")
    _door_options(serve)
    check = commands.add_parser("check", parents=[folder], help="show effective settings and what is wrong")
    _door_options(check)
    for one in (serve, check):
        _index_option(one)
    commands.add_parser("verify", parents=[folder], help="check every stored body, index row and blob against its hash")

    kept = commands.add_parser("retention", parents=[folder], help="which studies have been kept long enough")
    kept.add_argument("--apply", action="store_true", help="delete them, but for those that have to be read")

    demo = commands.add_parser("demo", help="play the main job with a county of samples, then stay up")
    demo.add_argument("--once", action="store_true", help="end with 0, or with 1 and what failed")
    demo.add_argument("--data-dir", type=Path, metavar="DIR", default=Path("demo-data"))

    client = commands.add_parser("client", help="who may come in").add_subparsers(
        dest="action", required=True, metavar="ACTION", parser_class=_Parser
    )
    add = client.add_parser("add", parents=[folder], help="register a client and print its token once")
    add.add_argument("name")
    add.add_argument("--role", required=True, choices=[role.value for role in Role if role is not Role.SERVICE])
    add.add_argument("--organization", required=True, metavar="ID", help="FHIR id of its Organization")
    add.add_argument("--organization-name", metavar="TEXT")
    add.add_argument("--facility", action="append", default=[], metavar="MSH-4")
    add.add_argument("--ae-title", action="append", default=[], metavar="AE[@HOST:PORT]")
    add.add_argument("--from", action="append", default=[], dest="networks", metavar="ADDRESS/CIDR")
    add.add_argument("--deliver-to", metavar="URL", help="http(s)://… or mllp://HOST:PORT")
    add.add_argument("--jwt-issuer", metavar="ISS", help="a CDS client that signs its calls: the iss of its tokens")
    add.add_argument("--jwks", metavar="FILE|URL", help="its public keys: pinned from a file, or read from an address")
    add.add_argument("--jku", metavar="URL", help="with pinned keys: the one jku that its tokens may name")
    add.add_argument("--person", metavar="ID", help="role patient: the Person whose record it may read")
    add.add_argument("--json", action="store_true")
    client.add_parser("list", parents=[folder], help="all clients").add_argument("--json", action="store_true")
    for action, text in (
        ("rotate", "give a client a new token"),
        ("remove", "shut a client out"),
        ("sign-in", "a one-time link that opens the pages as this client"),
    ):
        one = client.add_parser(action, parents=[folder], help=text)
        one.add_argument("name")
        one.add_argument("--json", action="store_true")

    _archive_commands(commands, folder)
    routes = commands.add_parser("routes", help="where images go on to").add_subparsers(
        dest="action", required=True, metavar="ACTION", parser_class=_Parser
    )
    routes.add_parser("status", parents=[folder], help="what waits for each destination").add_argument(
        "--json", action="store_true"
    )
    exams = commands.add_parser("exams", help="examination names and verdicts").add_subparsers(
        dest="action", required=True, metavar="ACTION", parser_class=_Parser
    )
    exams.add_parser("parse", help="names on standard input, a line each; JSON out")
    explain = exams.add_parser("explain", parents=[folder], help="why a verdict was given")
    explain.add_argument("verdict", metavar="VERDICT-ID")
    windows = exams.add_parser("windows", help="a site's own windows").add_subparsers(
        dest="windows_action", required=True, metavar="ACTION", parser_class=_Parser
    )
    imported = windows.add_parser("import", parents=[folder], help="replace one level's table; an empty file clears it")
    imported.add_argument("file", type=Path, metavar="FILE.csv")
    imported.add_argument("--level", required=True, choices=["organization", "consortium", "province"])
    imported.add_argument("--id", default="", metavar="ORGANIZATION", help="whose table (all where left out)")
    codes = exams.add_parser("codes", help="a clinic's own code map").add_subparsers(
        dest="codes_action", required=True, metavar="ACTION", parser_class=_Parser
    )
    listed = codes.add_parser("import", parents=[folder], help="replace a clinic's code map; an empty file clears it")
    listed.add_argument("file", type=Path, metavar="FILE.csv")
    listed.add_argument("--organization", required=True, metavar="ID", help="whose codes and names these are")
    prices = exams.add_parser("prices", help="what examinations cost, for the figures").add_subparsers(
        dest="prices_action", required=True, metavar="ACTION", parser_class=_Parser
    )
    priced = prices.add_parser("import", parents=[folder], help="replace a price table; an empty file clears it")
    priced.add_argument("file", type=Path, metavar="FILE.csv")
    priced.add_argument("--organization", default="", metavar="ID", help="whose prices (everybody's where left out)")
    reindex = exams.add_parser("reindex", parents=[folder], help="read again what examinations the resources tell of")
    reindex.add_argument("--organization", default="", metavar="ID", help="what this one sent (all where left out)")
    index = commands.add_parser("index", help="the search index").add_subparsers(
        dest="action", required=True, metavar="ACTION", parser_class=_Parser
    )
    for action, text in (
        ("status", "how far it is, what it would not take, what the last check found"),
        ("verify", "compare it with the store; exit status 1 where something differs"),
        ("repair", "compare it, and write anew what differs"),
        ("rebuild", "build it anew beside the one in use, then swap; with progress"),
    ):
        one = index.add_parser(action, parents=[folder], help=text)
        _index_option(one)
        if action in ("verify", "repair"):
            one.add_argument("--all", action="store_true", help="every document whole, not only a sample")
    identity = commands.add_parser("identity", help="who is one person").add_subparsers(
        dest="action", required=True, metavar="ACTION", parser_class=_Parser
    )
    estimate = identity.add_parser(
        "estimate", parents=[folder], help="weights from the site's records, and what they would change"
    )
    estimate.add_argument("--apply", action="store_true", help="decide by them from now on")
    estimate.add_argument("--splink", action="store_true", help="estimate m with splink, where it is installed")
    viewer = commands.add_parser("viewer", help="the image viewer OHIF").add_subparsers(
        dest="action", required=True, metavar="ACTION", parser_class=_Parser
    )
    install = viewer.add_parser("install", parents=[folder], help="fetch OHIF from the npm registry, to be served")
    install.add_argument("--from", type=Path, dest="file", metavar="FILE.tgz", help="a tarball made by npm pack")
    return top


def _archive_commands(commands: Any, folder: argparse.ArgumentParser) -> None:
    archive = commands.add_parser("archive", help="image archives that stay at their hospitals").add_subparsers(
        dest="action", required=True, metavar="ACTION", parser_class=_Parser
    )
    add = archive.add_parser("add", parents=[folder], help="register an archive")
    add.add_argument("name")
    add.add_argument("--organization", required=True, metavar="ID", help="FHIR id of the hospital's Organization")
    add.add_argument("--organization-name", metavar="TEXT")
    add.add_argument("--ae-title", metavar="AE@HOST:PORT", help="where it answers C-FIND, C-GET and C-MOVE")
    add.add_argument("--dicomweb", metavar="URL", help="the root of its QIDO-RS and WADO-RS")
    add.add_argument("--token", metavar="TOKEN", help="bearer token for --dicomweb")
    add.add_argument("--retrieve", choices=["wado-rs", "c-get", "c-move"], help="how images come (default: wado-rs)")
    add.add_argument("--from", action="append", default=[], dest="networks", metavar="ADDRESS/CIDR")
    add.add_argument("--sweep-days", type=int, metavar="N", help="look for studies of the last N days (default 0)")
    add.add_argument("--sweep-every", type=float, metavar="SECONDS", help="look at the latest days again (default 600)")
    add.add_argument("--sweep-hours", metavar="H-H", help="look back between these hours alone: 20-6")
    add.add_argument("--pace", type=float, metavar="N", help="questions a second at most (default 5)")
    add.add_argument("--connections", type=int, metavar="N", help="objects fetched at a time (default 4)")
    add.add_argument("--json", action="store_true")
    archive.add_parser("list", parents=[folder], help="all archives").add_argument("--json", action="store_true")
    remove = archive.add_parser("remove", parents=[folder], help="ask an archive no more")
    remove.add_argument("name")
    remove.add_argument("--json", action="store_true")


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings with the command line's on top. Raises SettingsError."""
    given: dict[str, Any] = {}
    for door in ("http", "mllp", "dicom"):
        text = getattr(arguments, door, None)
        if text is not None:
            host, port = address(text)
            given[door] = {"host": host, "port": port}
    for name in ("data_dir", "workers", "trusted_network"):
        value = getattr(arguments, name, None)
        if value is not None:
            given[name] = value
    if (url := getattr(arguments, "elasticsearch", None)) is not None:
        given["search"] = {"elasticsearch_url": url}
    return load(**given)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        return _run(arguments)
    except SettingsError as error:
        print(f"hub: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _run(arguments: argparse.Namespace) -> int:
    # Each command loads only what it needs: parsing a name must not wait for the DICOM library.
    match arguments.command:
        case "serve":
            from hub.process.serve import serve

            return serve(settings_of(arguments))
        case "check":
            from hub.process.check import check

            return check(settings_of(arguments))
        case "verify":
            from hub.process.check import verify

            return verify(settings_of(arguments))
        case "retention":
            from hub.process.retention_command import retention

            return retention(settings_of(arguments), apply=arguments.apply)
        case "demo":
            from hub.demo.play import play

            return play(arguments.data_dir, once=arguments.once)
        case "client":
            from hub.process.client_command import client_command

            return client_command(settings_of(arguments), arguments)
        case "archive":
            from hub.process.archive_command import archive_command

            return archive_command(settings_of(arguments), arguments)
        case "routes":
            from hub.process.routes_command import routes_command

            return routes_command(settings_of(arguments), arguments)
        case "exams" if arguments.action == "parse":
            from hub.exams.cli import parse_lines

            parse_lines(sys.stdin.buffer, sys.stdout.buffer)
            return 0
        case "exams" if arguments.action == "windows":
            from hub.process.exams_command import import_windows_file

            return import_windows_file(settings_of(arguments), arguments.file, arguments.level, arguments.id)
        case "exams" if arguments.action == "codes":
            from hub.process.exams_command import import_codes_file

            return import_codes_file(settings_of(arguments), arguments.file, arguments.organization)
        case "exams" if arguments.action == "prices":
            from hub.process.exams_command import import_prices_file

            return import_prices_file(settings_of(arguments), arguments.file, arguments.organization)
        case "exams" if arguments.action == "reindex":
            from hub.process.exams_command import reindex

            return reindex(settings_of(arguments), arguments.organization)
        case "exams":
            from hub.process.exams_command import explain

            return explain(settings_of(arguments), arguments.verdict)
        case "index":
            from hub.process.index_command import index_command

            return index_command(settings_of(arguments), arguments.action, everything=getattr(arguments, "all", False))
        case "identity":
            from hub.process.identity_command import estimate_weights

            return estimate_weights(settings_of(arguments), apply=arguments.apply, with_splink=arguments.splink)
        case "viewer":
            from hub.process.viewer_command import install

            return install(settings_of(arguments), arguments.file)
    raise AssertionError(arguments.command)
