"""The VF has the MTU of its synthetic NIC.

hv_netvsc accepts up to 65521, Mellanox VFs less, MANA 9000: if the MTU was
raised while the VF was away, joining it again only warns.
"""

from __future__ import annotations

from accelnet_agent.commands import do, quoted
from accelnet_agent.findings import Check, failed, passed, skipped, unknown
from accelnet_probes.snapshot import known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Judgement
    from accelnet_agent.machine import Machine, Nic


def judge(machine: Machine, nic: Nic) -> Judgement:
    if nic.direct:
        return skipped(f"{nic.name} is a direct NIC: it has no synthetic partner")
    vf = need(nic.vf)
    if vf is None:
        return skipped(f"no VF is paired with {nic.name}")
    mtu, vf_mtu = need(nic.netdev.mtu), need(vf.mtu)
    if mtu is None or vf_mtu is None:
        missing = nic.name if mtu is None else vf.name
        return unknown(
            f"{missing} has no MTU that could be read",
            remedy=do("See what it says:", f"cat /sys/class/net/{quoted(missing)}/mtu"),
        )
    if mtu == vf_mtu:
        return passed(f"both have MTU {mtu}", mtu=mtu)
    lines = [
        event.line
        for event in machine.events
        if event.kind == "mtu-refused" and event.pci_address == known(vf.device)
    ]
    return failed(
        f"{nic.name} has MTU {mtu}, {vf.name} has {vf_mtu}",
        remedy=do(
            f"Set it on {nic.name}, which sets both; first another value, for it must change (the "
            "NIC pauses for some seconds each time):",
            f"sudo ip link set {quoted(nic.name)} mtu {vf_mtu}",
            f"sudo ip link set {quoted(nic.name)} mtu {mtu}",
        ),
        mtu=mtu,
        vf_mtu=vf_mtu,
        **({"kernel_log": lines[-1]} if lines else {}),
    )


CHECK = Check(
    id="vf-mtu", title="The VF has the NIC's MTU", level="required", judge_nic=judge, settles=True
)
