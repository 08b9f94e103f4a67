"""The running machine as a daemon asks it: the same questions for years.

What the kernel answers comes from an `Asker`, which the daemon waits for in its
own way and hands over before each observation; nothing here waits.  What can not
change while the machine runs is read once (os-release, DMI); everything else is
read anew each time.
"""

from __future__ import annotations

import errno
import os
import sys
import time

from accelnet_probes.ethtool import REPLIES, Decoded
from accelnet_probes.files import LiveFiles, failure
from accelnet_probes.host import InstanceRefusedError, NotAskedError, Sample
from accelnet_probes.kernel_ring import KernelRing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    from accelnet_probes.asker import Answers
    from accelnet_probes.ethtool import ByteOrder, Reply
    from accelnet_probes.files import Files
    from accelnet_probes.host import Addresses
    from accelnet_probes.snapshot import Sent, Source

    T = TypeVar("T")

MOMENT = 1.0  # seconds for which a file that no link message tells of stands
INSTALLED = 60.0  # seconds for which an installed file stands
MIN_WINDOW = 1.0  # seconds: shorter ones show too little traffic to judge by
MAX_WINDOW = 600.0  # seconds: an older sample says nothing about now
_UNCHANGING = ("sys/class/dmi/",)
# What an operator or a package changes: not the kernel, and not in a moment.
_INSTALLED = ("etc/", "usr/", "lib/", "boot/")


class ResidentHost:
    """Answers `observe` from files, and from what it has been supplied with."""

    source: Source = "live"
    byteorder: ByteOrder = "<" if sys.byteorder == "little" else ">"
    samples = 1

    def __init__(self, *, prefix: str = "/") -> None:
        """`prefix`: where /sys, /proc and /etc of the machine lie."""
        self._files = _MomentaryFiles(prefix)
        self.files: Files = self._files
        self.decoded = Decoded()
        self.metadata: bytes | str | None = None  # of IMDS: a body, why not, or never asked
        self.unasked = False  # `observe` wanted an interface that nothing was supplied about
        self.wanted: dict[str, int | None] = {}  # what it wanted last, name to ifindex
        self._ring = KernelRing(prefix)
        self._answers: Answers | None = None
        self._at = 0.0
        self._kept: list[tuple[float, dict[str, int | None], Sample]] = []
        self._base: tuple[float, dict[str, int | None], Sample] | None = None

    def supply(self, answers: Answers, at: float) -> None:
        """What the kernel answered about `wanted`, at that moment (monotonic)."""
        before, self._answers, self._at, self.unasked = self._answers, answers, at, False
        if before is None or (before.links, before.addresses) != (answers.links, answers.addresses):
            self._files.forget()
        self._files.begin(at)

    def forget(self) -> None:
        """Begin no window with what was sampled before: a VF has come, left, gone up or down."""
        self._kept.clear()
        self._files.forget()

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
        """What has been supplied about these; ETIMEDOUT for what did not come in time."""
        found = self._answers
        asked, self.wanted = self.wanted, dict(interfaces)
        self.unasked = any(asked.get(name, -1) != index for name, index in interfaces.items())
        replies: dict[str, dict[str, Reply]] = {
            name: {**dict.fromkeys(REPLIES, "ETIMEDOUT"), **known}
            for name in interfaces
            for known in [found.ethtool.get(name, {}) if found is not None else {}]
        }
        sample = Sample(ethtool=replies, addresses=_addresses(found, interfaces))
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


class _MomentaryFiles(LiveFiles):
    """Reads each thing once in a moment, and what can not change once for all.

    Counters, links and addresses are none of it: those are asked for each observation.
    Where a link has changed, the moment is over.
    """

    def __init__(self, prefix: str) -> None:
        super().__init__(prefix)
        self._lasting: dict[object, Any] = {}
        self._installed: dict[object, Any] = {}
        self._momentary: dict[object, Any] = {}
        self._since = self._installed_since = 0.0

    def begin(self, at: float) -> None:
        """An observation begins."""
        if at - self._since >= MOMENT:
            self.forget()
            self._since = at
        if at - self._installed_since >= INSTALLED:
            self._installed.clear()
            self._installed_since = at

    def forget(self) -> None:
        """Read anew."""
        self._momentary.clear()

    def read(self, path: str) -> bytes:
        return self._remembered("read", super().read, path)

    def readlink(self, path: str) -> str:
        return self._remembered("readlink", super().readlink, path)

    def listdir(self, path: str) -> list[str]:
        return self._remembered("listdir", super().listdir, path)

    def _remembered(self, way: str, ask: Callable[[str], T], path: str) -> T:
        known = self._momentary
        if path.startswith(_UNCHANGING):
            known = self._lasting
        elif path.startswith(_INSTALLED):
            known = self._installed
        key = (way, path)
        if key not in known:
            try:
                known[key] = ask(path)
            except OSError as error:
                known[key] = _Refused(error.errno or errno.EIO)
        found = known[key]
        if isinstance(found, _Refused):
            raise failure(found, path)
        result: T = found
        return result


class _Refused(int):
    """The errno of what could not be read."""
