"""Every check: its id, its level, a case in which it passes and one in which it does not."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from accelnet_agent import checks
from accelnet_agent.checks import CHECKS
from accelnet_agent.datapath import DataPath
from accelnet_agent.engine import judge
from accelnet_agent.findings import Finding
from accelnet_agent.machine import Machine
from accelnet_probes.record import replace
from accelnet_probes.snapshot import Channels, Interface, Move, OsRelease, ProbeRun
from building import (
    MAC,
    REFUSED,
    a_function,
    a_kernel,
    a_log,
    a_machine,
    a_netdev,
    a_netvsc_device,
    a_network_setup,
    a_next_host,
    a_nic,
    a_pass_through_device,
    a_pci_function,
    a_vf,
    a_watch,
    an_ethtool_sample,
    an_event,
    an_instance,
    an_owner,
    two_samples,
)

FOUR = Channels(max_rx=0, max_tx=0, max_other=0, max_combined=4, rx=0, tx=0, other=0, combined=4)
QUIET = {"vf_tx_packets": 5, "vf_tx_dropped": 1, "tx_no_memory": 1}
WITHOUT = a_nic(vf=None, datapath=DataPath(state="no_vf", why="none"))
FLAPPED = tuple(an_event("switched-from", uptime=40000.0 + i, age=9000.0) for i in range(9))


def _window(**growth: int) -> Machine:
    """A machine whose synthetic NIC counted so much more."""
    after = {name: value + growth.get(name, 0) for name, value in QUIET.items()}
    nic = a_nic(
        netdev=a_netdev(samples=two_samples(QUIET, after)),
        vf=a_vf(samples=two_samples({"tx_packets": 1}, {"tx_packets": 2})),
    )
    return a_machine(window_seconds=1.0, nics=(nic,))


def _nic(**changes: Any) -> Machine:
    return a_machine(nics=(a_nic(**changes),))


def _few_channels() -> Machine:
    sample = an_ethtool_sample(channels=replace(FOUR, combined=1))
    return _nic(vf=a_vf(samples=(sample,)))


XENIAL = OsRelease(id="ubuntu", version_id="16.04")
OFFERED = (a_netvsc_device(), a_pass_through_device())
HEALTHY = _window()

# check -> (level by the contract, its worst status, a machine that passes, one that does not)
CASES: dict[str, tuple[str, str, Machine, Machine]] = {
    "kernel-minimum": (
        "recommended",
        "warn",
        a_machine(os_release=XENIAL, kernel_release="4.11.0-1013-azure"),
        a_machine(os_release=XENIAL, kernel_release="4.4.0-21-generic"),
    ),
    "kernel-known-issue": (
        "recommended",
        "warn",
        HEALTHY,
        a_machine(kernel_release="6.6.139.1-1.azl3"),
    ),
    "os-supported": (
        "recommended",
        "warn",
        HEALTHY,
        a_machine(os_release=OsRelease(id="gentoo", version_id="2.15")),
    ),
    "vm-size": (
        "recommended",
        "warn",
        HEALTHY,
        a_machine(nics=(WITHOUT,), instance=an_instance(vm_size="Standard_B1s")),
    ),
    "vmbus-passthrough": (
        "required",
        "fail",
        a_machine(vmbus=OFFERED),
        a_machine(vmbus=OFFERED, pci=(), functions=(), nics=(WITHOUT,)),
    ),
    "vf-driver": (
        "required",
        "fail",
        HEALTHY,
        a_machine(functions=(a_function(pci=a_pci_function(driver=None, netdevs=())),)),
    ),
    "next-host-drivers": (
        "recommended",
        "warn",
        HEALTHY,
        a_machine(next_host=a_next_host(a_kernel(blocked={"mana": '"blacklist mana" in /x'}))),
    ),
    "vf-expected": ("required", "fail", HEALTHY, a_machine(nics=(WITHOUT,), expect="on")),
    "vf-paired": (
        "required",
        "fail",
        HEALTHY,
        a_machine(nics=(replace(WITHOUT, orphans=("enP53091s1",)),), netdevs=(a_vf(master=None),)),
    ),
    "vf-up": ("required", "fail", HEALTHY, _nic(vf=a_vf(flags=0x1802))),
    "vf-datapath": (
        "required",
        "fail",
        HEALTHY,
        _nic(datapath=DataPath(state="synthetic", why="9 packets were sent past it")),
    ),
    "vf-unaddressed": ("required", "fail", HEALTHY, _nic(vf=a_vf(addresses=("10.0.0.4/24",)))),
    "vf-unmanaged": (
        "recommended",
        "warn",
        HEALTHY,
        a_machine(
            network_setup=a_network_setup(links={"enP53091s1": an_owner(networkd="configured")})
        ),
    ),
    "vf-name": ("recommended", "warn", HEALTHY, _nic(vf=a_vf(name="rename3"))),
    "imds-nics": (
        "recommended",
        "warn",
        HEALTHY,
        a_machine(instance=an_instance(interfaces=(Interface(mac=MAC, addresses=("10.9.9.9",)),))),
    ),
    "vf-mtu": ("required", "fail", HEALTHY, _nic(vf=a_vf(mtu=1400))),
    "nic-queues": ("recommended", "warn", HEALTHY, _few_channels()),
    "vf-drops": ("recommended", "warn", HEALTHY, _window(vf_tx_dropped=3)),
    "synthetic-errors": ("recommended", "warn", HEALTHY, _window(tx_no_memory=3)),
    "vf-flapping": ("recommended", "warn", HEALTHY, _nic(events=FLAPPED)),
    "vf-missing": (
        "recommended",
        "warn",
        HEALTHY,
        a_machine(nics=(replace(WITHOUT, events=(an_event("slot-removed", age=9000.0),)),)),
    ),
    "hardware-moved": (
        "recommended",
        "warn",
        a_machine(watch=a_watch()),
        a_machine(
            nics=(replace(WITHOUT, orphans=("cf63:00:02.0",)),),
            watch=a_watch(moves={"eth0": Move(before="15b3:1016", after="1414:00ba", age=60.0)}),
        ),
    ),
    "probes-answered": (
        "required",
        "fail",
        HEALTHY,
        a_machine(probes=(ProbeRun(name="ethtool", why="no answer in time", late=True),)),
    ),
}

# Machines with something that was not observed, or that is not there.
ODD = [
    pytest.param(a_machine(**{field: REFUSED}), id=f"{field}-refused")
    for field in (
        *("kernel_release", "os_release", "dmi", "cpu_count", "uptime", "instance", "pci", "vmbus"),
        *("netdevs", "modules", "next_host", "network_setup"),
        *("kernel_log",),
    )
] + [
    pytest.param(a_machine(**{field: None}), id=f"{field}-absent")
    for field in ("kernel_release", "os_release", "cpu_count", "uptime", "instance")
] + [
    pytest.param(_nic(**{owner: make(**{field: value})}), id=f"{owner}-{field}-{value!r:.4}")
    for owner, make in (("netdev", a_netdev), ("vf", a_vf))
    for field in (
        *("ifindex", "type", "mac", "mtu", "flags", "operstate", "device", "driver", "master"),
        *("lower", "upper", "addresses"),
    )
    for value in (REFUSED, *(() if field in ("lower", "upper", "addresses") else (None,)))
] + [
    pytest.param(
        a_machine(functions=(a_function(pci=a_pci_function(**{field: REFUSED})),)),
        id=f"function-{field}",
    )
    for field in ("vendor_id", "device_id", "class_id", "driver", "netdevs")
] + [
    pytest.param(a_machine(nics=()), id="no-nics"),
    pytest.param(a_machine(nics=(), netdevs=(), pci=(), functions=(), azure=None), id="nothing"),
    pytest.param(_nic(vf=REFUSED), id="pairing-refused"),
    pytest.param(_nic(vf=None, direct=True), id="direct"),
    pytest.param(_nic(netdev=a_netdev(samples=())), id="no-samples"),
    pytest.param(_nic(netdev=a_netdev(mtu=-1, flags=-1, ifindex=-1)), id="negative"),
    pytest.param(_nic(vf=a_vf(name="", mac="", operstate="")), id="empty-text"),
    pytest.param(a_machine(cpu_count=-1, uptime=-1.0, window_seconds=0.0), id="negative-host"),
    pytest.param(a_machine(kernel_release="", instance=an_instance(vm_size="")), id="empty-host"),
    pytest.param(
        a_machine(kernel_log=a_log(an_event("", nic=None), an_event("joined", age=-1.0))), id="log"
    ),
]  # fmt: skip

EACH = pytest.mark.parametrize("check", [pytest.param(check, id=check.id) for check in CHECKS])


def _findings(machine: Machine, check: Any) -> list[Finding]:
    return [finding for finding in judge(machine, (check,)).findings if finding.check == check.id]


def test_every_check_has_its_case_and_every_case_its_check() -> None:
    """In no other number; ids are unique."""
    ids = [check.id for check in CHECKS]
    assert sorted(ids) == sorted(CASES)
    assert len(ids) == len(set(ids))


@EACH
def test_the_id_is_the_modules_name(check: Any) -> None:
    """In kebab-case: who knows the one finds the other."""
    module = sys.modules[f"{checks.__name__}.{check.id.replace('-', '_')}"]
    assert module.CHECK is check


@EACH
def test_the_module_says_what_it_is_about(check: Any) -> None:
    """A docstring and a title, neither with an id in it."""
    module = sys.modules[f"{checks.__name__}.{check.id.replace('-', '_')}"]
    assert (module.__doc__ or "").strip()
    assert check.title
    assert check.title[0].isupper() or check.title.startswith("hv_")
    assert not check.title.endswith(".")


@EACH
def test_the_level_is_the_contracts(check: Any) -> None:
    """A required check that becomes recommended no longer fails a machine."""
    assert check.level == CASES[check.id][0]


@EACH
def test_it_passes_where_all_is_well(check: Any) -> None:
    """On a healthy machine."""
    assert "pass" in {finding.status for finding in _findings(CASES[check.id][2], check)}


@EACH
def test_its_worst_status(check: Any) -> None:
    """A required check fails, a recommended one warns."""
    level, worst, _, machine = CASES[check.id]
    found = {finding.status for finding in _findings(machine, check)}
    assert worst in found
    assert worst == ("fail" if level == "required" else "warn")


MACHINES = [
    pytest.param(machine, id=f"{name}-{which}")
    for name, (_, _, well, ill) in CASES.items()
    for which, machine in (("well", well), ("ill", ill))
]


@pytest.mark.parametrize("machine", [*MACHINES, *ODD])
def test_every_finding_is_whole(machine: Machine) -> None:
    """A sentence; a remedy with each that is not pass or skip, and with no other."""
    for finding in judge(machine, CHECKS).findings:
        assert finding.summary.strip()
        assert not finding.summary.endswith(".")
        assert "\n" not in finding.summary
        assert (finding.remedy is None) == (finding.status in ("pass", "skip"))
        assert finding.remedy is None or finding.remedy.strip()
        assert finding.runbook == f"docs/runbooks/{finding.check}.md"


@pytest.mark.parametrize("machine", [*MACHINES, *ODD])
def test_advice_never_fails_a_machine(machine: Machine) -> None:
    """`fail` is for required checks."""
    for finding in judge(machine, CHECKS).findings:
        assert finding.level == "required" or finding.status != "fail"


@pytest.mark.parametrize("machine", ODD)
def test_no_odd_fact_breaks_a_check(machine: Machine) -> None:
    """None, refused, negative and empty facts are facts."""
    for finding in judge(machine, CHECKS).findings:
        assert "a bug in accelnet" not in finding.summary


@pytest.mark.parametrize("machine", ODD)
def test_an_odd_fact_alone_fails_nothing(machine: Machine) -> None:
    """What was not seen is not wrong."""
    failing = [f for f in judge(machine, CHECKS).findings if f.status == "fail"]
    assert [f"{f.check}: {f.summary}" for f in failing if f.check != "vf-mtu"] == []
