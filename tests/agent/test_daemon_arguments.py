"""daemon_arguments: each flag and its variable, and one clear line for what can not be used."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_agent.daemon_arguments import (
    DEFAULT_ADDRESS,
    OPTIONS,
    OTHER_PATHS,
    SETTINGS,
    Options,
    parse,
    parser,
    unknown_variables,
    variable_of,
)
from accelnet_agent.options import COLUMNS
from accelnet_agent.report import UsageError

# Flag, a value, and what it becomes.
VALUES: dict[str, tuple[str, Any]] = {
    "--web.listen-address": (":9975", (":9975",)),
    "--web.telemetry-path": ("/other/metrics", "/other/metrics"),
    "--web.config.file": ("/etc/web.yml", "/etc/web.yml"),
    "--web.max-requests": ("7", 7),
    "--log.level": ("debug", "debug"),
    "--log.format": ("json", "json"),
    "--path.rootfs": ("/host", "/host"),
    "--expect": ("on", "on"),
    "--imds-endpoint": ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    "--vf-grace": ("60.5", 60.5),
    "--scheduled-events": ("", True),
    "--state-directory": ("/var/lib/accelnet", "/var/lib/accelnet"),
    "--health.unknown": ("healthy", "healthy"),
}
EACH = pytest.mark.parametrize("flag", VALUES)
BY_FLAG = {option.flag: option for option in OPTIONS}


def _error(arguments: list[str], environment: dict[str, str] | None = None) -> str:
    with pytest.raises(UsageError) as refused:
        parse(arguments, environment or {})
    return str(refused.value)


def _words(flag: str) -> list[str]:
    value, _ = VALUES[flag]
    return [flag, value] if BY_FLAG[flag].metavar else [flag]


# --- the table -----------------------------------------------------------------------------------


def test_each_option_has_a_field_and_each_field_its_option() -> None:
    """In the same order."""
    assert tuple(option.name for option in OPTIONS) == Options._fields
    assert [option.flag for option in SETTINGS] == list(VALUES)


def test_each_variable_is_its_own() -> None:
    """Named after the flag."""
    variables = [variable_of(option) for option in SETTINGS]
    assert len(set(variables)) == len(variables)
    assert variable_of(BY_FLAG["--web.listen-address"]) == "ACCELNET_WEB_LISTEN_ADDRESS"
    assert variable_of(BY_FLAG["--health.unknown"]) == "ACCELNET_HEALTH_UNKNOWN"


def test_the_help_fits_a_terminal() -> None:
    """Every option is in it."""
    text = parser().format_help()
    assert max(map(len, text.splitlines())) <= COLUMNS == 80
    assert [option.flag for option in OPTIONS if f"  {option.flag}" not in text] == ["--help"]
    assert "  -h, --help" in text


@EACH
def test_the_help_says_the_default(flag: str) -> None:
    """Where there is one that the words do not say."""
    option = BY_FLAG[flag]
    default = getattr(Options(), option.name)
    if default in (None, False):
        return
    if isinstance(default, tuple):
        (default,) = default
    assert (f"{default:g}" if isinstance(default, float) else str(default)) in option.help


# --- values --------------------------------------------------------------------------------------


def test_nothing_is_the_defaults() -> None:
    """Loopback, quiet, no question to anybody."""
    assert (
        parse([], {})
        == Options()
        == Options(
            web_listen_address=(DEFAULT_ADDRESS,),
            web_telemetry_path="/metrics",
            web_config_file=None,
            web_max_requests=40,
            log_level="info",
            log_format="logfmt",
            path_rootfs="/",
            expect="auto",
            imds_endpoint=None,
            vf_grace=300.0,
            scheduled_events=False,
            state_directory=None,
            health_unknown="unhealthy",
        )
    )


@EACH
@pytest.mark.parametrize("by", ["flag", "flag=", "variable"])
def test_each_setting_by_flag_and_by_variable(flag: str, by: str) -> None:
    """Alone it changes its field, and no other."""
    text, value = VALUES[flag]
    option = BY_FLAG[flag]
    arguments, environment = [], {}
    if by == "variable":
        environment = {variable_of(option): text or "true"}
    elif by == "flag=" and option.metavar:
        arguments = [f"{flag}={text}"]
    else:
        arguments = _words(flag)
    found = parse(arguments, environment)
    changed = {
        field: getattr(found, field)
        for field in Options._fields
        if getattr(found, field) != getattr(Options(), field)
    }
    assert changed == {option.name: value}


@EACH
def test_the_flag_outranks_its_variable(flag: str) -> None:
    """What the variable says is not even looked at."""
    _, value = VALUES[flag]
    environment = {variable_of(BY_FLAG[flag]): "\x00 nonsense"}
    assert getattr(parse(_words(flag), environment), BY_FLAG[flag].name) == value


@EACH
@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_variable_is_none(flag: str, empty: str) -> None:
    """An environment file may list them all."""
    assert parse([], {variable_of(BY_FLAG[flag]): empty}) == Options()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", True),
        ("TRUE", True),
        ("yes", True),
        ("on", True),
        ("0", False),
        ("no", False),
        ("Off", False),
        ("false", False),
    ],
)
def test_a_switch_by_its_variable(text: str, *, value: bool) -> None:
    """The words that people use."""
    assert parse([], {"ACCELNET_SCHEDULED_EVENTS": text}).scheduled_events is value


@pytest.mark.parametrize(
    ("arguments", "variable", "addresses"),
    [
        (["--web.listen-address", ":1", "--web.listen-address=[::1]:2"], "", (":1", "[::1]:2")),
        ([], "127.0.0.1:1, [::1]:2", ("127.0.0.1:1", "[::1]:2")),
        ([], "127.0.0.1:1\n[::1]:2", ("127.0.0.1:1", "[::1]:2")),
        ([], " , ", (DEFAULT_ADDRESS,)),
        (["--web.listen-address", ":1"], ":2", (":1",)),
    ],
)
def test_several_addresses(arguments: list[str], variable: str, addresses: tuple[str, ...]) -> None:
    """The flag again and again; the variable with commas or spaces."""
    environment = {"ACCELNET_WEB_LISTEN_ADDRESS": variable}
    assert parse(arguments, environment).web_listen_address == addresses


@pytest.mark.parametrize(
    ("arguments", "environment", "folder"),
    [
        ([], {"STATE_DIRECTORY": "/var/lib/accelnet"}, "/var/lib/accelnet"),
        ([], {"STATE_DIRECTORY": "/one:/two"}, "/one"),
        ([], {"STATE_DIRECTORY": ""}, None),
        ([], {"STATE_DIRECTORY": "/s", "ACCELNET_STATE_DIRECTORY": "/a"}, "/a"),
        (["--state-directory=/f"], {"STATE_DIRECTORY": "/s"}, "/f"),
    ],
)
def test_systemd_may_say_where_state_is_kept(
    arguments: list[str], environment: dict[str, str], folder: str | None
) -> None:
    """The first of its folders, where nobody says otherwise."""
    assert parse(arguments, environment).state_directory == folder


def test_the_last_of_a_flag_counts() -> None:
    """As with the exporters."""
    assert parse(["--expect=on", "--expect", "off"], {}).expect == "off"


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"]])
def test_help_and_version_have_no_variable(arguments: list[str]) -> None:
    """They are for people."""
    found = parse(arguments, {"ACCELNET_HELP": "nonsense", "ACCELNET_VERSION": "nonsense"})
    assert found.help or found.version


# --- what can not be used ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flag", "text", "expected"),
    [
        ("--log.level", "loud", "expected debug, info, warning, error"),
        ("--log.format", "xml", "expected logfmt, json"),
        ("--expect", "maybe", "expected on, off, auto"),
        ("--health.unknown", "sick", "expected healthy, unhealthy"),
        ("--web.max-requests", "-1", "expected a count from 0 to 10000"),
        ("--web.max-requests", "10001", "expected a count from 0 to 10000"),
        ("--web.max-requests", "1e3", "expected a count from 0 to 10000"),
        ("--web.max-requests", "٣", "expected a count from 0 to 10000"),
        ("--web.max-requests", "1" * 5000, "expected a count from 0 to 10000"),
        ("--vf-grace", "-1", "expected seconds from 0 to 86400"),
        ("--vf-grace", "nan", "expected seconds from 0 to 86400"),
        ("--vf-grace", "inf", "expected seconds from 0 to 86400"),
        ("--vf-grace", "86401", "expected seconds from 0 to 86400"),
        ("--vf-grace", "5m", "expected seconds from 0 to 86400"),
        ("--vf-grace", "1_0", "expected seconds from 0 to 86400"),
        ("--web.telemetry-path", "metrics", "expected a path of its own, such as /metrics"),
        ("--web.telemetry-path", "/me trics", "expected a path of its own, such as /metrics"),
        ("--web.telemetry-path", "/m?x", "expected a path of its own, such as /metrics"),
        ("--web.telemetry-path", "/m#x", "expected a path of its own, such as /metrics"),
        ("--web.telemetry-path", "/größe", "expected a path of its own, such as /metrics"),
        ("--web.telemetry-path", "/a\x7f", "expected a path of its own, such as /metrics"),
        *(
            ("--web.telemetry-path", path, "expected a path of its own, such as /metrics")
            for path in OTHER_PATHS
        ),
        ("--imds-endpoint", "https://x", "expected http://HOST[:PORT] or off"),
        ("--imds-endpoint", "http://x:99999", "its port is not a number below 65536"),
        ("--imds-endpoint", "http://x/?q", "expected http://HOST[:PORT] alone"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("by_variable", [False, True])
def test_a_value_that_can_not_be_used(
    flag: str, text: str, expected: str, *, by_variable: bool
) -> None:
    """Names where it stands, the value, and what was expected."""
    if by_variable:
        variable = variable_of(BY_FLAG[flag])
        assert _error([], {variable: text}) == f"{variable}: {text}: {expected}"
    else:
        assert _error([flag, text]) == f"{flag} {text}: {expected}"


@pytest.mark.parametrize("flag", ["--web.config.file", "--path.rootfs", "--state-directory"])
def test_an_empty_path_is_none(flag: str) -> None:
    """Not the folder in which somebody happens to be."""
    assert _error([f"{flag}="]) == f"{flag} : expected a path"


def test_a_switch_that_is_neither() -> None:
    """By its variable."""
    said = _error([], {"ACCELNET_SCHEDULED_EVENTS": "maybe"})
    assert said == "ACCELNET_SCHEDULED_EVENTS: maybe: expected true or false"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--web.listen"], "unrecognized argument: --web.listen"),
        (["--web-listen-address=:1"], "did you mean --web.listen-address?"),
        (["metrics"], "unrecognized argument: metrics"),
        (["--expect"], "--expect: expected on|off|auto"),
        (["--scheduled-events=yes"], "--scheduled-events: expected no value"),
        ([""], "unrecognized argument: "),
    ],
)
def test_a_command_line_that_can_not_be_read(arguments: list[str], words: str) -> None:
    """Nothing is guessed; what was meant is."""
    assert words in _error(arguments)


@given(
    st.lists(
        st.sampled_from([option.flag for option in OPTIONS]) | st.text(max_size=6), max_size=4
    ),
    st.dictionaries(
        st.sampled_from([variable_of(option) for option in SETTINGS]), st.text(max_size=6)
    ),
)
def test_anything_is_read_or_is_an_error(arguments: list[str], environment: dict[str, str]) -> None:
    """UsageError and nothing else."""
    with contextlib.suppress(UsageError):
        assert isinstance(parse(arguments, environment), Options)


def test_a_misspelt_variable_is_told() -> None:
    """Else a fleet believes that it is set."""
    found = {
        "ACCELNET_EXPCT": "on",
        "ACCELNET_EXPECT": "on",
        "PATH": "/",
        "ACCELNET_0123456789": "",
    }
    assert unknown_variables(found) == [
        "ACCELNET_0123456789",
        "ACCELNET_EXPCT (did you mean ACCELNET_EXPECT?)",
    ]
