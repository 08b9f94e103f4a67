"""How much of what each NIC sent went by its VF, over the last hour: for the page."""

from __future__ import annotations

from collections import deque

from accelnet_agent.datapath import last_statistics, sum_of_queues

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from accelnet_agent.machine import Nic
    from accelnet_agent.report import Report

    # When the interval ended (seconds since the epoch), its length, packets by the VF and past it
    Point: TypeAlias = tuple[float, float, int | None, int | None]

HOUR = 3600.0
STEP = 15.0  # seconds between two points at the least


class Shares:
    """Points of each NIC, oldest first."""

    def __init__(self) -> None:
        self._points: dict[str, deque[Point]] = {}
        self._before: dict[str, tuple[float, int | None, int | None]] = {}

    def take(self, report: Report, wall: float) -> None:
        """Add a point for each NIC, where it is time."""
        for nic in report.machine.nics:
            sent = _sent(nic)
            before = self._before.get(nic.name)
            if before is not None and 0 <= wall - before[0] < STEP:
                continue
            self._before[nic.name] = (wall, *sent)
            if before is not None:
                seconds = max(0.0, wall - before[0])
                point = (wall, seconds, _growth(before[1], sent[0]), _growth(before[2], sent[1]))
                points = self._points.setdefault(nic.name, deque(maxlen=int(HOUR / STEP)))
                points.append(point)

    def of_the_last_hour(self, wall: float) -> dict[str, tuple[Point, ...]]:
        """The points of each NIC, oldest first."""
        return {
            name: tuple(point for point in points if point[0] > wall - HOUR)
            for name, points in sorted(self._points.items())
        }


def _sent(nic: Nic) -> tuple[int | None, int | None]:
    statistics = last_statistics(nic.netdev)
    return statistics.get("vf_tx_packets"), sum_of_queues(statistics, "tx_queue_", "_packets")


def _growth(before: int | None, after: int | None) -> int | None:
    if before is None or after is None or after < before:
        return None
    return after - before
