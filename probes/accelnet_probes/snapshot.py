"""Every fact that accelnet observes, and the four meanings of "no".

- `None`: the kernel does not provide it.
- `Gap(asked=True)`: it was asked for and refused, or did not settle.
- `Gap(asked=False)`: it was never asked for (an unbooted image, a bundle
  without that part).
- "it is wrong" is no fact at all: that is for the checks.

`need(fact)` narrows `Observed[T]` to `T`, or raises `MissingFactsError`,
which the engine turns into "unknown" (asked) or "skip" (never asked).
Each field says the file or call that it comes from.
"""

from __future__ import annotations

from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal, TypeAlias, TypeVar

    T = TypeVar("T")
    Observed: TypeAlias = "T | Gap"
    Source: TypeAlias = Literal["live", "root", "bundle"]


class Gap(Record):
    """A fact that was not observed, and why."""

    asked: bool
    why: str


class MissingFactsError(Exception):
    """A check asked for a fact that was not observed."""

    def __init__(self, gap: Gap) -> None:
        super().__init__(gap.why)
        self.gap = gap


def need(fact: T | Gap) -> T:
    """Return the fact; raise MissingFactsError where it was not observed."""
    if isinstance(fact, Gap):
        raise MissingFactsError(fact)
    return fact


def known(fact: T | Gap | None) -> T | None:
    """Return the fact, or None where the kernel has none or it was not observed.

    Only for what decides nothing: evidence, and choosing between sources.
    """
    return None if isinstance(fact, Gap) else fact


class OsRelease(Record):
    """/etc/os-release (os-release(5)), with the point release where that has none."""

    id: str | None  # ID
    id_like: tuple[str, ...] = ()  # ID_LIKE
    version_id: str | None = None  # VERSION_ID; CentOS names only its major version
    pretty_name: str | None = None  # PRETTY_NAME
    point_release: str | None = None  # "7.4" of /etc/centos-release or /etc/redhat-release


AZURE_ASSET_TAG = "7783-7084-3265-9085-8269-3286-77"  # SMBIOS type 3 on every Azure VM
NETVSC_CLASS = "f8615163-df3e-46c5-913f-f2d2f965ed0e"  # HV_NIC_GUID, include/linux/hyperv.h
PASS_THROUGH_CLASS = "44c4f61d-4444-4400-9d52-802e27ede19f"  # HV_PCIE_GUID


class Dmi(Record):
    """/sys/class/dmi/id (SMBIOS types 1 and 3)."""

    chassis_asset_tag: str | None
    sys_vendor: str | None
    product_name: str | None

    @property
    def is_azure(self) -> bool:
        """The asset tag that Azure gives its VMs, and no other Hyper-V does."""
        return self.chassis_asset_tag == AZURE_ASSET_TAG


class Interface(Record):
    """One entry of network.interface[] in the instance metadata: one vNIC."""

    mac: str  # macAddress, lower case with colons
    addresses: tuple[str, ...] = ()  # ipv4.ipAddress[].privateIpAddress, then ipv6


class Instance(Record):
    """/metadata/instance of the instance metadata service (api-version 2021-02-01)."""

    vm_size: str | None  # compute.vmSize
    publisher: str | None = None  # compute.publisher; None for a custom image
    offer: str | None = None
    sku: str | None = None
    version: str | None = None  # the *deployed* image version; no update moves it
    security_type: str | None = None  # compute.securityProfile.securityType
    interfaces: tuple[Interface, ...] = ()
    expect: str | None = None  # compute.tagsList: the value of the tag accelnet-expect


class PciFunction(Record):
    """/sys/bus/pci/devices/<address>."""

    address: str  # domain:bus:device.function, as the entry is called
    path: str | None  # the entry's own link, which holds the VMBus instance GUID
    vendor_id: Observed[str | None]  # vendor, four hex digits
    device_id: Observed[str | None]  # device
    class_id: Observed[str | None]  # class, six hex digits
    subsystem: str | None  # subsystem_vendor:subsystem_device
    driver: Observed[str | None]  # the driver link; None is unbound
    driver_override: str | None  # driver_override, where it is set
    modalias: str | None  # modalias, or None where not read
    netdevs: Observed[tuple[str, ...]]  # net/


class VmbusDevice(Record):
    """/sys/bus/vmbus/devices/<instance GUID> (Documentation/ABI/stable/sysfs-bus-vmbus)."""

    guid: str
    class_id: Observed[str | None]  # class_id, lower case, without braces
    driver: Observed[str | None]  # the driver link; None is unbound


class DriverInfo(Record):
    """struct ethtool_drvinfo (ETHTOOL_GDRVINFO)."""

    driver: str
    version: str
    fw_version: str
    bus_info: str
    n_stats: int


class Channels(Record):
    """struct ethtool_channels (ETHTOOL_GCHANNELS)."""

    max_rx: int
    max_tx: int
    max_other: int
    max_combined: int
    rx: int
    tx: int
    other: int
    combined: int


class Ring(Record):
    """struct ethtool_ringparam (ETHTOOL_GRINGPARAM)."""

    rx_max: int
    rx_mini_max: int
    rx_jumbo_max: int
    tx_max: int
    rx: int
    rx_mini: int
    rx_jumbo: int
    tx: int


class EthtoolSample(Record):
    """What one interface's driver answered at one moment."""

    driver_info: Observed[DriverInfo | None]
    statistics: Observed[Mapping[str, int] | None]  # ETHTOOL_GSTATS by name
    channels: Observed[Channels | None]
    ring: Observed[Ring | None]
    permanent_mac: Observed[str | None]  # ETHTOOL_GPERMADDR


class Netdev(Record):
    """/sys/class/net/<name> of a device that is not virtual."""

    name: str
    ifindex: Observed[int | None]
    type: Observed[int | None]  # ARPHRD_*: 1 Ethernet, 32 InfiniBand
    mac: Observed[str | None]  # address, lower case
    mtu: Observed[int | None]
    flags: Observed[int | None]  # IFF_*; sysfs has no IFF_RUNNING
    operstate: Observed[str | None]  # RFC 2863
    device: Observed[str | None]  # the device link's last part: GUID or PCI address
    driver: Observed[str | None]  # device/driver, else the driver that ethtool names
    master: Observed[str | None]  # the master link's last part
    lower: Observed[tuple[str, ...]]  # lower_*
    upper: Observed[tuple[str, ...]]  # upper_*
    addresses: Observed[tuple[str, ...]]  # RTM_GETADDR, "10.0.0.4/24"
    samples: tuple[EthtoolSample, ...] = ()


class Module(Record):
    """A kernel module, as the running kernel would find it by alias."""

    name: str
    loaded: Observed[bool]  # /sys/module/<name>
    builtin: Observed[bool]  # modules.builtin, modules.builtin.modinfo
    file: Observed[str | None]  # modules.dep; None where this kernel has no such file
    gone: str | None = None  # the file that modules.dep lists, where it is not there


class ModuleTree(Record):
    """/lib/modules/<release>: which module answers to each alias that was asked for."""

    modules: tuple[Module, ...]
    by_alias: Mapping[str, tuple[str, ...]]  # modalias -> module names
    indexed: bool = True  # depmod's modules.dep is there; else files are those of modules.order


class KernelDrivers(Record):
    """The accelerated networking drivers of one installed kernel."""

    release: str
    running: bool
    tree: Observed[ModuleTree]
    blocked: Mapping[str, str]  # module -> what forbids it: modprobe.d(5), the command line
    early: Mapping[str, str]  # module -> what keeps it out of the initramfs alone
    ethernet: bool | None  # mlx5_core was built with its Ethernet part (CONFIG_MLX5_CORE_EN)


class NextBoot(Record):
    """The kernel that the boot loader takes next."""

    release: str
    why: str  # the file, and what in it, that says so
    command_line: str | None = None  # what is written there


class NextHost(Record):
    """What the machine brings along to the next host: its kernels and their drivers."""

    boots: Observed[NextBoot]
    kernels: tuple[KernelDrivers, ...]  # the running one, then what may boot next
    installed: tuple[str, ...]  # every release in /lib/modules
    network_root: str | None = None  # the word of the command line that puts / on the network
    in_initramfs: bool = False  # /etc/initrd-release: the root is still the initramfs


class LinkOwner(Record):
    """What user space did with one interface."""

    udev: Observed[Mapping[str, str] | None]  # /run/udev/data/n<ifindex>, of the E: lines
    network_manager: Observed[str | None]  # /run/NetworkManager/devices/<ifindex>: managed
    networkd: Observed[str | None]  # /run/systemd/netif/links/<ifindex>: ADMIN_STATE
    network_file: str | None = None  # the same: NETWORK_FILE


class NameRule(Record):
    """Something that names, or configures, whatever has this MAC."""

    file: str
    mac: str  # lower case
    name: str | None  # None: it is matched and not named (netplan)
    driver: str | None  # that it asks for besides; None: any


class NetworkSetup(Record):
    """What user space is told about the interfaces."""

    links: Mapping[str, LinkOwner]  # by the interface's name
    network_manager: bool  # /run/NetworkManager is there
    networkd: bool  # /run/systemd/netif is there
    unmanaged: tuple[str, ...]  # files that tell somebody to leave interfaces alone
    name_rules: tuple[NameRule, ...]
    name_generator: str | None  # 75-persistent-net-generator.rules, unless masked
    packages: Mapping[str, str]  # /var/lib/dpkg/status
    refused: tuple[str, ...] = ()  # "/etc/netplan/50-cloud-init.yaml: EACCES"


class LogEvent(Record):
    """One line of the kernel log that says what happened to a VF."""

    kind: str  # see kernel_log.PATTERNS
    line: str
    nic: str | None = None  # the synthetic NIC's name at that time
    guid: str | None = None  # its VMBus instance GUID
    vf: str | None = None  # the VF's name at that time
    pci_address: str | None = None
    detail: str | None = None  # serial, errno, driver: see PATTERNS
    uptime: float | None = None  # seconds since boot, where the line says so
    age: float | None = None  # seconds before the observation, where both are known
    min_age: float = 0.0  # seconds of log that follow it: it is at least that old


class KernelLog(Record):
    """The events of the kernel log, oldest first."""

    events: tuple[LogEvent, ...]
    starts_at_boot: bool  # the first line is of the first seconds: nothing has wrapped


class Move(Record):
    """The VM came to a host whose VFs are of other hardware."""

    before: str  # vendor:device of a VF, "15b3:1016"
    after: str
    age: float  # seconds since it was noticed


class Watch(Record):
    """What accelnet-agent saw happen: the kernel log's kinds of events, oldest first."""

    events: tuple[LogEvent, ...]  # RTM_NEWLINK, RTM_DELLINK, and what reconciling found
    seconds: float  # since it began, in this boot; what it missed while it was off is in there
    moves: Mapping[str, Move] = {}  # synthetic NIC -> the last one


class Sent(Record):
    """What one NIC was given to send between the two samples (--active-proof, sendto(2))."""

    packets: int  # that the kernel took
    family: str | None = None  # "ipv6" or "ipv4"; None: nothing was sent
    refused: Mapping[str, str] = {}  # family -> the errno's name


class ProbeRun(Record):
    """How one probe went."""

    name: str
    why: str | None = None  # None: it answered; else why it did not
    late: bool = False  # no answer came in time; else it is accelnet's own fault


NOTHING_SENT = Gap(asked=False, why="--active-proof was not given")


class Snapshot(Record):
    """All facts about one machine at one moment."""

    source: Source
    observed_at: str  # 2026-01-02T03:04:05Z
    kernel_release: Observed[str | None]  # /proc/sys/kernel/osrelease
    os_release: Observed[OsRelease | None]
    dmi: Observed[Dmi]
    cpu_count: Observed[int | None]  # online CPUs
    uptime: Observed[float | None]  # /proc/uptime
    instance: Observed[Instance | None]
    pci: Observed[tuple[PciFunction, ...]]
    vmbus: Observed[tuple[VmbusDevice, ...]]
    netdevs: Observed[tuple[Netdev, ...]]
    modules: Observed[ModuleTree]
    next_host: Observed[NextHost]
    network_setup: Observed[NetworkSetup]
    kernel_log: Observed[KernelLog]
    window_seconds: float | None  # between the two samples; None with one
    watch: Observed[Watch] = Gap(asked=False, why="no agent has watched this machine")
    sent: Observed[Mapping[str, Sent]] = NOTHING_SENT  # by the NIC's name
    probes: tuple[ProbeRun, ...] = ()
