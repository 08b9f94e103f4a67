"""vf-unmanaged: what network managers really did with the VF."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.checks.vf_unmanaged import judge
from accelnet_agent.findings import Judgement
from accelnet_probes.snapshot import LinkOwner, MissingFactsError
from building import NEVER_ASKED, REFUSED, a_machine, a_network_setup, a_nic, an_owner

MARKED = {"NM_UNMANAGED": "1", "AZURE_UNMANAGED_SRIOV": "1", "ID_NET_MANAGED_BY": "unmanaged"}
NOBODY = LinkOwner(udev=None, network_manager=None, networkd=None)
SYNTHETIC = LinkOwner(udev={}, network_manager=None, networkd="configured")


def _judge(
    vf: LinkOwner, eth0: LinkOwner = SYNTHETIC, *, direct: bool = False, **changes: Any
) -> Judgement:
    setup = a_network_setup(links={"eth0": vf if direct else eth0, "enP53091s1": vf}, **changes)
    nic = a_nic(vf=None, direct=True) if direct else a_nic()
    return judge(a_machine(network_setup=setup), nic)


def test_left_alone() -> None:
    """By the rule, and in fact."""
    found = _judge(an_owner(), packages={"systemd": "255"}, unmanaged=("/x: y",))
    assert found.status == "pass"
    assert found.evidence["networkd"] == "unmanaged"
    assert "NM_UNMANAGED=1" in str(found.evidence["udev"])
    assert found.evidence["packages"] == {"systemd": "255"}


@pytest.mark.parametrize("state", ["configuring", "configured", "failed"])
def test_networkd_has_it(state: str) -> None:
    """Without a rule the file that matches it is wrong; with one networkd is."""
    owner = an_owner(udev={}, networkd=state, network_file="/run/systemd/network/10-x.network")
    found = _judge(owner)
    assert found.status == "warn"
    assert "networkd manages enP53091s1, by /run/systemd/network/10-x.network" in found.summary
    marked = _judge(an_owner(networkd=state))
    assert "systemd issue 36997" in marked.summary
    assert marked.remedy is not None
    assert "257.7" in marked.remedy


@pytest.mark.parametrize("state", ["pending", "initialized", "linger", None])
def test_networkd_has_it_not_yet(state: str | None) -> None:
    """These states say nothing."""
    assert _judge(an_owner(networkd=state)).status == "pass"


def test_networkmanager_has_it() -> None:
    """The rule came too late, or there is none."""
    owner = an_owner(network_manager="true", networkd=None)
    found = _judge(owner, network_manager=True)
    assert found.status == "warn"
    assert "it had it before (initramfs)" in found.summary
    without = _judge(an_owner(udev={}, network_manager="true"), network_manager=True)
    assert without.summary == "NetworkManager manages enP53091s1"
    assert without.remedy is not None
    assert "sudo nmcli device set enP53091s1 managed no" in without.remedy


def test_nothing_keeps_networkmanager_from_it() -> None:
    """No mark and no state: the next time it may take it."""
    found = _judge(an_owner(udev={}, networkd=None), network_manager=True)
    assert found.status == "warn"
    assert "nothing keeps NetworkManager" in found.summary
    assert found.evidence["udev"] == "no mark"
    assert _judge(an_owner(udev={}, network_manager="false"), network_manager=True).status == "pass"


def test_without_any_manager() -> None:
    """Ifupdown or wicked, and udev's database."""
    found = _judge(an_owner(networkd=None), networkd=False)
    assert found.status == "pass"
    without = _judge(an_owner(udev=None))
    assert "udev" not in without.evidence


def test_the_nic_itself_is_marked() -> None:
    """A rule by hv_pci or by MAC hits both."""
    eth0 = LinkOwner(udev=MARKED, network_manager=None, networkd="unmanaged")
    assert "eth0 itself is marked" in _judge(an_owner(), eth0).summary
    nm = LinkOwner(udev={"NM_UNMANAGED": "1"}, network_manager="false", networkd=None)
    assert "eth0 itself" in _judge(an_owner(), nm, network_manager=True, networkd=False).summary
    assert _judge(an_owner(), nm).status == "pass"


def test_two_managers() -> None:
    """NetworkManager and networkd both have the synthetic NIC."""
    eth0 = LinkOwner(udev={}, network_manager="true", networkd="configured")
    found = _judge(an_owner(), eth0, network_manager=True)
    assert found.status == "warn"
    assert "both manage eth0" in found.summary


def test_a_nic_of_which_nothing_is_known() -> None:
    """Only the VF was asked about."""
    setup = a_network_setup(links={"enP53091s1": an_owner()})
    assert judge(a_machine(network_setup=setup), a_nic()).status == "pass"


@pytest.mark.parametrize(
    "changes",
    [{"udev": REFUSED}, {"network_manager": REFUSED}, {"networkd": REFUSED}],
)
def test_what_was_refused(changes: dict[str, Any]) -> None:
    """Unknown, for a VF and for a direct NIC; unless another witness has told."""
    for direct in (False, True):
        with pytest.raises(MissingFactsError):
            _judge(an_owner(**{"networkd": None, **changes}), direct=direct)
    told = an_owner(**{**changes, "networkd": "configured"})
    if "networkd" not in changes:
        assert _judge(told).status == "warn"


def test_a_direct_nic_is_the_other_way_round() -> None:
    """Somebody has to configure it."""
    managed = LinkOwner(udev={}, network_manager=None, networkd="configured")
    assert _judge(managed, direct=True).status == "pass"
    assert _judge(LinkOwner(udev={}, network_manager=None, networkd=None), direct=True).status == (
        "pass"
    )
    for owner in (an_owner(), an_owner(networkd=None), an_owner(udev={})):
        found = _judge(owner, direct=True)
        assert found.status == "warn"
        assert "nobody configures it" in found.summary


def test_where_the_question_does_not_arise() -> None:
    """No VF, nothing to see, never asked."""
    machine = a_machine()
    assert judge(machine, a_nic(vf=None)).status == "skip"
    assert _judge(NOBODY, NOBODY, networkd=False).status == "skip"
    assert judge(a_machine(network_setup=a_network_setup(links={})), a_nic()).status == "skip"
    with pytest.raises(MissingFactsError):
        judge(a_machine(network_setup=NEVER_ASKED), a_nic())
    with pytest.raises(MissingFactsError):
        judge(machine, a_nic(vf=REFUSED))
