"""next_host: the drivers of the running kernel and of the one that boots next."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_probes import next_host
from accelnet_probes.files import MemoryStore, Tree
from accelnet_probes.hardware import DEVICES
from accelnet_probes.snapshot import Gap, KernelDrivers, Module, ModuleTree, NextHost

KERNELS = Path(__file__).parent.parent / "kernels"
BOOKWORM, BULLSEYE = "6.1.0-50-cloud-amd64", "5.10.0-32-cloud-amd64"
TRIXIE = "6.12.117+deb13-cloud-amd64"
MANA = dict(DEVICES)["mana"]
EACH = pytest.mark.parametrize("release", sorted(path.name for path in KERNELS.glob("*-amd64")))


def install(store: MemoryStore, release: str, *, folder: str = "lib/modules") -> None:
    """Put a recorded kernel's tables where they belong, and a file for each module listed."""
    for path in (KERNELS / release).iterdir():
        name = path.name
        key = f"boot/config-{release}" if name == "config" else f"{folder}/{release}/{name}"
        store.add_file(key, path.read_bytes())
    for line in (KERNELS / release / "modules.dep").read_text().splitlines():
        store.add_file(f"{folder}/{release}/{line.partition(':')[0]}", b"")


def _machine(*releases: str) -> MemoryStore:
    store = MemoryStore()
    for release in releases or (BOOKWORM,):
        install(store, release)
    return store


def _probe(store: MemoryStore, running: str | None = BOOKWORM, refused: str = "") -> NextHost:
    files = Tree(store, {refused: errno.EACCES} if refused else {})
    found = next_host.probe(files, running)
    assert isinstance(found, NextHost), found
    return found


def _tree(kernel: KernelDrivers) -> ModuleTree:
    assert isinstance(kernel.tree, ModuleTree)
    return kernel.tree


def _module(store: MemoryStore, name: str) -> Module:
    [kernel] = _probe(store).kernels
    [module] = [module for module in _tree(kernel).modules if module.name == name]
    return module


@EACH
def test_debians_kernels(release: str) -> None:
    """11 has no MANA driver, 12 and 13 have all, cloud and generic flavours alike."""
    [kernel] = _probe(_machine(release), release).kernels
    lacking = {module.name for module in _tree(kernel).modules if module.file is None}
    assert lacking == ({"mana"} if release.startswith("5.10") else set())
    assert [alias for alias, names in _tree(kernel).by_alias.items() if not names] == (
        [MANA] if lacking else []
    )
    assert (kernel.ethernet, kernel.running) == (True, True)


@EACH
def test_each_device_is_answered_by_its_own_driver(release: str) -> None:
    """By the alias of its id, as the kernel finds it."""
    [kernel] = _probe(_machine(release), release).kernels
    for driver, alias in DEVICES:
        assert _tree(kernel).by_alias[alias] in ((driver,), ())


def test_a_package_in_which_depmod_has_not_run() -> None:
    """Files are those of modules.order, compressed after it was written."""
    for release in (BOOKWORM, TRIXIE):
        store = _machine(release)
        for table in ("dep", "alias"):
            store.directories[f"lib/modules/{release}"].discard(f"modules.{table}")
            del store.files[f"lib/modules/{release}/modules.{table}"]
        [kernel] = _probe(store, release).kernels
        tree = _tree(kernel)
        assert tree.indexed is False
        assert [module.file for module in tree.modules if module.name == "mana"] == [
            "kernel/drivers/net/ethernet/microsoft/mana/mana.ko"
            + (".xz" if release == TRIXIE else "")
        ]


def test_a_file_that_was_removed() -> None:
    """modules.dep goes on listing it."""
    store = _machine()
    path = "kernel/drivers/net/ethernet/microsoft/mana/mana.ko"
    del store.files[f"lib/modules/{BOOKWORM}/{path}"]
    assert _module(store, "mana") == Module(
        name="mana", loaded=False, builtin=False, file=None, gone=path
    )


def test_a_bundle_of_before_files_were_looked_at_has_none_of_them() -> None:
    """modules.dep is believed there."""
    store = MemoryStore()
    for table in ("dep", "alias", "builtin"):
        content = (KERNELS / BOOKWORM / f"modules.{table}").read_bytes()
        store.add_file(f"lib/modules/{BOOKWORM}/modules.{table}", content)
    assert all(module.gone is None for module in _tree(_probe(store).kernels[0]).modules)


@pytest.mark.parametrize("suffix", ["", ".xz", ".zst", ".gz"])
def test_compressed_or_not(suffix: str) -> None:
    """The file's name ends as its compression says."""
    store = _machine()
    key = f"lib/modules/{BOOKWORM}/modules.dep"
    store.add_file(key, store.files[key].replace(b"/mana.ko:", f"/mana.ko{suffix}:".encode()))
    path = f"kernel/drivers/net/ethernet/microsoft/mana/mana.ko{suffix}"
    store.add_file(f"lib/modules/{BOOKWORM}/{path}", b"")
    assert _module(store, "mana").file == path


def test_built_in() -> None:
    """As pci-hyperv in linux-azure: no file; its alias is in modules.builtin.modinfo."""
    store = _machine()
    folder = f"lib/modules/{BOOKWORM}"
    for table, line in (("dep", b"pci-hyperv.ko"), ("alias", b"pci_hyperv")):
        lines = store.files[f"{folder}/modules.{table}"].splitlines(keepends=True)
        kept = b"".join(found for found in lines if line not in found)
        store.add_file(f"{folder}/modules.{table}", kept)
    store.add_file(f"{folder}/modules.builtin", b"kernel/drivers/pci/controller/pci-hyperv.ko\n")
    store.add_file(
        f"{folder}/modules.builtin.modinfo",
        b"pci_hyperv.license=GPL v2\0pci_hyperv.alias=vmbus:1df6c444444400449d52802e27ede19f\0",
    )
    assert _module(store, "pci_hyperv").builtin is True
    [kernel] = _probe(store).kernels
    assert _tree(kernel).by_alias["vmbus:1df6c444444400449d52802e27ede19f"] == ("pci_hyperv",)


def test_an_mlx5_core_without_ethernet() -> None:
    """Its auxiliary alias tells since 5.11, the kernel's configuration before."""
    store = _machine()
    key = f"lib/modules/{BOOKWORM}/modules.alias"
    store.add_file(key, store.files[key].replace(b"alias auxiliary:mlx5_core.eth mlx5_core\n", b""))
    assert _probe(store).kernels[0].ethernet is False

    old = _machine(BULLSEYE)
    assert _probe(old, BULLSEYE).kernels[0].ethernet is True
    old.add_file(f"boot/config-{BULLSEYE}", b"#\n# CONFIG_MLX5_CORE_EN is not set\n")
    assert _probe(old, BULLSEYE).kernels[0].ethernet is False
    del old.files[f"boot/config-{BULLSEYE}"]
    old.directories["boot"].clear()
    assert _probe(old, BULLSEYE).kernels[0].ethernet is None


def test_an_image_without_the_link_to_usr() -> None:
    """/usr/lib/modules alone: a merged /usr under construction."""
    store = MemoryStore()
    install(store, TRIXIE, folder="usr/lib/modules")
    found = _probe(store, None)
    assert [kernel.release for kernel in found.kernels] == [TRIXIE]
    assert all(module.file for module in _tree(found.kernels[0]).modules)


def test_the_running_kernel_and_the_one_that_boots_next() -> None:
    """Each once, the others by name."""
    store = _machine(BULLSEYE, BOOKWORM, TRIXIE)
    store.add_directory("lib/modules/9.9.9-gone/updates/dkms")
    store.add_file("sys/module/mana/initstate", b"live\n")
    found = _probe(store)
    assert [(kernel.release, kernel.running) for kernel in found.kernels] == [
        (BOOKWORM, True),
        (TRIXIE, False),
    ]
    assert found.installed == (BULLSEYE, BOOKWORM, TRIXIE)
    loaded = [
        [module.loaded for module in _tree(kernel).modules if module.name == "mana"]
        for kernel in found.kernels
    ]
    assert loaded == [[True], [False]]


def test_where_it_can_not_be_told_each_kernel_is_looked_into() -> None:
    """The running one first, then the newest."""
    store = _machine(BULLSEYE, BOOKWORM, TRIXIE)
    store.add_file("boot/grub/grub.cfg", b"")
    found = _probe(store, BULLSEYE, refused="boot/grub/grub.cfg")
    assert found.boots == Gap(asked=True, why="/boot/grub/grub.cfg: EACCES")
    assert [kernel.release for kernel in found.kernels] == [BULLSEYE, TRIXIE, BOOKWORM]


def test_a_running_kernel_that_is_no_longer_installed() -> None:
    """Its folder went with its package."""
    found = _probe(_machine(TRIXIE))
    assert found.kernels[0].tree == Gap(asked=True, why=f"/lib/modules/{BOOKWORM}: ENOENT")


def test_a_release_that_leads_elsewhere() -> None:
    """It names a folder of /lib/modules and no other."""
    assert isinstance(_probe(_machine(), "../../etc").kernels[0].tree, Gap)


def test_no_kernel_at_all() -> None:
    """A kernel without modules, a container, an image before one is installed."""
    found = next_host.probe(Tree(MemoryStore()), BOOKWORM)
    assert found == Gap(asked=False, why="/lib/modules has no kernel")


def test_a_refused_folder() -> None:
    """Not "no kernel"."""
    files = Tree(_machine(), {"lib/modules": errno.EACCES})
    assert next_host.probe(files, BOOKWORM) == Gap(asked=True, why="/lib/modules: EACCES")


@pytest.mark.parametrize(
    ("content", "blocked"),
    [
        pytest.param("blacklist mana\n", {"mana": '"blacklist mana"'}, id="blacklist"),
        pytest.param(
            "install mlx5_core /bin/false\n",
            {"mlx5_core": '"install mlx5_core /bin/false"'},
            id="install-false",
        ),
        pytest.param(
            "install pci-hyperv /usr/bin/true # no\n",
            {"pci_hyperv": '"install pci-hyperv /usr/bin/true # no"'},
            id="a-dash",
        ),
        pytest.param(
            "blacklist \\\nmlx4_core\n", {"mlx4_core": '"blacklist mlx4_core"'}, id="continued"
        ),
        pytest.param(
            "install mlx4_core /sbin/modprobe --ignore-install mlx4_core $CMDLINE_OPTS\n",
            {},
            id="install-that-loads-it",
        ),
        pytest.param("# blacklist mana\n", {}, id="comment"),
        pytest.param("blacklist nouveau\noptions mlx4_core x=1\n", {}, id="others"),
        pytest.param("blacklist\ninstall mana\n\n", {}, id="cut-off"),
    ],
)
def test_what_modprobe_d_forbids(content: str, blocked: dict[str, str]) -> None:
    """blacklist, and an install command that loads nothing."""
    assert next_host.parse_rules(content) == blocked


def test_a_file_of_modprobe_d_replaces_one_of_its_name() -> None:
    """/etc before /run before /usr/lib; only *.conf is read."""
    store = _machine()
    store.add_file("usr/lib/modprobe.d/azure.conf", b"blacklist mlx4_core\n")
    store.add_file("usr/lib/modprobe.d/hpc.conf", b"blacklist mana\n")
    store.add_file("etc/modprobe.d/azure.conf", b"# not here\n")
    store.add_file("etc/modprobe.d/old.conf.bak", b"blacklist mlx5_core\n")
    assert _probe(store).kernels[0].blocked == {
        "mana": '"blacklist mana" in /usr/lib/modprobe.d/hpc.conf'
    }


@pytest.mark.parametrize(
    ("word", "blocked", "early"),
    [
        pytest.param("module_blacklist=nouveau,mana", {"mana"}, set(), id="the-kernels"),
        pytest.param("modprobe.blacklist=mlx5_core", {"mlx5_core"}, set(), id="modprobes"),
        pytest.param("rd.driver.blacklist=pci-hyperv", set(), {"pci_hyperv"}, id="dracuts"),
        pytest.param("module_blacklist", set(), set(), id="no-value"),
        pytest.param("blacklist=mana", set(), set(), id="another-word"),
    ],
)
def test_what_the_command_line_forbids(word: str, blocked: set[str], early: set[str]) -> None:
    """Of the running kernel its own; of one that boots next its entry's."""
    store = _machine()
    store.add_file("proc/cmdline", f"root=/dev/sda1 {word}\n".encode())
    [kernel] = _probe(store).kernels
    assert (set(kernel.blocked), set(kernel.early)) == (blocked, early)

    image = _machine()
    entry = f"menuentry 'x' {{\nlinux /boot/vmlinuz-{BOOKWORM} {word}\n}}\n"
    image.add_file("boot/grub/grub.cfg", entry.encode())
    [kernel] = _probe(image, None).kernels
    assert (set(kernel.blocked), set(kernel.early)) == (blocked, early)


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("root=/dev/nfs", True),
        ("netroot=iscsi:@10.0.0.9::3260::iqn", True),
        ("root=UUID=1", False),
    ],
)
def test_a_root_on_the_network(word: str, found: bool) -> None:
    """Only there the initramfs needs a driver of a NIC."""
    store = _machine()
    store.add_file("proc/cmdline", f"{word} ro\n".encode())
    assert _probe(store).network_root == (word if found else None)


def test_still_in_the_initramfs() -> None:
    """/etc/initrd-release is there (systemd's bootup(7))."""
    store = _machine()
    assert _probe(store).in_initramfs is False
    store.add_file("etc/initrd-release", b"")
    assert _probe(store).in_initramfs is True


@given(st.text("blacklist install mana\\\n/-_", max_size=120))
def test_garbage_rules_raise_nothing(content: str) -> None:
    """What is no rule is passed over."""
    next_host.parse_rules(content)
