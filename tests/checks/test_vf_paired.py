"""vf-paired: the VF is joined to its synthetic NIC."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.checks.vf_paired import CHECK, judge
from accelnet_probes.snapshot import MissingFactsError
from building import REFUSED, a_log, a_machine, a_netdev, a_nic, a_vf, an_event

ORPHANED = a_nic(vf=None, orphans=("enP53091s1",))


def test_a_joined_vf_of_the_same_mac_passes() -> None:
    """Link and MAC agree."""
    judgement = judge(a_machine(), a_nic())
    assert judgement.status == "pass"
    assert judgement.evidence == {"vf": "enP53091s1", "mac": "00:0d:3a:11:22:33"}


def test_another_mac_fails() -> None:
    """The host switches packets to the VF by its MAC."""
    judgement = judge(a_machine(), a_nic(vf=a_vf(mac="00:0d:3a:44:55:66")))
    assert judgement.status == "fail"
    assert judgement.evidence["vf_mac"] == "00:0d:3a:44:55:66"


@pytest.mark.parametrize(
    "nic",
    [
        pytest.param(a_nic(vf=REFUSED), id="pairing"),
        pytest.param(a_nic(vf=a_vf(mac=REFUSED)), id="mac-of-the-vf"),
        pytest.param(a_nic(netdev=a_netdev(mac=REFUSED)), id="mac-of-the-nic"),
    ],
)
def test_what_was_refused_is_asked_for(nic: Any) -> None:
    """Link and MAC are both the question; the engine makes it unknown."""
    with pytest.raises(MissingFactsError):
        judge(a_machine(), nic)


def test_a_device_without_a_mac_is_judged_by_its_link() -> None:
    """What the kernel does not provide can not differ."""
    assert judge(a_machine(), a_nic(vf=a_vf(mac=None))).status == "pass"


def test_an_unjoined_vf_fails() -> None:
    """It has the NIC's MAC, and the kernel did not join it."""
    vf = a_vf(master=None, upper=())
    judgement = judge(a_machine(netdevs=(a_netdev(lower=()), vf)), ORPHANED)
    assert judgement.status == "fail"
    assert "is not joined" in judgement.summary
    assert "/sys/bus/pci/drivers/mlx5_core/bind" in (judgement.remedy or "")


def test_a_vf_in_a_bridge_fails_and_says_so() -> None:
    """Another receive handler keeps hv_netvsc from joining it."""
    vf = a_vf(master="br0", upper=("br0",))
    judgement = judge(a_machine(netdevs=(a_netdev(lower=()), vf)), ORPHANED)
    assert judgement.status == "fail"
    assert judgement.evidence["master"] == "br0"
    assert "sudo ip link set enP53091s1 nomaster" in (judgement.remedy or "")


def test_a_master_that_was_refused_is_not_named() -> None:
    """It is not joined to this NIC, whatever it belongs to."""
    vf = a_vf(master=REFUSED)
    assert judge(a_machine(netdevs=(vf,)), ORPHANED).status == "fail"


@pytest.mark.parametrize("kind", ["not-matched", "handler-refused", "master-refused"])
def test_the_kernels_reason_is_evidence(kind: str) -> None:
    """The log says why it was not joined."""
    machine = a_machine(
        netdevs=(a_vf(master=None),),
        kernel_log=a_log(an_event("joined"), an_event(kind, line="why")),
    )
    assert judge(machine, ORPHANED).evidence["kernel_log"] == "why"


def test_a_log_that_was_refused_is_no_evidence() -> None:
    """The links say enough."""
    machine = a_machine(netdevs=(a_vf(master=None),), kernel_log=REFUSED)
    assert "kernel_log" not in judge(machine, ORPHANED).evidence


@pytest.mark.parametrize(
    ("orphans", "netdevs"),
    [
        pytest.param((), (), id="none"),
        pytest.param(("cf63:00:02.0",), (), id="function-without-netdev"),
        pytest.param(("enP53091s1",), REFUSED, id="netdevs-refused"),
    ],
)
def test_without_a_vf_netdev_there_is_nothing_to_join(
    orphans: tuple[str, ...], netdevs: Any
) -> None:
    """vf-driver and vf-expected speak."""
    machine = a_machine(netdevs=netdevs)
    assert judge(machine, a_nic(vf=None, orphans=orphans)).status == "skip"


def test_a_direct_nic_has_no_partner() -> None:
    """There is nothing to be joined to."""
    assert judge(a_machine(), a_nic(vf=None, direct=True)).status == "skip"


def test_the_check_is_required() -> None:
    """Its failure is the verdict's."""
    assert (CHECK.id, CHECK.level) == ("vf-paired", "required")


def test_a_vf_that_could_not_follow_its_nic() -> None:
    """Into its network namespace: another interface there has its name."""
    vf = a_vf(master=None)
    nic = a_nic(vf=None, orphans=(vf.name,))
    log = a_log(an_event("namespace-refused", line="could not move to same namespace as eth0: -17"))
    found = judge(a_machine(netdevs=(a_netdev(), vf), kernel_log=log), nic)
    assert found.status == "fail"
    assert "could not follow eth0 into its network namespace" in found.summary
    assert found.evidence["kernel_log"] == "could not move to same namespace as eth0: -17"
