"""The arguments of accelnet-check: one table, which help, man page and tests read too."""

from __future__ import annotations

from accelnet_agent.checks import CHECKS
from accelnet_agent.options import COLUMNS, Operands, Option, add_to, meant, scan
from accelnet_agent.report import UsageError
from accelnet_probes.imds import endpoint_error
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from typing import Literal

    from accelnet_agent.expectation import Expect

SOURCES = ("root", "bundle", "record")  # no two of them together
OPERANDS = Operands(name="reports", metavar="REPORT", help="with --summarize: what is to be merged")
GROUPS = (
    *("check", "size", "kernel", "driver", "family", "distro", "image", "datapath", "version"),
    "vm",
)
# What goes together with --summarize; the rest is about a machine that is to be judged.
SUMMARIZING = (
    *("summarize", "files0_from", "by", "stale_after", "reports", "format", "output"),
    *("list_checks", "explain", "version"),
)


OPTIONS = (
    Option(flag="--root", metavar="DIR", help="judge the file tree of an unbooted image"),
    Option(flag="--bundle", metavar="PATH", help="judge a recorded bundle"),
    Option(flag="--record", metavar="PATH", help="also write a bundle of this machine"),
    Option(
        flag="--redact",
        help="mask MACs, IPs, host name, subscription and VM ids in the bundle",
    ),
    Option(
        flag="--format",
        metavar="FMT",
        choices=("text", "json", "junit", "tap", "nagios", "prometheus"),
        help="text (the default), json, junit, tap, nagios or prometheus",
    ),
    Option(flag="--output", metavar="FILE", help="write the report there, atomically"),
    Option(
        flag="--expect",
        metavar="on|off|auto",
        choices=("on", "off", "auto"),
        help="whether accelerated networking should be on (default: auto: the VM's tag "
        "accelnet-expect says it, if any)",
    ),
    Option(flag="--interface", metavar="NAME", repeatable=True, help="only this NIC (repeatable)"),
    Option(flag="--only", metavar="CHECK", repeatable=True, help="only this check (repeatable)"),
    Option(flag="--skip", metavar="CHECK", repeatable=True, help="not this check (repeatable)"),
    Option(
        flag="--wait",
        metavar="SECONDS",
        seconds=0.0,
        help="observe again until the verdict is pass or the time is up",
    ),
    Option(
        flag="--window",
        metavar="SECONDS",
        seconds=1.0,
        help="time between two samples of the counters (default: 1; 0: one sample)",
    ),
    Option(
        flag="--active-proof",
        help="send a few packets by each NIC; the VF's transmit counter must grow by them",
    ),
    Option(
        flag="--imds-endpoint",
        metavar="URL|off",
        help="instance metadata (default: the link-local address, only on Azure)",
    ),
    Option(
        flag="--known-issues",
        metavar="FILE",
        help="more entries for the catalogue of known issues (JSON)",
    ),
    Option(
        flag="--summarize",
        help="merge the reports of a fleet: files, folders, recordings, or - for standard input",
    ),
    Option(
        flag="--files0-from",
        metavar="FILE",
        help="with --summarize: read names of reports, each ended by NUL, from FILE (or -)",
    ),
    Option(
        flag="--by",
        metavar="GROUP",
        choices=GROUPS,
        repeatable=True,
        help=f"with --summarize: group VMs by {', '.join(GROUPS[:-1])} or {GROUPS[-1]} "
        "(repeatable)",
    ),
    Option(
        flag="--stale-after",
        metavar="DAYS",
        most=36_500,
        help="with --summarize: a VM whose report is older than the newest by more is a warning "
        "(default: 7)",
    ),
    Option(flag="--list-checks", help="list the checks"),
    Option(flag="--explain", metavar="CHECK", help="print the runbook of a check"),
    Option(flag="--version", help="print the version"),
    Option(flag="--help", help="print this help"),
)


class Options(Record):
    """What the arguments ask for; a field for each option."""

    root: str | None = None
    bundle: str | None = None
    record: str | None = None
    redact: bool = False
    format: Literal["text", "json", "junit", "tap", "nagios", "prometheus"] = "text"
    output: str | None = None
    expect: Expect = "auto"
    interface: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    wait: float = 0.0
    window: float = 1.0
    active_proof: bool = False
    imds_endpoint: str | None = None
    known_issues: str | None = None
    summarize: bool = False
    files0_from: str | None = None
    by: tuple[str, ...] = ()
    stale_after: int = 7
    reports: tuple[str, ...] = ()
    list_checks: bool = False
    explain: str | None = None
    version: bool = False
    help: bool = False


def parse(arguments: Sequence[str]) -> Options:
    """The options; UsageError for what can not be used, or not together."""
    values = scan(arguments, OPTIONS, OPERANDS if "--summarize" in arguments else None)
    options = Options(**values)
    if not options.help:
        _verify_summary(options, values)
        _verify(options)
    return options


def _verify(options: Options) -> None:
    chosen = [f"--{name}" for name in SOURCES if getattr(options, name) is not None]
    if len(chosen) > 1:
        raise UsageError(f"{chosen[1]}: not allowed with {chosen[0]}")
    ids = [check.id for check in CHECKS]
    if options.only and not set(options.only) - set(options.skip):
        raise UsageError("--only, --skip: no check is left")
    named = [("only", name) for name in options.only] + [("skip", name) for name in options.skip]
    if options.explain is not None:
        named.append(("explain", options.explain))
    for flag, name in named:
        if name not in ids:
            raise UsageError(f"--{flag} {name}: no such check{meant(name, ids)}")
    if options.redact and options.record is None:
        raise UsageError("--redact: expected together with --record PATH")
    _verify_proof(options)
    endpoint = options.imds_endpoint
    if endpoint not in (None, "off") and (why := endpoint_error(endpoint)):
        raise UsageError(f"--imds-endpoint {endpoint}: {why}")
    for flag in (*SOURCES, "output", "known-issues", "files0-from"):
        path = getattr(options, flag.replace("-", "_"))
        if path is not None and (not path or "\0" in path):
            raise UsageError(f"--{flag}: expected a path")


def _verify_summary(options: Options, values: Mapping[str, object]) -> None:
    if not options.summarize:
        alone = [name for name in ("files0_from", "by", "stale_after") if name in values]
        if alone:
            raise UsageError(f"{flag_of(alone[0])}: expected together with --summarize")
        if options.reports:
            raise UsageError(f"unrecognized argument: {options.reports[0]} (see --help)")
        return
    other = [name for name in values if name not in SUMMARIZING]
    if other:
        raise UsageError(f"{flag_of(other[0])}: not allowed with --summarize")
    if options.format not in ("text", "json"):
        raise UsageError(f"--format {options.format}: expected text or json with --summarize")
    _verify_reports(options)


def _verify_reports(options: Options) -> None:
    if not options.reports and options.files0_from is None:
        raise UsageError("--summarize: expected REPORT (a file, a folder, or -)")
    if not all(options.reports):
        raise UsageError("--summarize: expected a path")
    if options.files0_from == "-" and "-" in options.reports:
        raise UsageError("--files0-from -: standard input can not be the reports too")


def flag_of(name: str) -> str:
    """The flag that sets a field."""
    return f"--{name.replace('_', '-')}"


def _verify_proof(options: Options) -> None:
    if not options.active_proof:
        return
    for name in ("root", "bundle"):
        if getattr(options, name) is not None:
            raise UsageError(
                f"--active-proof: not allowed with --{name}: it sends from this machine"
            )
    if not options.window:
        raise UsageError("--active-proof: expected --window SECONDS above 0")


def parser() -> argparse.ArgumentParser:
    """The same options as argparse knows them: for the help, and whatever is made from it."""
    import argparse

    new = argparse.ArgumentParser(
        prog="accelnet-check",
        description="Verify that Accelerated Networking really works on this Azure VM, on what "
        "evidence, and what to do about it.  It only ever reads, but for --active-proof.",
        epilog="Exit status: 0 pass, 1 warn, 2 fail, 3 unknown, 64 unusable arguments or input, "
        "130 interrupted.",
        add_help=False,
        allow_abbrev=False,
        formatter_class=lambda prog: argparse.HelpFormatter(prog, width=COLUMNS),
    )
    add_to(new, OPTIONS, SOURCES)
    new.add_argument(OPERANDS.name, nargs="*", metavar=OPERANDS.metavar, help=OPERANDS.help)
    defaults = Options()
    for option in OPTIONS:
        if not option.repeatable:
            new.set_defaults(**{option.name: getattr(defaults, option.name)})
    return new
