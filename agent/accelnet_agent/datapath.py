"""Where a NIC's packets go now: the VF, the synthetic path, or "could not be seen".

hv_netvsc counts a packet in vf_tx_* when it hands it to the VF, and in
tx_queue_N_* when it sends it over VMBus (netvsc_drv.c, netvsc_start_xmit).
There is no attribute for the switch itself.  Receive proves nothing: SYN and
broadcast always come by the synthetic path.
"""

from __future__ import annotations

from accelnet_probes.record import Record
from accelnet_probes.snapshot import Gap, known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    from accelnet_probes.snapshot import LogEvent, Netdev, Observed

    State = Literal["vf", "synthetic", "switching", "no_vf", "orphan_vf", "direct", "unknown"]
    Link = Literal["up", "down", "no-carrier"]

NOT_RUNNING = ("down", "lowerlayerdown", "notpresent", "dormant", "testing")  # RFC 2863
IFF_UP = 0x1  # <linux/if.h>
VF_COUNTERS = ("vf_rx_packets", "vf_rx_bytes", "vf_tx_packets", "vf_tx_bytes", "vf_tx_dropped")
_QUEUES = {  # name in `window` -> the per-queue counters that it sums
    f"synthetic_{way}_{unit}": (f"{way}_queue_", f"_{unit}")
    for way in ("rx", "tx")
    for unit in ("packets", "bytes")
}
SWITCHING_SECONDS = 5.0  # a switch that recent may lie within the window
ARRIVALS = ("registering", "joined")
SWITCHES = ("switched-to", "switched-from", "switch-to-failed")


class Window(Record):
    """Growth of the counters between two samples; None where one is not there or restarted."""

    seconds: float
    growth: Mapping[str, int | None]


class DataPath(Record):
    """The state, why, and whether traffic in the window proved it."""

    state: State
    why: str
    proven: bool = False
    witnesses: Mapping[str, str | int] = {}


DIRECT = DataPath(state="direct", why="it has no synthetic partner")


def link_of(netdev: Netdev) -> Observed[Link]:
    """Administrative and operational state (RFC 2863); sysfs flags have no IFF_RUNNING."""
    flags, operstate = known(netdev.flags), known(netdev.operstate)
    if flags is not None and not flags & IFF_UP:
        return "down"
    if operstate in ("up", "unknown"):  # "unknown": the driver does not say, the link is usable
        return (
            "up" if flags is not None or operstate == "up" else Gap(asked=True, why=_unseen(netdev))
        )
    if operstate in NOT_RUNNING:
        return "no-carrier" if flags is not None else "down"
    return Gap(asked=True, why=_unseen(netdev))


def _unseen(netdev: Netdev) -> str:
    for fact in (netdev.operstate, netdev.flags):
        if isinstance(fact, Gap):
            return fact.why
    return f"{netdev.name} has no operstate that says whether it is up"


def is_admin_down(netdev: Netdev) -> bool:
    """The operator (or a boot script) has set it down; False where that is not known."""
    flags = known(netdev.flags)
    return flags is not None and not flags & IFF_UP


def last_statistics(netdev: Netdev) -> Mapping[str, int]:
    """The last sample's; empty where it was not observed."""
    return (known(netdev.samples[-1].statistics) if netdev.samples else None) or {}


def counters_of(netdev: Netdev) -> dict[str, int]:
    """The five vf_* that the driver has, of the last sample.

    By exact name, for there is cpu0_vf_rx_packets beside vf_rx_packets.
    """
    statistics = last_statistics(netdev)
    return {name: statistics[name] for name in VF_COUNTERS if name in statistics}


def window_of(netdev: Netdev, seconds: float | None) -> Window | None:
    """How much each counter grew; None with one sample, or where one was not observed."""
    if seconds is None or len(netdev.samples) < 2:
        return None
    before, after = (known(sample.statistics) for sample in netdev.samples[:2])
    # hv_netvsc answers with zeros while the device is made anew.
    if not before or not after or (is_zero(after) and not is_zero(before)):
        return None
    growth = {name: grown(before, after, name) for name in VF_COUNTERS}
    for name, (prefix, suffix) in _QUEUES.items():
        growth[name] = _sum_grown(before, after, prefix, suffix)
    return Window(seconds=seconds, growth=growth)


def is_zero(statistics: Mapping[str, int]) -> bool:
    """No counter has counted anything."""
    found: bool | None = getattr(statistics, "is_zero", None)  # Statistics knows without a loop
    return not any(statistics.values()) if found is None else found


def grown(before: Mapping[str, int], after: Mapping[str, int], name: str) -> int | None:
    """Growth of one counter; None where it is missing or went backwards."""
    if name not in before or name not in after or after[name] < before[name]:
        return None
    return after[name] - before[name]


def _sum_grown(
    before: Mapping[str, int], after: Mapping[str, int], prefix: str, suffix: str
) -> int | None:
    parts = [grown(before, after, name) for name in queue_counters(after, prefix, suffix)]
    return sum(part or 0 for part in parts) if parts and None not in parts else None


def queue_counters(statistics: Mapping[str, int], prefix: str, suffix: str) -> tuple[str, ...]:
    """The names of one counter of every queue: the prefix, a number, the suffix."""
    # Statistics remember it with their names, which a daemon sees again and again.
    groups: dict[object, tuple[str, ...]] = getattr(statistics, "groups", {})
    if (prefix, suffix) not in groups:
        groups[prefix, suffix] = _queue_counters(statistics, prefix, suffix)
    return groups[prefix, suffix]


def _queue_counters(statistics: Mapping[str, int], prefix: str, suffix: str) -> tuple[str, ...]:
    return tuple(
        name
        for name in statistics
        if name.startswith(prefix)
        and name.endswith(suffix)
        and name[len(prefix) : -len(suffix)].isdecimal()
    )


def sum_of_queues(statistics: Mapping[str, int], prefix: str, suffix: str) -> int | None:
    """One counter of every queue together; None where there is no such counter."""
    names = queue_counters(statistics, prefix, suffix)
    return sum(statistics[name] for name in names) if names else None


def judge(
    netdev: Netdev,
    vf: Observed[Netdev | None],
    orphans: Sequence[str],
    window: Window | None,
    events: Sequence[LogEvent],
    *,
    pci_readable: bool,
) -> DataPath:
    """The first rung that holds (docs/architecture.md, "The data path")."""
    if isinstance(vf, Gap):
        return DataPath(state="unknown", why=vf.why)
    if vf is None:
        if orphans:
            return DataPath(state="orphan_vf", why=f"{orphans[0]} is there and is not joined to it")
        if pci_readable:
            return DataPath(state="no_vf", why="no VF is paired with it")
        return DataPath(state="unknown", why="no VF is paired, and the PCI bus could not be read")
    link = link_of(vf)
    if link in ("down", "no-carrier"):
        state = "is down" if link == "down" else "has no carrier"
        return DataPath(state="synthetic", why=f"{vf.name} {state}")
    statistics = netdev.samples[-1].statistics if netdev.samples else None
    if isinstance(statistics, Gap) and statistics.asked:
        return DataPath(state="unknown", why=statistics.why)
    if statistics is None and netdev.samples:
        # hv_netvsc always has some; it counts none while the device is made anew.
        return DataPath(state="unknown", why=f"{netdev.name} gave no statistics")
    sent, past = (
        (window.growth["vf_tx_packets"], window.growth["synthetic_tx_packets"])
        if window is not None
        else (None, None)
    )
    if sent:
        return DataPath(state="vf", why=f"{vf.name} sent {sent} packets in the window", proven=True)
    if sent == 0 and past and link == "up":
        return DataPath(
            state="synthetic",
            why=f"{past} packets were sent past {vf.name} in the window",
            proven=True,
        )
    return _without_traffic(netdev, vf, link, events)


def _is_elsewhere(vf: Netdev) -> bool:
    """In a container without the host's network its names are unknown, or other interfaces'."""
    statistics = vf.samples[-1].statistics if vf.samples else None
    return isinstance(statistics, Gap) and statistics.asked and statistics.why.endswith("ENODEV")


def _without_traffic(
    netdev: Netdev, vf: Netdev, link: Observed[Link], events: Sequence[LogEvent]
) -> DataPath:
    """Idle, or one sample: the next witnesses."""
    last: LogEvent | None = None
    for event in events:
        if event.kind in SWITCHES:
            last = event
        elif event.kind in ARRIVALS:
            last = None  # a VF that came anew: what was said of the one before is over
    witnesses: dict[str, str | int] = {"proof": "not proven by traffic"}
    statistics = last_statistics(netdev)
    if "vf_tx_packets" in statistics:
        witnesses["vf_tx_packets_since_boot"] = statistics["vf_tx_packets"]
    if last is not None:
        witnesses["last_switch"] = last.line
    if last is not None and last.kind == "switch-to-failed":
        return DataPath(
            state="synthetic",
            why=f"the kernel could not switch the data path to {vf.name}",
            witnesses=witnesses,
        )
    if link == "up" and _is_elsewhere(vf):
        return DataPath(
            state="unknown",
            why=f"/sys has {vf.name}, and the kernel knows no such interface here (ENODEV): it has "
            "just left, or /sys is of another network namespace",
        )
    if link == "up":
        return DataPath(
            state="vf",
            why=f"{vf.name} is joined and up; not proven by traffic",
            witnesses=witnesses,
        )
    if last is not None and last.age is not None and last.age <= SWITCHING_SECONDS:
        return DataPath(
            state="switching", why="the data path is being switched", witnesses=witnesses
        )
    return DataPath(state="unknown", why=_unseen(vf), witnesses=witnesses)
