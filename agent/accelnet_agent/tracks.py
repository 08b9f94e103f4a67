"""What is known of each NIC and its VF over time: the values that the tracker keeps."""

from __future__ import annotations

from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Kind = Literal["added", "removed", "up", "down", "renamed", "to-vf", "to-synthetic"]
    Path = Literal["vf", "synthetic"]

KINDS: tuple[Kind, ...] = ("added", "removed", "up", "down", "renamed", "to-vf", "to-synthetic")
PATHS: tuple[Path, ...] = ("vf", "synthetic")


class Moment(Record):
    """Now, by two clocks."""

    wall: float  # seconds since the epoch
    boot: float  # seconds since boot, suspension included (CLOCK_BOOTTIME)


class Happening(Record):
    """One thing that happened to a NIC's VF."""

    at: float  # seconds since the epoch
    boot: float | None  # seconds since boot; None: of another boot
    nic: str
    kind: Kind
    vf: str | None = None
    pci_address: str | None = None
    note: str | None = None  # how it is known, or what it belongs to
    times: int = 1  # so often, one after the other: messages about it were lost

    def age(self, now: Moment) -> float:
        """Seconds since; by the clock that no one sets, where it is of this boot."""
        return max(0.0, now.wall - self.at if self.boot is None else now.boot - self.boot)


class Vf(Record):
    """A VF as it was last seen."""

    ifindex: int
    name: str
    pci_address: str | None = None
    running: bool | None = None  # up with a carrier; None: as it was known
    carrier_up: int | None = None
    carrier_down: int | None = None


class NicView(Record):
    """What an observation says of one NIC."""

    name: str
    ifindex: int | None
    vf: Vf | None
    # Whether packets are sent past a VF that is up; None: no traffic has shown it.
    past_vf: bool | None = None
    seen: bool = True  # its pairing could be seen
    hardware: str | None = None  # of its VF, joined or not: "15b3:1016"


class Moved(Record):
    """The VM came to a host with other hardware (F23)."""

    before: str  # "15b3:1016"
    after: str
    at: float  # seconds since the epoch, when it was noticed


class Totals(Record):
    """Of one NIC, since the agent's state began."""

    added: int = 0
    removed: int = 0
    to_vf: int = 0
    to_synthetic: int = 0
    synthetic_seconds: float = 0.0
    last_switch: float | None = None  # seconds since the epoch


class Track:
    """What is known of one NIC.  Mutable; the tracker's own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ifindex: int | None = None
        self.totals = Totals()
        self.vf: Vf | None = None
        self.gone = 0  # VFs up to this ifindex had left when an observation looked
        self.hardware: str | None = None
        self.moved: Moved | None = None
        self.past_vf = False  # an observation saw that packets are sent past a running VF
        self.path: Path | None = None  # None: not known
        self.since: float | None = None  # boot clock: accounted for until then
        self.met = False  # an observation has shown it to this tracker
        self.restored = False  # what is known of its VF is of an earlier run, of this boot
        self.lossy = False  # messages about it may have been lost
