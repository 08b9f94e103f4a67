"""The arguments of accelnet-check."""

from __future__ import annotations

import argparse

from accelnet_agent.checks import CHECKS
from accelnet_agent.cli import UsageError
from accelnet_probes.imds import endpoint_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

MAX_SECONDS = 86_400.0
COLUMNS = 80


class _Parser(argparse.ArgumentParser):
    """argparse whose errors are ours: its own status 2 would read as "fail"."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see accelnet-check --help)")


def parser() -> argparse.ArgumentParser:
    """The parser; help texts are complete sentences of the contract."""
    new = _Parser(
        prog="accelnet-check",
        description="Verify that Accelerated Networking really works on this Azure VM, on what "
        "evidence, and what to do about it.  It only ever reads.",
        epilog="Exit status: 0 pass, 1 warn, 2 fail, 3 unknown, 64 unusable arguments or input, "
        "130 interrupted.",
        allow_abbrev=False,
        # With a width of its own it does not import shutil to ask the terminal.
        formatter_class=lambda prog: argparse.HelpFormatter(prog, width=COLUMNS),
    )
    source = new.add_mutually_exclusive_group()
    source.add_argument("--root", metavar="DIR", help="judge the file tree of an unbooted image")
    source.add_argument("--bundle", metavar="PATH", help="judge a recorded bundle")
    source.add_argument("--record", metavar="PATH", help="also write a bundle of this machine")
    new.add_argument(
        "--redact",
        action="store_true",
        help="mask MACs, IPs, host name, subscription and VM ids in the bundle",
    )
    new.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    new.add_argument("--output", metavar="FILE", help="write the report there, atomically")
    new.add_argument(
        "--expect",
        choices=("on", "off", "auto"),
        default="auto",
        help="whether accelerated networking should be on (default: auto)",
    )
    new.add_argument(
        "--interface",
        metavar="NAME",
        action="append",
        default=[],
        help="only this NIC (repeatable)",
    )
    for flag, text in (("--only", "run only this check"), ("--skip", "skip this check")):
        new.add_argument(
            flag, metavar="CHECK", action="append", default=[], help=f"{text} (repeatable)"
        )
    new.add_argument(
        "--wait",
        metavar="SECONDS",
        type=_seconds,
        default=0.0,
        help="observe again until the verdict is pass or the time is up",
    )
    new.add_argument(
        "--window",
        metavar="SECONDS",
        type=_seconds,
        default=1.0,
        help="time between two samples of the counters (default: 1; 0: one sample)",
    )
    new.add_argument(
        "--imds-endpoint",
        metavar="URL|off",
        help="instance metadata (default: the link-local address, only on Azure)",
    )
    new.add_argument("--list-checks", action="store_true", help="list the checks")
    new.add_argument("--explain", metavar="CHECK", help="print the runbook of a check")
    new.add_argument("--version", action="store_true", help="print the version")
    return new


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; UsageError for what can not be used, or not together."""
    options = parser().parse_args(arguments)
    ids = [check.id for check in CHECKS]
    for flag in ("only", "skip"):
        for name in getattr(options, flag):
            if name not in ids:
                raise UsageError(
                    f"--{flag} {name}: no such check (accelnet-check --list-checks names them)"
                )
    if options.explain is not None and options.explain not in ids:
        raise UsageError(
            f"--explain {options.explain}: no such check (accelnet-check --list-checks names them)"
        )
    if options.redact and options.record is None:
        raise UsageError("--redact: expected together with --record PATH")
    endpoint = options.imds_endpoint
    if endpoint not in (None, "off") and (why := endpoint_error(endpoint)):
        raise UsageError(f"--imds-endpoint {endpoint}: {why}")
    for flag in ("root", "bundle", "record", "output"):
        value = getattr(options, flag)
        if value is not None and (not value or "\0" in value):
            raise UsageError(f"--{flag}: expected a path")
    return options


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= MAX_SECONDS:  # NaN fails both
        raise argparse.ArgumentTypeError(f"expected seconds from 0 to {MAX_SECONDS:g}, not {text!r}")
    return value
