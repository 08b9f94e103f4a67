"""Each Ethernet VF is bound to its own driver and has a netdev.

An unbound VF is silent: traffic goes on by the synthetic path and the portal
says "enabled".  mlx4_core alone gives no netdev, mlx4_en does.  What is bound
to vfio-pci is DPDK's, or a mistake.
"""

from __future__ import annotations

from accelnet_agent.commands import (
    clear_override,
    do,
    give_back,
    install_driver,
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
    evidence = {
        "device": f"{known(function.pci.vendor_id)}:{known(function.pci.device_id)}",
        "family": function.family,
        **_module_evidence(machine, function),
        **_log_evidence(machine, address),
    }
    if "probe_failed" in evidence:
        return failed(
            f"the driver of {function.name} refused it: {evidence['probe_failed']}",
            remedy=do("Let the driver try again:", probe_again(address))
            + "\n"
            + remedies.NEWEST_KERNEL,
            **evidence,
        )
    override = function.pci.driver_override
    if override is not None:
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
    module = machine.module(wanted)
    if (
        module is not None
        and module.file is None
        and module.builtin is False
        and not known(module.loaded)
    ):
        return failed(
            f"no driver is bound to {function.name}: this kernel has no {wanted}",
            remedy=install_driver(known(machine.snapshot.os_release), wanted),
            **evidence,
        )
    return failed(
        f"no driver is bound to {function.name}",
        remedy=do(
            "Load its module and let it probe:",
            f"sudo modprobe {function.driver or _by_alias(address)}",
            probe_again(address),
        )
        + "\n"
        + do("If that module is not loaded at boot, look for what forbids it:", BLACKLISTS),
        **evidence,
    )


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
    lines = [
        event.line
        for event in machine.events
        if event.kind == "probe-failed" and event.pci_address == address
    ]
    return {"probe_failed": lines[-1]} if lines else {}


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
    if driver == "mlx4_core":
        return failed(
            f"mlx4_core is bound to {function.name}, but it has no netdev: mlx4_en is missing",
            remedy=do("Load it:", "sudo modprobe mlx4_en"),
            driver=driver,
            **_module_evidence(machine, function),
            **_log_evidence(machine, function.pci.address),
        )
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


CHECK = Check(
    id="vf-driver",
    title="Each VF has its own driver and a netdev",
    level="required",
    judge_function=judge,
    settles=True,
)
