"""Transmit really goes by the VF.

hv_netvsc counts a packet in vf_tx_* when it hands it to the VF, and in
tx_queue_N_* when it sends it over VMBus.  Receive proves nothing: SYN and
broadcast always arrive by the synthetic path.  Idle is not failure.
"""

from __future__ import annotations

from accelnet_agent.commands import bounce, do, look_again, pair_anew, set_up
from accelnet_agent.data import remedies
from accelnet_agent.datapath import is_admin_down, link_of
from accelnet_agent.findings import Check, failed, passed, skipped, unknown, warned
from accelnet_probes.snapshot import Gap, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Json, Judgement
    from accelnet_agent.machine import Machine, Nic


def judge(machine: Machine, nic: Nic) -> Judgement:
    if nic.direct and machine.given_to_user_space:
        return skipped(f"{nic.name} is what DPDK left of a pair: the kernel sends nothing by it")
    if is_admin_down(nic.netdev):
        return warned(f"{nic.name} is set down", remedy=do("Set it up:", set_up(nic.name)))
    if nic.direct:
        return passed(f"{nic.name} is a direct NIC: there is no other path")
    return _judge_pair(nic)


def _judge_pair(nic: Nic) -> Judgement:
    vf = need(nic.vf)
    if vf is None:
        return skipped(f"no VF is paired with {nic.name}")
    link = link_of(vf)
    path = nic.datapath
    evidence: dict[str, Json] = {"datapath": path.state, **path.witnesses}
    if nic.window is not None:
        evidence["window"] = {"seconds": nic.window.seconds, **nic.window.growth}
    if not isinstance(link, Gap) and link != "up":
        return skipped(f"{vf.name} is not up: see vf-up", **evidence)
    if path.state == "synthetic":
        return failed(
            path.why,
            remedy=do("Let hv_netvsc switch again:", *bounce(vf.name))
            + "\n"
            + do("If it stays so, let the VF be paired anew:", *pair_anew(vf))
            + "\n"
            + remedies.NEWEST_KERNEL,
            **evidence,
        )
    if path.state == "switching":
        return warned(path.why, remedy=remedies.WAIT, **evidence)
    if path.state == "unknown":
        return unknown(
            f"where {nic.name} sends could not be seen: {path.why}",
            remedy=look_again(path.why),
            **evidence,
        )
    if not path.proven and "switched from VF" in str(path.witnesses.get("last_switch", "")):
        return warned(
            f"{vf.name} is up, but the kernel log's last word is that the data path left it",
            remedy=do("Let traffic prove it:", "ping -c 5 GATEWAY & accelnet-check --window 5")
            + "\n"
            + do("If it goes by the synthetic path:", *bounce(vf.name)),
            **evidence,
        )
    return passed(path.why, **evidence)


CHECK = Check(
    id="vf-datapath",
    title="Transmit goes by the VF",
    level="required",
    judge_nic=judge,
    settles=True,
    each_time=True,
)
