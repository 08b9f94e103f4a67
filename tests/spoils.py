"""What a made-up machine (trees.py) may have or lack, that a recording must keep.

@pytest.mark.parametrize("spoil", SPOILS)
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from accelnet_probes.hardware import DEVICES
from trees import Pair, write_files, write_link


def spoil_nothing(_: Path) -> None:
    """A healthy machine."""


def refuse_files(machine: Path) -> None:
    """What no probe can read, whoever asks: a pipe, a folder, loops of links."""
    root = machine / "root"
    vf = root / Pair().vf_folder
    for path in (vf / "operstate", vf / "mtu", vf / "device", root / "etc/os-release"):
        path.unlink()
    os.mkfifo(vf / "operstate")
    (vf / "mtu").mkdir()
    (vf / "device").symlink_to("device")
    (root / "etc/os-release").symlink_to("../etc/os-release")
    shutil.rmtree(root / "sys/bus/vmbus")
    (root / "sys/bus/vmbus").symlink_to("vmbus")


def refuse_calls(machine: Path) -> None:
    """Calls that failed: their errno stands in for the answer."""
    for sample in (0, 1):
        (machine / f"ethtool/{sample}/eth0/stats.bin").unlink()
        (machine / f"ethtool/{sample}/eth0/stats.errno").write_text("ENODEV\n")
    for part, why in (("addresses", "EAGAIN"), ("imds/instance", "HTTP 429")):
        (machine / f"{part}.json").unlink()
        (machine / f"{part}.errno").write_text(f"{why}\n")


def ask_for_modules(machine: Path) -> None:
    """A VF without driver: the tables of modules are read as well."""
    root = machine / "root"
    (root / Pair().function / "driver").unlink()
    modules = "lib/modules/6.8.0-1029-azure"
    write_files(
        root,
        {
            f"{modules}/modules.dep": "kernel/drivers/net/mlx5_core.ko.zst:\n",
            f"{modules}/modules.alias": "alias pci:v000015B3d00001016sv*sd*bc*sc*i* mlx5_core\n",
            f"{modules}/modules.builtin": "kernel/drivers/pci/controller/pci-hyperv.ko\n",
        },
    )


def prepare_for_the_next_host(machine: Path) -> None:
    """Two kernels, a boot loader, rules for modules, a driver whose file is gone."""
    root = machine / "root"
    write_files(root, next_host_files())
    (root / "lib/modules/6.14.0-1001-azure/kernel/mlx5_core.ko.zst").unlink()


def let_networkd_have_the_vf(machine: Path) -> None:
    """What network managers did and what is configured, a mask and a package's version."""
    root = machine / "root"
    write_files(
        root,
        {
            "run/udev/data/n3": "E:NM_UNMANAGED=1\n",
            "run/systemd/netif/links/3": "ADMIN_STATE=configured\n",
            "run/NetworkManager/no-stub-resolv.conf": "",
            "etc/udev/rules.d/68-sriov.rules": 'DRIVERS=="hv_pci", ENV{NM_UNMANAGED}="1"\n',
            "lib/udev/rules.d/75-persistent-net-generator.rules": "ACTION\n",
            "etc/netplan/50-cloud-init.yaml": f"match:\n  macaddress: {Pair().mac}\n",
            "var/lib/dpkg/status": "Package: a\nVersion: 1\n\nPackage: systemd\n"
            "Status: install ok installed\nVersion: 255.4-1\n",
        },
    )
    (root / "etc/udev/rules.d/75-persistent-net-generator.rules").symlink_to("/dev/null")


def upgrade_and_do_not_reboot(machine: Path) -> None:
    """The running kernel's folder has gone."""
    write_files(
        machine / "root",
        {path: text for path, text in next_host_files().items() if "6.8.0" not in path},
    )


def next_host_files() -> dict[str, str]:
    """What next-host-drivers reads of a machine with two kernels, each with all drivers."""
    names = ("mlx4_core", "mlx4_en", "mlx5_core", "mana", "pci-hyperv")
    files = {
        "proc/cmdline": "root=/dev/sda1 console=ttyS0\n",
        "etc/modprobe.d/local.conf": "blacklist nouveau\n",
        "boot/grub/grub.cfg": "menuentry 'Ubuntu' {\n  linux /boot/vmlinuz-6.14.0-1001-azure\n}\n",
    }
    for release in ("6.8.0-1029-azure", "6.14.0-1001-azure"):
        folder = f"lib/modules/{release}"
        files[f"{folder}/modules.builtin"] = ""
        files[f"{folder}/modules.alias"] = "".join(
            f"alias {alias} {driver}\n" for driver, alias in DEVICES
        )
        files[f"{folder}/modules.dep"] = "".join(f"kernel/{name}.ko.zst:\n" for name in names)
        files |= {f"{folder}/kernel/{name}.ko.zst": "ELF" for name in names}
    return files


def add_oddities(machine: Path) -> None:
    """A plain file and a container's interface beside the NICs, and a name of any bytes."""
    root = machine / "root"
    write_files(root, {"sys/class/net/bonding_masters": "bond0\n"})
    write_link(root, "sys/class/net/veth0", "sys/devices/virtual/net/veth0")
    write_link(root, "sys/class/net/caf\udce9", "sys/devices/virtual/net/caf\udce9")


SPOILS = [
    pytest.param(spoil_nothing, id="healthy"),
    pytest.param(refuse_calls, id="refused-calls"),
    pytest.param(refuse_files, id="refused-files"),
    pytest.param(ask_for_modules, id="no-driver"),
    pytest.param(prepare_for_the_next_host, id="next-host"),
    pytest.param(upgrade_and_do_not_reboot, id="upgraded"),
    pytest.param(let_networkd_have_the_vf, id="network-managers"),
    pytest.param(add_oddities, id="oddities"),
]
