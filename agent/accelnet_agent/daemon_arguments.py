"""The arguments of accelnet-agent: flags, or the environment for what no flag says.

They follow the conventions of Prometheus exporters.  Each flag has a variable:
--web.listen-address is ACCELNET_WEB_LISTEN_ADDRESS.
"""

from __future__ import annotations

from accelnet_agent.logs import FORMATS, LEVELS
from accelnet_agent.options import COLUMNS, Option, add_to, scan, value_of
from accelnet_agent.report import UsageError
from accelnet_probes.imds import endpoint_error
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal

    from accelnet_agent.expectation import Expect
    from accelnet_agent.logs import Level

DEFAULT_ADDRESS = "127.0.0.1:9975"
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")

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
        most=10_000,
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
        help="whether accelerated networking should be on (default: auto: the VM's tag "
        "accelnet-expect says it, if any)",
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
        help="what /healthz and /application-health say of an unknown verdict (default: "
        "unhealthy; a scale set that repairs by itself wants healthy)",
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


def variable_of(option: Option) -> str:
    """The variable of the environment that stands for the flag."""
    return f"ACCELNET_{option.name.upper()}"


SETTINGS = tuple(option for option in OPTIONS if option.name not in ("version", "help"))


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """The options; UsageError for what can not be used."""
    values = scan(arguments, OPTIONS)
    said = {option.name: option.flag for option in OPTIONS}
    for option in SETTINGS:
        text = environment.get(variable_of(option), "").strip()
        if text and option.name not in values:
            said[option.name] = f"{variable_of(option)}:"
            values[option.name] = _of_environment(option, said[option.name], text)
    if "state_directory" not in values and environment.get("STATE_DIRECTORY"):
        values["state_directory"] = environment["STATE_DIRECTORY"].split(":")[0]
    for name, value in values.items():
        if why := _why_not(name, value):
            raise UsageError(f"{said[name]} {value}: {why}")
    return Options(**values)


def _of_environment(option: Option, said: str, text: str) -> Any:
    """The value of a variable that is set, and not empty."""
    if option.metavar is None:
        if text.lower() not in _YES + _NO:
            raise UsageError(f"{said} {text}: expected true or false")
        return text.lower() in _YES
    if option.repeatable:
        return tuple(text.replace(",", " ").split()) or Options().web_listen_address
    return value_of(option, said, text)


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Each ACCELNET_ variable that no flag has, with the one that was probably meant."""
    from difflib import get_close_matches

    names = [variable_of(option) for option in SETTINGS]
    unknown = sorted(n for n in environment if n.startswith("ACCELNET_") and n not in names)
    found = ((name, get_close_matches(name, names, n=1)) for name in unknown)
    return [f"{name} (did you mean {near[0]}?)" if near else name for name, near in found]


OTHER_PATHS = ("/", "/healthz", "/application-health", "/livez", "/report")


def _why_not(name: str, value: Any) -> str | None:
    """What is wrong with a value that has the right form."""
    if name == "web_telemetry_path" and not _is_own_path(value):
        return "expected a path of its own, such as /metrics"
    if name == "imds_endpoint" and value != "off":
        return endpoint_error(value)
    if name in ("web_config_file", "path_rootfs", "state_directory") and not value:
        return "expected a path"
    return None


def _is_own_path(path: str) -> bool:
    """Something that a request can ask for, and that nothing else answers."""
    written = path.isascii() and path.isprintable() and not any(sign in path for sign in ' ?#%"\\')
    return written and path.startswith("/") and path not in OTHER_PATHS


def parser() -> argparse.ArgumentParser:
    """The flags as argparse knows them: for the help, and whatever is made from it."""
    import argparse

    new = argparse.ArgumentParser(
        prog="accelnet-agent",
        description="Watch whether Accelerated Networking really works on this Azure VM: a "
        "Prometheus exporter, a health endpoint and a page for people.  It only ever reads.",
        epilog="Each flag has a variable: --web.listen-address is ACCELNET_WEB_LISTEN_ADDRESS.  "
        "Exit status: 0 ended by SIGTERM or SIGINT, 64 unusable arguments or configuration.",
        add_help=False,
        allow_abbrev=False,
        formatter_class=lambda prog: argparse.HelpFormatter(prog, width=COLUMNS),
    )
    add_to(new, OPTIONS)
    return new
