"""A pass-through device that VMBus offers has become a PCI device.

pci_hyperv makes the PCI bus below it.  Without it lspci is empty and the VF
that the host has assigned never appears; only VMBus, and hv_netvsc's line
"VF slot N added", tell.
"""

from __future__ import annotations

from accelnet_agent.commands import allow_module, do, quoted
from accelnet_agent.data import remedies
from accelnet_agent.findings import Check, failed, passed, skipped, warned
from accelnet_probes.snapshot import Gap, known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Judgement
    from accelnet_agent.machine import Machine, Nic
    from accelnet_probes.snapshot import LogEvent

BECAME_A_VF = ("registering", "joined", "switched-to", "unregistering", "slot-removed")
LOAD = do(
    "Load pci_hyperv, now and at boot; where this kernel has none, install the distribution's "
    "azure or generic kernel:",
    "sudo modprobe pci_hyperv",
    "echo pci_hyperv | sudo tee /etc/modules-load.d/pci_hyperv.conf",
)


def judge(machine: Machine) -> Judgement:
    need(machine.snapshot.pci)
    unbound = list(machine.unused_devices)
    if unbound:
        return _unbound(machine, unbound)
    promised = [(nic, event) for nic in machine.nics if (event := _promised(machine, nic))]
    if promised:
        return _never_came(machine, *promised[0])
    for device in need(machine.snapshot.vmbus):
        need(device.class_id)
    without = machine.without_function
    for device in without:
        if isinstance(device.driver, Gap) and device.driver.asked:
            need(device.driver)
    if without:
        return failed(
            f"VMBus offers pass-through device {without[0].guid}, but no PCI device came of it",
            remedy=do(
                "It may have been removed: let the kernel look for it again:",
                "echo 1 | sudo tee /sys/bus/pci/rescan",
            )
            + "\n"
            + do("See what pci_hyperv says of it:", "sudo dmesg | grep hv_pci")
            + "\n"
            + remedies.NEWEST_KERNEL,
            without_pci_device=[device.guid for device in without],
            **_said(machine, without[0].guid),
        )
    offered = machine.pass_through_devices
    if not offered:
        return skipped("VMBus offers no pass-through device")
    return passed(f"each of {len(offered)} pass-through devices has become a PCI device")


def _unbound(machine: Machine, unbound: list[str]) -> Judgement:
    if machine.nics and all(nic.direct or known(nic.vf) is not None for nic in machine.nics):
        return warned(
            f"pass-through device {unbound[0]} has no driver; each NIC has its VF all the same",
            remedy=do("See what it is:", f"ls -l /sys/bus/vmbus/devices/{quoted(unbound[0])}"),
            unbound=unbound,
        )
    because, remedy = _why(machine, unbound[0])
    return failed(
        f"VMBus offers pass-through device {unbound[0]} and nothing drives it: {because}",
        remedy=remedy,
        unbound=unbound,
        **_said(machine, unbound[0]),
    )


def _said(machine: Machine, guid: str) -> dict[str, str]:
    """The kernel's last word about the device."""
    kinds = ("pass-through-failed", "domain-collision")
    lines = [event.line for event in machine.events if event.kind in kinds and event.guid == guid]
    return {"kernel_log": lines[-1]} if lines else {}


def _why(machine: Machine, guid: str) -> tuple[str, str]:
    """Why it has no driver, as far as the modules tell, and what to do."""
    module = machine.module("pci_hyperv")
    if module is None or not (module.loaded is True or isinstance(module.builtin, bool)):
        return "pci_hyperv should", LOAD
    if module.loaded is True or module.builtin is True:
        said = _said(machine, guid).get("kernel_log")
        because = (
            f"pci_hyperv failed: {said}" if said else "pci_hyperv is there and has not taken it"
        )
        return because, do(
            "Let it take the device, and see what it says:",
            f"echo {quoted(guid)} | sudo tee /sys/bus/vmbus/drivers/hv_pci/bind",
            "sudo dmesg | grep hv_pci",
        )
    if module.file is None and module.builtin is False:
        return "this kernel has no pci_hyperv", LOAD
    running = machine.running_kernel
    if running is not None and module.name in running.blocked:
        why = running.blocked[module.name]
        return f"pci_hyperv is blacklisted by {why}", allow_module(module.name, why)
    return "pci_hyperv is not loaded", LOAD


def _promised(machine: Machine, nic: Nic) -> LogEvent | None:
    """The line that gave this NIC a VF slot of which nothing came."""
    if nic.direct or nic.vf is not None or nic.orphans:
        return None
    paired = {vf.name for other in machine.nics if (vf := known(other.vf)) is not None}
    if any(not paired.issuperset(known(f.pci.netdevs) or ("",)) for f in machine.functions):
        return None  # it became a PCI device: the other findings say what is wrong with it
    last: LogEvent | None = None
    for event in nic.events:
        if event.kind == "slot-added":
            last = event
        elif event.kind in BECAME_A_VF:
            last = None
    return last


def _never_came(machine: Machine, nic: Nic, event: LogEvent) -> Judgement:
    if machine.is_recent(event):
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


CHECK = Check(
    id="vmbus-passthrough",
    title="Each pass-through device has become a PCI device",
    level="required",
    judge_host=judge,
    settles=True,
)
