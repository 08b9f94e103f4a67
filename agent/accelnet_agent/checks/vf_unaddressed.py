"""A paired VF has no address of its own; a direct NIC has one.

DHCP on the VF gives two interfaces one IP address and a route past the pair:
connections die when the VF leaves.  fe80:: is normal: the kernel makes it of
the MAC, which both have, so both may even have the same.
"""

from __future__ import annotations

from accelnet_agent.commands import do, quoted, set_up
from accelnet_agent.datapath import is_admin_down
from accelnet_agent.findings import Check, failed, passed, skipped, warned
from accelnet_probes.snapshot import known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Judgement
    from accelnet_agent.machine import Machine, Nic
    from accelnet_probes.snapshot import Netdev

KEEP_AWAY = (
    "Keep the network manager from VFs: install azure-vm-utils 0.6.0 or later, whose udev rule "
    "leaves them unmanaged; or for now"
)


def judge(machine: Machine, nic: Nic) -> Judgement:
    if nic.direct and machine.given_to_user_space:
        return skipped(f"{nic.name} is what DPDK left of a pair: it carries no address")
    if nic.direct:
        return _judge_direct(nic)
    vf = need(nic.vf)
    if vf is None:
        return skipped(f"no VF is paired with {nic.name}")
    routable = [address for address in need(vf.addresses) if not is_link_local(address)]
    both = sorted(
        {_ip(address) for address in routable}
        & {_ip(address) for address in known(nic.netdev.addresses) or ()}
    )
    if not routable:
        return passed(f"{vf.name} has no address of its own", addresses=list(need(vf.addresses)))
    return failed(
        f"{vf.name} has the address {', '.join(routable)}"
        + (f", as {nic.name} has" if both else ""),
        remedy=_remedy(vf),
        addresses=list(need(vf.addresses)),
        of_both=both,
    )


def _judge_direct(nic: Nic) -> Judgement:
    master = known(nic.netdev.master)
    if master is not None:
        return skipped(f"{nic.name} belongs to {master}, which carries its addresses")
    addresses = need(nic.netdev.addresses)
    if any(not is_link_local(address) for address in addresses):
        return passed(f"{nic.name} has its own address, as a direct NIC must")
    if is_admin_down(nic.netdev):
        return warned(
            f"{nic.name} is a direct NIC, set down and without an address",
            remedy=do("Set it up, and configure it (DHCP):", set_up(nic.name)),
        )
    return failed(
        f"{nic.name} is a direct NIC and has no address: there is no other interface to carry it",
        remedy=do(
            f"Configure {nic.name} (DHCP) in netplan, NetworkManager or networkd; a rule that "
            "leaves VFs unmanaged must not match it."
        ),
        addresses=list(addresses),
    )


def is_link_local(address: str) -> bool:
    """fe80::/10; an IPv4 address never is, of 169.254.0.0/16 neither (F8)."""
    first, colon, _ = address.lower().partition(":")
    return bool(colon) and len(first) == 4 and first[:3] in ("fe8", "fe9", "fea", "feb")


def _ip(address: str) -> str:
    return address.partition("/")[0].lower()


def _remedy(vf: Netdev) -> str:
    name = quoted(vf.name)
    return "\n".join(
        (
            KEEP_AWAY,
            do("with NetworkManager:", f"sudo nmcli device set {name} managed no"),
            do(
                "with networkd (no direct NIC must match it):",
                "sudo mkdir -p /run/systemd/network",
                f"printf '[Match]\\nName=%s\\n[Link]\\nUnmanaged=yes\\n' {name} | "
                "sudo tee /run/systemd/network/01-vf.network",
                "sudo networkctl reload",
            ),
            do(
                "Then take the address away (a session that goes by it breaks):",
                f"sudo ip -4 address flush dev {name}",
                f"sudo ip -6 address flush dev {name} scope global",
            ),
        )
    )


CHECK = Check(
    id="vf-unaddressed",
    title="The VF has no address of its own",
    level="required",
    judge_nic=judge,
    settles=True,
)
