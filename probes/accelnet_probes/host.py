"""A host: the machine we observe, as something that answers.

Three implementations: the running machine and an unbooted image (`live.py`),
a recording (`bundle.py`).  A host has no opinion; it answers, or raises
OSError (asked and refused) or NotAskedError.
"""

from __future__ import annotations

from accelnet_probes.ethtool import REPLIES
from accelnet_probes.files import errno_name
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol, TypeAlias

    from accelnet_probes.ethtool import ByteOrder, Decoded, Reply
    from accelnet_probes.files import Files
    from accelnet_probes.snapshot import ProbeRun, Sent, Source

    # (interface, "10.0.0.4/24"), or the errno's name
    Addresses: TypeAlias = tuple[tuple[str, str], ...] | str

    class Memory(Protocol):
        """What probes found a moment ago, and found how: a daemon need not look again at once."""

        def recall(self, name: str) -> tuple[Any, ProbeRun, float] | None:
            """What the probe found, how it went and the seconds it took; None: run it."""
            ...

        def keep(self, name: str, found: tuple[Any, ProbeRun, float]) -> None:
            """Remember it, where it is one that stands for a while."""
            ...

    class Host(Protocol):
        """What a probe may ask."""

        source: Source
        byteorder: ByteOrder
        samples: int  # how often the counters are read: 1 or 2
        files: Files
        decoded: Decoded  # kept as long as the host is
        memory: Memory | None  # of a daemon, which asks again and again

        def earlier(self) -> Sample | None:
            """A sample that a daemon kept, which begins the window; None: take one."""
            ...

        def begin_sample(self, interfaces: Mapping[str, int | None]) -> None:
            """Start to ask what the next `sample` returns: other probes run meanwhile."""
            ...

        def sample(self, number: int, interfaces: Mapping[str, int | None]) -> Sample:
            """Ask the kernel about `interfaces` (name to ifindex) for the `number`th time."""
            ...

        def send(self, senders: Callable[[], Mapping[str, int]]) -> Mapping[str, Sent]:
            """Send a few packets by each of `senders()` (name to ifindex), after the first sample.

            NotAskedError where nobody asked for it; OSError for an unusable recording.
            """
            ...

        def pause(self) -> float | None:
            """Let the window pass between two samples; its length in seconds."""
            ...

        def begin_instance(self, *, azure: bool) -> None:
            """DMI has been read: start to ask IMDS, where it may be asked."""
            ...

        def instance(self) -> bytes:
            """The body of /metadata/instance; InstanceRefusedError, NotAskedError."""
            ...

        def kernel_log(self) -> bytes:
            """The kernel log's lines, oldest first; OSError, NotAskedError."""
            ...

        def cpu_count(self) -> int | None:
            """Online CPUs; NotAskedError."""
            ...

        def observed_at(self) -> str:
            """The moment of the observation, 2026-01-02T03:04:05Z."""
            ...


class NotAskedError(Exception):
    """This host was never asked that: an image, or a part that the bundle lacks."""


class InstanceRefusedError(Exception):
    """IMDS did not answer; the message is an errno's name or "HTTP 429"."""


def sample_of(host: Host, number: int, interfaces: Mapping[str, int | None]) -> Sample:
    """The host's sample; where it could not even ask (no process left), that errno for all."""
    try:
        return host.sample(number, interfaces)
    except OSError as error:
        name = errno_name(error)
        replies: dict[str, dict[str, Reply]] = {
            interface: dict.fromkeys(REPLIES, name) for interface in interfaces
        }
        return Sample(ethtool=replies, addresses=name)


class Sample(Record):
    """What the kernel answered about some interfaces at one moment.

    An interface or a reply that is missing was never asked for.
    """

    ethtool: Mapping[str, Mapping[str, Reply]]
    addresses: Addresses | None
