"""The drivers of every NIC that the next host may have are there.

A stop and start, or a redeployment, may land the VM on a host with another
NIC: ConnectX-3 (mlx4_core, and mlx4_en for the netdev), ConnectX-4 Lx and 5
(mlx5_core), MANA (mana).  pci_hyperv makes the PCI device of each.  A driver
that is missing then is silent: traffic goes by the synthetic path.
"""

from __future__ import annotations

from accelnet_agent.checks.vf_expected import by_design
from accelnet_agent.commands import do, quoted
from accelnet_agent.data import pci_ids
from accelnet_agent.drivers import Trouble, troubles_of
from accelnet_agent.findings import Check, passed, skipped, unknown, warned
from accelnet_probes.snapshot import Gap, known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Json, Judgement
    from accelnet_agent.machine import Machine
    from accelnet_probes.snapshot import KernelDrivers, NextHost, Observed

HARDWARE = {
    "mlx4_en": "ConnectX-3",
    "mlx5_core": "ConnectX-4 Lx and 5",
    "mana": "MANA",
    "pci_hyperv": "any VF",
}


def judge(machine: Machine) -> Judgement:
    if machine.expect == "off":
        return skipped("no VF is expected, on this host or the next")
    reason = by_design(machine)
    if reason is not None:
        return skipped(f"no host gives this VM a VF: {reason}")
    if machine.azure is False:
        return skipped("this is not Azure: which NICs its hosts have is not known")
    host = need(machine.snapshot.next_host)
    override = _overridden(machine)
    if override is not None:
        return override
    evidence = _evidence(host)
    judged, gaps = _judged(machine, host)
    for kernel, troubles in judged:
        if troubles and (not isinstance(host.boots, Gap) or kernel.running):
            return _warned(kernel, troubles, host, evidence)
    if isinstance(host.boots, Gap) and any(troubles for _, troubles in judged):
        lacking = ", ".join(kernel.release for kernel, troubles in judged if troubles)
        return unknown(
            f"which kernel boots next can not be told: {host.boots.why}; {lacking} lacks drivers",
            remedy=do("Read it as root:", "sudo accelnet-check"),
            **evidence,
        )
    if gaps:
        need(gaps[0])
    releases = " and ".join(f"{kernel.release} ({_role(kernel, host)})" for kernel, _ in judged[:2])
    return passed(
        f"mlx4_en, mlx5_core, mana and pci_hyperv are there for kernel {releases}", **evidence
    )


def _judged(
    machine: Machine, host: NextHost
) -> tuple[list[tuple[KernelDrivers, list[Trouble]]], list[Gap]]:
    judged: list[tuple[KernelDrivers, list[Trouble]]] = []
    gaps: list[Gap] = []
    for kernel in host.kernels:
        tree = kernel.tree
        if isinstance(tree, Gap):
            if kernel.running and tree.asked and kernel.release not in host.installed:
                judged.append((kernel, [_tables_gone(kernel)]))
            else:
                gaps.append(tree)
            continue
        troubles, unseen = troubles_of(machine, host, kernel, tree)
        gaps += unseen
        judged.append((kernel, troubles))
    return judged, gaps


def _tables_gone(kernel: KernelDrivers) -> Trouble:
    return Trouble(
        driver="every driver",
        module="",
        what=f"the modules of the running kernel {kernel.release} are no longer on the disk",
        remedy=do("Reboot into an installed kernel:", "sudo systemctl reboot"),
    )


def _role(kernel: KernelDrivers, host: NextHost) -> str:
    next_one = not isinstance(host.boots, Gap) and kernel.release == host.boots.release
    if kernel.running:
        return "running, and boots next" if next_one else "running"
    return "boots next" if next_one else "installed"


def _overridden(machine: Machine) -> Judgement | None:
    """driver_override, as driverctl sets it for good: the VF's own driver will not have it."""
    for function in machine.functions:
        override = function.pci.driver_override
        if override and override != function.driver and override in pci_ids.USERSPACE_DRIVERS:
            if machine.given_to_user_space:
                continue
            return warned(
                f"driver_override gives {function.pci.address} to {override}, not to its own "
                f"driver",
                remedy=do(
                    "If DPDK does not use it:",
                    f"sudo driverctl unset-override {quoted(function.pci.address)}",
                ),
                driver_override=override,
            )
    return None


def _warned(
    kernel: KernelDrivers, troubles: list[Trouble], host: NextHost, evidence: dict[str, Json]
) -> Judgement:
    first = troubles[0]
    hardware = HARDWARE.get(first.driver, "any VF")
    others = ", ".join(trouble.driver for trouble in troubles[1:])
    more = f", and there is trouble with {others} too" if others else ""
    which = "" if kernel.release in first.what else f"kernel {kernel.release}, "
    return warned(
        f"on a host with {hardware} there would be no accelerated networking: {first.what}{more} "
        f"({which}{_role(kernel, host)})",
        remedy="\n".join(dict.fromkeys(trouble.remedy for trouble in troubles)),
        **evidence,
        troubles=[f"{trouble.driver}: {trouble.what}" for trouble in troubles],
    )


def _evidence(host: NextHost) -> dict[str, Json]:
    boots: Observed[str] = host.boots if isinstance(host.boots, Gap) else host.boots.release
    evidence: dict[str, Json] = {
        "boots_next": f"not told: {boots.why}" if isinstance(boots, Gap) else boots,
        "kernels": {
            f"{kernel.release} ({_role(kernel, host)})": _found(kernel) for kernel in host.kernels
        },
        "initramfs": "not looked into: no driver of a VF is needed to find the root"
        if host.network_root is None
        else f"not looked into, and / is on the network ({host.network_root}): "
        "the synthetic NIC carries it until the VF's driver is loaded",
    }
    if not isinstance(host.boots, Gap):
        evidence["boots_next_by"] = host.boots.why
    others = [
        release
        for release in host.installed
        if release not in {kernel.release for kernel in host.kernels}
    ]
    if others:
        evidence["other_kernels"] = others
    return evidence


def _found(kernel: KernelDrivers) -> dict[str, Json]:
    tree = kernel.tree
    if isinstance(tree, Gap):
        return {"tables": tree.why}
    found: dict[str, Json] = {}
    for module in tree.modules:
        found[module.name] = (
            "built in"
            if module.builtin is True
            else kernel.blocked.get(module.name)
            or known(module.file)
            or (f"gone: {module.gone}" if module.gone else "not there")
        )
    if not tree.indexed:
        found["modules.dep"] = "not there: files are those of modules.order, depmod has not run"
    if kernel.ethernet is None:
        found["CONFIG_MLX5_CORE_EN"] = "not seen"
    return found


CHECK = Check(
    id="next-host-drivers",
    title="The drivers of any NIC that the next host may have are there",
    level="recommended",
    judge_host=judge,
)
