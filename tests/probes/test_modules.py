"""modules: what the kernel would load for a device."""

from __future__ import annotations

import errno
import time

import pytest

from accelnet_probes import module_search, modules
from accelnet_probes.files import MemoryStore, Tree
from accelnet_probes.snapshot import Gap, Module, ModuleTree

RELEASE = "6.8.0-1029-azure"
LIB = f"lib/modules/{RELEASE}"
MLX5 = "pci:v000015B3d00001016sv000015B3sd00000080bc02sc00i00"
MLX4 = "pci:v000015B3d00001004sv000015B3sd000061B0bc02sc00i00"
MANA = "pci:v00001414d000000BAsv00001414sd000000BAbc02sc00i00"

ALIAS = b"""\
# Aliases extracted from modules themselves.
alias pci:v000015B3d00001004sv*sd*bc*sc*i* mlx4_core
alias pci:v000015B3d00001016sv*sd*bc*sc*i* mlx5_core
alias pci:v000015B3d*sv*sd*bc02sc00i* mlx5-compat
alias vmbus:44c4f61d444444009d52802e27ede19f pci_hyperv
alias fs-ext4 ext4
"""
DEP = b"""\
kernel/drivers/net/ethernet/mellanox/mlx4/mlx4_core.ko:
kernel/drivers/net/ethernet/mellanox/mlx4/mlx4_en.ko.gz: kernel/mlx4_core.ko.gz
kernel/drivers/net/ethernet/mellanox/mlx5/core/mlx5_core.ko.zst: kernel/drivers/ptp/ptp.ko.zst
updates/dkms/mlx5-compat.ko.xz: kernel/x.ko
kernel/notes.txt:
"""
BUILTIN = b"kernel/drivers/pci/controller/pci-hyperv.ko\nkernel/fs/ext4/ext4.ko\n"
MODINFO = (
    b"mana.license=Dual BSD/GPL\0"
    b"mana.alias=pci:v00001414d000000BAsv*sd*bc*sc*i*\0"
    b"pci-hyperv.alias=vmbus:44c4f61d444444009d52802e27ede19f\0"
)


def _machine(**changes: bytes | None) -> MemoryStore:
    """A kernel's tables; a change of None leaves one out."""
    tables: dict[str, bytes | None] = {
        "alias": ALIAS,
        "dep": DEP,
        "builtin": BUILTIN,
        "builtin.modinfo": MODINFO,
        **{name.replace("_", "."): content for name, content in changes.items()},
    }
    store = MemoryStore()
    store.add_directory(LIB)
    for name, content in tables.items():
        if content is not None:
            store.add_file(f"{LIB}/modules.{name}", content)
    store.add_file("sys/module/mlx5_core/initstate", b"live\n")
    store.add_file("sys/module/mlx4_core/initstate", b"coming\n")
    store.add_directory("sys/module/pci_hyperv/parameters")
    return store


def _probe(store: MemoryStore, *aliases: str, refused: str = "") -> ModuleTree:
    files = Tree(store, {refused: errno.EACCES} if refused else {})
    found = modules.probe(files, RELEASE, aliases)
    assert isinstance(found, ModuleTree)
    return found


def _module(tree: ModuleTree, name: str) -> Module:
    (found,) = [module for module in tree.modules if module.name == name]
    return found


def test_the_drivers_as_a_whole() -> None:
    """Loaded, built in, its file: each for every driver, asked for by alias or not."""
    mellanox = "kernel/drivers/net/ethernet/mellanox"
    assert _probe(_machine()) == ModuleTree(
        modules=(
            Module(
                name="mlx4_core",
                loaded=False,
                builtin=False,
                file=f"{mellanox}/mlx4/mlx4_core.ko",
            ),
            Module(
                name="mlx4_en",
                loaded=False,
                builtin=False,
                file=f"{mellanox}/mlx4/mlx4_en.ko.gz",
            ),
            Module(
                name="mlx5_core",
                loaded=True,
                builtin=False,
                file=f"{mellanox}/mlx5/core/mlx5_core.ko.zst",
            ),
            Module(name="mana", loaded=False, builtin=False, file=None),
            Module(name="pci_hyperv", loaded=True, builtin=True, file=None),
        ),
        by_alias={},
    )


@pytest.mark.parametrize(
    ("alias", "names"),
    [
        pytest.param(MLX4, ("mlx4_core", "mlx5_compat"), id="several-in-the-order-of-the-table"),
        pytest.param(MLX5, ("mlx5_core", "mlx5_compat"), id="wildcards"),
        pytest.param(MANA, ("mana",), id="built-in"),
        pytest.param(
            "vmbus:44c4f61d444444009d52802e27ede19f", ("pci_hyperv",), id="in-both-tables-once"
        ),
        pytest.param(MLX5.replace("bc02", "bc01"), ("mlx5_core",), id="another-class"),
        pytest.param(MLX5.lower(), (), id="case-matters"),
        pytest.param("pci:v00008086d00001572sv00sd00bc02sc00i00", (), id="no-driver"),
        pytest.param("", (), id="empty"),
        pytest.param("pci:*", (), id="a-wildcard-asks-for-itself"),
        pytest.param("pci:\ufffd", (), id="not-utf-8"),
    ],
)
def test_who_answers_to_an_alias(alias: str, names: tuple[str, ...]) -> None:
    """Patterns as the kernel's modprobe matches them; "-" and "_" are one."""
    assert _probe(_machine(), alias).by_alias == {alias: names}


def test_a_module_found_by_alias_is_looked_up_too() -> None:
    """A driver out of the tree that answers to the VF's id."""
    assert _module(_probe(_machine(), MLX5), "mlx5_compat") == Module(
        name="mlx5_compat", loaded=False, builtin=False, file="updates/dkms/mlx5-compat.ko.xz"
    )


@pytest.mark.parametrize(
    ("path", "name"),
    [
        pytest.param("kernel/drivers/net/mana.ko", "mana", id="plain"),
        pytest.param("kernel/drivers/net/mana.ko.xz", "mana", id="xz"),
        pytest.param("kernel/drivers/net/mana.ko.zst", "mana", id="zst"),
        pytest.param("kernel/drivers/net/mana.ko.gz", "mana", id="gz"),
        pytest.param("mana.ko", "mana", id="no-folder"),
        pytest.param("kernel/pci-hyperv.ko", "pci_hyperv", id="dash"),
        pytest.param("kernel/mana.ko.sig", None, id="another-suffix"),
        pytest.param("kernel/mana", None, id="no-suffix"),
        pytest.param("", None, id="empty"),
    ],
)
def test_a_module_by_its_file(path: str, name: str | None) -> None:
    """Compressed or not."""
    assert module_search.module_name(path) == name


@pytest.mark.parametrize("release", [None, "", "../../etc", "6.8/x"])
def test_without_a_release_nothing_is_known(release: str | None) -> None:
    """It names the folder; one with a slash would name another."""
    assert modules.probe(Tree(_machine()), release, ()) == Gap(
        asked=True, why="the kernel release, which names /lib/modules, is not known"
    )


def test_without_modules_dep_no_file_is_known() -> None:
    """Never "there is no such file"."""
    gap = Gap(asked=True, why=f"/{LIB}/modules.dep: ENOENT")
    assert _module(_probe(_machine(dep=None)), "mana").file == gap


def test_a_refused_modules_dep_is_a_gap() -> None:
    """As an absent one, with its errno."""
    gap = Gap(asked=True, why=f"/{LIB}/modules.dep: EACCES")
    assert _module(_probe(_machine(), refused=f"{LIB}/modules.dep"), "mana").file == gap


def test_without_modules_builtin_nothing_is_known_of_it() -> None:
    """Never "it is not built in"."""
    gap = Gap(asked=True, why=f"/{LIB}/modules.builtin: ENOENT")
    assert _module(_probe(_machine(builtin=None)), "mana").builtin == gap


def test_a_refused_modules_builtin_is_a_gap() -> None:
    """As an absent one, with its errno."""
    gap = Gap(asked=True, why=f"/{LIB}/modules.builtin: EACCES")
    assert _module(_probe(_machine(), refused=f"{LIB}/modules.builtin"), "mana").builtin == gap


def test_a_kernel_without_builtin_aliases_has_its_table() -> None:
    """modules.builtin.modinfo came with Linux 5.2."""
    assert _probe(_machine(builtin_modinfo=None), MLX5).by_alias == {
        MLX5: ("mlx5_core", "mlx5_compat")
    }


@pytest.mark.parametrize(
    "refused", [pytest.param(False, id="absent"), pytest.param(True, id="eacces")]
)
def test_without_the_alias_table_nobody_is_said_not_to_answer(refused: bool) -> None:
    """An alias that could not be looked up is left out; () would be a finding."""
    store = _machine() if refused else _machine(alias=None)
    tree = _probe(store, MLX5, refused=f"{LIB}/modules.alias" if refused else "")
    assert tree.by_alias == {}


def test_a_module_that_is_being_loaded_is_not_loaded() -> None:
    """initstate says "coming" until its init function has returned."""
    assert _module(_probe(_machine()), "mlx4_core").loaded is False


def test_a_refused_state_is_a_gap() -> None:
    """Not "it is not loaded"."""
    tree = _probe(_machine(), refused="sys/module/mlx5_core/initstate")
    assert _module(tree, "mlx5_core").loaded == Gap(
        asked=True, why="/sys/module/mlx5_core/initstate: EACCES"
    )


def test_a_refused_folder_is_a_gap() -> None:
    """The same of a module without a state."""
    tree = _probe(_machine(), refused="sys/module/pci_hyperv")
    assert isinstance(_module(tree, "pci_hyperv").loaded, Gap)


def test_lib_may_be_a_link() -> None:
    """Merged /usr."""
    store = MemoryStore()
    store.add_link("lib", "usr/lib")
    store.add_file(f"usr/{LIB}/modules.alias", ALIAS)
    assert _probe(store, MLX4).by_alias == {MLX4: ("mlx4_core", "mlx5_compat")}


@pytest.mark.parametrize("table", ["alias", "dep", "builtin", "builtin_modinfo"])
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"alias \nalias pci:\nalias\n", id="cut-off"),
        pytest.param(b"\xff\xfe\0.alias=\0\xff.alias=*\0alias pci:\xff \xff\n", id="not-utf-8"),
        pytest.param(b"alias pci:[ x\nalias pci:[!] y\n", id="open-brackets"),
        pytest.param(b"a" * 100_000, id="one-long-line"),
        pytest.param(b"alias pci:" + b"*a" * 2000 + b" x\n", id="stars"),
    ],
)
def test_garbage_tables_raise_nothing(table: str, content: bytes) -> None:
    """What is no entry is passed over."""
    assert isinstance(_probe(_machine(**{table: content}), MLX5), ModuleTree)


def test_a_hostile_table_is_read_in_time() -> None:
    """Each pattern that is tried is compiled: so many, and no more, are."""
    lines = "".join(f"alias pci:v000015B3d*{at:x}x mlx5_core\n" for at in range(400_000))
    began = time.monotonic()
    modules.probe(Tree(_machine(alias=lines.encode())), RELEASE, [MLX5])
    assert time.monotonic() - began < 60  # far above what it takes: a hang is what fails


def test_a_pattern_without_a_wildcard_matches_itself() -> None:
    """The literal is the whole pattern then."""
    machine = _machine(alias=b"alias vmbus:44c4 pci_hyperv\n")
    tree = modules.probe(Tree(machine), RELEASE, ["vmbus:44c4"])
    assert isinstance(tree, ModuleTree)
    assert tree.by_alias == {"vmbus:44c4": ("pci_hyperv",)}


def test_a_recording_keeps_what_may_answer_for_a_vf() -> None:
    """Of tables of megabytes some kilobytes; what is no table is kept whole."""
    assert module_search.excerpt(f"{LIB}/modules.alias", ALIAS) == (
        b"alias pci:v000015B3d00001004sv*sd*bc*sc*i* mlx4_core\n"
        b"alias pci:v000015B3d00001016sv*sd*bc*sc*i* mlx5_core\n"
        b"alias pci:v000015B3d*sv*sd*bc02sc00i* mlx5-compat\n"
        b"alias vmbus:44c4f61d444444009d52802e27ede19f pci_hyperv\n"
    )
    assert module_search.excerpt(
        f"{LIB}/modules.dep", b"kernel/fs/x.ko: y\n" + DEP.splitlines()[0]
    ) == (b"kernel/drivers/net/ethernet/mellanox/mlx4/mlx4_core.ko:\n")
    assert module_search.excerpt(f"{LIB}/modules.builtin.modinfo", MODINFO) == (
        b"mana.alias=pci:v00001414d000000BAsv*sd*bc*sc*i*\0"
        b"pci-hyperv.alias=vmbus:44c4f61d444444009d52802e27ede19f\0"
    )
    config = b"CONFIG_A=y\n# CONFIG_MLX5_CORE_EN is not set\nCONFIG_B=y\n"
    assert module_search.excerpt("boot/config-6.8", config) == (
        b"\n# CONFIG_MLX5_CORE_EN is not set\n"
    )
    assert (
        module_search.excerpt(f"{LIB}/modules.symbols", b"alias symbol:x y\n")
        == b"alias symbol:x y\n"
    )


@pytest.mark.parametrize("table", ["alias", "dep", "builtin", "builtin_modinfo"])
def test_one_endless_line_costs_its_length(table: str) -> None:
    """No record is looked at twice."""
    content = b"alias pci:v000015B3d mlx5_core.ko .alias=pci:v000015B3d " * 100_000
    began = time.monotonic()
    modules.probe(Tree(_machine(**{table: content})), RELEASE, [MLX5])
    assert time.monotonic() - began < 60  # far above what it takes: a hang is what fails
