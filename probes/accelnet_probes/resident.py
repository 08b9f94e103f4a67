"""The running machine as a daemon asks it: the same questions for years.

What the kernel answers comes from an `Asker`, which the daemon waits for in its
own way and hands over before each observation; nothing here waits.  Counters and
links are of each observation; what is read from files stands for a moment, or until
a link changes.
"""

from __future__ import annotations

import os
import sys
import time

from accelnet_probes.ethtool import REPLIES, Decoded
from accelnet_probes.files import LiveFiles
from accelnet_probes.host import InstanceRefusedError, NotAskedError, Sample
from accelnet_probes.kernel_ring import KernelRing
from accelnet_probes.snapshot import Gap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from accelnet_probes.asker import Answers
    from accelnet_probes.ethtool import ByteOrder, Reply
    from accelnet_probes.files import Files
    from accelnet_probes.host import Addresses, Memory
    from accelnet_probes.snapshot import ProbeRun, Sent, Source

MOMENT = 1.0  # seconds for which sysfs stands, where no link message tells otherwise
INSTALLED = 60.0  # seconds for which files stand that an operator or a package changes
MIN_WINDOW = 1.0  # seconds: shorter ones show too little traffic to judge by
MAX_WINDOW = 600.0  # seconds: an older sample says nothing about now
# The probes whose findings stand for a moment, and for as long as installed files do.  Links,
# counters and the kernel log are none of these, and where a link has changed the moment is over.
_MOMENTARY = ("pci", "vmbus", "netdevs", "kernel", "uptime", "cpus", "modules", "network-setup")
_INSTALLED = ("dmi", "os-release", "next-host")


class ResidentHost:
    """Answers `observe` from files, and from what it has been supplied with."""

    source: Source = "live"
    byteorder: ByteOrder = "<" if sys.byteorder == "little" else ">"
    samples = 1

    def __init__(self, *, prefix: str = "/") -> None:
        """`prefix`: where /sys, /proc and /etc of the machine lie."""
        self.files: Files = LiveFiles(prefix)
        self._memory = _Memory()
        self.memory: Memory | None = self._memory
        self.decoded = Decoded()
        self._metadata: bytes | str | None = None
        self.unasked = False  # `observe` wanted an interface that nothing was supplied about
        self.wanted: dict[str, int | None] = {}  # what it wanted last, name to ifindex
        self._ring = KernelRing(prefix)
        self._answers: Answers | None = None
        self._asked: dict[str, int | None] = {}  # what was answered
        self._at = 0.0
        self._kept: list[tuple[float, dict[str, int | None], Sample]] = []
        self._base: tuple[float, dict[str, int | None], Sample] | None = None

    @property
    def moment(self) -> int:
        """Stays the same while nothing but counters and the kernel log can have changed."""
        return self._memory.moment

    @property
    def metadata(self) -> bytes | str | None:
        """Of IMDS: a body, why there is none, or None where it was never asked."""
        return self._metadata

    @metadata.setter
    def metadata(self, found: bytes | str | None) -> None:
        self._metadata = found
        self._memory.forget()

    def moment_is_over(self, at: float) -> bool:
        """What stood until now no longer does at `at` (monotonic): ask for the whole."""
        return self._memory.is_over(at)

    def supply(self, answers: Answers, at: float) -> bool:
        """What the kernel answered about `wanted`, at that moment (monotonic).

        False where a link has changed, and addresses and settings are older than that.
        """
        before, self._answers, self._at, self.unasked = self._answers, answers, at, False
        self._asked = self.wanted
        if before is None or (before.links, before.addresses) != (answers.links, answers.addresses):
            self._memory.forget()
            if not answers.whole:
                return False
        self._memory.begin(at)
        return True

    def forget(self) -> None:
        """Begin no window with what was sampled before: a VF has come, left, gone up or down."""
        self._kept.clear()
        self._memory.forget()

    def doubt(self) -> None:
        """Something about a link may have changed, such as its MTU: read all anew."""
        self._memory.forget()

    def earlier(self) -> Sample | None:
        """The newest sample that is old enough to begin a window."""
        self._base = next(
            (kept for kept in reversed(self._kept) if self._at - kept[0] >= MIN_WINDOW), None
        )
        if self._base is not None and self._at - self._base[0] > MAX_WINDOW:
            self._base = None
        return None if self._base is None or self._base[1] != self.wanted else self._base[2]

    def send(self, senders: Callable[[], Mapping[str, int]]) -> Mapping[str, Sent]:
        raise NotAskedError("a daemon sends nothing")

    def pause(self) -> float | None:
        """The length of the window, in seconds."""
        return round(self._at - self._base[0], 3) if self._base is not None else None

    def begin_sample(self, interfaces: Mapping[str, int | None]) -> None:
        """Nothing begins: it has been supplied already."""

    def sample(self, number: int, interfaces: Mapping[str, int | None]) -> Sample:
        """What has been supplied about these; ETIMEDOUT for what did not come in time.

        EAGAIN for what was not asked: the name may be another interface's by now.
        """
        found, asked, self.wanted = self._answers, self._asked, dict(interfaces)
        new = {name for name, index in interfaces.items() if asked.get(name, -1) != index}
        self.unasked = bool(new)
        replies: dict[str, dict[str, Reply]] = {}
        for name in interfaces:
            known = found.ethtool.get(name, {}) if found is not None and name not in new else {}
            missing = "EAGAIN" if name in new else "ETIMEDOUT"
            replies[name] = {**dict.fromkeys(REPLIES, missing), **known}
        addresses = "EAGAIN" if new else _addresses(found, interfaces)
        sample = Sample(ethtool=replies, addresses=addresses)
        if found is not None and found.complete and not self.unasked:
            self._keep(sample)
        return sample

    def _keep(self, sample: Sample) -> None:
        """As the beginning of a later window, one in a second at most."""
        if not self._kept or self._at - self._kept[-1][0] >= MIN_WINDOW:
            del self._kept[:-1]
            self._kept.append((self._at, self.wanted, sample))

    def begin_instance(self, *, azure: bool) -> None:
        """Nothing begins: IMDS is asked beside the observations."""

    def instance(self) -> bytes:
        if self.metadata is None:
            raise NotAskedError("IMDS was not asked")
        if isinstance(self.metadata, str):
            raise InstanceRefusedError(self.metadata)
        return self.metadata

    def kernel_log(self) -> bytes:
        return self._ring.read()

    def cpu_count(self) -> int | None:
        return os.cpu_count()

    def observed_at(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _addresses(answers: Answers | None, interfaces: Mapping[str, int | None]) -> Addresses:
    found = answers.addresses if answers is not None else None
    if found is None:
        return "ETIMEDOUT" if interfaces else ()
    if isinstance(found, str):
        return found
    names = {index: name for name, index in interfaces.items() if index is not None}
    return tuple((names[index], address) for index, address in found if index in names)


class _Memory:
    """What probes found, for as long as it stands (accelnet_probes.host.Memory)."""

    def __init__(self) -> None:
        self.moment = 0  # grows when what stands for a moment is forgotten
        self._momentary: dict[str, tuple[Any, ProbeRun, float]] = {}
        self._installed: dict[str, tuple[Any, ProbeRun, float]] = {}
        self._since = self._installed_since = -INSTALLED

    def is_over(self, at: float) -> bool:
        """The moment that began last."""
        return not self._momentary or at - self._since >= MOMENT

    def begin(self, at: float) -> None:
        """An observation begins."""
        if at - self._since >= MOMENT:
            self.forget()
            self._since = at
        if at - self._installed_since >= INSTALLED:
            self._installed.clear()
            self._installed_since = at

    def forget(self) -> None:
        """The moment is over."""
        self.moment += 1
        self._momentary.clear()

    def recall(self, name: str) -> tuple[Any, ProbeRun, float] | None:
        return self._momentary.get(name) or self._installed.get(name)

    def keep(self, name: str, found: tuple[Any, ProbeRun, float]) -> None:
        if isinstance(found[0], Gap) and found[0].asked:
            return  # what is refused now (no descriptor is left) may be given in a moment
        if name in _MOMENTARY:
            self._momentary[name] = found
        elif name in _INSTALLED:
            self._installed[name] = found
