"""Facts to start a case from: a healthy VM, of which a test changes one field."""

from __future__ import annotations

from typing import Any

from accelnet_agent.datapath import DataPath
from accelnet_agent.expectation import OPTION, Expectation
from accelnet_agent.findings import Finding
from accelnet_agent.functions import Function
from accelnet_agent.machine import Machine, Nic
from accelnet_probes.hardware import DEVICES, DRIVERS
from accelnet_probes.record import replace
from accelnet_probes.snapshot import (
    Channels,
    Dmi,
    DriverInfo,
    EthtoolSample,
    Gap,
    Instance,
    Interface,
    KernelDrivers,
    KernelLog,
    LinkOwner,
    LogEvent,
    Module,
    ModuleTree,
    Netdev,
    NetworkSetup,
    NextBoot,
    NextHost,
    OsRelease,
    PciFunction,
    Ring,
    Snapshot,
    VmbusDevice,
    Watch,
)

MAC = "00:0d:3a:11:22:33"
REFUSED = Gap(asked=True, why="EACCES")
NEVER_ASKED = Gap(asked=False, why="the bundle has no such part")


def an_ethtool_sample(**changes: Any) -> EthtoolSample:
    """What hv_netvsc of a healthy pair answers."""
    sample = EthtoolSample(
        driver_info=DriverInfo(
            driver="hv_netvsc", version="6.8.0-1029-azure", fw_version="N/A", bus_info="", n_stats=5
        ),
        statistics={
            "vf_rx_packets": 992956,
            "vf_rx_bytes": 2749784180,
            "vf_tx_packets": 2656684,
            "vf_tx_bytes": 1099443970,
            "vf_tx_dropped": 0,
        },
        channels=Channels(
            max_rx=0, max_tx=0, max_other=0, max_combined=4, rx=0, tx=0, other=0, combined=4
        ),
        ring=Ring(
            rx_max=18811,
            rx_mini_max=0,
            rx_jumbo_max=0,
            tx_max=2560,
            rx=10486,
            rx_mini=0,
            rx_jumbo=0,
            tx=192,
        ),
        permanent_mac=MAC,
    )
    return replace(sample, **changes)


def a_netdev(**changes: Any) -> Netdev:
    """The synthetic NIC of a healthy pair."""
    netdev = Netdev(
        name="eth0",
        ifindex=2,
        type=1,
        mac=MAC,
        mtu=1500,
        flags=0x1003,
        operstate="up",
        device="000d3a11-2233-000d-3a11-2233000d3a11",
        driver="hv_netvsc",
        master=None,
        lower=("enP53091s1",),
        upper=(),
        addresses=("10.0.0.4/24",),
        samples=(an_ethtool_sample(),),
    )
    return replace(netdev, **changes)


def a_vf(**changes: Any) -> Netdev:
    """The VF of a healthy pair."""
    vf = a_netdev(
        name="enP53091s1",
        ifindex=3,
        flags=0x1803,
        device="cf63:00:02.0",
        driver="mlx5_core",
        master="eth0",
        lower=(),
        upper=("eth0",),
        addresses=(),
        samples=(),
    )
    return replace(vf, **changes)


def a_nic(**changes: Any) -> Nic:
    """A healthy pair that was seen once."""
    nic = Nic(
        netdev=a_netdev(),
        vf=a_vf(),
        direct=False,
        orphans=(),
        datapath=DataPath(state="vf", why="it is paired and up"),
        window=None,
        events=(),
    )
    return replace(nic, **changes)


def a_pci_function(**changes: Any) -> PciFunction:
    """The PCI function of the healthy pair's VF."""
    pci = PciFunction(
        address="cf63:00:02.0",
        path=f"{_VMBUS}/e9ac9b28-cf63-4cde-9d43-51be1a9f1fcc/pcicf63:00/cf63:00:02.0",
        vendor_id="15b3",
        device_id="1016",
        class_id="020000",
        subsystem="15b3:0080",
        driver="mlx5_core",
        driver_override=None,
        modalias="pci:v000015B3d00001016sv000015B3sd00000080bc02sc00i00",
        netdevs=("enP53091s1",),
    )
    return replace(pci, **changes)


_VMBUS = "sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00"


def a_function(**changes: Any) -> Function:
    """The VF function of the healthy pair."""
    function = Function(
        pci=a_pci_function(),
        name="MT27710 Family [ConnectX-4 Lx Virtual Function]",
        family="ConnectX-4 Lx",
        driver="mlx5_core",
    )
    return replace(function, **changes)


def an_instance(**changes: Any) -> Instance:
    """Instance metadata of a gallery image on a size that supports a VF."""
    instance = Instance(
        vm_size="Standard_D4s_v5",
        publisher="Canonical",
        offer="ubuntu-24_04-lts",
        sku="server",
        version="24.04.202501140",
        security_type="",
        interfaces=(Interface(mac=MAC, addresses=("10.0.0.4",)),),
    )
    return replace(instance, **changes)


def a_snapshot(**changes: Any) -> Snapshot:
    """All facts of a healthy Ubuntu 24.04 VM."""
    snapshot = Snapshot(
        source="live",
        observed_at="2026-01-02T03:04:05Z",
        kernel_release="6.8.0-1029-azure",
        os_release=OsRelease(
            id="ubuntu", id_like=("debian",), version_id="24.04", pretty_name="Ubuntu 24.04.1 LTS"
        ),
        dmi=Dmi(
            chassis_asset_tag="7783-7084-3265-9085-8269-3286-77",
            sys_vendor="Microsoft Corporation",
            product_name="Virtual Machine",
        ),
        cpu_count=4,
        uptime=86400.0,
        instance=an_instance(),
        pci=(a_pci_function(),),
        vmbus=(),
        netdevs=(a_netdev(), a_vf()),
        modules=ModuleTree(modules=(), by_alias={}),
        next_host=a_next_host(),
        network_setup=a_network_setup(),
        kernel_log=KernelLog(events=(), starts_at_boot=True),
        window_seconds=None,
    )
    return replace(snapshot, **changes)


def a_machine(**changes: Any) -> Machine:
    """A healthy VM; a field that Machine lacks changes its snapshot."""
    if "expect" in changes:
        stated = changes.pop("expect")
        changes["expectation"] = Expectation(value=stated, source=OPTION)
    own = {name: changes.pop(name) for name in tuple(changes) if name in _MACHINE_FIELDS}
    machine = Machine(
        snapshot=a_snapshot(**changes), azure=True, nics=(a_nic(),), functions=(a_function(),)
    )
    return replace(machine, **own)


_MACHINE_FIELDS = ("snapshot", "azure", "nics", "functions", "expectation")


NETVSC_GUID = "000d3a11-2233-000d-3a11-2233000d3a11"
PASS_THROUGH_GUID = "e9ac9b28-cf63-4cde-9d43-51be1a9f1fcc"


def a_netvsc_device(**changes: Any) -> VmbusDevice:
    """The VMBus device of the healthy pair's synthetic NIC."""
    device = VmbusDevice(
        guid=NETVSC_GUID, class_id="f8615163-df3e-46c5-913f-f2d2f965ed0e", driver="hv_netvsc"
    )
    return replace(device, **changes)


def a_pass_through_device(**changes: Any) -> VmbusDevice:
    """The VMBus device that the healthy pair's VF was made of."""
    device = VmbusDevice(
        guid=PASS_THROUGH_GUID, class_id="44c4f61d-4444-4400-9d52-802e27ede19f", driver="hv_pci"
    )
    return replace(device, **changes)


def a_module(**changes: Any) -> Module:
    """A module that is there and loaded."""
    name = changes.get("name", "mlx5_core")
    module = Module(
        name=name, loaded=True, builtin=False, file=f"kernel/drivers/net/{name}/{name}.ko.zst"
    )
    return replace(module, **changes)


def a_kernel(**changes: Any) -> KernelDrivers:
    """The running kernel of the healthy VM, with every driver."""
    answers: dict[str, tuple[str, ...]] = {alias: (driver,) for driver, alias in DEVICES}
    tree = ModuleTree(modules=tuple(a_module(name=name) for name in DRIVERS), by_alias=answers)
    kernel = KernelDrivers(
        release="6.8.0-1029-azure", running=True, tree=tree, blocked={}, early={}, ethernet=True
    )
    return replace(kernel, **changes)


def a_next_host(*kernels: KernelDrivers, **changes: Any) -> NextHost:
    """A VM that boots the kernel it runs."""
    kernels = kernels or (a_kernel(),)
    host = NextHost(
        boots=NextBoot(release=kernels[-1].release, why="the only kernel in /lib/modules"),
        kernels=kernels,
        installed=tuple(kernel.release for kernel in kernels),
    )
    return replace(host, **changes)


def an_owner(**changes: Any) -> LinkOwner:
    """A VF that networkd leaves alone, as the udev rule says."""
    owner = LinkOwner(
        udev={
            "AZURE_UNMANAGED_SRIOV": "1",
            "ID_NET_MANAGED_BY": "unmanaged",
            "NM_UNMANAGED": "1",
        },
        network_manager=None,
        networkd="unmanaged",
    )
    return replace(owner, **changes)


def a_network_setup(**changes: Any) -> NetworkSetup:
    """Ubuntu with netplan and azure-vm-utils."""
    netplan = "/run/systemd/network/10-netplan-eth0.network"
    setup = NetworkSetup(
        links={
            "eth0": LinkOwner(
                udev={}, network_manager=None, networkd="configured", network_file=netplan
            ),
            "enP53091s1": an_owner(),
        },
        network_manager=False,
        networkd=True,
        unmanaged=(),
        name_rules=(),
        name_generator=None,
        packages={},
    )
    return replace(setup, **changes)


def a_log(*events: LogEvent, starts_at_boot: bool = True) -> KernelLog:
    """A kernel log with these events."""
    return KernelLog(events=events, starts_at_boot=starts_at_boot)


def a_watch(*events: LogEvent, seconds: float = 86400.0, moves: Any = None) -> Watch:
    """What an agent saw that has watched for a day."""
    return Watch(events=events, seconds=seconds, moves=moves or {})


def an_event(kind: str, **changes: Any) -> LogEvent:
    """A line of hv_netvsc about the healthy pair."""
    event = LogEvent(kind=kind, line=f"hv_netvsc {NETVSC_GUID} eth0: {kind}", nic="eth0")
    return replace(event, **changes)


def two_samples(before: Any, after: Any) -> tuple[EthtoolSample, EthtoolSample]:
    """Statistics of two moments."""
    return an_ethtool_sample(statistics=before), an_ethtool_sample(statistics=after)


def a_finding(**changes: Any) -> Finding:
    """What a required check says of a healthy NIC."""
    check = changes.get("check", "vf-up")
    finding = Finding(
        check=check,
        subject="eth0",
        level="required",
        status="pass",
        summary="it is up and running",
        evidence={},
        remedy=None,
        runbook=f"docs/runbooks/{check}.md",
    )
    return replace(finding, **changes)
