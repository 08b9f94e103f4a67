"""vf-mtu: the VF has the NIC's MTU."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.checks.vf_mtu import CHECK, judge
from accelnet_probes.snapshot import MissingFactsError
from building import REFUSED, a_log, a_machine, a_netdev, a_nic, a_vf, an_event


@pytest.mark.parametrize("mtu", [1500, 3900, 9000, 65521])
def test_the_same_mtu_passes(mtu: int) -> None:
    """Any, as long as both have it."""
    nic = a_nic(netdev=a_netdev(mtu=mtu), vf=a_vf(mtu=mtu))
    judgement = judge(a_machine(), nic)
    assert judgement.status == "pass"
    assert judgement.evidence == {"mtu": mtu}


@pytest.mark.parametrize(
    ("mtu", "vf_mtu"), [pytest.param(9000, 1500, id="nic"), pytest.param(1500, 3900, id="vf")]
)
def test_another_mtu_fails(mtu: int, vf_mtu: int) -> None:
    """The remedy gives the VF the NIC's, or else the NIC the VF's."""
    judgement = judge(a_machine(), a_nic(netdev=a_netdev(mtu=mtu), vf=a_vf(mtu=vf_mtu)))
    assert judgement.status == "fail"
    assert judgement.evidence == {"mtu": mtu, "vf_mtu": vf_mtu}
    remedy = judgement.remedy or ""
    first, then = (remedy.index(f"sudo ip link set eth0 mtu {value}") for value in (vf_mtu, mtu))
    assert first < then


def test_the_kernels_line_is_evidence() -> None:
    """The VF refused the MTU when it was joined again."""
    refused = an_event("mtu-refused", line="unable to change mtu", pci_address="cf63:00:02.0")
    anothers = an_event("mtu-refused", line="of another VF", pci_address="1a65:00:02.0")
    machine = a_machine(kernel_log=a_log(refused, an_event("joined"), anothers))
    nic = a_nic(netdev=a_netdev(mtu=9000))
    assert judge(machine, nic).evidence["kernel_log"] == "unable to change mtu"


@pytest.mark.parametrize(
    "nic",
    [
        pytest.param(a_nic(vf=REFUSED), id="pairing"),
        pytest.param(a_nic(vf=a_vf(mtu=REFUSED)), id="vf"),
        pytest.param(a_nic(netdev=a_netdev(mtu=REFUSED)), id="nic"),
    ],
)
def test_what_was_refused_is_asked_for(nic: Any) -> None:
    """The engine makes it unknown."""
    with pytest.raises(MissingFactsError):
        judge(a_machine(), nic)


@pytest.mark.parametrize(
    ("nic", "name"),
    [
        pytest.param(a_nic(netdev=a_netdev(mtu=None)), "eth0", id="nic"),
        pytest.param(a_nic(vf=a_vf(mtu=None)), "enP53091s1", id="vf"),
    ],
)
def test_no_mtu_is_unknown(nic: Any, name: str) -> None:
    """None never becomes a number; both having none is not equality."""
    judgement = judge(a_machine(), nic)
    assert judgement.status == "unknown"
    assert name in judgement.summary


@pytest.mark.parametrize(
    "nic",
    [
        pytest.param(a_nic(vf=None), id="no-vf"),
        pytest.param(a_nic(vf=None, direct=True), id="direct"),
    ],
)
def test_without_a_pair_there_is_no_question(nic: Any) -> None:
    """One interface has one MTU."""
    assert judge(a_machine(), nic).status == "skip"


def test_the_check_is_required() -> None:
    """Its failure is the verdict's."""
    assert (CHECK.id, CHECK.level) == ("vf-mtu", "required")
