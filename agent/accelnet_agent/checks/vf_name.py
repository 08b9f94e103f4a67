"""Nothing takes the VF for its synthetic NIC by the MAC that both have.

A persistent-net rule, an ifcfg file with HWADDR, a .link file or a netplan
match by MAC fits the VF as well: udev then renames one over the other, fails
with "Device or resource busy" or leaves it as rename3, and boot waits.
"""

from __future__ import annotations

from accelnet_agent.commands import do, pair_anew, quoted
from accelnet_agent.findings import Check, passed, skipped, unknown, warned
from accelnet_agent.machine import macs_of
from accelnet_probes.snapshot import known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Judgement
    from accelnet_agent.machine import Machine, Nic
    from accelnet_probes.snapshot import Netdev, NetworkSetup

SYNTHETIC = "hv_netvsc"


def judge(machine: Machine, nic: Nic) -> Judgement:
    if nic.direct:
        return skipped(f"{nic.name} is a direct NIC: no other interface has its MAC")
    vf = need(nic.vf)
    if vf is None:
        return skipped(f"no VF is paired with {nic.name}")
    for netdev in (vf, nic.netdev):
        if is_stuck(netdev.name):
            return warned(
                f"{netdev.name} is stuck in the middle of a rename",
                remedy=do(
                    "See who renames it, and let that match by driver hv_netvsc:",
                    "journalctl -b -u systemd-udevd | grep -i rename",
                )
                + "\n"
                + _named_anew(netdev, vf),
            )
    setup = known(machine.snapshot.network_setup)
    if setup is None:
        return passed(f"{vf.name} has a name of its own; what names it was not seen")
    return _by_rules(setup, nic, vf)


def _named_anew(netdev: Netdev, vf: Netdev) -> str:
    if netdev is not vf:
        return "Then reboot."
    return do(
        "Then let udev name it as it comes anew (traffic goes on by the synthetic path meanwhile):",
        *pair_anew(vf),
    )


def is_stuck(name: str) -> bool:
    """The name that udev gives for a moment while two interfaces change places."""
    return name.startswith("rename") and name[6:].isdecimal()


def _by_rules(setup: NetworkSetup, nic: Nic, vf: Netdev) -> Judgement:
    macs = macs_of(vf) | macs_of(nic.netdev)
    caught = [
        rule
        for rule in setup.name_rules
        if rule.mac in macs and rule.driver is None and rule.name != vf.name
    ]
    if caught:
        rule = caught[0]
        names = f"names it {rule.name}" if rule.name else "matches it"
        return warned(
            f"{rule.file} {names} by the MAC that {vf.name} has too",
            remedy=_remedy(rule.file),
            files=[other.file for other in caught],
        )
    if setup.name_generator is not None:
        return warned(
            f"{setup.name_generator} writes rules that bind {vf.name} to a name by its MAC",
            remedy=do(
                "Mask it, and remove what it has written:",
                "sudo ln -sf /dev/null /etc/udev/rules.d/75-persistent-net-generator.rules",
                "sudo rm -f /etc/udev/rules.d/70-persistent-net.rules",
            ),
        )
    if any("netplan" in why for why in setup.refused):
        return unknown(
            f"what names {vf.name} could not be read: {setup.refused[0]}",
            remedy=do("Run it as root:", "sudo accelnet-check"),
        )
    return passed(f"nothing catches {vf.name} by its MAC")


def _remedy(file: str) -> str:
    if "netplan" in file:
        return do(
            f"In {file}, let `match` ask for the driver besides the MAC, then apply it:",
            "#   match: {driver: hv_netvsc, macaddress: ...}",
            "sudo netplan apply",
        )
    if file.endswith(".link"):
        return do(
            f"Add Driver={SYNTHETIC} to [Match] in {file} (netplan: match: driver), and reboot:",
            f"grep -n . {quoted(file)}",
        )
    if "ifcfg-" in file:
        return do("Take HWADDR out; the name is enough:", f"sudo sed -i /^HWADDR/d {quoted(file)}")
    return do("Remove the stale rule, and reboot:", f"sudo rm {quoted(file)}")


CHECK = Check(
    id="vf-name",
    title="Nothing takes the VF for its NIC by the MAC of both",
    level="recommended",
    judge_nic=judge,
)
