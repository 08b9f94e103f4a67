"""What keeps a kernel from driving each of the NICs that Azure's hosts have."""

from __future__ import annotations

from accelnet_agent.commands import allow_module, do, install_driver, quoted
from accelnet_probes.record import Record
from accelnet_probes.snapshot import Gap, known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.machine import Machine
    from accelnet_probes.snapshot import KernelDrivers, Module, ModuleTree, NextHost

# Each driver that must be there, and the modules that it consists of.
WANTED: dict[str, tuple[str, ...]] = {
    "mlx4_en": ("mlx4_core", "mlx4_en"),
    "mlx5_core": ("mlx5_core",),
    "mana": ("mana",),
    "pci_hyperv": ("pci_hyperv",),
}


class Trouble(Record):
    """What keeps one driver of one kernel from being there."""

    driver: str
    module: str
    what: str
    remedy: str


def troubles_of(
    machine: Machine, host: NextHost, kernel: KernelDrivers, tree: ModuleTree
) -> tuple[list[Trouble], list[Gap]]:
    """The kernel's troubles, one a driver, and what could not be seen."""
    by_name = {module.name: module for module in tree.modules}
    troubles: list[Trouble] = []
    gaps: list[Gap] = []
    if not tree.indexed and machine.snapshot.source == "live":
        remedy = do("Index the modules:", f"sudo depmod {quoted(kernel.release)}")
        what = "modules.dep is not there, so no module is found"
        return [Trouble(driver="every driver", module="", what=what, remedy=remedy)], []
    for driver, names in WANTED.items():
        for name in names:
            found = _trouble(machine, host, kernel, by_name[name])
            # Before 5.2 no table has the aliases of what is built in.
            if found is None and by_name[name].builtin is not True:
                found = _unanswered(machine, tree, name)
            if isinstance(found, Gap):
                gaps.append(found)
            elif found is not None:
                what, remedy = found
                troubles.append(Trouble(driver=driver, module=name, what=what, remedy=remedy))
                break
    return troubles, gaps


def _trouble(
    machine: Machine, host: NextHost, kernel: KernelDrivers, module: Module
) -> Gap | tuple[str, str] | None:
    """What keeps one module from being loaded, and the remedy."""
    name = module.name
    builtin, file = module.builtin, module.file
    if builtin is not True:
        if module.gone is not None:
            return (
                f"the file of {name} is gone ({module.gone})",
                install_driver(known(machine.snapshot.os_release), name, kernel.release),
            )
        if isinstance(file, Gap):
            return file
        if file is None:
            if isinstance(builtin, Gap) and builtin.why.endswith(("EACCES", "EPERM", "EIO")):
                return builtin
            return (
                f"kernel {kernel.release} has no {name}",
                install_driver(known(machine.snapshot.os_release), name, None),
            )
        if name in kernel.blocked:
            why = kernel.blocked[name]
            return f"{name} is forbidden by {why}", allow_module(name, why)
        if name in kernel.early and host.network_root is not None:
            why, root = kernel.early[name], host.network_root
            what = f"{name} is kept out of the initramfs ({why}), and / is on the network ({root})"
            return what, allow_module(name, why)
    if name == "mlx5_core" and kernel.ethernet is False:
        return (
            "mlx5_core was built without Ethernet (CONFIG_MLX5_CORE_EN)",
            install_driver(known(machine.snapshot.os_release), name, None),
        )
    return None


def _unanswered(machine: Machine, tree: ModuleTree, name: str) -> tuple[str, str] | None:
    """The kernel finds a driver by its device's alias."""
    from accelnet_probes.hardware import DEVICES  # where there is something to judge

    unanswered = [
        alias
        for driver, alias in DEVICES
        if driver == name and alias in tree.by_alias and not tree.by_alias[alias]
    ]
    wanted = [alias for driver, alias in DEVICES if driver == name]
    if not unanswered or not tree.indexed:
        return None
    ids = ", ".join(_id(alias) for alias in unanswered)
    if len(unanswered) < len(wanted):
        return f"{name} is too old for {ids}", install_driver(
            known(machine.snapshot.os_release), name, None
        )
    return f"no module answers to {ids}, though {name} is there", do(
        "Index the modules anew:", "sudo depmod -a"
    )


def _id(alias: str) -> str:
    """ "15b3:1016" of a PCI alias."""
    if not alias.startswith("pci:"):
        return alias
    return f"{alias[9:13]}:{alias[18:22]}".lower()
