"""The VF is joined to its synthetic NIC: lower/master link, same MAC.

hv_netvsc joins a VF by its serial number, by its permanent MAC, or both,
depending on the kernel (netvsc_drv.c, get_netvsc_byslot).  Another receive
handler on the VF (bridge, bond, team, macvlan, Open vSwitch) prevents it.
"""

from __future__ import annotations

from accelnet_agent.commands import do, pair_anew, quoted
from accelnet_agent.data import remedies
from accelnet_agent.findings import Check, failed, passed, skipped
from accelnet_probes.snapshot import known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Judgement
    from accelnet_agent.machine import Machine, Nic
    from accelnet_probes.snapshot import Netdev

NOT_JOINED = ("not-matched", "handler-refused", "master-refused", "namespace-refused")


def judge(machine: Machine, nic: Nic) -> Judgement:
    if nic.direct:
        return skipped(f"{nic.name} is a direct NIC: it has no synthetic partner")
    vf = need(nic.vf)
    if vf is None:
        return _unpaired(machine, nic)
    mac, vf_mac = need(nic.netdev.mac), need(vf.mac)
    if mac and vf_mac and mac != vf_mac:
        return failed(
            f"{vf.name} is joined to {nic.name}, but their MAC addresses differ",
            remedy=do(
                f"Give {nic.name} back the address that it was made with; the VF follows:",
                f"sudo ip link set {quoted(nic.name)} address "
                f"$(ethtool -P {quoted(nic.name)} | cut -d' ' -f3)",
            ),
            mac=mac,
            vf_mac=vf_mac,
        )
    return passed(f"{vf.name} is joined to {nic.name}", vf=vf.name, mac=mac)


def _unpaired(machine: Machine, nic: Nic) -> Judgement:
    netdevs = {netdev.name: netdev for netdev in known(machine.snapshot.netdevs) or ()}
    for name in nic.orphans:
        if name in netdevs:
            return _not_joined(machine, nic, netdevs[name])
    return skipped(f"no VF of {nic.name} is there to be joined")


def _not_joined(machine: Machine, nic: Nic, vf: Netdev) -> Judgement:
    lines = [event.line for event in machine.events if event.kind in NOT_JOINED]
    evidence = {"vf": vf.name, "mac": known(vf.mac), **({"kernel_log": lines[-1]} if lines else {})}
    master = known(vf.master)
    if master is not None:
        return failed(
            f"{vf.name} has the MAC of {nic.name}, but belongs to {master}",
            remedy=do(
                f"Take it out of {master} (put {nic.name} there), and let it be paired anew:",
                f"sudo ip link set {quoted(vf.name)} nomaster",
                *pair_anew(vf),
            ),
            **evidence,
            master=master,
        )
    if any(event.kind == "namespace-refused" for event in machine.events):
        return failed(
            f"{vf.name} could not follow {nic.name} into its network namespace",
            remedy=do(
                "Give the VF a name of its own, and let it be paired anew (Linux 6.12 moves both):",
                f"sudo ip link set {quoted(vf.name)} name vf-{quoted(nic.name)}",
                *pair_anew(vf),
            ),
            **evidence,
        )
    return failed(
        f"{vf.name} has the MAC of {nic.name}, but is not joined to it",
        remedy=do(
            "Let it be paired anew (traffic goes on by the synthetic path meanwhile):",
            *pair_anew(vf),
        )
        + "\n"
        + remedies.NEWEST_KERNEL,
        **evidence,
    )


CHECK = Check(
    id="vf-paired",
    title="The VF is joined to its synthetic NIC",
    level="required",
    judge_nic=judge,
    settles=True,
)
