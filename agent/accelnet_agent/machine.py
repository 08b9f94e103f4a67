"""The machine as the checks see it: NICs with their VFs, VF functions, what is expected.

Pure derivation from the snapshot.  Names of interfaces mean nothing here:
a NIC is what hv_netvsc drives, a VF is an Ethernet function of a known vendor
or what is linked below a synthetic NIC.
"""

from __future__ import annotations

from accelnet_agent import datapath, functions, proof
from accelnet_agent.expectation import Expectation, expected
from accelnet_probes.record import Record, replace
from accelnet_probes.snapshot import (
    NETVSC_CLASS,
    NOTHING_SENT,
    PASS_THROUGH_CLASS,
    Gap,
    known,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from accelnet_agent.data.known_issues import KnownIssue
    from accelnet_agent.datapath import DataPath, Window
    from accelnet_agent.expectation import Expect
    from accelnet_agent.functions import Function
    from accelnet_probes.snapshot import (
        KernelDrivers,
        KernelLog,
        LogEvent,
        Module,
        Netdev,
        Observed,
        Sent,
        Snapshot,
        VmbusDevice,
        Watch,
    )


SERVICING_SECONDS = 300.0  # LISA waits as long for a VF before it fails
# What the agent watches for, and the seconds in which what such an event began may be half done:
# a driver's probe, the join and the link of a VF that came; its driver that lets go of a VF that
# is about to leave.
SETTLING = {"registering": 10.0, "unregistering": 10.0, "switched-to": 2.0, "switched-from": 2.0}


class Nic(Record):
    """A synthetic NIC and the VF paired with it, or a direct NIC."""

    netdev: Netdev
    vf: Observed[Netdev | None]
    direct: bool
    orphans: tuple[str, ...]  # unpaired VF netdevs of its MAC, VF functions that can only be its
    datapath: DataPath
    window: Window | None
    events: tuple[LogEvent, ...]  # of the kernel log and the agent's watch; () without either
    sent: Observed[Sent] = NOTHING_SENT  # to prove the data path

    @property
    def name(self) -> str:
        """The interface's name: the subject of its findings."""
        return self.netdev.name


class Machine(Record):
    """All that a check may ask."""

    snapshot: Snapshot
    azure: bool | None
    nics: tuple[Nic, ...]
    functions: tuple[Function, ...]
    expectation: Expectation = Expectation()
    known_issues: tuple[KnownIssue, ...] = ()  # the operator's, beside the catalogue's
    grace: float = SERVICING_SECONDS  # how long a VF may be away before its absence counts

    @property
    def expect(self) -> Expect:
        """Whether the NICs should have a VF."""
        return self.expectation.value

    def is_recent(self, event: LogEvent) -> bool:
        """So young that the host may still be in servicing; False where its age is not known."""
        return event.age is not None and event.age < self.grace

    @property
    def witness(self) -> Observed[KernelLog | Watch]:
        """What tells of the past: the agent's watch, where there is none the kernel log."""
        watch = known(self.snapshot.watch)
        return self.snapshot.kernel_log if watch is None else watch

    @property
    def settling(self) -> LogEvent | None:
        """What the agent saw a VF do just now: what is half done is not wrong yet."""
        watch = known(self.snapshot.watch)
        for event in reversed(watch.events if watch is not None else ()):
            within = min(SETTLING.get(event.kind, 0.0), self.grace)
            if event.age is not None and event.age < within:
                return event
        return None

    @property
    def events(self) -> tuple[LogEvent, ...]:
        """What the kernel log tells, oldest first; () where there is none."""
        log = known(self.snapshot.kernel_log)
        return log.events if log is not None else ()

    def module(self, name: str) -> Module | None:
        """What is known of a kernel module; None where the modules were not looked up."""
        tree = known(self.snapshot.modules)
        for module in tree.modules if tree is not None else ():
            if module.name == name:
                return module
        return None

    @property
    def running_kernel(self) -> KernelDrivers | None:
        """The running kernel's drivers, and what forbids them; None where not looked up."""
        host = known(self.snapshot.next_host)
        kernels = host.kernels if host is not None else ()
        return next((kernel for kernel in kernels if kernel.running), None)

    @property
    def netvsc_devices(self) -> tuple[VmbusDevice, ...]:
        """The VMBus devices that are synthetic NICs, whatever drives them."""
        devices = known(self.snapshot.vmbus) or ()
        return tuple(device for device in devices if device.class_id == NETVSC_CLASS)

    @property
    def unseen(self) -> tuple[Netdev, ...]:
        """Interfaces whose driver could not be seen, so that they may be NICs."""
        netdevs = known(self.snapshot.netdevs) or ()
        told = (_told_by_its_bus(netdev, self.snapshot) for netdev in netdevs)
        return tuple(netdev for netdev in told if isinstance(netdev.driver, Gap))

    @property
    def unused_devices(self) -> tuple[str, ...]:
        """Pass-through devices that VMBus offers and nothing drives: none of them has left."""
        return tuple(device.guid for device in self.without_function if device.driver is None)

    @property
    def pass_through_devices(self) -> tuple[VmbusDevice, ...]:
        """What VMBus offers as pass-through devices."""
        devices = known(self.snapshot.vmbus) or ()
        return tuple(device for device in devices if device.class_id == PASS_THROUGH_CLASS)

    @property
    def without_function(self) -> tuple[VmbusDevice, ...]:
        """The pass-through devices of which no PCI function came.

        By the GUID in a function's path.  Some trees have shorter paths: then as many
        devices are taken to be there as there are functions of unknown origin outside
        domain 0000, which is the emulated devices'.
        """
        offered, functions = self.pass_through_devices, known(self.snapshot.pci)
        if functions is None:
            return ()
        paths = {function.address: (function.path or "").lower() for function in functions}
        without = [d for d in offered if not any(d.guid in path for path in paths.values())]
        others = [
            address
            for address, path in paths.items()
            if not address.startswith("0000:") and not any(d.guid in path for d in offered)
        ]
        return tuple(without[len(others) :])

    @property
    def netvsc_elsewhere(self) -> bool:
        """More synthetic NICs are driven than are to be seen: other network namespaces."""
        here = sum(n.driver == "hv_netvsc" for n in known(self.snapshot.netdevs) or ())
        driven = [
            device
            for device in self.netvsc_devices
            if device.driver == "hv_netvsc" or isinstance(device.driver, Gap)
        ]
        return len(driven) > here

    @property
    def given_to_user_space(self) -> bool:
        """DPDK's netvsc PMD drives a synthetic NIC (uio_hv_generic)."""
        return any(device.driver == "uio_hv_generic" for device in self.netvsc_devices)


def build(
    snapshot: Snapshot,
    expect: Expect = "auto",
    interfaces: Collection[str] = (),
    *,
    grace: float = SERVICING_SECONDS,
) -> Machine:
    """Derive the machine; with `interfaces`, only those NICs and what may be theirs."""
    azure = is_azure(snapshot)
    found = functions.of(snapshot)
    netdevs = known(snapshot.netdevs) or ()
    netdevs = tuple(_told_by_its_bus(netdev, snapshot) for netdev in netdevs)
    synthetic = [netdev for netdev in netdevs if netdev.driver == "hv_netvsc"]
    names = {netdev.name for netdev in synthetic}
    vf_netdevs = [
        netdev
        for netdev in netdevs
        if netdev.name not in names and functions.is_vf_netdev(netdev, found, snapshot)
    ]
    paired = {netdev.name: _paired(netdev, netdevs, vf_netdevs) for netdev in synthetic}
    owners = {
        vf.name: name for name, vf in paired.items() if vf is not None and not isinstance(vf, Gap)
    }
    orphans = _orphans(synthetic, paired, vf_netdevs, owners, found)
    nics = [
        _nic(snapshot, netdev, paired[netdev.name], orphans[netdev.name]) for netdev in synthetic
    ]
    unseen = any(isinstance(netdev.driver, Gap) for netdev in netdevs)
    if azure is True and not unseen:  # what could not be told may be its partner
        nics += [
            _nic(snapshot, netdev, None, (), direct=True)
            for netdev in vf_netdevs
            if netdev.name not in owners
            and not isinstance(netdev.master, Gap)
            and _has_no_partner(netdev, synthetic)
        ]
    if interfaces:
        others = {nic.name for nic in nics if nic.name not in interfaces}
        others |= {vf for vf, owner in owners.items() if owner in others}
        nics = [nic for nic in nics if nic.name in interfaces]
        one_lacks = any(not nic.direct and known(nic.vf) is None for nic in nics)
        found = tuple(
            function
            for function in found
            if (one_lacks if not (below := known(function.pci.netdevs)) else set(below) - others)
        )
    return Machine(
        snapshot=snapshot,
        azure=azure,
        nics=tuple(nics),
        functions=found,
        expectation=expected(expect, snapshot),
        grace=grace,
    )


def is_azure(snapshot: Snapshot) -> bool | None:
    """Whether this is an Azure VM; None where neither DMI nor IMDS can tell."""
    dmi, instance = known(snapshot.dmi), known(snapshot.instance)
    if instance is not None or (dmi is not None and dmi.is_azure):
        return True
    if dmi is None:
        return None
    if dmi.chassis_asset_tag or dmi.sys_vendor not in (None, "", "Microsoft Corporation"):
        return False
    return None


def _told_by_its_bus(netdev: Netdev, snapshot: Snapshot) -> Netdev:
    """Only hv_netvsc makes netdevs on VMBus: so much is known where no driver was seen."""
    device = known(netdev.device)
    if isinstance(netdev.driver, str) or device is None:
        return netdev
    for other in known(snapshot.vmbus) or ():
        if other.guid == device.lower() and other.class_id in (NETVSC_CLASS, None):
            return replace(netdev, driver="hv_netvsc")
    return netdev


def _paired(
    netdev: Netdev, netdevs: Collection[Netdev], vf_netdevs: Collection[Netdev]
) -> Observed[Netdev | None]:
    """The netdev that the kernel links below `netdev` (netdev_master_upper_dev_link)."""
    by_name = {other.name: other for other in netdevs}
    below = known(netdev.lower) or ()
    for name in below:
        if name in by_name:
            return by_name[name]
    for other in netdevs:
        if other.master == netdev.name or netdev.name in (known(other.upper) or ()):
            return other
    if below:
        return Gap(asked=True, why=f"{below[0]}, linked below {netdev.name}, went away meanwhile")
    unseen = [vf for vf in vf_netdevs if isinstance(vf.master, Gap)]
    if isinstance(netdev.lower, Gap) and (unseen or not vf_netdevs):
        return netdev.lower
    return None


def _orphans(
    synthetic: Collection[Netdev],
    paired: Mapping[str, Observed[Netdev | None]],
    vf_netdevs: Collection[Netdev],
    owners: Mapping[str, str],
    found: Collection[Function],
) -> dict[str, tuple[str, ...]]:
    """What is there for each NIC and not joined to it."""
    lacking = [netdev for netdev in synthetic if paired[netdev.name] is None]
    just_one = len(lacking) == 1 and not any(isinstance(vf, Gap) for vf in paired.values())
    free = tuple(function.pci.address for function in found if function.pci.netdevs == ())
    result: dict[str, tuple[str, ...]] = {netdev.name: () for netdev in synthetic}
    for netdev in lacking:
        same = tuple(
            vf.name for vf in vf_netdevs if vf.name not in owners and macs_of(netdev) & macs_of(vf)
        )
        result[netdev.name] = same or (free if just_one else ())
    return result


def _has_no_partner(netdev: Netdev, synthetic: Collection[Netdev]) -> bool:
    macs = macs_of(netdev)
    return not synthetic or (
        bool(macs)
        and all(isinstance(other.mac, str) and not macs & macs_of(other) for other in synthetic)
    )


def macs_of(netdev: Netdev) -> set[str]:
    """Its address and its permanent one: hv_netvsc pairs by the latter."""
    found = {known(netdev.mac), *(known(sample.permanent_mac) for sample in netdev.samples)}
    return {mac for mac in found if mac}


def _nic(
    snapshot: Snapshot,
    netdev: Netdev,
    vf: Observed[Netdev | None],
    orphans: tuple[str, ...],
    *,
    direct: bool = False,
) -> Nic:
    events = _events_of(snapshot, netdev)
    window = datapath.window_of(netdev, snapshot.window_seconds)
    sent = proof.sent_by(snapshot, netdev.name)
    path = (
        datapath.DIRECT
        if direct
        else datapath.judge(
            netdev,
            vf,
            orphans,
            window,
            _of_this_boot(events, known(snapshot.uptime)),
            pci_readable=not isinstance(snapshot.pci, Gap),
        )
    )
    if not isinstance(sent, Gap):
        path = proof.demanded(path, netdev.name, vf, window, sent)
    return Nic(
        netdev=netdev,
        vf=vf,
        direct=direct,
        orphans=orphans,
        datapath=path,
        window=window,
        events=events,
        sent=sent,
    )


def _events_of(snapshot: Snapshot, netdev: Netdev) -> tuple[LogEvent, ...]:
    """The log's and the agent's, oldest first; what the agent watches for is not told twice."""
    log, watch = known(snapshot.kernel_log), known(snapshot.watch)
    told = tuple(
        event for event in (log.events if log is not None else ()) if _concerns(event, netdev)
    )
    if watch is None:
        return told
    seen = [
        event
        for event in told
        if event.kind not in SETTLING or event.age is None or event.age > watch.seconds
    ]
    seen += (event for event in watch.events if event.nic == netdev.name)
    return tuple(sorted(seen, key=_since_boot))


def _since_boot(event: LogEvent) -> float:
    """By the clock of this boot; what is of an earlier one comes first, in its order."""
    return event.uptime if event.uptime is not None else float("-inf")


def _of_this_boot(events: tuple[LogEvent, ...], uptime: float | None) -> tuple[LogEvent, ...]:
    """Without what an agent remembers of a boot before: each has a data path of its own."""
    return tuple(
        event
        for event in events
        if uptime is None or event.uptime is not None or event.age is None or event.age < uptime
    )


def _concerns(event: LogEvent, netdev: Netdev) -> bool:
    """By the VMBus instance GUID where the line has one: names change between lines."""
    if event.guid is not None and isinstance(netdev.device, str):
        return event.guid == netdev.device.lower()
    return event.nic == netdev.name
