"""The metric families that follow from one report: names, labels and values, and no format.

accelnet-check writes them for node_exporter's textfile collector, and
accelnet-agent exposes them.  `device` is the synthetic NIC's name, which stays
while VFs come and go; a direct NIC's own.  What was not observed has no
series: None never becomes 0.
"""

from __future__ import annotations

from accelnet_agent.data import error_counters, pci_ids
from accelnet_agent.datapath import is_zero, last_statistics, link_of, sum_of_queues
from accelnet_agent.functions import of_netdev
from accelnet_agent.report import EXIT_STATUS
from accelnet_agent.summary import WORST_FIRST
from accelnet_agent.version import VERSION
from accelnet_probes.record import Record
from accelnet_probes.snapshot import known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Literal, TypeAlias

    from accelnet_agent.machine import Machine, Nic
    from accelnet_agent.report import Report, Verdict
    from accelnet_probes.snapshot import Netdev

    Samples: TypeAlias = Iterable[tuple[tuple[object, ...], float | None]]

STATES = ("vf", "synthetic", "switching", "no_vf", "orphan_vf", "direct", "unknown")
UNITS = ("packets", "bytes")
WAYS = {"receive": "rx", "transmit": "tx"}


class Family(Record):
    """One metric family; the exposition adds `_total` to a counter's name."""

    name: str
    type: Literal["gauge", "counter"]
    help: str
    labels: tuple[str, ...]
    samples: tuple[tuple[tuple[str, ...], float], ...]  # the labels' values, the value


def families(report: Report) -> tuple[Family, ...]:
    """All families of the report that have samples, in a fixed order."""
    return (*of_state(report), *of_counters(report))


def of_state(report: Report) -> tuple[Family, ...]:
    """What is there and what was found: the same while no finding and no data path changes."""
    return tuple(family for family in _state(report) if family.samples)


def of_counters(report: Report) -> tuple[Family, ...]:
    """What was counted."""
    return tuple(family for family in _counters(report) if family.samples)


def _state(report: Report) -> Iterator[Family]:
    machine = report.machine
    yield from BUILD_INFO
    yield _gauge(
        "host_info",
        "The machine: kernel release, distribution (os-release), and the VM size that the "
        "instance metadata service says.",
        "kernel distro distro_version vm_size",
        [(_host(machine), 1)],
    )
    yield _gauge(
        "nic_info",
        "Each synthetic or direct NIC with its driver, and the VF that is paired with it.",
        "device driver vf vf_driver pci_address family",
        [(_about(nic, machine), 1) for nic in machine.nics],
    )
    yield _gauge(
        "nic_datapath",
        "Where the NIC's packets go: 1 for the one state that holds, 0 for the others.",
        "device state",
        [
            ((nic.name, state), int(state == nic.datapath.state))
            for nic in machine.nics
            for state in STATES
        ],
    )
    yield _verdict(report.verdict)
    yield _gauge(
        "check_status",
        "What each check found: 0 pass, 1 warn, 2 fail, 3 unknown; no series where it was skipped.",
        "check device",
        _statuses(report),
    )


def _counters(report: Report) -> Iterator[Family]:
    machine, counted = report.machine, Counted()
    yield from _traffic(machine.nics, counted)
    yield _counter(
        "synthetic_errors",
        "Packets that the synthetic NIC dropped, by hv_netvsc's own counter.",
        "device reason",
        [
            ((nic.name, name), statistics[name])
            for nic, statistics in _synthetic(machine.nics, counted)
            for name in error_counters.SYNTHETIC
            if name in statistics
        ],
    )
    yield _counter(
        "vf_driver_errors",
        "Drops and recoveries that the VF's driver counts, by its own counter: of all queues "
        "together, and those of a whole MANA function (hc_*) once, at its first NIC.",
        "device reason",
        _driver_errors(machine.nics, counted),
    )


def _verdict(verdict: Verdict) -> Family:
    text = "Whether accelerated networking works: 0 pass, 1 warn, 2 fail, 3 unknown."
    return _gauge("verdict", text, "", [((), EXIT_STATUS[verdict])])


def _host(machine: Machine) -> tuple[object, ...]:
    snapshot = machine.snapshot
    release, instance = known(snapshot.os_release), known(snapshot.instance)
    return (
        known(snapshot.kernel_release),
        release and release.id,
        release and release.version_id,
        instance and instance.vm_size,
    )


def _about(nic: Nic, machine: Machine) -> tuple[object, ...]:
    vf = known(nic.vf)
    below = nic.netdev if nic.direct else vf
    function = of_netdev(below, machine.functions) if below is not None else None
    return (
        nic.name,
        known(nic.netdev.driver),
        vf and vf.name,
        vf and known(vf.driver),
        function.pci.address if function is not None else below and known(below.device),
        function.family if function is not None else below and "unknown",
    )


def _statuses(report: Report) -> Samples:
    """One for each check and subject: the worst, where it has said two things of one."""
    worst: dict[tuple[str, str], str] = {}
    for finding in report.findings:
        if finding.status == "skip":
            continue
        key = (finding.check, finding.subject)
        worst[key] = min(worst.get(key, finding.status), finding.status, key=WORST_FIRST.index)
    return [(key, EXIT_STATUS[status]) for key, status in worst.items()]


def _traffic(nics: Iterable[Nic], counted: Counted) -> Iterator[Family]:
    nics = tuple(nics)
    for way, short in WAYS.items():
        for unit in UNITS:
            yield _counter(
                f"vf_{way}_{unit}",
                f"{unit.capitalize()} by way of the VF: vf_{short}_{unit} of hv_netvsc; of a direct"
                f" NIC {short}_{unit} of its driver, or the sum of {short}_N_{unit}.",
                "device",
                [((nic.name,), _by_vf(nic, short, unit, counted)) for nic in nics],
            )
    yield _counter(
        "vf_transmit_dropped",
        "Packets that the VF refused to send: vf_tx_dropped of hv_netvsc.",
        "device",
        [
            ((nic.name,), statistics.get("vf_tx_dropped"))
            for nic, statistics in _synthetic(nics, counted)
        ],
    )
    for way, short in WAYS.items():
        for unit in UNITS:
            yield _counter(
                f"synthetic_{way}_{unit}",
                f"{unit.capitalize()} past the VF, over VMBus: the sum of {short}_queue_N_{unit} of"
                " hv_netvsc.",
                "device",
                [
                    ((nic.name,), sum_of_queues(statistics, f"{short}_queue_", f"_{unit}"))
                    for nic, statistics in _synthetic(nics, counted)
                ],
            )


def _by_vf(nic: Nic, short: str, unit: str, counted: Counted) -> int | None:
    statistics = counted.of(nic.netdev)
    if not nic.direct:
        return statistics.get(f"vf_{short}_{unit}")
    # mlx4 and mlx5 have totals, mana has queues alone; its hc_* are the whole function's.
    total = statistics.get(f"{short}_{unit}")
    return sum_of_queues(statistics, f"{short}_", f"_{unit}") if total is None else total


def _synthetic(nics: Iterable[Nic], counted: Counted) -> Iterator[tuple[Nic, Mapping[str, int]]]:
    return ((nic, counted.of(nic.netdev)) for nic in nics if not nic.direct)


def _driver_errors(nics: Iterable[Nic], counted: Counted) -> Samples:
    told: set[str] = set()  # functions whose own counters some NIC has
    for nic in sorted(nics, key=lambda nic: nic.name):
        vf = nic.netdev if nic.direct else known(nic.vf)
        if vf is None:
            continue
        function, errors = known(vf.device) or vf.name, _errors(vf, counted)
        for name, value in errors.items():
            if not (name.startswith(error_counters.OF_THE_FUNCTION) and function in told):
                yield (nic.name, name), value
        if any(name.startswith(error_counters.OF_THE_FUNCTION) for name in errors):
            told.add(function)


def _errors(vf: Netdev, counted: Counted) -> dict[str, int | None]:
    driver, statistics = known(vf.driver) or "", counted.of(vf)
    driver = pci_ids.OTHER_NAMES.get(driver, driver)
    found: dict[str, int | None] = {
        name: statistics[name] for name in error_counters.VF.get(driver, ()) if name in statistics
    }
    for prefix, suffix in error_counters.VF_QUEUES.get(driver, ()):
        found[suffix[1:]] = sum_of_queues(statistics, prefix, suffix)
    return found


class Counted:
    """The statistics of each netdev that are worth showing, looked at once."""

    def __init__(self) -> None:
        self._known: dict[int, Mapping[str, int]] = {}  # by the netdev itself, which a report holds

    def of(self, netdev: Netdev) -> Mapping[str, int]:
        """The last sample's; {} where they mean nothing."""
        if id(netdev) not in self._known:
            self._known[id(netdev)] = _counted(netdev)
        return self._known[id(netdev)]


def _counted(netdev: Netdev) -> Mapping[str, int]:
    """The last sample's statistics; none where a driver answers zeros for want of numbers.

    hv_netvsc does while the device is made anew (netvsc_get_ethtool_stats), mana while the
    port is down (mana_get_ethtool_stats).  A counter that falls to zero, and is back at the
    next scrape, would read as that much traffic.
    """
    statistics = last_statistics(netdev)
    if not is_zero(statistics):
        return statistics
    before = (known(sample.statistics) or {} for sample in netdev.samples)
    port_is_down = netdev.driver == "mana" and link_of(netdev) != "up"
    return {} if port_is_down or any(not is_zero(sample) for sample in before) else statistics


def _gauge(name: str, text: str, labels: str, samples: Samples) -> Family:
    return _family(name, "gauge", text, labels, samples)


def _counter(name: str, text: str, labels: str, samples: Samples) -> Family:
    return _family(name, "counter", text, labels, samples)


def _family(
    name: str, kind: Literal["gauge", "counter"], text: str, labels: str, samples: Samples
) -> Family:
    return Family(
        name=f"accelnet_{name}",
        type=kind,
        help=text,
        labels=tuple(labels.split()),
        samples=tuple(
            (tuple(map(_label, values)), value) for values, value in samples if value is not None
        ),
    )


def _label(value: object) -> str:
    """Unknown is the empty label, which Prometheus takes for none; bytes that are no UTF-8 show."""
    text = "" if value is None else str(value)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


BUILD_INFO = (
    _gauge("build_info", "The accelnet that observed this.", "version", [((VERSION,), 1)]),
)
UNOBSERVED = (*BUILD_INFO, _verdict("unknown"))  # all that is known before the first observation
