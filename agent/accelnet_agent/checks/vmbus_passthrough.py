"""A pass-through device that VMBus offers has become a PCI device.

pci_hyperv makes the PCI bus below it.  Without it lspci is empty and the VF
that the host has assigned never appears; only VMBus, and hv_netvsc's line
"VF slot N added", tell.
"""

from __future__ import annotations

from accelnet_agent.commands import do, quoted
from accelnet_agent.data import remedies
from accelnet_agent.findings import Check, failed, passed, skipped, warned
from accelnet_agent.machine import SERVICING_SECONDS
from accelnet_probes.snapshot import PASS_THROUGH_CLASS, known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Judgement
    from accelnet_agent.machine import Machine, Nic
    from accelnet_probes.snapshot import LogEvent, PciFunction, VmbusDevice

BECAME_A_VF = ("registering", "joined", "switched-to", "unregistering", "slot-removed")
LOAD = do(
    "Load pci_hyperv, now and at boot; where this kernel has none, install the distribution's "
    "azure or generic kernel:",
    "sudo modprobe pci_hyperv",
    "echo pci_hyperv | sudo tee /etc/modules-load.d/pci_hyperv.conf",
)


def judge(machine: Machine) -> Judgement:
    promised = [(nic, event) for nic in machine.nics if (event := _promised(machine, nic))]
    devices = known(machine.snapshot.vmbus)
    offered = [device for device in devices or () if device.class_id == PASS_THROUGH_CLASS]
    unbound = [device.guid for device in offered if device.driver is None]
    if unbound:
        return _unbound(machine, unbound)
    if promised:
        return _never_came(*promised[0])
    need(machine.snapshot.vmbus)
    drivers = [need(device.driver) for device in offered]
    functions = need(machine.snapshot.pci)
    empty = [device.guid for device in offered if not _has_function(device, functions)]
    if empty and not any(function.address[:5] != "0000:" for function in functions):
        return failed(
            f"pci_hyperv drives pass-through device {empty[0]}, but no PCI device came of it",
            remedy=do("See what pci_hyperv says of it:", "sudo dmesg | grep hv_pci")
            + "\n"
            + remedies.NEWEST_KERNEL,
            without_pci_device=empty,
        )
    if not offered:
        return skipped("VMBus offers no pass-through device")
    return passed(
        f"each of {len(offered)} pass-through devices has become a PCI device",
        drivers=sorted({driver for driver in drivers if driver is not None}),
    )


def _unbound(machine: Machine, unbound: list[str]) -> Judgement:
    if machine.nics and all(nic.direct or known(nic.vf) is not None for nic in machine.nics):
        return warned(
            f"pass-through device {unbound[0]} has no driver; each NIC has its VF all the same",
            remedy=do("See what it is:", f"ls -l /sys/bus/vmbus/devices/{quoted(unbound[0])}"),
            unbound=unbound,
        )
    tree = known(machine.snapshot.modules)
    modules = {module.name: module for module in tree.modules} if tree is not None else {}
    module = modules.get("pci_hyperv")
    missing = module is not None and module.file is None and module.builtin is False
    return failed(
        f"VMBus offers pass-through device {unbound[0]} and nothing drives it: pci_hyperv is "
        + ("not in this kernel" if missing else "not loaded"),
        remedy=LOAD,
        unbound=unbound,
    )


def _promised(machine: Machine, nic: Nic) -> LogEvent | None:
    """The line that gave this NIC a VF slot of which nothing came."""
    if nic.direct or nic.vf is not None or nic.orphans:
        return None
    if any(function.pci.netdevs == () for function in machine.functions):
        return None  # it became a PCI device: vf-driver says what is wrong with it
    last: LogEvent | None = None
    for event in nic.events:
        if event.kind == "slot-added":
            last = event
        elif event.kind in BECAME_A_VF:
            last = None
    return last


def _never_came(nic: Nic, event: LogEvent) -> Judgement:
    if event.age is not None and event.age < SERVICING_SECONDS:
        return warned(
            f"the host gave {nic.name} a VF {event.age:.0f} s ago, and it has not come yet",
            remedy=remedies.WAIT,
            line=event.line,
        )
    return failed(
        f"the host gave {nic.name} a VF (slot {event.detail}), but no PCI device or VF came of it",
        remedy=LOAD,
        line=event.line,
    )


def _has_function(device: VmbusDevice, functions: tuple[PciFunction, ...]) -> bool:
    """By the GUID in the function's path, else by the domain made of the GUID.

    hv_get_dom_num (pci-hyperv.c): the second group since 5.4, the fourth before.
    """
    groups = device.guid.split("-")
    domains = {group.lower() for group in groups[1:4:2]}
    return any(
        device.guid in (function.path or "").lower()
        or function.address.partition(":")[0] in domains
        for function in functions
    )


CHECK = Check(
    id="vmbus-passthrough",
    title="Each pass-through device has become a PCI device",
    level="required",
    judge_host=judge,
)
