"""Commands to copy: they do what they say, whatever a machine calls its devices."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_agent import commands
from building import REFUSED, a_vf

HOSTILE = [
    pytest.param("x; reboot", id="semicolon"),
    pytest.param("x' ; reboot ; '", id="quote"),
    pytest.param('x" ; reboot ; "', id="double-quote"),
    pytest.param("$(reboot)", id="substitution"),
    pytest.param("`reboot`", id="backticks"),
    pytest.param("x\treboot", id="tab"),
    pytest.param("x & reboot", id="ampersand"),
    pytest.param("../../reboot", id="dots"),
    pytest.param("*", id="star"),
    pytest.param("\\", id="backslash"),
    pytest.param("!reboot", id="history"),
    pytest.param("é", id="not-ascii"),
    pytest.param("", id="empty"),
]


@pytest.mark.parametrize("name", ["eth0", "enP53091s1np0", "cf63:00:02.0", "v.7", "a-b_c", "x@y"])
def test_usual_names_need_no_quotes(name: str) -> None:
    """A command reads as people write it."""
    assert commands.quoted(name) == name


def test_a_name_that_is_not_known_is_the_operators_to_fill_in() -> None:
    """In capitals, as in all remedies."""
    assert commands.quoted(None) == "DEVICE"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_one_word(name: str) -> None:
    """A POSIX shell reads it back as it is."""
    assert shlex.split(commands.quoted(name)) == [name]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_shell_takes_it_for_a_word(name: str) -> None:
    """sh itself is asked."""
    shell = subprocess.run(
        ["sh", "-c", f"printf %s {commands.quoted(name)}"], capture_output=True, check=True
    )
    assert shell.stdout.decode() == name


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])))
def test_any_name_stays_one_word(name: str) -> None:
    """Whatever its characters."""
    assert shlex.split(commands.quoted(name)) == [name]


@pytest.mark.parametrize("name", ["x\n  reboot", "x\rreboot", "x\x1b[2J", "x\u2028reboot", "x\x00"])
def test_a_quoted_name_is_one_line_of_printable_text(name: str) -> None:
    """A remedy's lines are its commands: a name can not add one."""
    assert commands.quoted(name).isprintable()


COMMANDS: list[Any] = [
    pytest.param(commands.set_up, ["sudo ip link set {} up"], id="set-up"),
    pytest.param(
        commands.bounce, ["sudo ip link set {} down", "sudo ip link set {} up"], id="bounce"
    ),
    pytest.param(
        commands.probe_again, ["echo {} | sudo tee /sys/bus/pci/drivers_probe"], id="probe-again"
    ),
    pytest.param(
        commands.clear_override,
        ["echo | sudo tee /sys/bus/pci/devices/{}/driver_override"],
        id="clear-override",
    ),
]


@pytest.mark.parametrize("name", ["eth0", "x; reboot", "x'; reboot; '"])
@pytest.mark.parametrize(("make", "expected"), COMMANDS)
def test_the_commands(make: Callable[[str], Any], expected: list[str], name: str) -> None:
    """Each with the device's name as one word."""
    made = make(name)
    lines = [made] if isinstance(made, str) else list(made)
    assert lines == [line.format(commands.quoted(name)) for line in expected]


@pytest.mark.parametrize(
    ("changes", "address", "driver"),
    [
        pytest.param({}, "cf63:00:02.0", "mlx5_core", id="mlx5"),
        pytest.param({"driver": "mlx4_en"}, "cf63:00:02.0", "mlx4_core", id="mlx4-by-ethtool"),
        pytest.param({"driver": REFUSED}, "cf63:00:02.0", "DRIVER", id="driver-refused"),
        pytest.param({"driver": None}, "cf63:00:02.0", "DRIVER", id="no-driver"),
        pytest.param({"device": REFUSED}, "ADDRESS", "mlx5_core", id="device-refused"),
        pytest.param({"device": "x; reboot"}, "'x; reboot'", "mlx5_core", id="hostile"),
    ],
)
def test_a_vf_is_paired_anew(changes: dict[str, Any], address: str, driver: str) -> None:
    """Its driver probes it again; what is not known is the operator's to fill in."""
    assert commands.pair_anew(a_vf(**changes)) == (
        f"echo {address} | sudo tee /sys/bus/pci/drivers/{driver}/unbind",
        f"echo {address} | sudo tee /sys/bus/pci/drivers/{driver}/bind",
    )


def test_a_hostile_driver_stays_in_its_path() -> None:
    """The driver's name comes from a link on the machine."""
    line, _ = commands.rebind("cf63:00:02.0", "x; reboot")
    assert shlex.split(line)[-1] == "/sys/bus/pci/drivers/x; reboot/unbind"


def test_a_line_end_in_a_remedy_makes_no_line() -> None:
    """Neither in its prose nor in a command."""
    assert commands.do("a\n  b", "c\rd") == "a?  b\n  c?d"


def test_a_remedy_is_prose_then_commands() -> None:
    """Each command on a line of its own, indented by two."""
    assert commands.do("Do:", "one", "two") == "Do:\n  one\n  two"
    assert commands.do("Wait.") == "Wait."


@pytest.mark.parametrize(
    ("why", "said"),
    [
        pytest.param("ethtool stats: ETIMEDOUT", "probes-answered", id="late"),
        pytest.param("/sys/class/net: EACCES", "as root", id="refused"),
        pytest.param("", "as root", id="no-reason"),
    ],
)
def test_a_refused_fact_is_looked_at_again(why: str, said: str) -> None:
    """As root; but where the kernel hangs that does not help."""
    assert said in commands.look_again(why)
