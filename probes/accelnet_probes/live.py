"""The running machine, and a file tree that does not run."""

from __future__ import annotations

import errno
import os
import sys
import time

from accelnet_probes.ethtool import REPLIES, Decoded, EthtoolSocket, read_interface
from accelnet_probes.files import DirectoryStore, LiveFiles, Tree, errno_name, failure
from accelnet_probes.host import InstanceRefusedError, NotAskedError, Sample
from accelnet_probes.snapshot import NOTHING_SENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Any

    from accelnet_probes.ethtool import ByteOrder, Reply
    from accelnet_probes.files import Files
    from accelnet_probes.host import Addresses, Memory
    from accelnet_probes.snapshot import Sent, Source
    from accelnet_probes.worker import Emit, Worker

KERNEL_DEADLINE = 2.5  # seconds for all calls of one sample; a slow firmware takes milliseconds


class LiveHost:
    """The running machine."""

    source: Source = "live"
    byteorder: ByteOrder = "<" if sys.byteorder == "little" else ">"

    def __init__(
        self,
        *,
        window: float,
        endpoint: str | None = None,
        prefix: str = "/",
        proof: Collection[str] | None = None,
    ) -> None:
        """`window`: seconds between two samples, 0 for one sample.

        `endpoint`: IMDS where the operator named it, "off" for never, None for
        the link-local address where DMI says that this is Azure.
        `prefix`: where /sys, /proc and /etc lie.
        `proof`: the NICs by which packets are sent to prove their data path, all
        if it is empty; None: nothing is ever sent.
        """
        self.samples = 2 if window else 1
        self.files: Files = LiveFiles(prefix)
        self.decoded = Decoded()
        self.memory: Memory | None = None
        self._window = window
        self._endpoint = endpoint
        self._proof = proof
        self._started = time.monotonic()
        self._stuck = False
        self._worker: Worker | None = None
        self._instance: Worker | None = None
        self._instance_error: str | None = None
        self._instance_until = 0.0

    def earlier(self) -> Sample | None:
        return None

    def begin_sample(self, interfaces: Mapping[str, int | None]) -> None:
        self._started = time.monotonic()
        if interfaces and not self._stuck:  # a hung call is never joined by a second
            from accelnet_probes.worker import Worker

            self._worker = Worker(lambda emit: _ask_kernel(interfaces, emit))

    def sample(self, number: int, interfaces: Mapping[str, int | None]) -> Sample:
        """One worker asks everything; what it does not answer in time is ETIMEDOUT."""
        if not interfaces:
            return Sample(ethtool={}, addresses=())
        if self._worker is None:
            self.begin_sample(interfaces)
        messages: list[Any] = []
        ended = False
        if self._worker is not None:
            messages, ended = self._worker.collect(self._started + KERNEL_DEADLINE)
            self._worker, self._stuck = None, not ended
        missing = "EIO" if ended else "ETIMEDOUT"
        replies: dict[str, dict[str, Reply]] = {
            name: dict.fromkeys(REPLIES, missing) for name in interfaces
        }
        addresses: Addresses = missing
        for interface, reply, value in messages:
            if interface is None:
                addresses = value if isinstance(value, str) else _named(value, interfaces)
            else:
                replies[interface][reply] = value
        return Sample(ethtool=replies, addresses=addresses)

    def send(self, senders: Callable[[], Mapping[str, int]]) -> Mapping[str, Sent]:
        """A worker sends; what it does not report in time is ETIMEDOUT."""
        if self._proof is None:
            raise NotAskedError(NOTHING_SENT.why)
        from accelnet_probes import active_proof
        from accelnet_probes.worker import Worker

        chosen = {
            name: i for name, i in senders().items() if not self._proof or name in self._proof
        }
        messages: list[Any] = []
        missing = "ETIMEDOUT"
        try:
            if not self._stuck:  # a hung call is never joined by a second
                worker = Worker(lambda emit: active_proof.send(chosen, emit))
                messages, ended = worker.collect(time.monotonic() + KERNEL_DEADLINE)
                missing, self._stuck = "EIO" if ended else missing, not ended
        except OSError as error:
            missing = errno_name(error)
        return active_proof.gathered(chosen, messages, missing)

    def pause(self) -> float | None:
        """Sleep until the window since the first sample has passed."""
        time.sleep(max(0.0, self._started + self._window - time.monotonic()))
        return round(time.monotonic() - self._started, 3)

    def begin_instance(self, *, azure: bool) -> None:
        if self._endpoint == "off" or not (self._endpoint or azure):
            return
        from accelnet_probes import imds
        from accelnet_probes.worker import Worker

        endpoint = self._endpoint or imds.ENDPOINT
        self._instance_error = "EAGAIN"  # stands where no process could be had
        self._instance = Worker(lambda emit: imds.ask(endpoint, emit))
        self._instance_until = time.monotonic() + imds.DEADLINE

    def instance(self) -> bytes:
        if self._instance is None and self._instance_error is not None:
            raise InstanceRefusedError(self._instance_error)
        if self._instance is None:
            raise NotAskedError("IMDS was not asked")
        messages, ended = self._instance.collect(self._instance_until)
        kind, answer = messages[0] if messages else ("refused", "EIO" if ended else "ETIMEDOUT")
        if isinstance(answer, bytes) and kind == "body":
            return answer
        raise InstanceRefusedError(str(answer))

    def kernel_log(self) -> bytes:
        from accelnet_probes.kernel_ring import KMSG, read_all

        return read_all("/" + KMSG)

    def cpu_count(self) -> int | None:
        return os.cpu_count()

    def observed_at(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _ask_kernel(interfaces: Mapping[str, int | None], emit: Emit) -> None:
    """In the worker.  Emits (interface, reply's name, reply); addresses as (None, None, …).

    Of a number that is another interface's nothing is told: /sys may be of another network
    namespace than we are in (a container that was given the host's).
    """
    from accelnet_probes.rtnetlink import addresses

    try:
        emit((None, None, addresses()))
    except OSError as error:
        emit((None, None, errno_name(error)))
    try:
        socket = EthtoolSocket()
    except OSError as error:
        for interface in interfaces:
            for reply in REPLIES:
                emit((interface, reply, errno_name(error)))
        return
    for interface, index in interfaces.items():
        try:
            socket.verify(interface, index)
        except OSError as error:
            emit((None, None, errno_name(error)))
            for reply in REPLIES:
                emit((interface, reply, errno_name(error)))
        else:
            read_interface(socket, interface, emit)


def _named(
    found: list[tuple[int, str]], interfaces: Mapping[str, int | None]
) -> tuple[tuple[str, str], ...]:
    names = {index: name for name, index in interfaces.items() if index is not None}
    return tuple((names[index], address) for index, address in found if index in names)


class RootHost:
    """A file tree that does not run: nothing live is asked."""

    source: Source = "root"
    byteorder: ByteOrder = "<"
    samples = 1

    def __init__(self, root: str) -> None:
        """OSError where `root` can not be listed."""
        if not os.path.isdir(root):
            raise failure(errno.ENOTDIR if os.path.exists(root) else errno.ENOENT, root)
        os.listdir(root)
        self.files: Files = Tree(DirectoryStore(root))
        self.decoded = Decoded()
        self.memory: Memory | None = None

    def earlier(self) -> Sample | None:
        return None

    def begin_sample(self, interfaces: Mapping[str, int | None]) -> None:
        pass

    def sample(self, number: int, interfaces: Mapping[str, int | None]) -> Sample:
        return Sample(ethtool={}, addresses=None)

    def send(self, senders: Callable[[], Mapping[str, int]]) -> Mapping[str, Sent]:
        raise NotAskedError("an image sends nothing")

    def pause(self) -> float | None:
        return None

    def begin_instance(self, *, azure: bool) -> None:
        pass

    def instance(self) -> bytes:
        raise NotAskedError("an image has no instance metadata")

    def kernel_log(self) -> bytes:
        raise NotAskedError("an image has no kernel log")

    def cpu_count(self) -> int | None:
        raise NotAskedError("an image has no CPUs")

    def observed_at(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
