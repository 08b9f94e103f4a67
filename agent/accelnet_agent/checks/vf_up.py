"""The VF is up and running.

A VF that is down keeps the data path on the synthetic NIC.  hv_netvsc sets it
up when it joins it; ifdown, NetworkManager or networkd set it down.
"""

from __future__ import annotations

from accelnet_agent.commands import bounce, do, quoted, set_up
from accelnet_agent.data import remedies
from accelnet_agent.datapath import is_admin_down, link_of
from accelnet_agent.findings import Check, failed, passed, skipped, warned
from accelnet_probes.snapshot import known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Judgement
    from accelnet_agent.machine import Machine, Nic


def judge(machine: Machine, nic: Nic) -> Judgement:
    if nic.direct and machine.given_to_user_space:
        return skipped(f"{nic.name} is what DPDK left of a pair: DPDK sets its link")
    if is_admin_down(nic.netdev):
        return warned(
            f"{nic.name} itself is set down",
            remedy=do("Set it up, if it should be used:", set_up(nic.name)),
        )
    vf = nic.netdev if nic.direct else need(nic.vf)
    if vf is None:
        return skipped(f"no VF is paired with {nic.name}")
    link = need(link_of(vf))
    evidence = {"operstate": known(vf.operstate), "flags": _hex(known(vf.flags))}
    if link == "down":
        return failed(
            f"{vf.name} is set down, so {nic.name} sends by the synthetic path",
            remedy=do(
                "Set it up, and find what set it down: it must leave VFs alone:",
                set_up(vf.name),
                f"journalctl -b | grep {quoted(vf.name)}",
            ),
            **evidence,
        )
    if link == "no-carrier":
        return failed(
            f"{vf.name} is up and has no carrier",
            remedy=do("Set it down and up:", *bounce(vf.name)) + "\n" + remedies.REDEPLOY,
            **evidence,
        )
    return passed(f"{vf.name} is up", **evidence)


def _hex(flags: int | None) -> str | None:
    return None if flags is None else hex(flags)


CHECK = Check(
    id="vf-up", title="The VF is up and running", level="required", judge_nic=judge, settles=True
)
