"""The NIC and its VF have more than one channel where there is more than one CPU.

hv_netvsc goes on with a single channel where sub-channels can not be had
(netvsc_attach, "if unavailable, just proceed with one queue").
"""

from __future__ import annotations

from accelnet_agent.commands import do, quoted
from accelnet_agent.findings import Check, passed, skipped, warned
from accelnet_probes.snapshot import need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Json, Judgement
    from accelnet_agent.machine import Machine, Nic
    from accelnet_probes.snapshot import Channels, Netdev

MEMORY = (
    do(
        "It got no more when it was made: look for why, and reboot where memory was short:",
        "sudo dmesg | grep -E 'hv_netvsc|sub channel|allocation failure'",
    )
    + "\n"
    + do(
        "or let the kernel make large pages free, and try again:",
        "echo 1 | sudo tee /proc/sys/vm/compact_memory",
    )
)


def judge(machine: Machine, nic: Nic) -> Judgement:
    cpus = need(machine.snapshot.cpu_count)
    vf = need(nic.vf)
    found = {
        netdev.name: queues
        for netdev in (nic.netdev, vf)
        if netdev is not None and (queues := _queues(netdev)) is not None
    }
    if not found or cpus is None:
        return skipped(f"the driver of {nic.name} does not tell its channels")
    few = [name for name, (current, _) in found.items() if current == 1 < cpus]
    evidence: dict[str, Json] = {"cpus": cpus}
    evidence |= {name: current for name, (current, _) in found.items()}
    failed = [event for event in nic.events if event.kind == "sub-channel-failed"]
    if failed:
        evidence["kernel_log"] = failed[-1].line
    if failed and few == [nic.name]:
        return warned(
            f"{nic.name} has one channel for {cpus} CPUs: {failed[-1].detail}",
            remedy=MEMORY,
            **evidence,
        )
    if few:
        return warned(
            f"{few[0]} has one channel for {cpus} CPUs",
            remedy=_use_more(few[0], min(cpus, found[few[0]][1])),
            **evidence,
        )
    shown = ", ".join(f"{name} {current}" for name, (current, _) in found.items())
    return passed(f"channels: {shown}; CPUs: {cpus}", **evidence)


def _use_more(name: str, most: int) -> str:
    if most > 1:
        return do(
            "Use more (the NIC pauses for some seconds):",
            f"sudo ethtool -L {quoted(name)} combined {most}",
        )
    return MEMORY


def _queues(netdev: Netdev) -> tuple[int, int] | None:
    """Channels in use and at most, or None where the driver does not tell."""
    channels = need(netdev.samples[-1].channels) if netdev.samples else None
    if channels is None:
        return None
    return _transmit(channels)


def _transmit(channels: Channels) -> tuple[int, int]:
    return (
        channels.combined + max(channels.tx, channels.rx),
        channels.max_combined + max(channels.max_tx, channels.max_rx),
    )


CHECK = Check(
    id="nic-queues",
    title="NIC and VF use more than one channel",
    level="recommended",
    judge_nic=judge,
)
