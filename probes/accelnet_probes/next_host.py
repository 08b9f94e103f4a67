"""What the machine brings along to the next host: the drivers of its kernels.

After a stop and start the VM may land on a host whose NIC is of another
family (ConnectX-3, 4 Lx, 5 or MANA); the driver of each must then be found.
Asked about the running kernel and the one that boots next (boot.py); what
modprobe.d(5) and the command line forbid counts.
"""

from __future__ import annotations

from accelnet_probes import boot, modules, sysfs
from accelnet_probes.hardware import DEVICES, DRIVERS
from accelnet_probes.snapshot import Gap, KernelDrivers, NextHost, known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelnet_probes.files import Files
    from accelnet_probes.snapshot import ModuleTree, NextBoot, Observed, Source

# modprobe.d(5): a file in an earlier folder replaces one of its name in a later.
MODPROBE = (
    *("etc/modprobe.d", "run/modprobe.d", "usr/local/lib/modprobe.d"),
    *("usr/lib/modprobe.d", "lib/modprobe.d"),
)
MAX_KERNELS = 6  # looked into where it can not be told which one boots
_BLACKLISTS = ("module_blacklist", "modprobe.blacklist")  # kernel/module; kmod reads /proc/cmdline
_EARLY = ("rd.driver.blacklist", "rdblacklist")  # dracut.cmdline(7): in the initramfs alone
_NETWORK_ROOTS = ("root=/dev/nfs", "root=nfs", "root=iscsi:", "root=nbd", "root=/dev/nbd")


def probe(
    files: Files, running: str | None, aliases: Iterable[str] = (), source: Source = "live"
) -> Observed[NextHost]:
    """The running kernel's drivers and those of what boots next; `aliases` are asked for too."""
    installed = modules.installed(files)
    if isinstance(installed, Gap):
        return installed
    if not installed:
        where = "the image" if source == "root" else "/lib/modules"
        return Gap(asked=False, why=f"{where} has no kernel")
    boots = boot.probe(files, installed)
    words = (known(sysfs.text(files, "proc/cmdline")) or "").split()
    rules = _rules(files)
    releases = [running] if running else []
    if isinstance(boots, Gap):
        releases += sorted(installed, key=boot.natural)[::-1][:MAX_KERNELS]
    else:
        releases.append(boots.release)
    kernels: list[KernelDrivers] = []
    for release in dict.fromkeys(releases):
        line = _command_line(release, running, words, boots)
        tree, ethernet = _drivers(files, release, aliases if release == running else (), running)
        kernels.append(
            KernelDrivers(
                release=release,
                running=release == running,
                tree=tree,
                blocked={**rules, **_blacklisted(line, _BLACKLISTS)},
                early=_blacklisted(line, _EARLY),
                ethernet=ethernet,
            )
        )
    return NextHost(
        boots=boots,
        kernels=tuple(kernels),
        installed=installed,
        network_root=_network_root([*words, *_boot_words(boots)]),
        in_initramfs=modules.is_there(files, "etc/initrd-release"),
    )


def _boot_words(boots: Observed[NextBoot]) -> list[str]:
    return [] if isinstance(boots, Gap) else (boots.command_line or "").split()


def _command_line(
    release: str, running: str | None, words: list[str], boots: Observed[NextBoot]
) -> list[str]:
    """The running kernel's own; of another what its entry says, else the same again."""
    if release == running:
        return words
    return _boot_words(boots) or words


def _drivers(
    files: Files, release: str, aliases: Iterable[str], running: str | None
) -> tuple[Observed[ModuleTree], bool | None]:
    """The kernel's drivers, and whether its mlx5_core has Ethernet."""
    if "/" in release:
        return Gap(asked=True, why=f"{release} is no kernel release"), None
    tables = modules.tables(files, release)
    if all(table is None for table in (tables.alias, tables.dep, tables.builtin, tables.modinfo)):
        return Gap(asked=True, why=f"/{tables.folder}: ENOENT"), None
    wanted = dict.fromkeys([*(alias for _, alias in DEVICES), *aliases])
    tree = modules.tree(files, tables, wanted, running=release == running)
    return tree, modules.has_ethernet(files, tables, release)


def _blacklisted(words: Iterable[str], keys: Iterable[str]) -> dict[str, str]:
    """What the kernel's command line forbids: names with commas between."""
    return {
        name.replace("-", "_"): f"{key}={value} on the kernel's command line"
        for key, equals, value in (word.partition("=") for word in words)
        if equals and key in keys
        for name in value.split(",")
        if name.replace("-", "_") in DRIVERS
    }


def _rules(files: Files) -> dict[str, str]:
    """What modprobe.d forbids: "blacklist NAME", "install NAME /bin/false"."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    for folder in MODPROBE:
        for name in known(sysfs.names(files, folder)) or ():
            if name in seen or not name.endswith(".conf"):
                continue
            seen.add(name)
            content = known(sysfs.text(files, f"{folder}/{name}")) or ""
            for module, what in parse_rules(content).items():
                found.setdefault(module, f"{what} in /{folder}/{name}")
    return found


def parse_rules(content: str) -> dict[str, str]:
    """Which of the drivers a file of modprobe.d(5) forbids, and by which line."""
    found: dict[str, str] = {}
    for line in content.replace("\\\n", " ").splitlines():
        words = line.split()
        module = words[1].replace("-", "_") if len(words) > 1 else ""
        if module not in DRIVERS:
            continue
        loads = any("modprobe" in word or "insmod" in word for word in words[2:])
        if words[0] == "blacklist" or (words[0] == "install" and len(words) > 2 and not loads):
            found.setdefault(module, f'"{" ".join(words)}"')
    return found


def _network_root(words: Iterable[str]) -> str | None:
    """dracut.cmdline(7), nfsroot.rst: where / comes over the network."""
    for word in words:
        if word.startswith(_NETWORK_ROOTS) or word.startswith(("netroot=", "nfsroot=")):
            return word
    return None
