"""Storms in the kernel log: many lines of one kind in a short time, and lately.

One such line is normal life; rate limits of the kernel drop what is more than
ten in five seconds (net_ratelimit), so a storm shows as a steady flow.
"""

from __future__ import annotations

from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from accelnet_probes.snapshot import LogEvent

WITHIN, AT_LEAST = 60.0, 10  # seconds, lines
RECENT = 3600.0  # seconds


class Storm(Record):
    """The fullest minute of the last hour."""

    lines: int
    last: LogEvent


def storm_of(events: Sequence[LogEvent], kinds: Collection[str]) -> Storm | None:
    """The storm of these kinds, or None where there is none; a log without times has none."""
    told = [event for event in events if event.kind in kinds]
    ages = sorted(event.age for event in told if event.age is not None and event.age <= RECENT)
    most, first = 0, 0
    for at, age in enumerate(ages):
        while age - ages[first] > WITHIN:
            first += 1
        most = max(most, at - first + 1)
    return Storm(lines=most, last=told[-1]) if most >= AT_LEAST else None
