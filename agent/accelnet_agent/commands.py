"""Commands to print: never run here, and safe to copy whatever a machine calls its devices."""

from __future__ import annotations

from accelnet_agent.data import pci_ids, remedies
from accelnet_probes.snapshot import known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_probes.snapshot import Netdev, OsRelease

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:@/")


def look_again(why: str) -> str:
    """What to do about a fact that was refused, by the errno in `why`."""
    return remedies.STUCK if "ETIMEDOUT" in why else remedies.READ_AGAIN


def quoted(name: str | None) -> str:
    """`name` as one word for a POSIX shell (shlex.quote without `re`'s import cost)."""
    if name is None:
        return "DEVICE"
    if name and _PLAIN.issuperset(name):
        return name
    name = "".join("?" if _is_control(sign) else sign for sign in name)
    return "'" + name.replace("'", "'\"'\"'") + "'"


def _is_control(sign: str) -> bool:
    """What could end the line or speak to the terminal; a tab is neither."""
    return sign != "\t" and (
        sign < " "
        or "\x7f" <= sign <= "\x9f"
        or sign in "\u2028\u2029"
        or "\ud800" <= sign <= "\udfff"
    )


def do(prose: str, *commands: str) -> str:
    """A remedy: what to do, then the commands, each on a line of its own, indented by two."""
    lines = (prose, *(f"  {command}" for command in commands))
    # A name with a line end in it makes no line of its own.
    return "\n".join("?".join(line.splitlines()) for line in lines)


def set_up(name: str) -> str:
    """Set an interface up."""
    return f"sudo ip link set {quoted(name)} up"


def bounce(name: str) -> tuple[str, str]:
    """Set an interface down and up again."""
    return f"sudo ip link set {quoted(name)} down", set_up(name)


def pair_anew(vf: Netdev) -> tuple[str, str]:
    """Let a VF's driver probe it anew, so that hv_netvsc joins it anew."""
    driver = known(vf.driver) or "DRIVER"
    return rebind(known(vf.device) or "ADDRESS", pci_ids.OTHER_NAMES.get(driver, driver))


def rebind(address: str, driver: str) -> tuple[str, str]:
    """Take a PCI function from its driver and give it back."""
    folder = f"/sys/bus/pci/drivers/{quoted(driver)}"
    return (
        f"echo {quoted(address)} | sudo tee {folder}/unbind",
        f"echo {quoted(address)} | sudo tee {folder}/bind",
    )


def give_back(address: str, driver: str) -> tuple[str, str, str]:
    """Take a PCI function from a driver that is not its own, and let its own have it."""
    return rebind(address, driver)[0], clear_override(address), probe_again(address)


def probe_again(address: str) -> str:
    """Let the PCI core look for a driver."""
    return f"echo {quoted(address)} | sudo tee /sys/bus/pci/drivers_probe"


def clear_override(address: str) -> str:
    """Let any driver that knows the function's id have it."""
    return f"echo | sudo tee /sys/bus/pci/devices/{quoted(address)}/driver_override"


def install_driver(release: OsRelease | None, module: str, reinstall: str | None = None) -> str:
    """The package that brings a driver; with `reinstall`, that kernel's own once more."""
    ids = {*(release.id_like if release is not None else ()), release.id if release else None}
    kernel = quoted(reinstall)
    if ids & {"ubuntu"} and reinstall:
        return do(
            "Install its package again:", f"sudo apt-get install --reinstall linux-modules-{kernel}"
        )
    if ids & {"ubuntu"}:
        return do("Install Azure's kernel and reboot:", "sudo apt-get install linux-azure")
    if ids & {"debian"} and reinstall:
        return do(
            "Install its package again:", f"sudo apt-get install --reinstall linux-image-{kernel}"
        )
    if ids & {"debian"}:
        return do(
            "Install the cloud kernel and reboot:", "sudo apt-get install linux-image-cloud-amd64"
        )
    if ids & {"rhel", "fedora", "centos"}:
        return do(
            "Install the rest of the kernel's modules:",
            f"sudo dnf install kernel-modules-{kernel if reinstall else '$(uname -r)'}",
            f"sudo modprobe {module}",
        )
    if ids & {"suse", "sles", "opensuse"}:
        return do(
            "Install the full kernel in place of kernel-default-base and reboot:",
            "sudo zypper install kernel-default",
        )
    return f"Install a kernel that has {module}, or build one with its option on, and reboot."


def allow_module(module: str, why: str) -> str:
    """Lift what forbids a module: "LINE in FILE", "WORD on the kernel's command line"."""
    if "command line" in why:
        word = why.partition(" ")[0]
        return (
            do(
                f"Take {word} from the kernel's command line and reboot; with grubby:",
                f"sudo grubby --update-kernel=ALL --remove-args={quoted(word)}",
            )
            + "\n"
            + do("else edit /etc/default/grub, and:", "sudo update-grub")
        )
    return do(
        f"Take the line out, unless it is meant, and load {module}:",
        f"sudo sed -i '/{module.replace('_', '[-_]')}/d' {quoted(why.rpartition(' in ')[2])}",
        f"sudo modprobe {module}",
    )


def into_initramfs() -> str:
    """Make the initramfs anew, with the drivers of this hardware."""
    return (
        do("Debian, Ubuntu:", "sudo update-initramfs -u")
        + "\n"
        + do("RHEL, SLES, Azure Linux:", "sudo dracut --force --no-hostonly")
    )
