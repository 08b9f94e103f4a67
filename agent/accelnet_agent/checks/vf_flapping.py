"""The VF does not come and go.

By the kernel log: at boot two or three switches are normal, and host
servicing takes a VF a few times a year.  A departure is a switch from the VF,
or, where the log has more of these, a slot that was removed.  Several departures an hour, or many
a day, are a fault of the host or of the VF.
"""

from __future__ import annotations

from accelnet_agent.data import remedies
from accelnet_agent.findings import Check, passed, skipped, warned
from accelnet_probes.snapshot import known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnet_agent.findings import Judgement
    from accelnet_agent.machine import Machine, Nic
    from accelnet_probes.snapshot import LogEvent

BOOT_SECONDS, BOOT_SWITCHES = 600.0, 3  # so many in that time belong to boot
DEPARTURES = ("switched-from", "slot-removed")
RECENT_SECONDS = 86400.0
# Seconds, departures, in words.  Field reports of flapping have tens to hundreds an hour; an
# operator who sets the VF down and up a few times is none.
LIMITS = ((3600.0, 5, "an hour"), (86400.0, 10, "a day"))


def judge(machine: Machine, nic: Nic) -> Judgement:
    if nic.direct:
        return skipped(f"{nic.name} is a direct NIC: it has no data path to switch")
    need(machine.witness)
    times = max((_times(machine, nic, kind) for kind in DEPARTURES), key=len)
    for seconds, limit, words in LIMITS:
        most = most_within(times, seconds)
        if most >= limit:
            return warned(
                f"the data path of {nic.name} left the VF {most} times within {words}",
                remedy=remedies.REDEPLOY,
                departures=most,
                within_seconds=seconds,
            )
    return passed(f"nothing shows that {nic.name}'s VF flaps", departures=len(times))


def _times(machine: Machine, nic: Nic, kind: str) -> list[float]:
    """When such events were, in seconds on the log's own clock, without boot's and old ones."""
    uptime, vf = known(machine.snapshot.uptime), known(nic.vf)
    times: list[float] = []
    for event in nic.events:
        if event.kind == "joined" and vf is not None and event.pci_address != known(vf.device):
            times.clear()  # a VF of other hardware: the VM was moved since
        time = _time(event, uptime) if event.kind == kind else None
        if time is not None and (event.age is None or event.age <= RECENT_SECONDS):
            times.append(time)
    # What an agent saw before this boot comes first, and is not this boot's.
    boot = [at for at, time in enumerate(times) if 0 <= time < BOOT_SECONDS][:BOOT_SWITCHES]
    return [time for at, time in enumerate(times) if at not in boot]


def _time(event: LogEvent, uptime: float | None) -> float | None:
    """Seconds since boot; before the observation (negative) where boot's time is not known."""
    if event.uptime is not None or event.age is None:
        return event.uptime
    return (uptime or 0.0) - event.age


def most_within(times: Sequence[float], seconds: float) -> int:
    """How many of `times` lie in the fullest span of `seconds`."""
    ordered = sorted(times)
    first, most = 0, 0
    for last, time in enumerate(ordered):
        while time - ordered[first] > seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


CHECK = Check(
    id="vf-flapping", title="The VF does not come and go", level="recommended", judge_nic=judge
)
