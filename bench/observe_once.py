"""One observation in a fresh interpreter: what bench/observe.py starts.

    observe_once.py seconds|unprepared|files|parts PACKAGES TREE

seconds     prints how long observe() took, all modules imported before
unprepared  the same as accelnet-check does it: some modules are imported on the way
files       prints what was asked of the file tree, for bench/floor.c
parts       prints how long each part takes, one after the other
"""

from __future__ import annotations

import sys
import time

sys.path.insert(0, sys.argv[2])

from accelnet_probes import ethtool, netdevs, pci, system, vmbus
from accelnet_probes.live import LiveHost
from accelnet_probes.observe import observe
from accelnet_probes.snapshot import need
from accelnet_probes.worker import Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelnet_probes.files import Files
    from accelnet_probes.host import Sample
    from accelnet_probes.snapshot import Netdev, Observed

IMPORTED_ON_THE_WAY = (
    "_socket",
    "_ctypes",
    "fcntl",
    "mmap",
    "accelnet_probes.kernel_log",
    "accelnet_probes.rtnetlink",
)
KERNEL_LOG = "/dev/kmsg"


class _Witness:
    """Notes what is asked of `files`."""

    def __init__(self, files: Files, prefix: str, asked: list[str]) -> None:
        self._files, self._prefix, self._asked = files, prefix, asked

    def read(self, path: str) -> bytes:
        self._asked.append(f"r {self._prefix}/{path}")
        return self._files.read(path)

    def readlink(self, path: str) -> str:
        self._asked.append(f"l {self._prefix}/{path}")
        return self._files.readlink(path)

    def listdir(self, path: str) -> list[str]:
        self._asked.append(f"d {self._prefix}/{path}")
        return self._files.listdir(path)


class _Clock:
    """How long each part took."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def __call__(self, part: str) -> None:
        now = time.perf_counter()
        print(f"{now - self._last:.9f} {part}")
        self._last = time.perf_counter()


def main() -> None:
    """Do what the first argument says."""
    mode, prefix = sys.argv[1], sys.argv[3]
    host = LiveHost(window=0, endpoint="off", prefix=prefix)
    if mode == "files":
        asked: list[str] = []
        host.files = _Witness(host.files, prefix, asked)
        observe(host)
        print("\n".join([*asked, f"k {KERNEL_LOG}"]))
        return
    if mode != "unprepared":
        _import_all()
    if mode == "parts":
        _parts(host)
        return
    started = time.perf_counter()
    snapshot = observe(host)
    seconds = time.perf_counter() - started
    print(f"{seconds:.9f} {_statistics(snapshot.netdevs)}")


def _import_all() -> None:
    import importlib

    for name in IMPORTED_ON_THE_WAY:
        importlib.import_module(name)


def _statistics(found: Observed[tuple[Netdev, ...]]) -> int:
    """How many statistics were observed: the bench holds it against `ethtool -S`."""
    return sum(len(need(netdev.samples[0].statistics) or {}) for netdev in need(found))


def _parts(host: LiveHost) -> None:
    """What observe() does, cut where its parts meet.  Their sum is a little more than it takes."""
    from accelnet_probes.kernel_log import parse
    from accelnet_probes.rtnetlink import addresses

    files, clock = host.files, _Clock()
    pci.probe(files)
    vmbus.probe(files)
    found = netdevs.probe(files)
    system.dmi(files)
    system.dmi(files)
    system.os_release(files)
    system.kernel_release(files)
    system.uptime(files)
    clock("files: PCI, VMBus, netdevs, system")
    Worker(lambda emit: emit("ready")).collect(time.monotonic() + 5)
    clock("worker: fork, one message, end")
    assert isinstance(found, tuple)
    interfaces: Mapping[str, int | None] = {
        netdev.name: netdev.ifindex for netdev in found if isinstance(netdev.ifindex, int)
    }
    replies: list[object] = []
    ask: Callable[[], None] = lambda: _ask(interfaces, replies)  # noqa: E731
    clock("")
    addresses()
    ask()
    clock("calls: RTM_GETADDR, SIOCETHTOOL, each reply copied once")
    sample: Sample = host.sample(0, interfaces)
    clock("sample: worker, calls and the way through the pipe")
    netdevs.with_samples(found, [sample], host.byteorder)
    clock("decode: every name and value of every interface")
    content = host.kernel_log()
    clock("kernel log: read")
    parse(content, None, host.observed_at())
    clock("kernel log: parse")


def _ask(interfaces: Mapping[str, int | None], replies: list[object]) -> None:
    socket = ethtool.EthtoolSocket()
    for name in interfaces:
        ethtool.read_interface(socket, name, replies.append)


if __name__ == "__main__":
    main()
