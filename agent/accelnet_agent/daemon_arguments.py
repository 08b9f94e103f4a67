"""The arguments of accelnet-agent: flags, or the environment for what no flag says.

They follow the conventions of Prometheus exporters.  Each flag has a variable:
--web.listen-address is ACCELNET_WEB_LISTEN_ADDRESS.
"""

from __future__ import annotations

import argparse

from accelnet_agent.arguments import COLUMNS, Option
from accelnet_agent.logs import FORMATS, LEVELS
from accelnet_agent.report import UsageError
from accelnet_probes.imds import endpoint_error
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal, NoReturn

    from accelnet_agent.logs import Level
    from accelnet_agent.machine import Expect

DEFAULT_ADDRESS = "127.0.0.1:9975"
MAX_SECONDS, MAX_REQUESTS = 86_400.0, 10_000
_YES, _NO = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")

OPTIONS = (
    Option(
        flag="--web.listen-address",
        metavar="ADDRESS",
        repeatable=True,
        help=f"HOST:PORT to listen on (repeatable; default: {DEFAULT_ADDRESS}; :PORT is every "
        "address; not used with socket activation)",
    ),
    Option(
        flag="--web.telemetry-path",
        metavar="PATH",
        help="where the metrics are (default: /metrics)",
    ),
    Option(
        flag="--web.config.file",
        metavar="FILE",
        help="TLS and basic auth: a web configuration of the exporter-toolkit",
    ),
    Option(
        flag="--web.max-requests",
        metavar="COUNT",
        help="requests answered at once; others wait their turn (default: 40; 0: no limit)",
    ),
    Option(
        flag="--log.level", metavar="LEVEL", choices=LEVELS, help="the least level (default: info)"
    ),
    Option(
        flag="--log.format",
        metavar="FORMAT",
        choices=FORMATS,
        help="logfmt (the default) or json",
    ),
    Option(
        flag="--path.rootfs",
        metavar="DIR",
        help="where the machine's /sys, /proc and /etc lie (default: /)",
    ),
    Option(
        flag="--expect",
        metavar="on|off|auto",
        choices=("on", "off", "auto"),
        help="whether accelerated networking should be on (default: auto)",
    ),
    Option(
        flag="--imds-endpoint",
        metavar="URL|off",
        help="instance metadata (default: the link-local address, only on Azure)",
    ),
    Option(
        flag="--vf-grace",
        metavar="SECONDS",
        seconds=300.0,
        help="how long a VF may be away before its absence counts (default: 300)",
    ),
    Option(
        flag="--scheduled-events",
        help="also ask for Scheduled Events, which switches the feature on for the VM",
    ),
    Option(
        flag="--state-directory",
        metavar="DIR",
        help="where history is kept over restarts (default: systemd's $STATE_DIRECTORY)",
    ),
    Option(
        flag="--health.unknown",
        metavar="healthy|unhealthy",
        choices=("healthy", "unhealthy"),
        help="what /healthz says of an unknown verdict (default: unhealthy)",
    ),
    Option(flag="--version", help="print the version"),
    Option(flag="--help", help="print this help"),
)


class Options(Record):
    """What is asked for; a field for each option, dots and dashes as underscores."""

    web_listen_address: tuple[str, ...] = (DEFAULT_ADDRESS,)
    web_telemetry_path: str = "/metrics"
    web_config_file: str | None = None
    web_max_requests: int = 40
    log_level: Level = "info"
    log_format: Literal["logfmt", "json"] = "logfmt"
    path_rootfs: str = "/"
    expect: Expect = "auto"
    imds_endpoint: str | None = None
    vf_grace: float = 300.0
    scheduled_events: bool = False
    state_directory: str | None = None
    health_unknown: Literal["healthy", "unhealthy"] = "unhealthy"
    version: bool = False
    help: bool = False


def field_of(option: Option) -> str:
    """The field of Options that it sets."""
    return option.name.replace(".", "_")


def variable_of(option: Option) -> str:
    """The variable of the environment that stands for the flag."""
    return f"ACCELNET_{field_of(option).upper()}"


SETTINGS = tuple(option for option in OPTIONS if option.name not in ("version", "help"))


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """The options; UsageError for what can not be used."""
    found = vars(parser().parse_args(list(arguments)))
    values: dict[str, Any] = {}
    for option in OPTIONS:
        field, flag = field_of(option), option.flag
        value = found[field]
        if value in (None, False) and option in SETTINGS:
            flag = variable_of(option)
            value = _of_environment(option, environment.get(flag, ""))
        if value not in (None, False):
            values[field] = _value(option, flag, value)
    if "state_directory" not in values and environment.get("STATE_DIRECTORY"):
        values["state_directory"] = environment["STATE_DIRECTORY"].split(":")[0]
    return Options(**values)


def _of_environment(option: Option, text: str) -> Any:
    """The value of a variable; None where it is empty, as where it is not set."""
    text = text.strip()
    if option.metavar is None:
        if text.lower() not in _YES + _NO:
            raise UsageError(f"{variable_of(option)}={text}: expected true or false")
        return text.lower() in _YES
    if option.repeatable:
        return text.replace(",", " ").split() or None
    return text or None


def _value(option: Option, flag: str, value: Any) -> Any:
    if option.repeatable:
        return tuple(value)
    if option.seconds is not None:
        return _number(flag, value, MAX_SECONDS)
    if option.name == "web.max_requests":
        short = value.isascii() and value.isdecimal() and len(value) <= len(str(MAX_REQUESTS))
        if not short or int(value) > MAX_REQUESTS:
            raise UsageError(f"{flag} {value}: expected a count from 0 to {MAX_REQUESTS}")
        return int(value)
    if option.choices and value not in option.choices:
        raise UsageError(f"{flag} {value}: expected {', '.join(option.choices)}")
    if option.metavar in ("DIR", "FILE") and not value:
        raise UsageError(f"{flag} is empty: expected a path")
    if option.name == "web.telemetry_path" and not _is_own_path(value):
        raise UsageError(f"{flag} {value}: expected a path of its own, such as /metrics")
    if option.name == "imds_endpoint" and value != "off" and (why := endpoint_error(value)):
        raise UsageError(f"{flag} {value}: {why}")
    return value


def _number(flag: str, text: str, most: float) -> float:
    try:
        value = float(text) if text.isascii() and "_" not in text else -1.0
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:  # NaN fails both
        raise UsageError(f"{flag} {text}: expected seconds from 0 to {most:g}")
    return value


OTHER_PATHS = ("/", "/healthz", "/application-health", "/livez", "/report")


def _is_own_path(path: str) -> bool:
    """Something that a request can ask for, and that nothing else answers."""
    written = path.isascii() and path.isprintable() and not any(sign in path for sign in ' ?#%"\\')
    return written and path.startswith("/") and path not in OTHER_PATHS


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def parser() -> argparse.ArgumentParser:
    """The flags as argparse knows them: for the help, and whatever is made from it."""
    new = _Parser(
        prog="accelnet-agent",
        description="Watch whether Accelerated Networking really works on this Azure VM: a "
        "Prometheus exporter, a health endpoint and a page for people.  It only ever reads.",
        epilog="Each flag has a variable: --web.listen-address is ACCELNET_WEB_LISTEN_ADDRESS.  "
        "Exit status: 0 ended by SIGTERM or SIGINT, 64 unusable arguments or configuration.",
        add_help=False,
        allow_abbrev=False,
        formatter_class=lambda prog: argparse.HelpFormatter(prog, width=COLUMNS),
    )
    for option in OPTIONS:
        flags = [option.flag] if option.flag != "--help" else ["-h", option.flag]
        field = field_of(option)
        if option.metavar is None:
            new.add_argument(*flags, dest=field, action="store_true", help=option.help)
        elif option.repeatable:
            new.add_argument(
                *flags, dest=field, metavar=option.metavar, help=option.help, action="append"
            )
        else:
            new.add_argument(*flags, dest=field, metavar=option.metavar, help=option.help)
    return new
