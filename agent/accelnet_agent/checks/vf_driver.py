"""Each Ethernet VF is bound to its own driver and has a netdev.

An unbound VF is silent: traffic goes on by the synthetic path and the portal
says "enabled".  mlx4_core alone gives no netdev, mlx4_en does.  What is bound
to vfio-pci is DPDK's, or a mistake.
"""

from __future__ import annotations

from accelnet_agent.commands import (
    allow_module,
    clear_override,
    do,
    give_back,
    install_driver,
    into_initramfs,
    probe_again,
    quoted,
    rebind,
)
from accelnet_agent.data import pci_ids, remedies
from accelnet_agent.findings import Check, failed, passed, skipped, unknown, warned
from accelnet_probes.snapshot import known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Judgement
    from accelnet_agent.functions import Function
    from accelnet_agent.machine import Machine
    from accelnet_probes.snapshot import LogEvent

BLACKLISTS = "grep -rE 'blacklist|install' /etc/modprobe.d /usr/lib/modprobe.d"


def judge(machine: Machine, function: Function) -> Judgement:
    driver = need(function.pci.driver)
    if driver is None:
        return _unbound(machine, function)
    if driver in pci_ids.USERSPACE_DRIVERS:
        return _in_user_space(machine, function, driver)
    if not need(function.pci.netdevs):
        return _without_netdev(machine, function, driver)
    if function.driver not in (None, driver):
        return warned(
            f"{function.name} is bound to {driver}, not to its own {function.driver}",
            remedy=do(
                "Find out what brought that driver, and whether it is meant:",
                f"modinfo {quoted(driver)}",
            ),
            driver=driver,
        )
    return passed(f"{function.name} is bound to {driver}", driver=driver, family=function.family)


def _unbound(machine: Machine, function: Function) -> Judgement:
    address = function.pci.address
    wanted = function.driver or "its driver"
    evidence: dict[str, str | bool] = {
        "device": f"{known(function.pci.vendor_id)}:{known(function.pci.device_id)}",
        "family": function.family,
        **_module_evidence(machine, function),
        **_log_evidence(machine, address),
    }
    told = _told(machine, function, evidence)
    if told is not None:
        return told
    because, remedy = _why_not_loaded(machine, wanted) or (
        None,
        do(
            "Load its module and let it probe:",
            f"sudo modprobe {function.driver or _by_alias(address)}",
            probe_again(address),
        )
        + "\n"
        + do("If that module is not loaded at boot, look for what forbids it:", BLACKLISTS),
    )
    return failed(
        f"no driver is bound to {function.name}" + (f": {because}" if because else ""),
        remedy=remedy,
        **evidence,
    )


def _told(
    machine: Machine, function: Function, evidence: dict[str, str | bool]
) -> Judgement | None:
    """What the kernel's log, or an override, says about why nothing is bound."""
    address = function.pci.address
    disabled = _disabled(machine, function)
    if disabled is not None:
        return failed(
            f"the PCI core refused {function.name}: this kernel has its hardware disabled",
            remedy=remedies.OTHER_KERNEL,
            **evidence,
            kernel_log=disabled.line,
        )
    override = function.pci.driver_override
    if override is not None and override != function.driver:  # that one's refusal is not the VF's
        return failed(
            f"no driver is bound to {function.name}: driver_override asks for {override}",
            remedy=do(
                "Clear the override, unless something here sets it on purpose:",
                clear_override(address),
                probe_again(address),
            ),
            **evidence,
            driver_override=override,
        )
    if "probe_failed" in evidence:
        return failed(
            f"the driver probe of {function.name} failed: {evidence['probe_failed']}",
            remedy=do("Let the driver try again:", probe_again(address))
            + "\n"
            + remedies.NEWEST_KERNEL,
            **evidence,
        )
    return None


def _disabled(machine: Machine, function: Function) -> LogEvent | None:
    """RHEL's "Disabled Hardware is detected: <driver>:<vendor>:<device> @ <address>"."""
    ids = f"{known(function.pci.vendor_id)}:{known(function.pci.device_id)}"
    for event in machine.events:
        detail = (event.detail or "").lower()
        if event.kind == "hardware-disabled" and (ids in detail or function.pci.address in detail):
            return event
    return None


def _why_not_loaded(machine: Machine, name: str) -> tuple[str, str] | None:
    """Why a module is not there, with its own remedy; None where nothing tells."""
    module, release = machine.module(name), known(machine.snapshot.os_release)
    if module is None or module.loaded is True:
        return None
    if module.gone is not None:
        kernel = known(machine.snapshot.kernel_release)
        return f"the file of {name} is gone ({module.gone})", install_driver(release, name, kernel)
    if module.builtin is False and module.file is None:
        host = known(machine.snapshot.next_host)
        if host is not None and host.in_initramfs:
            return f"{name} is not in the initramfs", into_initramfs()
        return f"this kernel has no {name}", install_driver(release, name)
    running = machine.running_kernel
    if module.builtin is False and running is not None and name in running.blocked:
        why = running.blocked[name]
        return f"{name} is blacklisted by {why}", allow_module(name, why)
    return None


def _by_alias(address: str) -> str:
    return f"$(cat /sys/bus/pci/devices/{quoted(address)}/modalias)"


def _module_evidence(machine: Machine, function: Function) -> dict[str, str | bool]:
    evidence: dict[str, str | bool] = {}
    module = machine.module(function.driver) if function.driver is not None else None
    if module is not None:
        loaded, file = known(module.loaded), known(module.file)
        if loaded is not None:
            evidence["module_loaded"] = loaded
        if module.builtin is True:
            evidence["module"] = f"{module.name} is built in"
        elif file is not None:
            evidence["module"] = file
        elif module.builtin is False and module.file is None:
            evidence["module"] = f"{module.name} is neither built in nor in modules.dep"
    tree = known(machine.snapshot.modules)
    matches = tree.by_alias.get(function.pci.modalias or "") if tree is not None else None
    if matches is not None:
        evidence["modules_for_this_id"] = ", ".join(matches) or "none"
    return evidence


def _log_evidence(machine: Machine, address: str) -> dict[str, str]:
    evidence: dict[str, str] = {}
    for event in machine.events:
        if event.pci_address == address and event.kind in ("probe-failed", "firmware"):
            evidence[event.kind.replace("-", "_")] = event.line
    return evidence


def _in_user_space(machine: Machine, function: Function, driver: str) -> Judgement:
    address = function.pci.address
    if machine.given_to_user_space:
        return skipped(
            f"{function.name} and its synthetic NIC are given to user space (DPDK)", driver=driver
        )
    return failed(
        f"{function.name} is bound to {driver}, so the kernel sends nothing by it",
        remedy=do(
            "If DPDK does not use it, give it back to the kernel:",
            *give_back(address, driver),
        ),
        driver=driver,
    )


def _without_netdev(machine: Machine, function: Function, driver: str) -> Judgement:
    if machine.netvsc_elsewhere:  # net/ shows only what is in our network namespace
        return unknown(
            f"{driver} is bound to {function.name}; its netdev may be in another network namespace",
            remedy=remedies.ON_THE_VM,
            driver=driver,
        )
    own = _by_its_modules(machine, function, driver)
    if own is not None:
        return own
    address = function.pci.address
    if driver not in pci_ids.DRIVERS and function.driver is not None:
        return failed(
            f"{function.name} is bound to {driver}, not to its own {function.driver}",
            remedy=do(
                "Give it back, unless something here holds it on purpose:",
                *give_back(address, driver),
            ),
            driver=driver,
        )
    if driver not in pci_ids.DRIVERS:
        return warned(
            f"{driver}, unknown to accelnet, is bound to {function.name}; it has no netdev",
            remedy=do(
                "Find out what bound it:", f"ls -l /sys/bus/pci/devices/{quoted(address)}/driver"
            ),
            driver=driver,
        )
    return failed(
        f"{driver} is bound to {function.name}, but it has no netdev",
        remedy=do("Bind it again:", *rebind(address, driver)) + "\n" + remedies.NEWEST_KERNEL,
        driver=driver,
        **_log_evidence(machine, address),
    )


def _by_its_modules(machine: Machine, function: Function, driver: str) -> Judgement | None:
    """A driver of which the part that makes the netdev is missing."""
    if driver == "mlx4_core":
        because, remedy = _why_not_loaded(machine, "mlx4_en") or (
            "mlx4_en is missing",
            do("Load it:", "sudo modprobe mlx4_en"),
        )
        return failed(
            f"mlx4_core is bound to {function.name}, but it has no netdev: {because}",
            remedy=remedy,
            driver=driver,
            **_module_evidence(machine, function),
            **_log_evidence(machine, function.pci.address),
        )
    running = machine.running_kernel
    if driver == "mlx5_core" and running is not None and running.ethernet is False:
        return failed(
            f"mlx5_core is bound to {function.name}, but was built without Ethernet",
            remedy=remedies.OTHER_KERNEL,
            driver=driver,
        )
    return None


CHECK = Check(
    id="vf-driver",
    title="Each VF has its own driver and a netdev",
    level="required",
    judge_function=judge,
    settles=True,
)
