"""The report for people: exact text, at most 100 columns, safe on a terminal."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from accelnet_agent.checks import CHECKS
from accelnet_agent.commands import do
from accelnet_agent.data import remedies
from accelnet_agent.datapath import DIRECT, Window
from accelnet_agent.engine import judge
from accelnet_agent.findings import Check, passed, warned
from accelnet_agent.machine import Nic, build
from accelnet_agent.render_text import render
from accelnet_agent.report import Report
from accelnet_agent.text_lines import clean
from accelnet_probes.snapshot import OsRelease
from building import (
    REFUSED,
    a_function,
    a_machine,
    a_netdev,
    a_nic,
    a_pci_function,
    a_snapshot,
    a_vf,
    an_ethtool_sample,
    an_instance,
    two_samples,
)

BUSY = two_samples(
    {"vf_tx_packets": 100, "tx_queue_0_packets": 10},
    {"vf_tx_packets": 199, "tx_queue_0_packets": 11},
)
VF_BUSY = two_samples({"tx_packets": 100}, {"tx_packets": 199})
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def _report(**changes: Any) -> Report:
    return judge(build(a_snapshot(**changes)), CHECKS)


def _about(machine: Any = None, *checks: Check) -> str:
    return render(judge(machine or a_machine(), checks))


def _advice(remedy: str, summary: str = "look at it") -> str:
    """The report of a machine about which one check has this to say."""
    check = Check(
        id="a-check",
        title="It is so",
        level="recommended",
        judge_host=lambda _machine: warned(summary, remedy=remedy),
    )
    return _about(None, check)


def test_a_healthy_machine() -> None:
    """A drawing of each pair, and a line of what passed."""
    report = _report(netdevs=(a_netdev(samples=BUSY), a_vf(samples=VF_BUSY)), window_seconds=1.0)
    assert render(report) == (
        """\
PASS: accelerated networking works
  Ubuntu 24.04.1 LTS, kernel 6.8.0-1029-azure, Azure, Standard_D4s_v5
  observed 2026-01-02T03:04:05Z, live

  eth0  hv_netvsc  00:0d:3a:11:22:33  mtu 1500  up  10.0.0.4/24
    +== VF enP53091s1  mlx5_core  ConnectX-4 Lx  cf63:00:02.0  up  <== data path
    +-- synthetic path: hv_netvsc over VMBus
      data path: VF; enP53091s1 sent 99 packets in the window
      99.0 % of 100 packets sent in 1 s went by the VF

pass    kernel-minimum, kernel-known-issue, os-supported, vm-size, vf-driver, next-host-drivers,
        vf-expected, vf-paired, vf-up, vf-datapath, vf-unaddressed, vf-unmanaged, vf-name, vf-mtu,
        nic-queues, vf-drops, synthetic-errors, imds-nics, vf-flapping, vf-missing, probes-answered
skip    vmbus-passthrough: VMBus offers no pass-through device
skip    hardware-moved: no agent has watched this machine
"""
    )


def test_a_broken_machine() -> None:
    """Findings worst first, each with its remedy; commands stand on lines of their own."""
    report = _report(netdevs=(a_netdev(lower=()),), pci=(a_pci_function(driver=None, netdevs=()),))
    assert render(report) == (
        """\
FAIL: no driver is bound to MT27710 Family [ConnectX-4 Lx Virtual Function]
  Ubuntu 24.04.1 LTS, kernel 6.8.0-1029-azure, Azure, Standard_D4s_v5
  observed 2026-01-02T03:04:05Z, live

  eth0  hv_netvsc  00:0d:3a:11:22:33  mtu 1500  up  10.0.0.4/24
    +   no VF  (cf63:00:02.0 is there, not joined)
    +-- synthetic path: hv_netvsc over VMBus  <== data path
      data path: synthetic path (VF not joined); cf63:00:02.0 is there and is not joined to it

  VF cf63:00:02.0  MT27710 Family [ConnectX-4 Lx Virtual Function]  no driver, used by no NIC

FAIL    vf-driver cf63:00:02.0: no driver is bound to MT27710 Family [ConnectX-4 Lx Virtual
        Function]
        Load its module and let it probe:
          sudo modprobe mlx5_core
          echo cf63:00:02.0 | sudo tee /sys/bus/pci/drivers_probe
        If that module is not loaded at boot, look for what forbids it:
          grep -rE 'blacklist|install' /etc/modprobe.d /usr/lib/modprobe.d
        more: accelnet-check --explain vf-driver

WARN    vf-expected eth0: no VF is in use by eth0, though cf63:00:02.0 is there
        See the other findings: what keeps it from being used has its own.
        more: accelnet-check --explain vf-expected

pass    kernel-minimum, kernel-known-issue, os-supported, vm-size, next-host-drivers, nic-queues,
        imds-nics, vf-flapping, probes-answered
skip    vmbus-passthrough: VMBus offers no pass-through device
skip    vf-paired: no VF of eth0 is there to be joined
skip    vf-up, vf-datapath, vf-unaddressed, vf-unmanaged, vf-name, vf-mtu, vf-drops: no VF is paired
        with eth0
skip    synthetic-errors: one sample shows no growth
skip    vf-missing: nothing shows a VF that left
skip    hardware-moved: no agent has watched this machine
"""
    )


def test_a_machine_that_is_not_judged_says_so_in_one_sentence() -> None:
    """And what to do instead."""
    report = _report(netdevs=(), pci=(), dmi=REFUSED, instance=None, kernel_release=None)
    text = render(report)
    assert text.startswith("UNKNOWN: this is not known to be an Azure VM")
    assert "not known to be an Azure VM" in text
    assert "kernel not known, Azure or not: not known" in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"os_release": None}, "distribution not known", id="no-os-release"),
        pytest.param({"os_release": OsRelease(id="gentoo")}, "gentoo", id="no-pretty-name"),
        pytest.param({"instance": REFUSED}, "kernel 6.8.0-1029-azure, Azure\n", id="no-size"),
        pytest.param(
            {"instance": an_instance(vm_size="")}, "kernel 6.8.0-1029-azure, Azure\n", id="empty"
        ),
    ],
)
def test_what_is_not_known_of_the_host_is_said_or_left_out(
    changes: dict[str, Any], said: str
) -> None:
    """Never "None"."""
    text = render(_report(**changes))
    assert said in text
    assert "None" not in text


def test_an_image_that_passes_does_not_say_that_networking_works() -> None:
    """It has not booted."""
    text = render(_report(source="root", netdevs=(), pci=()))
    assert "accelerated networking works" not in text


@pytest.mark.parametrize(
    ("nic", "line"),
    [
        pytest.param(a_nic(vf=None), "    +   no VF\n", id="no-vf"),
        pytest.param(
            a_nic(vf=None, orphans=("enP1s1",)), "(enP1s1 is there, not joined)", id="orphan"
        ),
        pytest.param(a_nic(vf=REFUSED), "    +?? VF: EACCES\n", id="refused"),
        pytest.param(
            a_nic(netdev=a_vf(), vf=None, direct=True, datapath=DIRECT),
            "    +== enP53091s1 mlx5_core  ConnectX-4 Lx  cf63:00:02.0  <== data path\n",
            id="direct",
        ),
        pytest.param(a_nic(vf=a_vf(operstate=REFUSED)), "state not known", id="link-refused"),
        pytest.param(a_nic(netdev=a_netdev(mac=REFUSED)), "MAC not known", id="mac-refused"),
        pytest.param(a_nic(netdev=a_netdev(mtu=None)), "mtu not known", id="no-mtu"),
        pytest.param(a_nic(netdev=a_netdev(driver=None)), "driver not known", id="no-driver"),
        pytest.param(
            a_nic(netdev=a_netdev(addresses=REFUSED)), "mtu 1500  up\n", id="no-addresses"
        ),
    ],
)
def test_the_drawing(nic: Any, line: str) -> None:
    """What could not be seen is said to be so."""
    assert line in _about(a_machine(nics=(nic,)))


@pytest.mark.parametrize("driver", [REFUSED, None])
@pytest.mark.parametrize("functions", [(), (a_function(),)])
def test_a_driver_that_was_not_seen_is_never_none(driver: Any, functions: Any) -> None:
    """ "None" is Python's word."""
    text = _about(a_machine(nics=(a_nic(vf=a_vf(driver=driver)),), functions=functions))
    assert "driver not known" in text
    assert "None" not in text


@pytest.mark.parametrize(
    ("driver", "said"),
    [
        pytest.param(None, "no driver, used by no NIC", id="unbound"),
        pytest.param(REFUSED, "driver not seen, used by no NIC", id="refused"),
        pytest.param("vfio-pci", "vfio-pci, used by no NIC", id="user-space"),
    ],
)
def test_a_function_that_no_nic_uses_is_listed(driver: Any, said: str) -> None:
    """It is what is wrong."""
    function = a_function(pci=a_pci_function(driver=driver, netdevs=()))
    assert said in _about(a_machine(nics=(a_nic(vf=None),), functions=(function,)))


# --- the share of the VF ---


def _share(sent: int | None, past: int | None, **statistics: int) -> str | None:
    """Of a NIC whose window grew by this, and whose last sample has these."""
    growth = {"vf_tx_packets": sent, "synthetic_tx_packets": past}
    netdev = a_netdev(samples=(an_ethtool_sample(statistics=statistics),))
    return _share_line(a_nic(netdev=netdev, window=Window(seconds=1.0, growth=growth)))


def _share_line(nic: Nic) -> str | None:
    lines = _about(a_machine(nics=(nic,))).splitlines()
    return next((line.strip() for line in lines if "went by the VF" in line), None)


@pytest.mark.parametrize(
    ("sent", "past", "share"),
    [
        pytest.param(1, 0, "100 %", id="all"),
        pytest.param(0, 1, "0 %", id="none"),
        pytest.param(1, 1, "50.0 %", id="half"),
        pytest.param(999_999, 1, "99.9 %", id="almost-all"),
        pytest.param(1, 999_999, "0.1 %", id="almost-none"),
    ],
)
def test_the_share_is_never_rounded_to_all_or_none(sent: int, past: int, share: str) -> None:
    """Where it is not quite so."""
    assert (_share(sent, past) or "").startswith(f"{share} of ")


def test_an_idle_window_falls_back_to_boot() -> None:
    """Lifetime values are better than nothing, and said to be so."""
    found = _share(0, 0, vf_tx_packets=3, tx_queue_0_packets=1)
    assert found == "75.0 % of 4 packets sent so far went by the VF"


@pytest.mark.parametrize(
    "statistics",
    [
        pytest.param({}, id="no-statistics"),
        pytest.param({"vf_tx_packets": 3}, id="no-queues"),
        pytest.param({"tx_queue_0_packets": 3}, id="no-vf-counters"),
        pytest.param({"vf_tx_packets": 0, "tx_queue_0_packets": 0}, id="nothing-sent"),
    ],
)
def test_without_counters_there_is_no_share(statistics: dict[str, int]) -> None:
    """None never becomes 0."""
    assert _share(None, None, **statistics) is None


def test_a_direct_nic_has_no_share() -> None:
    """It has one path."""
    assert _share_line(a_nic(direct=True)) is None


# --- colour ---


def test_there_is_no_colour_by_default() -> None:
    """A file, a pipe, a serial console."""
    assert "\x1b" not in render(_report())


@pytest.mark.parametrize("netdevs", [(a_netdev(), a_vf()), (a_netdev(), a_vf(flags=0x1802)), ()])
def test_colour_changes_nothing_but_colour(netdevs: Any) -> None:
    """The words and lines are the same."""
    report = _report(netdevs=netdevs)
    coloured = render(report, colour=True)
    assert "\x1b[" in coloured
    assert ESCAPES.sub("", coloured) == render(report)


# --- what comes from the machine ---

LONG = "enP" + "9" * 150
NAMES = [
    pytest.param(LONG, id="long"),
    pytest.param(" ".join(["word"] * 60), id="long-words"),
    pytest.param("x" * 99 + " y", id="just-so"),
    pytest.param("x\x1b[2J\x1b]0;owned\x07", id="escape-sequence"),
    pytest.param("x\r\x08\x7f\x9b31m", id="control-characters"),
    pytest.param("\u202eevil\u2066\ufeff", id="bidirectional"),
    pytest.param("\ud83d\ud800", id="surrogates"),
    pytest.param("네트워크" * 40, id="wide-characters"),
    pytest.param("x\n  reboot #", id="newline"),
    pytest.param("x\u2028  reboot #\x85  reboot #\x0b  reboot #", id="other-line-ends"),
    pytest.param("x'\n  reboot #'", id="quote-and-newline"),
]


def _hostile(name: str) -> Report:
    """A machine that calls everything so, with as much wrong as may be."""
    vf = a_vf(
        name=f"{name}v",
        master=name,
        upper=(name,),
        flags=0x1802,
        mtu=9000,
        mac=name,
        driver=name,
        device=name,
        addresses=(name,),
    )
    other = a_pci_function(address=name, driver=None, netdevs=(), driver_override=name)
    third = a_pci_function(address=f"{name}2", driver="vfio-pci", netdevs=())
    fourth = a_pci_function(address=f"{name}3", netdevs=())
    orphan = a_vf(name=f"{name}w", master=name, upper=(), mac="00:00:00:00:00:01", device=name)
    return _report(
        netdevs=(
            a_netdev(name=name, lower=(f"{name}v",), addresses=(name,)),
            a_netdev(name=f"{name}e", lower=(), mac="00:00:00:00:00:01"),
            vf,
            orphan,
        ),
        pci=(other, third, fourth),
        kernel_release=name,
        os_release=OsRelease(id=name, pretty_name=name, version_id=name),
        instance=an_instance(vm_size=name),
    )


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_goes_beyond_100_columns(name: str, colour: bool) -> None:
    """Whatever the machine calls its things; colours take no room."""
    lines = ESCAPES.sub("", render(_hostile(name), colour=colour)).split("\n")
    assert max(len(line) for line in lines) <= 100


@pytest.mark.parametrize("name", NAMES)
def test_only_ascii_that_prints_reaches_the_terminal(name: str) -> None:
    """No escape sequence, no control character, no direction of writing."""
    text = render(_hostile(name))
    assert text.isascii()
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_makes_no_line_of_its_own(name: str) -> None:
    """What is copied from the report is what accelnet says, never what the machine says."""
    at_commands = [line for line in render(_hostile(name)).split("\n") if line[:10].isspace()]
    assert not [line for line in at_commands if line.strip().startswith("reboot")]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("a b~", "a b~", id="ascii"),
        pytest.param("a\x1b[0mb\x7f", "a [0mb ", id="control"),
        pytest.param("é", "?", id="not-ascii"),
        pytest.param(7, "7", id="number"),
    ],
)
def test_what_is_cleaned(text: object, shown: str) -> None:
    """Printable signs that are not ASCII become question marks, others spaces."""
    assert clean(text) == shown


# --- commands ---


def _commands(text: str) -> list[str]:
    """The commands of a report as a shell reads them: continued lines joined."""
    joined = text.replace("\\\n", " ")
    return [line.strip() for line in joined.split("\n") if line.startswith(" " * 10)]


LONG_COMMAND = (
    "printf '%s  %s\\n' \"one $(date '+%d %b')\" 'a quoted word that is long and has spaces' "
    "| sudo tee /etc/systemd/network/01-vf.network /run/systemd/network/01-vf.network > /dev/null"
)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("sudo ip link set eth0 up", id="short"),
        pytest.param(LONG_COMMAND, id="long"),
        pytest.param(" ".join(["word"] * 80), id="many-words"),
        pytest.param("echo " + "'" + "a b " * 15 + "' " * 3 + "end", id="quotes"),
    ],
)
def test_a_broken_command_is_the_same_command(command: str) -> None:
    """It is broken only with a backslash, outside quotes."""
    text = _advice(do("Do this:", command))
    (found,) = _commands(text)
    assert shlex.split(found) == shlex.split(command)
    assert max(len(line) for line in text.split("\n")) <= 100


@pytest.mark.parametrize(
    "remedy",
    [
        pytest.param(getattr(remedies, name), id=name)
        for name in dir(remedies)
        if name.isupper() and isinstance(getattr(remedies, name), str)
    ],
)
def test_every_remedy_of_the_table_can_be_copied(remedy: str) -> None:
    """Each command in the report is one of the remedy's, word for word."""
    wanted = [
        shlex.split(line)
        for line in remedy.replace("\\\n", " ").split("\n")
        if line.startswith("  ")
    ]
    assert [shlex.split(command) for command in _commands(_advice(remedy))] == wanted


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"flags": 0x1802}, id="down"),
        pytest.param({"operstate": "down"}, id="no-carrier"),
        pytest.param({"addresses": ("10.0.0.4/24",)}, id="addressed"),
        pytest.param({"mtu": 9000}, id="mtu"),
        pytest.param({"mac": "00:0d:3a:44:55:66"}, id="mac"),
    ],
)
def test_commands_for_the_longest_name_can_be_copied(changes: dict[str, Any]) -> None:
    """15 characters, which is what a kernel allows."""
    name = "enP65535s429496"
    vf = a_vf(name=name, **changes)
    report = _report(netdevs=(a_netdev(lower=(name,)), vf), pci=(a_pci_function(netdevs=(name,)),))
    wanted = [
        shlex.split(line)
        for finding in report.findings
        if finding.status == "fail"
        for line in (finding.remedy or "").replace("\\\n", " ").split("\n")
        if line.startswith("  ")
    ]
    assert wanted
    assert [shlex.split(command) for command in _commands(render(report))] == wanted


def test_what_passed_is_one_line_a_status() -> None:
    """Each check once, however many subjects it has."""
    check = Check(
        id="a-check",
        title="It is so",
        level="required",
        judge_nic=lambda _, _nic: passed(""),
    )
    nics = (a_nic(), a_nic(netdev=a_netdev(name="eth1")))
    assert _about(a_machine(nics=nics), check).endswith("\npass    a-check\n")
