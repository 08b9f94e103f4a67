"""vf-name: rename fights, and what catches the VF by its MAC."""

from __future__ import annotations

import pytest

from accelnet_agent.checks.vf_name import judge
from accelnet_probes.snapshot import MissingFactsError, NameRule
from building import MAC, NEVER_ASKED, REFUSED, a_machine, a_netdev, a_network_setup, a_nic, a_vf


def _rule(file: str, name: str | None = "eth0", driver: str | None = None) -> NameRule:
    return NameRule(file=file, mac=MAC, name=name, driver=driver)


@pytest.mark.parametrize(
    ("name", "stuck"),
    [
        pytest.param("rename3", True, id="rename3"),
        pytest.param("rename", False, id="no-number"),
        pytest.param("renamed1", False, id="another-name"),
        pytest.param("enP53091s1", False, id="healthy"),
        pytest.param("eth1", False, id="not-renamed"),
    ],
)
def test_a_rename_fight(name: str, *, stuck: bool) -> None:
    """Either of the pair may be left in the middle."""
    for nic in (a_nic(vf=a_vf(name=name)), a_nic(netdev=a_netdev(name=name))):
        assert (judge(a_machine(), nic).status == "warn") is stuck


@pytest.mark.parametrize(
    ("file", "command"),
    [
        pytest.param(
            "/etc/udev/rules.d/70-persistent-net.rules",
            "sudo rm /etc/udev/rules.d/70-persistent-net.rules",
            id="udev",
        ),
        pytest.param(
            "/etc/sysconfig/network-scripts/ifcfg-eth0",
            "sudo sed -i /^HWADDR/d /etc/sysconfig/network-scripts/ifcfg-eth0",
            id="ifcfg",
        ),
        pytest.param("/etc/netplan/50-cloud-init.yaml", "sudo netplan apply", id="netplan"),
        pytest.param("/etc/systemd/network/10-eth0.link", "Driver=hv_netvsc", id="link"),
    ],
)
def test_what_catches_the_vf(file: str, command: str) -> None:
    """Each with its own remedy."""
    setup = a_network_setup(name_rules=(_rule(file),))
    found = judge(a_machine(network_setup=setup), a_nic())
    assert found.status == "warn"
    assert found.summary.startswith(f"{file} names it eth0 by the MAC")
    assert found.remedy is not None
    assert command in found.remedy


def test_netplan_matches_without_naming() -> None:
    """It configures what it matches."""
    setup = a_network_setup(name_rules=(_rule("/etc/netplan/x.yaml", name=None),))
    assert "matches it by the MAC" in judge(a_machine(network_setup=setup), a_nic()).summary


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(_rule("/x", driver="hv_netvsc"), id="by-driver"),
        pytest.param(_rule("/x", name="enP53091s1"), id="the-vfs-own"),
        pytest.param(
            NameRule(file="/x", mac="00:0d:3a:00:00:01", name="eth0", driver=None), id="another-mac"
        ),
    ],
)
def test_what_does_not_catch_it(rule: NameRule) -> None:
    """A driver, another address, or its own name."""
    setup = a_network_setup(name_rules=(rule,))
    assert judge(a_machine(network_setup=setup), a_nic()).status == "pass"


def test_the_generator_of_such_rules() -> None:
    """It would write one at the next boot."""
    setup = a_network_setup(name_generator="/lib/udev/rules.d/75-persistent-net-generator.rules")
    found = judge(a_machine(network_setup=setup), a_nic())
    assert found.status == "warn"
    assert found.remedy is not None
    assert "/dev/null" in found.remedy


def test_a_refused_netplan_may_have_one() -> None:
    """Another refused file is none of those that name."""
    refused = a_network_setup(refused=("/etc/netplan/50-cloud-init.yaml: EACCES",))
    assert judge(a_machine(network_setup=refused), a_nic()).status == "unknown"
    other = a_network_setup(refused=("/etc/udev/rules.d/x: EACCES",))
    assert judge(a_machine(network_setup=other), a_nic()).status == "pass"


def test_where_the_question_does_not_arise() -> None:
    """A direct NIC, no VF; without the rules the name alone is judged."""
    assert judge(a_machine(), a_nic(vf=None)).status == "skip"
    assert judge(a_machine(), a_nic(vf=None, direct=True)).status == "skip"
    assert judge(a_machine(network_setup=NEVER_ASKED), a_nic()).status == "pass"
    with pytest.raises(MissingFactsError):
        judge(a_machine(), a_nic(vf=REFUSED))
