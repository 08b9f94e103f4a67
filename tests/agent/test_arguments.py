"""The arguments: our scanner, and argparse as the judge of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_agent.arguments import OPERANDS, OPTIONS, Options, parse, parser
from accelnet_agent.report import UsageError

VALUES = {
    "--format": ["text", "json", "junit", "tap", "nagios", "prometheus"],
    "--expect": ["on", "off", "auto"],
    "--only": ["vf-up", "vf-mtu"],
    "--skip": ["vf-up", "vf-mtu"],
    "--explain": ["vf-up"],
    "--wait": ["0", "1.5", "300"],
    "--window": ["0", "2"],
    "--by": ["size", "kernel"],
    "--stale-after": ["0", "7"],
    "--imds-endpoint": ["off", "http://127.0.0.1:8080"],
}
_SWITCHES = [option.flag for option in OPTIONS if option.metavar is None]
_VALUED = [option.flag for option in OPTIONS if option.metavar is not None]


@st.composite
def _an_option(draw: st.DrawFn) -> list[str]:
    """One option in either spelling."""
    flag = draw(st.sampled_from([*_SWITCHES, *_VALUED]))
    if flag in _SWITCHES:
        return [flag]
    plain = st.text("abc./=0", min_size=1, max_size=5)
    value = draw(st.sampled_from(VALUES[flag]) if flag in VALUES else plain)
    return draw(st.sampled_from([[flag, value], [f"{flag}={value}"]]))


@given(st.lists(_an_option(), max_size=6))
def test_it_reads_what_argparse_reads(options: list[list[str]]) -> None:
    """Every command line that both take gives the same values."""
    words = [word for option in options for word in option]
    try:
        found = parse(words)
    except UsageError:
        return  # not allowed together: the tests below say which
    if found.help:
        return  # which outranks even what is not allowed together
    expected: dict[str, Any] = vars(parser().parse_args(words))
    for name in ("interface", "only", "skip", "by", "reports"):
        expected[name] = tuple(expected[name])
    assert found == Options(**expected)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["--bogus"], "unrecognized argument: --bogus (see --help)", id="unknown"),
        pytest.param(["eth0"], "unrecognized argument: eth0 (see --help)", id="positional"),
        pytest.param(["--redact=1"], "--redact: expected no value", id="switch-with-value"),
        pytest.param(["--output"], "--output: expected FILE", id="no-value"),
        pytest.param(["--output", "--redact"], "--output: expected FILE", id="option-as-value"),
        pytest.param(
            ["--form", "json"],
            "unrecognized argument: --form (did you mean --format?)",
            id="abbrev",
        ),
        pytest.param(
            ["--format", "xml"],
            "--format xml: expected text, json, junit, tap, nagios, prometheus",
            id="choice",
        ),
        pytest.param(
            ["--window", "nan"], "--window nan: expected seconds from 0 to 86400", id="nan"
        ),
        pytest.param(
            ["--wait", "-1"], "--wait -1: expected seconds from 0 to 86400", id="negative"
        ),
        pytest.param(
            ["--root", "/", "--bundle", "x"], "--bundle: not allowed with --root", id="two-sources"
        ),
        pytest.param(
            ["--only", "x"], "--only x: no such check (--list-checks names them)", id="check"
        ),
        pytest.param(["--redact"], "--redact: expected together with --record PATH", id="redact"),
        pytest.param(
            ["--active-proof", "--window", "0"],
            "--active-proof: expected --window SECONDS above 0",
            id="proof-without-window",
        ),
        pytest.param(
            ["--bundle", "x", "--active-proof"],
            "--active-proof: not allowed with --bundle: it sends from this machine",
            id="proof-of-a-bundle",
        ),
        pytest.param(
            ["--root", "/", "--active-proof"],
            "--active-proof: not allowed with --root: it sends from this machine",
            id="proof-of-an-image",
        ),
        pytest.param(["--root="], "--root: expected a path", id="empty-path"),
        pytest.param(["--output", "a\0b"], "--output: expected a path", id="nul"),
        pytest.param(
            ["--imds-endpoint", "ftp://x"],
            "--imds-endpoint ftp://x: expected http://HOST[:PORT] or off",
            id="endpoint",
        ),
    ],
)
def test_what_can_not_be_used_is_named(words: list[str], message: str) -> None:
    """One line that names what is wrong and what was expected."""
    with pytest.raises(UsageError) as caught:
        parse(words)
    assert str(caught.value) == message


def test_help_outranks_all_else() -> None:
    """A wrong command line can still ask for help."""
    assert parse(["--redact", "-h"]).help is True


def test_each_option_has_its_field() -> None:
    """The table and the record name the same options."""
    assert {*(option.name for option in OPTIONS), OPERANDS.name} == set(
        vars(parser().parse_args([]))
    )
