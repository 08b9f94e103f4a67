"""Commands to copy: they do what they say, whatever a machine calls its devices."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from accelnet_agent import commands
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize("name", ["eth0", "enP53091s1np0", "cf63:00:02.0", "vlan.7", "a-b_c", "x@y"])
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


COMMANDS = [
    pytest.param(lambda name: [commands.set_up(name)], ["sudo ip link set {} up"], id="set-up"),
    pytest.param(
        lambda name: list(commands.bounce(name)),
        ["sudo ip link set {} down", "sudo ip link set {} up"],
        id="bounce",
    ),
    pytest.param(
        lambda name: list(commands.rebind(name, "mlx5_core")),
        [
            "echo {} | sudo tee /sys/bus/pci/drivers/mlx5_core/unbind",
            "echo {} | sudo tee /sys/bus/pci/drivers/mlx5_core/bind",
        ],
        id="rebind",
    ),
    pytest.param(
        lambda name: [commands.probe_again(name)],
        ["echo {} | sudo tee /sys/bus/pci/drivers_probe"],
        id="probe-again",
    ),
    pytest.param(
        lambda name: [commands.clear_override(name)],
        ["echo | sudo tee /sys/bus/pci/devices/{}/driver_override"],
        id="clear-override",
    ),
    pytest.param(
        lambda name: list(commands.rescan(name)),
        [
            "echo 1 | sudo tee /sys/bus/pci/devices/{}/remove",
            "echo 1 | sudo tee /sys/bus/pci/rescan",
        ],
        id="rescan",
    ),
]


@pytest.mark.parametrize("name", ["eth0", "x; reboot", "x'; reboot; '"])
@pytest.mark.parametrize(("make", "expected"), COMMANDS)
def test_the_commands(make: object, expected: list[str], name: str) -> None:
    """Each with the device's name as one word."""
    assert callable(make)
    assert make(name) == [line.format(commands.quoted(name)) for line in expected]


def test_a_hostile_driver_stays_in_its_path() -> None:
    """The driver's name comes from a link on the machine."""
    line, _ = commands.rebind("cf63:00:02.0", "x; reboot")
    assert shlex.split(line)[-1] == "/sys/bus/pci/drivers/x; reboot/unbind"


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
