"""Transmit really goes by the VF.

hv_netvsc counts a packet in vf_tx_* when it hands it to the VF, and in
tx_queue_N_* when it sends it over VMBus.  Receive proves nothing: SYN and
broadcast always arrive by the synthetic path.  Idle is not failure, but with
--active-proof it proves nothing: then the counters must have grown by what was sent.
"""

from __future__ import annotations

from accelnet_agent import proof
from accelnet_agent.commands import bounce, do, look_again, pair_anew, quoted, set_up
from accelnet_agent.data import remedies
from accelnet_agent.datapath import is_admin_down, link_of
from accelnet_agent.findings import Check, failed, passed, skipped, unknown, warned
from accelnet_probes.snapshot import Gap, Sent, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Json, Judgement
    from accelnet_agent.machine import Machine, Nic


def judge(machine: Machine, nic: Nic) -> Judgement:
    if nic.direct and machine.given_to_user_space:
        return skipped(f"{nic.name} is what DPDK left of a pair: the kernel sends nothing by it")
    if is_admin_down(nic.netdev):
        return warned(f"{nic.name} is set down", remedy=do("Set it up:", set_up(nic.name)))
    return _judge_direct(nic) if nic.direct else _judge_pair(nic)


def _judge_direct(nic: Nic) -> Judgement:
    told = f"{nic.name} is a direct NIC: there is no other path"
    evidence = proof.evidence(nic.sent)
    if why := proof.why_none(nic.sent):
        return _nothing_sent(nic, why, evidence)
    if isinstance(nic.sent, Sent):
        grown = proof.own_growth(nic.netdev)
        evidence["tx_packets"] = grown
        if grown is None or grown < nic.sent.packets:
            counted = "none of its counters tells" if grown is None else f"counted {grown}"
            return unknown(
                f"{nic.name} was given {nic.sent.packets} packets to send, and {counted}",
                remedy=_where_they_went(nic),
                **evidence,
            )
        told += f", and it sent {grown} packets in the window"
    return passed(told, **evidence)


def _nothing_sent(nic: Nic, why: str, evidence: dict[str, Json]) -> Judgement:
    return unknown(
        f"nothing could be sent by {nic.name} to prove its path: {why}",
        remedy=do(
            "Give it an address, IPv6 link-local or IPv4, and let the firewall pass UDP port 9 "
            "to ff02::114 or 224.0.0.254; or go without proof:",
            "accelnet-check",
        ),
        **evidence,
    )


def _where_they_went(nic: Nic) -> str:
    return do(
        "Look where the packets went, and try it with a longer window:",
        f"tc -s qdisc show dev {quoted(nic.name)}",
        "accelnet-check --active-proof --window 5",
    )


def _judge_pair(nic: Nic) -> Judgement:
    vf = need(nic.vf)
    if vf is None:
        return skipped(f"no VF is paired with {nic.name}")
    link = link_of(vf)
    path = nic.datapath
    evidence: dict[str, Json] = {
        "datapath": path.state,
        **path.witnesses,
        **proof.evidence(nic.sent),
    }
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
            remedy=_where_they_went(nic) if isinstance(nic.sent, Sent) else look_again(path.why),
            **evidence,
        )
    if not path.proven and (why := proof.why_none(nic.sent)):
        return _nothing_sent(nic, why, evidence)
    if not path.proven and "switched from VF" in str(path.witnesses.get("last_switch", "")):
        return warned(
            f"{vf.name} is up, but the kernel log's last word is that the data path left it",
            remedy=do("Let traffic prove it:", "accelnet-check --active-proof")
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
