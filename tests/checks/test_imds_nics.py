"""imds-nics: the platform's NICs against the guest's."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.checks.imds_nics import judge, judge_rest
from accelnet_probes.snapshot import Interface, MissingFactsError
from building import (
    MAC,
    NEVER_ASKED,
    REFUSED,
    a_machine,
    a_netdev,
    a_netvsc_device,
    a_nic,
    a_vf,
    an_instance,
)

OTHER = "60:45:bd:00:00:01"


def _interface(*addresses: str, mac: str = MAC) -> Interface:
    return Interface(mac=mac, addresses=addresses)


def test_the_reported_nic_is_here() -> None:
    """By MAC and address."""
    assert judge(a_machine(), a_nic()).status == "pass"


@pytest.mark.parametrize(
    ("addresses", "status"),
    [
        pytest.param(("10.0.0.4",), "pass", id="the-same"),
        pytest.param(("10.0.0.4", "10.0.0.5"), "pass", id="a-second-one-is-not-configured"),
        pytest.param(("10.0.0.5",), "warn", id="another"),
        pytest.param(("10.0.0.40",), "warn", id="a-longer-one"),
        pytest.param((), "pass", id="none"),
        pytest.param(("fd00::4",), "pass", id="ipv6-alone"),
    ],
)
def test_the_first_ipv4_address_counts(addresses: tuple[str, ...], status: str) -> None:
    """DHCP gives no other."""
    instance = an_instance(interfaces=(_interface(*addresses),))
    assert judge(a_machine(instance=instance), a_nic()).status == status


def test_what_is_missing_is_told() -> None:
    """With what is here instead."""
    instance = an_instance(interfaces=(_interface("10.0.0.5"),))
    found = judge(a_machine(instance=instance), a_nic())
    assert found.summary == "eth0 lacks the address 10.0.0.5 that the instance metadata reports"
    assert found.evidence["has"] == ["10.0.0.4"]


@pytest.mark.parametrize("changes", [{"master": "br0"}, {"upper": ("br0",)}])
def test_a_bridge_carries_the_address(changes: dict[str, Any]) -> None:
    """Or a bond."""
    nic = a_nic(netdev=a_netdev(addresses=(), **changes))
    found = judge(a_machine(), nic)
    assert found.status == "skip"
    assert "br0" in found.summary


def test_a_nic_that_is_not_reported() -> None:
    """The platform does not know it."""
    instance = an_instance(interfaces=(_interface(mac=OTHER),))
    assert judge(a_machine(instance=instance), a_nic()).status == "warn"


def test_the_permanent_mac_will_do() -> None:
    """The other one can be set."""
    assert judge(a_machine(), a_nic(netdev=a_netdev(mac=OTHER))).status == "pass"


@pytest.mark.parametrize("instance", [None, an_instance(interfaces=())])
def test_metadata_without_nics(instance: Any) -> None:
    """Nothing to compare."""
    assert judge(a_machine(instance=instance), a_nic()).status == "skip"


def test_metadata_that_was_not_read() -> None:
    """Refused is unknown, with how to ask; never asked is skipped."""
    found = judge(a_machine(instance=REFUSED), a_nic())
    assert found.status == "unknown"
    assert found.remedy is not None
    assert "169.254.169.254" in found.remedy
    with pytest.raises(MissingFactsError):
        judge(a_machine(instance=NEVER_ASKED), a_nic())
    with pytest.raises(MissingFactsError):
        judge(a_machine(), a_nic(netdev=a_netdev(addresses=REFUSED)))


TWO = an_instance(interfaces=(_interface(), _interface(mac=OTHER)))


def test_a_reported_nic_that_is_not_here() -> None:
    """Hot-added, and nothing came of it."""
    found = judge_rest(a_machine(instance=TWO))
    assert found is not None
    assert found.status == "warn"
    assert OTHER in found.summary


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="all-are-here"),
        pytest.param({"instance": REFUSED}, id="refused"),
        pytest.param({"instance": TWO, "netdevs": REFUSED}, id="no-netdevs"),
        pytest.param({"instance": TWO, "source": "root"}, id="image"),
        pytest.param(
            {"instance": TWO, "vmbus": (a_netvsc_device(driver="uio_hv_generic"),)}, id="dpdk"
        ),
        pytest.param(
            {"instance": TWO, "vmbus": (a_netvsc_device(), a_netvsc_device(guid="x"))},
            id="elsewhere",
        ),
        pytest.param(
            {"instance": TWO, "netdevs": (a_netdev(), a_vf(driver=REFUSED, device=REFUSED))},
            id="unseen",
        ),
    ],
)
def test_what_may_be_there_all_the_same(changes: dict[str, Any]) -> None:
    """Nothing is said."""
    assert judge_rest(a_machine(**changes)) is None
