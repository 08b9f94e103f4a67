"""vf-up: the VF is up and running."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.checks.vf_up import CHECK, judge
from accelnet_probes.snapshot import MissingFactsError
from building import REFUSED, a_machine, a_netdev, a_netvsc_device, a_nic, a_vf


def _direct(**changes: Any) -> Any:
    return a_nic(netdev=a_vf(master=None, upper=(), **changes), vf=None, direct=True)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="up"),
        pytest.param({"operstate": "unknown"}, id="driver-does-not-say"),
        pytest.param({"flags": REFUSED}, id="flags-refused"),
        pytest.param({"flags": 0x11803}, id="more-than-16-bits"),
    ],
)
def test_an_up_vf_passes(changes: dict[str, Any]) -> None:
    """sysfs flags have no IFF_RUNNING: operstate says it."""
    assert judge(a_machine(), a_nic(vf=a_vf(**changes))).status == "pass"


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        pytest.param(
            {"flags": 0x1802, "operstate": "down"}, "sudo ip link set enP53091s1 up", id="set-down"
        ),
        pytest.param(
            {"flags": REFUSED, "operstate": "down"},
            "sudo ip link set enP53091s1 up",
            id="down-without-flags",
        ),
        pytest.param({"flags": 0x1802}, "sudo ip link set enP53091s1 up", id="flags-alone"),
        pytest.param({"operstate": "down"}, "sudo ip link set enP53091s1 down", id="no-carrier"),
        pytest.param({"operstate": "dormant"}, "sudo ip link set enP53091s1 down", id="dormant"),
        pytest.param({"operstate": "lowerlayerdown"}, "az vm redeploy", id="lower-layer-down"),
    ],
)
def test_a_vf_that_is_not_up_fails(changes: dict[str, Any], command: str) -> None:
    """The data path stays on the synthetic NIC."""
    judgement = judge(a_machine(), a_nic(vf=a_vf(**changes)))
    assert judgement.status == "fail"
    assert command in (judgement.remedy or "")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"operstate": REFUSED}, id="operstate-refused"),
        pytest.param({"operstate": None}, id="operstate-absent"),
        pytest.param({"operstate": "unknown", "flags": REFUSED}, id="flags-refused"),
        pytest.param({"operstate": None, "flags": None}, id="neither-is-there"),
        pytest.param({"operstate": ""}, id="operstate-empty"),
        pytest.param({"operstate": "\ufffd\ufffd"}, id="operstate-garbage"),
    ],
)
def test_a_state_that_was_not_seen_is_asked_for(changes: dict[str, Any]) -> None:
    """What is no state of RFC 2863 is not "no carrier"; the engine makes it unknown."""
    with pytest.raises(MissingFactsError):
        judge(a_machine(), a_nic(vf=a_vf(**changes)))


def test_a_nic_that_is_set_down_warns() -> None:
    """An operator may have no use for it."""
    judgement = judge(a_machine(), a_nic(netdev=a_netdev(flags=0x1002, operstate="down")))
    assert judgement.status == "warn"


def test_flags_of_the_nic_that_were_refused_do_not_set_it_down() -> None:
    """The VF is judged all the same."""
    assert judge(a_machine(), a_nic(netdev=a_netdev(flags=REFUSED))).status == "pass"


def test_flags_are_evidence_in_the_kernels_notation() -> None:
    """As /sys/class/net/<interface>/flags shows them."""
    judgement = judge(a_machine(), a_nic())
    assert judgement.evidence == {"operstate": "up", "flags": "0x1803"}
    without = judge(a_machine(), a_nic(vf=a_vf(flags=None)))
    assert without.evidence == {"operstate": "up", "flags": None}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({}, "pass", id="up"),
        pytest.param({"operstate": "down"}, "fail", id="no-carrier"),
        pytest.param({"flags": 0x1002, "operstate": "down"}, "warn", id="set-down"),
    ],
)
def test_a_direct_nic_is_judged_itself(changes: dict[str, Any], status: str) -> None:
    """It is the VF."""
    assert judge(a_machine(), _direct(**changes)).status == status


def test_what_dpdk_left_behind_does_not_fail() -> None:
    """Its synthetic NIC is in user space, and the VF without carrier is DPDK's."""
    machine = a_machine(vmbus=(a_netvsc_device(driver="uio_hv_generic"),))
    assert judge(machine, _direct(operstate="down")).status in ("skip", "warn")


def test_without_a_vf_there_is_no_question() -> None:
    """vf-expected says what its absence means."""
    assert judge(a_machine(), a_nic(vf=None)).status == "skip"


def test_pairing_that_was_not_seen_is_asked_for() -> None:
    """The engine makes it unknown."""
    with pytest.raises(MissingFactsError):
        judge(a_machine(), a_nic(vf=REFUSED))


def test_the_check_is_required() -> None:
    """Its failure is the verdict's."""
    assert (CHECK.id, CHECK.level) == ("vf-up", "required")
