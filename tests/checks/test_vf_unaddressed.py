"""vf-unaddressed: a paired VF has no address of its own; a direct NIC has one."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from accelnet_agent.checks.vf_unaddressed import CHECK, is_link_local, judge
from accelnet_probes.snapshot import MissingFactsError
from building import REFUSED, a_machine, a_netdev, a_netvsc_device, a_nic, a_vf

LINK_LOCAL = "fe80::20d:3aff:fe11:2233/64"


def _direct(*addresses: str, **changes: Any) -> Any:
    netdev = a_vf(master=None, upper=(), addresses=addresses, **changes)
    return a_nic(netdev=netdev, vf=None, direct=True)


@pytest.mark.parametrize(
    "addresses",
    [
        pytest.param((), id="none"),
        pytest.param((LINK_LOCAL,), id="link-local"),
        pytest.param(("FE80::1/64",), id="upper-case"),
        pytest.param(("febf::1/10",), id="end-of-fe80"),
    ],
)
def test_no_address_but_link_local_passes(addresses: tuple[str, ...]) -> None:
    """The kernel makes fe80:: by itself."""
    assert judge(a_machine(), a_nic(vf=a_vf(addresses=addresses))).status == "pass"


def test_both_have_the_link_local_address_of_their_mac() -> None:
    """EUI-64 makes it of the MAC, which both have: so Azure's own documentation shows it."""
    nic = a_nic(
        netdev=a_netdev(addresses=("10.0.0.4/24", LINK_LOCAL)), vf=a_vf(addresses=(LINK_LOCAL,))
    )
    assert judge(a_machine(), nic).status == "pass"


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("10.0.0.4/24", id="the-nics-ipv4"),
        pytest.param("10.9.9.9/32", id="another-ipv4"),
        pytest.param("169.254.7.7/16", id="ipv4-link-local"),
        pytest.param("2001:db8::4/128", id="global-ipv6"),
        pytest.param("fd00::4/64", id="unique-local-ipv6"),
        pytest.param("fec0::4/64", id="past-fe80"),
        pytest.param("::1/128", id="no-first-group"),
        pytest.param("", id="empty"),
    ],
)
def test_an_address_on_the_vf_fails(address: str) -> None:
    """Connections die when the VF leaves."""
    judgement = judge(a_machine(), a_nic(vf=a_vf(addresses=(LINK_LOCAL, address))))
    assert judgement.status == "fail"
    assert address in judgement.summary


def test_an_address_of_both_is_named() -> None:
    """Two interfaces with one IP address: the prefix does not matter."""
    judgement = judge(a_machine(), a_nic(vf=a_vf(addresses=("10.0.0.4/32",))))
    assert judgement.evidence["of_both"] == ["10.0.0.4"]
    assert "as eth0 has" in judgement.summary


@pytest.mark.parametrize("addresses", [REFUSED, ()])
def test_the_nics_own_addresses_decide_nothing(addresses: Any) -> None:
    """An IPv4 address on the VF is wrong, whatever the NIC has."""
    nic = a_nic(netdev=a_netdev(addresses=addresses), vf=a_vf(addresses=("10.0.0.4/24",)))
    judgement = judge(a_machine(), nic)
    assert judgement.status == "fail"
    assert "as eth0 has" not in judgement.summary


@pytest.mark.parametrize(
    "nic",
    [
        pytest.param(a_nic(vf=REFUSED), id="pairing"),
        pytest.param(a_nic(vf=a_vf(addresses=REFUSED)), id="addresses"),
        pytest.param(
            a_nic(netdev=a_netdev(addresses=REFUSED), vf=None, direct=True), id="direct-nics"
        ),
    ],
)
def test_what_was_refused_is_asked_for(nic: Any) -> None:
    """The engine makes it unknown."""
    with pytest.raises(MissingFactsError):
        judge(a_machine(), nic)


def test_without_a_vf_there_is_no_question() -> None:
    """Nothing has an address."""
    assert judge(a_machine(), a_nic(vf=None)).status == "skip"


@pytest.mark.parametrize(
    ("addresses", "changes", "status"),
    [
        pytest.param(("10.0.0.4/24",), {}, "pass", id="ipv4"),
        pytest.param((LINK_LOCAL, "2001:db8::4/128"), {}, "pass", id="global-ipv6"),
        pytest.param((LINK_LOCAL,), {}, "fail", id="link-local-alone"),
        pytest.param((), {}, "fail", id="none"),
        pytest.param((), {"flags": 0x1002}, "warn", id="set-down"),
    ],
)
def test_a_direct_nic_must_have_one(
    addresses: tuple[str, ...], changes: dict[str, Any], status: str
) -> None:
    """There is no other interface to carry it."""
    assert judge(a_machine(), _direct(*addresses, **changes)).status == status


def test_what_dpdk_left_behind_does_not_fail() -> None:
    """Its synthetic NIC is in user space: the VF that stayed is DPDK's and has no address."""
    machine = a_machine(vmbus=(a_netvsc_device(driver="uio_hv_generic"),))
    assert judge(machine, _direct()).status in ("skip", "warn")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("x'; reboot; '", id="quote"),
        pytest.param("x$(reboot)", id="substitution"),
        pytest.param("x`reboot`", id="backticks"),
        pytest.param("x;reboot", id="semicolon"),
    ],
)
def test_a_hostile_name_does_not_break_out_of_a_command(name: str) -> None:
    """Whatever a machine calls its VF stays one word of each command."""
    vf = a_vf(name=name, addresses=("10.0.0.4/24",))
    remedy = judge(a_machine(), a_nic(vf=vf)).remedy or ""
    for line in remedy.split("\n"):
        if line.startswith("  "):
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            assert not {"reboot", ";"} & set(lexer)
            assert "$(reboot" not in line.replace(shlex.quote(name), "")


@pytest.mark.parametrize(
    ("address", "local"),
    [
        pytest.param("fe80::1", True, id="fe80"),
        pytest.param("fe80", False, id="no-colon"),
        pytest.param("fe8::1", False, id="three-digits"),
        pytest.param("", False, id="empty"),
    ],
)
def test_only_fe80_is_link_local(address: str, local: bool) -> None:
    """fe80::/10, four digits and a colon."""
    assert is_link_local(address) is local


def test_the_check_is_required() -> None:
    """Its failure is the verdict's."""
    assert (CHECK.id, CHECK.level) == ("vf-unaddressed", "required")


def test_a_direct_nic_in_a_bond_needs_no_address() -> None:
    """The bond carries it."""
    nic = a_nic(netdev=a_vf(master="bond0", addresses=()), vf=None, direct=True)
    assert judge(a_machine(), nic).status == "skip"
