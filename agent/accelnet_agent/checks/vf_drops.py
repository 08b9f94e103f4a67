"""The VF drops nothing: growth in the window, never lifetime values.

vf_tx_dropped counts what the VF's queue refused (netvsc_vf_xmit).  The VF
driver's own error counters are those of data/error_counters.py.
"""

from __future__ import annotations

from accelnet_agent.commands import do, pair_anew, quoted
from accelnet_agent.data import error_counters, pci_ids, remedies
from accelnet_agent.datapath import grown, last_statistics, queue_counters
from accelnet_agent.findings import Check, passed, skipped, warned
from accelnet_probes.snapshot import known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Judgement
    from accelnet_agent.machine import Machine, Nic
    from accelnet_probes.snapshot import LogEvent, Netdev


TIMED_OUT = 3600.0  # seconds: a transmit queue that did since then is told


def judge(machine: Machine, nic: Nic) -> Judgement:
    vf = nic.netdev if nic.direct else need(nic.vf)
    if vf is None:
        return skipped(f"no VF is paired with {nic.name}")
    stuck = _timed_out(machine, vf)
    if stuck is not None:
        return warned(
            f"a transmit queue of {vf.name} timed out: {stuck.detail}",
            remedy=do(
                "If it happens again: the VF's driver or its firmware is stuck; bind it anew, and "
                "open a support case with a recording:",
                *pair_anew(vf),
                remedies.SUPPORT,
            ),
            kernel_log=stuck.line,
        )
    if machine.snapshot.window_seconds is None:
        return skipped("one sample shows no growth")
    if not gives_statistics(vf):
        return skipped(f"the driver of {vf.name} gives no statistics")
    refused = growth_of(nic.netdev, ("vf_tx_dropped",))
    growing = refused | growth_of(vf, _counters(vf))
    if growing:
        name, count = max(growing.items(), key=lambda item: item[1])
        counts = nic.name if name in refused else vf.name
        return warned(
            f"{vf.name} drops: {name} grew by {count} in {machine.snapshot.window_seconds:g} s",
            remedy=do("Watch it:", f"ethtool -S {quoted(counts)} | grep {name}")
            + "\n"
            + do(
                "More channels help against bursts (the VF pauses for a moment):",
                f"ethtool -l {quoted(vf.name)}",
                f"sudo ethtool -L {quoted(vf.name)} combined COUNT",
            ),
            **growing,
        )
    return passed(f"no drop or error counter of {vf.name} grew")


def _timed_out(machine: Machine, vf: Netdev) -> LogEvent | None:
    """The last hour's "TX timeout" of the VF, by its name or its function."""
    for event in reversed(machine.events):
        its = event.vf == vf.name or event.pci_address == known(vf.device) is not None
        if event.kind == "tx-timeout" and its and event.age is not None and event.age <= TIMED_OUT:
            return event
    return None


def _counters(vf: Netdev) -> tuple[str, ...]:
    driver = known(vf.driver) or ""
    driver = pci_ids.OTHER_NAMES.get(driver, driver)
    statistics = last_statistics(vf)
    per_queue = [
        queue_counters(statistics, prefix, suffix)
        for prefix, suffix in error_counters.VF_QUEUES.get(driver, ())
    ]
    return (*error_counters.VF.get(driver, ()), *(name for names in per_queue for name in names))


def gives_statistics(netdev: Netdev) -> bool:
    """The driver has some; MissingFactsError where they were refused."""
    return all(need(sample.statistics) is not None for sample in netdev.samples)


def growth_of(netdev: Netdev, names: tuple[str, ...]) -> dict[str, int]:
    """The counters of `names` that grew between the two samples, with how much."""
    if len(netdev.samples) < 2:
        return {}
    before, after = need(netdev.samples[0].statistics), need(netdev.samples[1].statistics)
    if before is None or after is None:
        return {}
    return {name: count for name in names if (count := grown(before, after, name))}


CHECK = Check(
    id="vf-drops",
    title="The VF drops nothing",
    level="recommended",
    judge_nic=judge,
    each_time=True,
)
