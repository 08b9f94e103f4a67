"""next-host-drivers: whether any host's hardware would still find its driver."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.checks.next_host_drivers import judge
from accelnet_agent.findings import Judgement
from accelnet_probes.hardware import DEVICES, DRIVERS
from accelnet_probes.record import replace
from accelnet_probes.snapshot import (
    Gap,
    KernelDrivers,
    MissingFactsError,
    Module,
    ModuleTree,
    NextBoot,
    OsRelease,
)
from building import (
    NEVER_ASKED,
    REFUSED,
    a_function,
    a_kernel,
    a_machine,
    a_module,
    a_netvsc_device,
    a_next_host,
    a_pci_function,
    an_instance,
)

MANA = dict(DEVICES)["mana"]
NEXT = "6.14.0-1001-azure"
DEBIAN = OsRelease(id="debian", version_id="11")


def _tree(*modules: Module, **answers: tuple[str, ...]) -> ModuleTree:
    by_name = {name: a_module(name=name) for name in DRIVERS}
    by_name.update({module.name: module for module in modules})
    return ModuleTree(
        modules=tuple(by_name.values()),
        by_alias={alias: answers.get(driver, (driver,)) for driver, alias in DEVICES},
    )


def _lacking(name: str, **changes: Any) -> ModuleTree:
    return _tree(a_module(name=name, loaded=False, file=None, **changes))


def _judge(kernel: KernelDrivers, **changes: Any) -> Judgement:
    return judge(a_machine(next_host=a_next_host(kernel), **changes))


def test_all_are_there() -> None:
    """Of the kernel that runs and boots next; the evidence says where each is."""
    found = judge(a_machine())
    assert found.status == "pass"
    assert "6.8.0-1029-azure (running, and boots next)" in found.summary
    assert found.evidence["boots_next"] == "6.8.0-1029-azure"
    assert found.evidence["boots_next_by"] == "the only kernel in /lib/modules"


@pytest.mark.parametrize(
    ("name", "hardware"),
    [
        pytest.param("mlx4_core", "ConnectX-3", id="mlx4_core"),
        pytest.param("mlx4_en", "ConnectX-3", id="mlx4_en"),
        pytest.param("mlx5_core", "ConnectX-4 Lx and 5", id="mlx5_core"),
        pytest.param("mana", "MANA", id="mana"),
        pytest.param("pci_hyperv", "any VF", id="pci_hyperv"),
    ],
)
def test_one_is_missing(name: str, hardware: str) -> None:
    """It names the hardware that would be without."""
    found = _judge(a_kernel(tree=_lacking(name)))
    assert found.status == "warn"
    assert f"on a host with {hardware} " in found.summary
    assert f"kernel 6.8.0-1029-azure has no {name}" in found.summary
    assert found.remedy is not None
    assert "linux-azure" in found.remedy


def test_several_are_missing() -> None:
    """The first is told, the others named, each remedy once."""
    tree = _tree(a_module(name="mana", file=None), a_module(name="mlx4_en", file=None))
    found = _judge(a_kernel(tree=tree))
    assert ", and there is trouble with mana too" in found.summary
    assert len(found.evidence["troubles"]) == 2  # type: ignore[arg-type]


def test_built_in_is_there() -> None:
    """Whatever is blacklisted: a rule for modules does not reach it."""
    tree = _tree(a_module(name="pci_hyperv", builtin=True, file=None))
    kernel = a_kernel(tree=tree, blocked={"pci_hyperv": '"blacklist pci_hyperv" in /etc/x.conf'})
    assert _judge(kernel).status == "pass"


def test_built_in_answers_to_its_ids() -> None:
    """Before 5.2 no table has its aliases: linux-azure 4.15 has mlx4 and mlx5 built in."""
    names = ("mlx4_core", "mlx5_core", "pci_hyperv")
    tree = _tree(
        *(a_module(name=name, builtin=True, file=None) for name in names),
        **dict.fromkeys(names, ()),
    )
    assert _judge(a_kernel(tree=tree)).status == "pass"


@pytest.mark.parametrize(
    ("why", "command"),
    [
        pytest.param(
            '"blacklist mana" in /etc/modprobe.d/x.conf',
            "sed -i '/mana/d' /etc/modprobe.d/x.conf",
            id="modprobe.d",
        ),
        pytest.param(
            "module_blacklist=mana on the kernel's command line",
            "--remove-args='module_blacklist=mana'",
            id="command-line",
        ),
    ],
)
def test_one_is_forbidden(why: str, command: str) -> None:
    """By which line, and how to lift it."""
    found = _judge(a_kernel(blocked={"mana": why}))
    assert found.status == "warn"
    assert f"mana is forbidden by {why}" in found.summary
    assert found.remedy is not None
    assert command in found.remedy


def test_a_file_that_is_gone() -> None:
    """modules.dep lists it, so the package is damaged."""
    tree = _tree(a_module(name="mana", file=None, gone="kernel/mana.ko"))
    found = _judge(a_kernel(tree=tree))
    assert "the file of mana is gone (kernel/mana.ko)" in found.summary
    assert found.remedy is not None
    assert "--reinstall linux-modules-6.8.0-1029-azure" in found.remedy
    found = _judge(a_kernel(tree=tree), os_release=DEBIAN)
    assert found.remedy is not None
    assert "--reinstall linux-image-6.8.0-1029-azure" in found.remedy


def test_mlx5_core_without_ethernet() -> None:
    """The driver is there and drives InfiniBand alone; not seen is no fault."""
    found = _judge(a_kernel(ethernet=False))
    assert found.status == "warn"
    assert "CONFIG_MLX5_CORE_EN" in found.summary
    unseen = _judge(a_kernel(ethernet=None))
    assert unseen.status == "pass"
    assert "not seen" in str(unseen.evidence["kernels"])


def test_a_driver_that_is_too_old_for_an_id() -> None:
    """It answers to some of its ids."""
    tree = _tree()
    aliases = {
        alias: () if "0000101A" in alias else names for alias, names in tree.by_alias.items()
    }
    found = _judge(a_kernel(tree=replace(tree, by_alias=aliases)))
    assert "mlx5_core is too old for 15b3:101a" in found.summary


@pytest.mark.parametrize(("driver", "told"), [("mana", "1414:00ba"), ("pci_hyperv", "vmbus:")])
def test_a_driver_that_nothing_leads_to(driver: str, told: str) -> None:
    """modules.alias is older than the module."""
    found = _judge(a_kernel(tree=_tree(**{driver: ()})))
    assert f"no module answers to {told}" in found.summary
    assert found.remedy is not None
    assert "depmod" in found.remedy


def test_without_the_alias_table_nobody_is_said_not_to_answer() -> None:
    """Names alone are judged then."""
    assert _judge(a_kernel(tree=replace(_tree(), by_alias={}))).status == "pass"


def test_before_depmod_has_run() -> None:
    """A running kernel finds no module; an image is judged by its files."""
    kernel = a_kernel(tree=replace(_tree(mana=()), indexed=False))
    found = _judge(kernel)
    assert "modules.dep is not there" in found.summary
    image = _judge(kernel, source="root")
    assert image.status == "pass"
    assert "depmod has not run" in str(image.evidence["kernels"])


def test_the_one_that_boots_next_lacks_it() -> None:
    """The running one has all."""
    host = a_next_host(a_kernel(), a_kernel(release=NEXT, running=False, tree=_lacking("mana")))
    found = judge(a_machine(next_host=host))
    assert found.status == "warn"
    assert f"kernel {NEXT} has no mana (boots next)" in found.summary


def test_the_others_are_named() -> None:
    """And not judged."""
    host = a_next_host(installed=("6.8.0-1029-azure", "5.4.0-1-azure"))
    assert judge(a_machine(next_host=host)).evidence["other_kernels"] == ["5.4.0-1-azure"]


REFUSED_GRUB = Gap(asked=True, why="/boot/grub/grub.cfg: EACCES")


def test_which_one_boots_can_not_be_told() -> None:
    """It does not matter where all have the drivers."""
    good, bad = (
        a_kernel(release=NEXT, running=False),
        a_kernel(release=NEXT, running=False, tree=_lacking("mana")),
    )
    host = a_next_host(a_kernel(), good, boots=REFUSED_GRUB)
    assert judge(a_machine(next_host=host)).status == "pass"
    found = judge(a_machine(next_host=a_next_host(a_kernel(), bad, boots=REFUSED_GRUB)))
    assert found.status == "unknown"
    assert NEXT in found.summary
    found = judge(a_machine(next_host=a_next_host(a_kernel(tree=_lacking("mana")), good)))
    assert found.status == "warn"


def test_the_running_kernels_modules_have_gone() -> None:
    """Upgraded and not rebooted: what is not loaded yet never will be."""
    gone = a_kernel(tree=Gap(asked=True, why="/lib/modules/6.8.0-1029-azure: ENOENT"))
    host = a_next_host(gone, a_kernel(release=NEXT, running=False), installed=(NEXT,))
    found = judge(a_machine(next_host=host))
    assert found.status == "warn"
    assert "no longer on the disk" in found.summary
    assert found.remedy is not None
    assert "reboot" in found.remedy


@pytest.mark.parametrize("gap", [REFUSED, NEVER_ASKED])
def test_tables_that_were_not_seen(gap: Gap) -> None:
    """Neither pass nor warn."""
    with pytest.raises(MissingFactsError):
        _judge(a_kernel(tree=gap))
    with pytest.raises(MissingFactsError):
        judge(a_machine(next_host=gap))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"file": REFUSED}, id="file"),
        pytest.param({"file": None, "builtin": REFUSED}, id="builtin"),
    ],
)
def test_a_module_that_was_not_seen(changes: dict[str, Any]) -> None:
    """Where modules.dep, or modules.builtin and no file, was refused."""
    with pytest.raises(MissingFactsError):
        _judge(a_kernel(tree=_tree(a_module(name="mana", **changes))))


def test_without_modules_builtin_a_missing_file_is_missing() -> None:
    """Kernels older than the table have none built in."""
    gap = Gap(asked=True, why="/lib/modules/x/modules.builtin: ENOENT")
    tree = _tree(a_module(name="mana", file=None, builtin=gap))
    assert _judge(a_kernel(tree=tree)).status == "warn"


def test_the_initramfs_matters_with_a_root_on_the_network() -> None:
    """Else what keeps a driver out of it keeps nothing from working."""
    early = a_kernel(
        early={"mlx5_core": "rd.driver.blacklist=mlx5_core on the kernel's command line"}
    )
    assert _judge(early).status == "pass"
    host = a_next_host(early, network_root="root=/dev/nfs")
    found = judge(a_machine(next_host=host))
    assert found.status == "warn"
    assert "kept out of the initramfs" in found.summary
    assert found.remedy is not None
    assert "rd.driver.blacklist=mlx5_core" in found.remedy


def test_a_driver_override() -> None:
    """As driverctl keeps one for good; DPDK means it."""
    function = a_function(pci=a_pci_function(driver_override="vfio-pci"))
    found = judge(a_machine(functions=(function,)))
    assert found.status == "warn"
    assert "vfio-pci" in found.summary
    dpdk = a_netvsc_device(driver="uio_hv_generic")
    assert judge(a_machine(functions=(function,), vmbus=(dpdk,))).status == "pass"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"expect": "off"}, id="none-expected"),
        pytest.param({"instance": an_instance(vm_size="Standard_B1s")}, id="size"),
        pytest.param({"instance": an_instance(security_type="ConfidentialVM")}, id="confidential"),
        pytest.param({"azure": False}, id="not-azure"),
    ],
)
def test_where_the_question_does_not_arise(changes: dict[str, Any]) -> None:
    """No host gives it a VF, or nobody knows the hosts."""
    kernel = a_kernel(tree=_lacking("mana"))
    assert judge(a_machine(next_host=a_next_host(kernel), **changes)).status == "skip"


def test_the_release_of_the_entry_is_told() -> None:
    """With what said so."""
    boots = NextBoot(release="6.8.0-1029-azure", why="the link /boot/vmlinuz")
    found = judge(a_machine(next_host=a_next_host(boots=boots)))
    assert found.evidence["boots_next_by"] == "the link /boot/vmlinuz"
