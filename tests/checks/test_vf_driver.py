"""vf-driver: each Ethernet VF is bound to its own driver and has a netdev."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.checks.vf_driver import CHECK, judge
from accelnet_agent.functions import Function
from accelnet_agent.machine import Machine
from accelnet_probes.snapshot import MissingFactsError, ModuleTree, OsRelease
from building import (
    REFUSED,
    a_function,
    a_kernel,
    a_log,
    a_machine,
    a_module,
    a_netvsc_device,
    a_next_host,
    a_nic,
    a_pci_function,
    an_event,
)

UIO = a_netvsc_device(driver="uio_hv_generic")


def _function(
    *, wanted: str | None = "mlx5_core", family: str = "ConnectX-4 Lx", **changes: Any
) -> Function:
    """A function that should have the driver `wanted`; the changes are of its PCI facts."""
    return a_function(pci=a_pci_function(**changes), family=family, driver=wanted)


def _modules(**changes: Any) -> ModuleTree:
    alias = a_pci_function().modalias or ""
    return ModuleTree(
        modules=(a_module(name="pci_hyperv"), a_module(**changes)), by_alias={alias: ("mlx5_core",)}
    )


def test_a_bound_vf_with_a_netdev_passes() -> None:
    """Driver and family are the evidence."""
    judgement = judge(a_machine(), a_function())
    assert judgement.status == "pass"
    assert judgement.evidence == {"driver": "mlx5_core", "family": "ConnectX-4 Lx"}


@pytest.mark.parametrize("field", ["driver", "netdevs"])
def test_what_was_refused_is_asked_for(field: str) -> None:
    """The engine makes it unknown."""
    with pytest.raises(MissingFactsError):
        judge(a_machine(), a_function(pci=a_pci_function(**{field: REFUSED})))


def test_an_unbound_vf_fails() -> None:
    """Traffic goes by the synthetic path, and nobody is told."""
    judgement = judge(a_machine(), _function(driver=None, netdevs=()))
    assert judgement.status == "fail"
    assert judgement.evidence["device"] == "15b3:1016"
    assert "sudo modprobe mlx5_core" in (judgement.remedy or "")


def test_an_unbound_vf_of_an_unknown_id_is_loaded_by_its_alias() -> None:
    """accelnet does not know its module; modprobe does."""
    function = _function(driver=None, netdevs=(), wanted=None, family="unknown")
    judgement = judge(a_machine(), function)
    assert judgement.status == "fail"
    assert "$(cat /sys/bus/pci/devices/cf63:00:02.0/modalias)" in (judgement.remedy or "")


@pytest.mark.parametrize(
    ("module", "said"),
    [
        pytest.param({"loaded": False}, "kernel/drivers/net/mlx5_core/mlx5_core.ko.zst", id="file"),
        pytest.param({"builtin": True, "file": None}, "mlx5_core is built in", id="built-in"),
        pytest.param(
            {"file": None},
            "mlx5_core is neither built in nor in modules.dep",
            id="loaded-from-elsewhere",
        ),
    ],
)
def test_where_the_module_is_is_evidence(module: dict[str, Any], said: str) -> None:
    """Loadable, built in or nowhere: each has another remedy."""
    machine = a_machine(modules=_modules(**module))
    judgement = judge(machine, _function(driver=None, netdevs=()))
    assert judgement.evidence["module"] == said
    assert judgement.evidence["modules_for_this_id"] == "mlx5_core"


@pytest.mark.parametrize(
    "module",
    [
        pytest.param({"loaded": REFUSED}, id="loaded-refused"),
        pytest.param({"builtin": REFUSED, "file": None}, id="built-in-refused"),
        pytest.param({"file": REFUSED}, id="file-refused"),
    ],
)
def test_a_module_that_was_not_seen_is_not_said_to_be_missing(module: dict[str, Any]) -> None:
    """What was refused is no evidence of absence."""
    machine = a_machine(modules=_modules(**module))
    judgement = judge(machine, _function(driver=None, netdevs=()))
    assert "this kernel has no" not in judgement.summary


def test_an_alias_without_a_module_is_evidence() -> None:
    """No module of this kernel answers to the VF's id."""
    alias = a_pci_function().modalias or ""
    machine = a_machine(modules=ModuleTree(modules=(), by_alias={alias: ()}))
    judgement = judge(machine, _function(driver=None, netdevs=()))
    assert judgement.evidence["modules_for_this_id"] == "none"


def test_a_module_tree_that_was_refused_leaves_the_rest_standing() -> None:
    """The VF is unbound, whatever /lib/modules says."""
    machine = a_machine(modules=REFUSED)
    assert judge(machine, _function(driver=None, netdevs=())).status == "fail"


@pytest.mark.parametrize(
    ("os_release", "command"),
    [
        pytest.param(OsRelease(id="ubuntu", id_like=("debian",)), "linux-azure", id="ubuntu"),
        pytest.param(OsRelease(id="debian"), "linux-image-cloud-amd64", id="debian"),
        pytest.param(OsRelease(id="rocky", id_like=("rhel",)), "kernel-modules-", id="rocky"),
        pytest.param(OsRelease(id="sles"), "zypper install kernel-default", id="sles"),
        pytest.param(OsRelease(id="azurelinux"), "Install a kernel that has mana", id="other"),
        pytest.param(None, "Install a kernel that has mana", id="none"),
    ],
)
def test_a_kernel_without_the_driver_fails_with_the_distributions_remedy(
    os_release: OsRelease | None, command: str
) -> None:
    """Each distribution has its own package for the rest of the modules."""
    machine = a_machine(
        os_release=os_release, modules=_modules(name="mana", loaded=False, file=None)
    )
    function = _function(driver=None, netdevs=(), wanted="mana")
    judgement = judge(machine, function)
    assert judgement.status == "fail"
    assert "this kernel has no mana" in judgement.summary
    assert command in (judgement.remedy or "")


def test_a_driver_that_refused_the_vf_is_quoted() -> None:
    """The kernel log says why the probe failed."""
    event = an_event("probe-failed", pci_address="cf63:00:02.0", line="probe failed: -12")
    machine = a_machine(kernel_log=a_log(event))
    judgement = judge(machine, _function(driver=None, netdevs=()))
    assert judgement.status == "fail"
    assert "probe failed: -12" in judgement.summary


def test_another_functions_line_is_not_this_ones() -> None:
    """A failed NVMe probe says nothing of the VF."""
    event = an_event("probe-failed", pci_address="1234:00:00.0", line="nvme failed")
    machine = a_machine(kernel_log=a_log(event))
    judgement = judge(machine, _function(driver=None, netdevs=()))
    assert "probe_failed" not in judgement.evidence


def test_a_log_that_was_refused_is_no_evidence() -> None:
    """The VF is unbound all the same."""
    machine = a_machine(kernel_log=REFUSED)
    assert judge(machine, _function(driver=None, netdevs=())).status == "fail"


def test_an_override_is_named_and_cleared() -> None:
    """driver_override keeps every other driver away."""
    function = _function(driver=None, netdevs=(), driver_override="vfio-pci")
    judgement = judge(a_machine(), function)
    assert judgement.status == "fail"
    assert judgement.evidence["driver_override"] == "vfio-pci"
    assert "echo | sudo tee" in (judgement.remedy or "")


@pytest.mark.parametrize("driver", ["vfio-pci", "uio_pci_generic", "igb_uio"])
def test_a_vf_in_user_space_fails(driver: str) -> None:
    """The kernel sends nothing by it, and the synthetic NIC is the kernel's."""
    function = _function(driver=driver, netdevs=())
    judgement = judge(a_machine(vmbus=(a_netvsc_device(),)), function)
    assert judgement.status == "fail"
    assert f"/sys/bus/pci/drivers/{driver}/unbind" in (judgement.remedy or "")


def test_a_pair_given_to_dpdk_is_no_fault() -> None:
    """The synthetic NIC is in user space as well: that is on purpose."""
    machine = a_machine(vmbus=(UIO,), nics=())
    assert judge(machine, _function(driver="vfio-pci", netdevs=())).status == "skip"


def test_mlx4_core_alone_makes_no_netdev() -> None:
    """mlx4_en does."""
    event = an_event("probe-failed", pci_address="cf63:00:02.0", line="mlx4_en: failed")
    machine = a_machine(modules=_modules(name="mlx4_core"), kernel_log=a_log(event))
    function = _function(driver="mlx4_core", netdevs=(), wanted="mlx4_core")
    judgement = judge(machine, function)
    assert judgement.status == "fail"
    assert "sudo modprobe mlx4_en" in (judgement.remedy or "")
    assert judgement.evidence["probe_failed"] == "mlx4_en: failed"


@pytest.mark.parametrize("driver", ["mlx5_core", "mana"])
def test_a_bound_vf_without_a_netdev_fails(driver: str) -> None:
    """Nothing can be sent by it."""
    judgement = judge(a_machine(vmbus=(a_netvsc_device(),)), _function(driver=driver, netdevs=()))
    assert judgement.status == "fail"
    assert f"/sys/bus/pci/drivers/{driver}/bind" in (judgement.remedy or "")


def test_an_unknown_driver_on_an_unknown_vf_warns() -> None:
    """Neither the id nor the driver is known to accelnet: look at it."""
    function = _function(driver="newnic", netdevs=(), wanted=None, family="unknown")
    assert judge(a_machine(), function).status == "warn"


def test_a_foreign_driver_on_a_known_vf_fails() -> None:
    """pci-stub holds a ConnectX-4 Lx: it is not bound to its own driver and has no netdev."""
    assert judge(a_machine(), _function(driver="pci-stub", netdevs=())).status == "fail"


def _hidden(nics: tuple[Any, ...]) -> Machine:
    devices = (a_netvsc_device(), a_netvsc_device(guid="000d3a11-2233-000d-3a11-2233000d3a12"))
    return a_machine(vmbus=devices, nics=nics)


@pytest.mark.parametrize(
    "nics",
    [
        pytest.param((), id="none-of-two-nics-here"),
        pytest.param((a_nic(),), id="one-of-two-nics-here"),
    ],
)
def test_a_netdev_in_another_namespace_is_unknown(nics: tuple[Any, ...]) -> None:
    """hv_netvsc drives more NICs than are to be seen: the VF may have gone with them."""
    assert judge(_hidden(nics), _function(netdevs=())).status == "unknown"


def test_the_check_is_required() -> None:
    """Its failure is the verdict's."""
    assert (CHECK.id, CHECK.level) == ("vf-driver", "required")


def test_a_foreign_driver_with_a_netdev_warns() -> None:
    """Something drives a ConnectX-4 Lx that is not mlx5_core; it has its netdev all the same."""
    assert judge(a_machine(), _function(driver="vendor_core")).status == "warn"


# --- neighbours told apart -----------------------------------------------------------------


def _unbound(module: Any = None, *events: Any, kernel: Any = None, **changes: Any) -> Any:
    """The judgement of an unbound ConnectX-4 Lx, as its module and the log have it."""
    function = a_function(pci=a_pci_function(driver=None, netdevs=()))
    modules = ModuleTree(modules=() if module is None else (module,), by_alias={})
    machine = a_machine(
        functions=(function,),
        modules=modules,
        next_host=a_next_host(kernel or a_kernel(), **changes),
        kernel_log=a_log(*events),
    )
    return judge(machine, function)


LOST = a_module(name="mlx5_core", loaded=False, file=None)
UNLOADED = a_module(name="mlx5_core", loaded=False)


def test_no_driver_in_this_kernel() -> None:
    """The package that has it."""
    found = _unbound(LOST)
    assert "this kernel has no mlx5_core" in found.summary
    assert "linux-azure" in found.remedy


def test_module_not_in_the_initramfs() -> None:
    """The root is still the initramfs: that one has no mlx5_core."""
    found = _unbound(LOST, in_initramfs=True)
    assert "mlx5_core is not in the initramfs" in found.summary
    assert "dracut" in found.remedy


def test_driver_blacklisted() -> None:
    """By which line, which the remedy takes out."""
    kernel = a_kernel(blocked={"mlx5_core": '"blacklist mlx5_core" in /etc/modprobe.d/x.conf'})
    found = _unbound(UNLOADED, kernel=kernel)
    assert 'mlx5_core is blacklisted by "blacklist mlx5_core" in /etc/modprobe.d/x.conf' in (
        found.summary
    )
    assert "sudo sed -i '/mlx5[-_]core/d' /etc/modprobe.d/x.conf" in found.remedy


def test_the_drivers_file_is_gone() -> None:
    """Listed, and not there."""
    found = _unbound(a_module(name="mlx5_core", loaded=False, file=None, gone="kernel/x.ko"))
    assert "the file of mlx5_core is gone (kernel/x.ko)" in found.summary
    assert "--reinstall" in found.remedy


@pytest.mark.parametrize(
    "detail",
    [
        pytest.param("mlx5_core:15B3:1016 @ 0001:00:02.0 is no longer enabled", id="by-id"),
        pytest.param("mlx5_core:x @ cf63:00:02.0 is no longer enabled", id="by-address"),
    ],
)
def test_pci_core_refused_disabled_hardware(detail: str) -> None:
    """RHEL's list of hardware that a release no longer drives."""
    found = _unbound(UNLOADED, an_event("hardware-disabled", detail=detail))
    assert "the PCI core refused" in found.summary
    assert "az vm redeploy" in found.remedy


def test_other_hardware_that_is_disabled() -> None:
    """Is none of this VF's."""
    found = _unbound(UNLOADED, an_event("hardware-disabled", detail="megaraid:1000:005B @ 0:0"))
    assert "PCI core" not in found.summary


def test_the_driver_probe_failed() -> None:
    """With the kernel's line, and what the firmware said."""
    events = (
        an_event("firmware", pci_address="cf63:00:02.0", line="Firmware over 120000 MS"),
        an_event("probe-failed", pci_address="cf63:00:02.0", line="failed with error -110"),
    )
    found = _unbound(UNLOADED, *events)
    assert found.summary.endswith("failed: failed with error -110")
    assert "the driver probe of" in found.summary
    assert found.evidence["firmware"] == "Firmware over 120000 MS"


def test_a_module_that_is_loaded_and_has_not_taken_it() -> None:
    """Nothing forbids it: let it probe."""
    found = _unbound(a_module(name="mlx5_core", loaded=True))
    assert "drivers_probe" in found.remedy


@pytest.mark.parametrize(
    ("module", "blocked", "because"),
    [
        pytest.param({"file": None}, {}, "this kernel has no mlx4_en", id="not-in-this-kernel"),
        pytest.param({}, {"mlx4_en": '"blacklist mlx4_en" in /x'}, "blacklisted", id="blacklisted"),
        pytest.param({}, {}, "mlx4_en is missing", id="not-loaded"),
    ],
)
def test_mlx4_core_without_its_second_module(
    module: dict[str, Any], blocked: dict[str, str], because: str
) -> None:
    """Each with its own remedy."""
    function = a_function(
        driver="mlx4_core", pci=a_pci_function(driver="mlx4_core", netdevs=(), device_id="1004")
    )
    tree = ModuleTree(
        modules=(a_module(**{"name": "mlx4_en", "loaded": False, **module}),), by_alias={}
    )
    machine = a_machine(
        functions=(function,),
        modules=tree,
        next_host=a_next_host(a_kernel(blocked=blocked)),
    )
    assert because in judge(machine, function).summary


def test_mlx5_core_without_ethernet() -> None:
    """CONFIG_MLX5_CORE_EN is off: it is bound, and makes no netdev."""
    function = a_function(pci=a_pci_function(netdevs=()))
    machine = a_machine(functions=(function,), next_host=a_next_host(a_kernel(ethernet=False)))
    found = judge(machine, function)
    assert found.status == "fail"
    assert "built without Ethernet" in found.summary


def test_what_an_override_chose_and_failed_is_not_the_drivers_failure() -> None:
    """vfio-pci refused it, and driver_override is what asked for vfio-pci."""
    function = a_function(pci=a_pci_function(driver=None, netdevs=(), driver_override="vfio-pci"))
    failure = an_event(
        "probe-failed",
        pci_address="cf63:00:02.0",
        line="vfio-pci: probe of x failed with error -22",
    )
    found = judge(a_machine(functions=(function,), kernel_log=a_log(failure)), function)
    assert "driver_override asks for vfio-pci" in found.summary
    assert found.evidence["probe_failed"] == failure.line
