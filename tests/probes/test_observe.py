"""observe: every probe once, each failing for itself."""

from __future__ import annotations

import errno
import struct
import time
from typing import TYPE_CHECKING

import pytest

from accelnet_probes.ethtool import Decoded
from accelnet_probes.files import MemoryStore, Tree, failure
from accelnet_probes.host import InstanceRefusedError, NotAskedError, Sample
from accelnet_probes.live import LiveHost, RootHost
from accelnet_probes.observe import observe
from accelnet_probes.snapshot import (
    AZURE_ASSET_TAG,
    NETVSC_CLASS,
    NOTHING_SENT,
    PASS_THROUGH_CLASS,
    Dmi,
    Gap,
    Instance,
    KernelLog,
    LogEvent,
    ModuleTree,
    NextHost,
    OsRelease,
    ProbeRun,
    Ring,
    Snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from accelnet_probes.ethtool import ByteOrder, Reply
    from accelnet_probes.files import Files
    from accelnet_probes.host import Addresses, Memory
    from accelnet_probes.snapshot import Sent, Source

GUID = "000d3a11-2233-000d-3a11-2233000d3a11"
PASS_THROUGH = "e9ac9b28-cf63-4cde-9d43-51be1a9f1fcc"
VMBUS = "sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00"
PCI = f"{VMBUS}/{PASS_THROUGH}/pcicf63:00/cf63:00:02.0"
RELEASE = "6.8.0-1029-azure"


def _machine() -> MemoryStore:
    """An Azure VM with a synthetic NIC and a VF, and a disk on PCI."""
    store = MemoryStore()
    for path, content in {
        "proc/sys/kernel/osrelease": RELEASE,
        "proc/uptime": "100.00 50.00",
        "etc/os-release": "ID=ubuntu",
        "sys/class/dmi/id/chassis_asset_tag": AZURE_ASSET_TAG,
        f"{VMBUS}/{GUID}/class_id": f"{{{NETVSC_CLASS}}}",
        f"{VMBUS}/{GUID}/net/eth0/ifindex": "2",
        f"{VMBUS}/{PASS_THROUGH}/class_id": f"{{{PASS_THROUGH_CLASS}}}",
        f"{PCI}/vendor": "0x15b3",
        f"{PCI}/device": "0x1016",
        f"{PCI}/class": "0x020000",
        f"{PCI}/modalias": "pci:v000015B3d00001016",
        f"{PCI}/net/eth1/ifindex": "3",
        "sys/devices/pci0000:00/0000:00:01.0/vendor": "0x8086",
        "sys/devices/pci0000:00/0000:00:01.0/class": "0x020000",
        "sys/devices/pci0000:00/0000:00:01.0/net/ens1/ifindex": "4",
        f"lib/modules/{RELEASE}/modules.alias": "alias pci:v000015B3d*1016 mlx5_core",
    }.items():
        store.add_file(path, f"{content}\n".encode())
    for path, target in {
        f"sys/bus/vmbus/devices/{GUID}": f"../../../{VMBUS[4:]}/{GUID}",
        f"sys/bus/vmbus/devices/{PASS_THROUGH}": f"../../../{VMBUS[4:]}/{PASS_THROUGH}",
        "sys/bus/pci/devices/cf63:00:02.0": f"../../../{PCI[4:]}",
        "sys/bus/pci/devices/0000:00:01.0": "../../../devices/pci0000:00/0000:00:01.0",
        "sys/class/net/eth0": f"../../{VMBUS[4:]}/{GUID}/net/eth0",
        "sys/class/net/eth1": f"../../{PCI[4:]}/net/eth1",
        "sys/class/net/ens1": "../../devices/pci0000:00/0000:00:01.0/net/ens1",
        "sys/class/net/lo": "../../devices/virtual/net/lo",
        f"{VMBUS}/{GUID}/driver": "../../../bus/vmbus/drivers/hv_netvsc",
        f"{VMBUS}/{GUID}/net/eth0/device": f"../../../{GUID}",
        f"{VMBUS}/{PASS_THROUGH}/driver": "../../../bus/vmbus/drivers/hv_pci",
        f"{PCI}/driver": "../../../bus/pci/drivers/mlx5_core",
        f"{PCI}/net/eth1/device": "../../../cf63:00:02.0",
        "sys/devices/pci0000:00/0000:00:01.0/net/ens1/device": "../../../0000:00:01.0",
    }.items():
        store.add_link(path, target)
    return store


class FakeHost:
    """Answers from a tree; a call that is named in `broken` raises what stands there."""

    source: Source = "live"
    byteorder: ByteOrder = "<"

    def __init__(
        self,
        files: Files,
        *,
        samples: int = 2,
        broken: Mapping[str, Exception] | None = None,
        replies: Mapping[str, Reply] | None = None,
        addresses: Addresses = (),
        kept: Sample | None = None,
    ) -> None:
        self.files = files
        self.decoded = Decoded()
        self.memory: Memory | None = None
        self.samples = samples
        self._broken = broken or {}
        self._replies = replies or {}
        self._addresses = addresses
        self._kept = kept
        self.asked: list[tuple[object, ...]] = []

    @property
    def sampled(self) -> list[object]:
        """The calls that make the samples, in their order."""
        return [call for call in self.asked if call[0] in ("begin_instance", "sample", "pause")]

    def _ask(self, call: str, *arguments: object) -> None:
        self.asked.append((call, *arguments))
        if call in self._broken:
            raise self._broken[call]

    def earlier(self) -> Sample | None:
        """What a daemon has kept."""
        return self._kept

    def begin_sample(self, interfaces: Mapping[str, int | None]) -> None:
        """Nothing begins."""

    def sample(self, number: int, interfaces: Mapping[str, int | None]) -> Sample:
        """The same every time."""
        self._ask("sample", number, dict(interfaces))
        ethtool = {name: dict(self._replies) for name in interfaces}
        return Sample(ethtool=ethtool, addresses=self._addresses)

    def send(self, senders: Callable[[], Mapping[str, int]]) -> Mapping[str, Sent]:
        """Nobody asked for proof."""
        raise NotAskedError(NOTHING_SENT.why)

    def pause(self) -> float | None:
        """No time passes."""
        self._ask("pause")
        return 1.0

    def begin_instance(self, *, azure: bool) -> None:
        """Nothing begins."""
        self._ask("begin_instance", azure)

    def instance(self) -> bytes:
        """A size."""
        self._ask("instance")
        return b'{"compute": {"vmSize": "Standard_D4s_v5"}}'

    def kernel_log(self) -> bytes:
        """One event."""
        self._ask("kernel_log")
        return b"[    1.000000] eth0: VF slot 1 added\n"

    def cpu_count(self) -> int | None:
        """Four."""
        self._ask("cpu_count")
        return 4

    def observed_at(self) -> str:
        """Always the same moment."""
        self._ask("observed_at")
        return "2026-01-02T03:04:05Z"


class BrokenFiles:
    """Files of which one path raises what no kernel raises."""

    def __init__(self, files: Files, broken: str) -> None:
        self._files, self._broken = files, broken

    def _ask(self, path: str) -> str:
        if path.startswith(self._broken):
            raise ZeroDivisionError("a bug")
        return path

    def read(self, path: str) -> bytes:
        """The bug, or the file."""
        return self._files.read(self._ask(path))

    def readlink(self, path: str) -> str:
        """The bug, or the link."""
        return self._files.readlink(self._ask(path))

    def listdir(self, path: str) -> list[str]:
        """The bug, or the names."""
        return self._files.listdir(self._ask(path))


RUNS = (
    "pci",
    "vmbus",
    "netdevs",
    "kernel",
    "uptime",
    "os-release",
    "dmi",
    "cpus",
    "kernel-log",
    "next-host",
    "network-setup",
    "ethtool",
    "addresses",
    "imds",
    "modules",
)
FIELDS = {
    "pci": "pci",
    "vmbus": "vmbus",
    "netdevs": "netdevs",
    "kernel": "kernel_release",
    "uptime": "uptime",
    "dmi": "dmi",
    "os-release": "os_release",
    "cpus": "cpu_count",
    "imds": "instance",
    "modules": "modules",
    "next-host": "next_host",
    "network-setup": "network_setup",
    "kernel-log": "kernel_log",
}
EVENT = LogEvent(
    kind="slot-added", line="eth0: VF slot 1 added", nic="eth0", detail="1", uptime=1.0, age=99.0
)


def _gaps(snapshot: Snapshot) -> dict[str, Gap]:
    """The facts that were not observed, by probe."""
    found = {name: getattr(snapshot, field) for name, field in FIELDS.items()}
    return {name: fact for name, fact in found.items() if isinstance(fact, Gap)}


NOTHING_WAITS = Gap(asked=False, why="nothing waits for a driver")


def test_a_machine_is_observed_as_a_whole() -> None:
    """Each part in its field; each probe has run once and answered."""
    snapshot = observe(FakeHost(Tree(_machine())))
    assert _gaps(snapshot) == {"modules": NOTHING_WAITS}
    assert snapshot.probes == tuple(ProbeRun(name=name) for name in RUNS)
    assert (snapshot.source, snapshot.observed_at) == ("live", "2026-01-02T03:04:05Z")
    assert snapshot.kernel_release == RELEASE
    assert snapshot.uptime == 100.0
    assert snapshot.os_release == OsRelease(id="ubuntu")
    assert snapshot.dmi == Dmi(
        chassis_asset_tag=AZURE_ASSET_TAG, sys_vendor=None, product_name=None
    )
    assert snapshot.cpu_count == 4
    assert snapshot.instance == Instance(vm_size="Standard_D4s_v5")
    assert snapshot.kernel_log == KernelLog(events=(EVENT,), starts_at_boot=True)
    assert snapshot.window_seconds == 1.0
    assert isinstance(snapshot.netdevs, tuple)
    assert [(netdev.name, len(netdev.samples)) for netdev in snapshot.netdevs] == [
        ("ens1", 2),
        ("eth0", 2),
        ("eth1", 2),
    ]


def test_two_samples_are_of_the_same_interfaces() -> None:
    """Those on VMBus, and those of a vendor that may be a VF; no other is bothered."""
    host = FakeHost(Tree(_machine()))
    observe(host)
    assert host.sampled == [
        ("begin_instance", True),
        ("sample", 0, {"eth0": 2, "eth1": 3}),
        ("pause",),
        ("sample", 1, {"eth0": 2, "eth1": 3}),
    ]


def test_without_a_window_there_is_one_sample() -> None:
    """And no pause."""
    host = FakeHost(Tree(_machine()), samples=1)
    snapshot = observe(host)
    assert snapshot.window_seconds is None
    assert host.sampled == [("begin_instance", True), ("sample", 0, {"eth0": 2, "eth1": 3})]


@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize(
    ("path", "name"),
    [
        pytest.param("sys/bus/pci", "pci", id="pci"),
        pytest.param("sys/bus/vmbus", "vmbus", id="vmbus"),
        pytest.param("sys/class/net", "netdevs", id="netdevs"),
        pytest.param("proc/sys/kernel/osrelease", "kernel", id="kernel"),
        pytest.param("proc/uptime", "uptime", id="uptime"),
        pytest.param("sys/class/dmi", "dmi", id="dmi"),
        pytest.param("etc/os-release", "os-release", id="os-release"),
    ],
)
def test_a_probe_that_raises_does_not_silence_the_others(
    path: str, name: str, samples: int
) -> None:
    """A bug is told as one, in its own place."""
    why = "ZeroDivisionError: a bug (a bug in accelnet: please report it)"
    snapshot = observe(FakeHost(BrokenFiles(Tree(_machine()), path), samples=samples))
    gaps = _gaps(snapshot)
    assert gaps.pop(name) == Gap(asked=True, why=f"the {name} probe failed: {why}")
    assert set(gaps) <= {"modules", "next-host", "network-setup"}
    assert not any(gap.asked for gap in gaps.values())
    assert [run for run in snapshot.probes if run.why is not None] == [ProbeRun(name=name, why=why)]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        pytest.param("cpu_count", "cpus", id="cpus"),
        pytest.param("instance", "imds", id="imds"),
        pytest.param("kernel_log", "kernel-log", id="kernel-log"),
    ],
)
@pytest.mark.parametrize(
    ("error", "gap"),
    [
        pytest.param(
            NotAskedError("the bundle has none"),
            Gap(asked=False, why="the bundle has none"),
            id="never-asked",
        ),
        pytest.param(failure(errno.EPERM, "x"), None, id="refused"),
    ],
)
def test_a_host_that_does_not_answer(
    call: str, name: str, error: Exception, gap: Gap | None
) -> None:
    """Never asked and refused are two things, and neither is a bug."""
    snapshot = observe(FakeHost(Tree(_machine()), broken={call: error}))
    expected = gap or Gap(asked=True, why=f"{name}: EPERM")
    assert _gaps(snapshot) == {"modules": NOTHING_WAITS, name: expected}
    assert all(run.why is None for run in snapshot.probes)


def test_imds_says_how_it_refused() -> None:
    """As a status, or as an errno's name."""
    host = FakeHost(Tree(_machine()), broken={"instance": InstanceRefusedError("HTTP 429")})
    assert observe(host).instance == Gap(asked=True, why="IMDS: HTTP 429")


@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize("call", ["sample", "begin_instance"])
@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM, errno.EMFILE])
def test_a_machine_that_can_not_fork_is_observed_all_the_same(
    call: str, number: int, samples: int
) -> None:
    """No process, memory or descriptor left: what needs no worker is still told."""
    broken = {call: failure(number, "fork")}
    snapshot = observe(FakeHost(Tree(_machine()), samples=samples, broken=broken))
    assert isinstance(snapshot.pci, tuple)
    assert isinstance(snapshot.netdevs, tuple)
    assert snapshot.os_release == OsRelease(id="ubuntu")


def test_a_kernel_call_that_never_came_back_is_told() -> None:
    """It is the one thing that probes-answered fails for."""
    late: dict[str, Reply] = {"stats": "ETIMEDOUT", "ring": "EOPNOTSUPP"}
    host = FakeHost(Tree(_machine()), replies=late, addresses="ETIMEDOUT")
    assert [run for run in observe(host).probes if run.why is not None] == [
        ProbeRun(name="ethtool", why="no answer in time about eth0, eth1", late=True),
        ProbeRun(name="addresses", why="RTM_GETADDR: no answer in time", late=True),
    ]


def test_a_refused_kernel_call_came_back() -> None:
    """EPERM is an answer."""
    host = FakeHost(Tree(_machine()), replies={"stats": "EPERM"}, addresses="EPERM")
    assert all(run.why is None for run in observe(host).probes)


def test_an_interface_whose_link_was_refused_is_asked() -> None:
    """It may be one of ours."""
    refused = {f"{VMBUS}/{GUID}/net/eth0/device": errno.EACCES}
    host = FakeHost(Tree(_machine(), refused), samples=1)
    observe(host)
    assert host.sampled[1] == ("sample", 0, {"eth0": 2, "eth1": 3})


@pytest.mark.parametrize(
    ("unbound", "aliases"),
    [
        pytest.param(
            f"{PCI}/driver", {"pci:v000015B3d00001016": ("mlx5_core",)}, id="an-unbound-vf"
        ),
        pytest.param(f"{VMBUS}/{PASS_THROUGH}/driver", {}, id="an-unbound-pass-through-device"),
    ],
)
def test_modules_are_looked_up_where_something_waits_for_one(
    unbound: str, aliases: dict[str, tuple[str, ...]]
) -> None:
    """The tables are megabytes, so only there."""
    store = _machine()
    del store.links[unbound]
    modules = observe(FakeHost(Tree(store))).modules
    assert isinstance(modules, ModuleTree)
    assert aliases.items() <= modules.by_alias.items()


def test_a_kernel_without_a_folder_of_modules_is_no_gap_of_what_waits() -> None:
    """What waits for a driver is looked up by the running kernel's release all the same."""
    store = _machine()
    del store.links[f"{PCI}/driver"]
    store.add_file("lib/modules/9.9.9/modules.dep", b"")
    store.directories["lib/modules"].discard(RELEASE)
    assert isinstance(observe(FakeHost(Tree(store))).modules, ModuleTree)


def test_a_machine_without_our_devices_is_not_searched() -> None:
    """Neither its log nor its modules concern us."""
    store = MemoryStore()
    store.add_directory("sys/class/net")
    host = FakeHost(Tree(store))
    snapshot = observe(host)
    assert snapshot.kernel_log == Gap(
        asked=False, why="no device of accelerated networking is here"
    )
    assert snapshot.modules == NOTHING_WAITS
    assert ("kernel_log",) not in host.asked
    assert ("begin_instance", False) in host.asked


def test_no_sys_at_all_is_a_gap_of_a_live_machine() -> None:
    """It runs, so it has interfaces; we can not see them."""
    snapshot = observe(FakeHost(Tree(MemoryStore())))
    assert snapshot.netdevs == Gap(asked=True, why="/sys/class/net: ENOENT")
    assert snapshot.pci == ()


def test_an_image_without_sys(tmp_path: Path) -> None:
    """It has no interfaces; what nobody can ask an image was never asked."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text("ID=debian\nVERSION_ID=9\n")
    (tmp_path / "lib/modules/4.19.0-0.bpo.9-amd64").mkdir(parents=True)
    snapshot = observe(RootHost(str(tmp_path)))
    assert snapshot.source == "root"
    assert snapshot.os_release == OsRelease(id="debian", version_id="9")
    assert snapshot.kernel_release == "4.19.0-0.bpo.9-amd64"
    assert snapshot.netdevs == ()
    assert snapshot.uptime is None
    assert _gaps(snapshot) == {
        "pci": Gap(asked=False, why="an image has no devices"),
        "vmbus": Gap(asked=False, why="an image has no devices"),
        "cpus": Gap(asked=False, why="an image has no CPUs"),
        "imds": Gap(asked=False, why="an image has no instance metadata"),
        "modules": NOTHING_WAITS,
        "kernel-log": Gap(asked=False, why="no device of accelerated networking is here"),
        "network-setup": Gap(asked=False, why="no interface of accelerated networking is here"),
    }
    assert isinstance(snapshot.next_host, NextHost)
    assert snapshot.next_host.installed == ("4.19.0-0.bpo.9-amd64",)
    assert all(run.why is None for run in snapshot.probes)


def test_an_image_without_a_kernel(tmp_path: Path) -> None:
    """None is made up."""
    snapshot = observe(RootHost(str(tmp_path)))
    assert snapshot.kernel_release == Gap(
        asked=False, why="the image has 0 kernels in /lib/modules"
    )
    assert snapshot.next_host == Gap(asked=False, why="the image has no kernel")


def test_an_image_of_several_kernels_is_that_of_the_one_that_boots(tmp_path: Path) -> None:
    """By the link of /boot, before the newest."""
    for number in (1, 9, 12):
        (tmp_path / f"lib/modules/6.{number}.0/kernel").mkdir(parents=True)
    assert observe(RootHost(str(tmp_path))).kernel_release == "6.12.0"
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/vmlinuz").symlink_to("vmlinuz-6.9.0")
    assert observe(RootHost(str(tmp_path))).kernel_release == "6.9.0"


def test_an_image_whose_kernel_can_not_be_told(tmp_path: Path) -> None:
    """The boot loader names what is not there."""
    for number in (1, 9):
        (tmp_path / f"lib/modules/6.{number}.0/kernel").mkdir(parents=True)
    (tmp_path / "boot/grub").mkdir(parents=True)
    (tmp_path / "boot/grub/grub.cfg").write_text('set default="7"\n')
    assert observe(RootHost(str(tmp_path))).kernel_release == Gap(
        asked=False,
        why="the image has 2 kernels: /boot/grub/grub.cfg: entry '7' leads to no kernel",
    )


def test_this_machine_is_observed() -> None:
    """Whatever it is: no exception, every probe named, and nothing hangs."""
    snapshot = observe(LiveHost(window=0, endpoint="off"))
    assert tuple(run.name for run in snapshot.probes) == RUNS
    assert isinstance(snapshot.netdevs, tuple | Gap)


def test_the_struct_of_a_reply_is_of_the_hosts_byte_order() -> None:
    """A recording of a big-endian machine is decoded as one."""
    host = FakeHost(Tree(_machine()), replies={"ring": struct.pack(">9I", *range(9))})
    host.byteorder = ">"
    snapshot = observe(host)
    assert isinstance(snapshot.netdevs, tuple)
    assert [netdev.name for netdev in snapshot.netdevs if netdev.samples[0].ring is not None] == [
        "ens1",
        "eth0",
        "eth1",
    ]


KEPT = Sample(
    ethtool={"eth0": {"ring": struct.pack("<9I", *range(9))}}, addresses=(("eth0", "10.0.0.9/24"),)
)


@pytest.mark.parametrize("samples", [1, 2])
def test_a_sample_that_was_kept_begins_the_window(samples: int) -> None:
    """It is not taken again; the addresses are those of now."""
    host = FakeHost(
        Tree(_machine()), samples=samples, kept=KEPT, addresses=(("eth0", "10.0.0.4/24"),)
    )
    snapshot = observe(host)
    assert host.sampled == [
        ("begin_instance", True),
        ("pause",),
        ("sample", samples - 1, {"eth0": 2, "eth1": 3}),
    ]
    assert snapshot.window_seconds == 1.0
    assert isinstance(snapshot.netdevs, tuple)
    found = {netdev.name: netdev for netdev in snapshot.netdevs}
    first, last = found["eth0"].samples
    assert isinstance(first.ring, Ring)
    assert (first.ring.tx, isinstance(last.ring, Gap)) == (8, True)
    assert found["eth0"].addresses == ("10.0.0.4/24",)


def test_a_call_that_was_late_in_a_kept_sample_is_told() -> None:
    """A window that begins with it is no window."""
    kept = Sample(ethtool={"eth0": {"stats": "ETIMEDOUT"}}, addresses="ETIMEDOUT")
    late = [run.name for run in observe(FakeHost(Tree(_machine()), kept=kept)).probes if run.late]
    assert late == ["ethtool", "addresses"]


def test_each_probe_is_timed() -> None:
    """Whether it answered or not; what it took is told beside the snapshot."""
    durations: dict[str, float] = {}
    observe(FakeHost(BrokenFiles(Tree(_machine()), "sys/bus/pci")), durations)
    assert sorted(durations) == sorted({*RUNS} - {"ethtool", "addresses"})
    assert all(0 <= seconds < 10 for seconds in durations.values())


def test_a_probe_is_timed_by_itself() -> None:
    """One that takes its time does not count for the others."""

    class Slow(FakeHost):
        """Its instance metadata take a while."""

        def instance(self) -> bytes:
            """They come in the end."""
            time.sleep(0.05)
            return super().instance()

    durations: dict[str, float] = {}
    observe(Slow(Tree(_machine())), durations)
    assert durations["imds"] >= 0.05
    assert max(durations, key=lambda name: durations[name]) == "imds"
