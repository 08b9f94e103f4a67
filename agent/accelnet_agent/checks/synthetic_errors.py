"""The synthetic NIC drops nothing and no queue of it is stuck: by growth.

Counters of hv_netvsc (netvsc_drv.c, netvsc_stats[]).  A lifetime value, or a
queue stopped once when the device was made anew, means nothing now.
"""

from __future__ import annotations

from accelnet_agent.checks.vf_drops import gives_statistics, growth_of
from accelnet_agent.commands import do, quoted
from accelnet_agent.data import error_counters
from accelnet_agent.findings import Check, passed, skipped, warned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Judgement
    from accelnet_agent.machine import Machine, Nic


def judge(machine: Machine, nic: Nic) -> Judgement:
    if nic.direct:
        return skipped(f"{nic.name} is a direct NIC: it has no synthetic partner")
    stormed = _stormed(nic)
    if stormed is not None:
        return stormed
    if machine.snapshot.window_seconds is None:
        return skipped("one sample shows no growth")
    if not gives_statistics(nic.netdev):
        return skipped(f"the driver of {nic.name} gives no statistics")
    growing = growth_of(nic.netdev, error_counters.SYNTHETIC)
    if growing:
        name, count = max(growing.items(), key=lambda item: item[1])
        return warned(
            f"{nic.name} drops: {name} grew by {count} in {machine.snapshot.window_seconds:g} s",
            remedy=do(
                "Look for memory pressure, and watch it:",
                "sudo dmesg | grep 'allocation failure'",
                f"ethtool -S {quoted(nic.name)} | grep {name}",
            ),
            **growing,
        )
    flow = growth_of(nic.netdev, (error_counters.STOPPED, error_counters.WOKEN))
    if flow.get(error_counters.STOPPED, 0) and not flow.get(error_counters.WOKEN, 0):
        return warned(
            f"a queue of {nic.name} was stopped in the window and not woken",
            remedy=do(
                "Watch it; if stop_queue stays ahead and nothing is sent, only a reboot helps:",
                f"ethtool -S {quoted(nic.name)} | grep -E 'stop_queue|wake_queue'",
            ),
            **flow,
        )
    return passed(f"no error counter of {nic.name} grew")


def _stormed(nic: Nic) -> Judgement | None:
    """By the kernel's log, whatever the counters say."""
    from accelnet_agent.storms import storm_of  # where there is something to judge

    storm = storm_of(nic.events, ("packet-error",))
    if storm is not None:
        return warned(
            f"the host refused packets of {nic.name}: {storm.lines} lines in a minute",
            remedy=do(
                "Look at what the lines say; a packet that the host's switch can not take is often "
                "one that is too large or of a wrong checksum:",
                "sudo dmesg | grep nvsp_rndis_pkt_complete | tail",
                f"ethtool -k {quoted(nic.name)}",
            ),
            lines_in_a_minute=storm.lines,
            kernel_log=storm.last.line,
        )
    return None


CHECK = Check(
    id="synthetic-errors",
    title="The synthetic NIC drops nothing",
    level="recommended",
    judge_nic=judge,
    each_time=True,
)
