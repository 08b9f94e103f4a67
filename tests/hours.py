"""Hours of history, made up: what an agent would remember of a calm hour, of servicing, of a storm.

facts = facts_of("mlx5-healthy", calm)
page.render(facts)
"""

from __future__ import annotations

import functools
import math
from calendar import timegm
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import strptime
from typing import Any, Literal

from accelnet_agent.page import NicHistory, PageFacts, PastEvent, SharePoint
from trees import judge_bundle

FIXTURES = Path(__file__).parent / "fixtures"
MACHINES = sorted(path.parent.name for path in FIXTURES.glob("*/bundle.json"))
STEP = 15.0  # seconds between two observations
POINTS = 240
NOW = float(timegm((2026, 11, 23, 19, 19, 35)))  # where nothing was observed yet
AGO = 3.0  # how old the observation is when the page is made

Event = Literal["added", "removed", "up", "down", "renamed", "to-vf", "to-synthetic"]
Hour = Callable[[str, str | None, float], tuple[NicHistory, tuple[PastEvent, ...]]]


def facts_of(machine: str | None, hour: Hour | None = None) -> PageFacts:
    """The page of a fixture some seconds after it was recorded; of no machine: of a new agent."""
    if machine is None:
        return PageFacts(document=None, histories=(), events=(), now=NOW)
    return facts_about(document_of(machine), hour)


@functools.cache
def document_of(machine: str) -> dict[str, Any]:
    """The report about a fixture; a test that changes it copies it."""
    return judge_bundle(FIXTURES / machine)


def facts_about(document: dict[str, Any], hour: Hour | None = None) -> PageFacts:
    """The page of a report, with an hour of each of its NICs."""
    now = timegm(strptime(document["observed_at"], "%Y-%m-%dT%H:%M:%SZ")) + AGO
    hours = [
        hour(nic["name"], nic["vf"]["name"] if nic["vf"] else None, now)
        for nic in document["nics"]
        if hour is not None
    ]
    events = sorted((event for _, events in hours for event in events), key=lambda event: event.at)
    return PageFacts(
        document=document,
        histories=tuple(history for history, _ in hours),
        events=tuple(events),
        now=now,
    )


def calm(device: str, _vf: str | None, now: float) -> tuple[NicHistory, tuple[PastEvent, ...]]:
    """Nearly all by the VF; idle for some minutes, and not seen while the agent was restarted."""
    shares = [
        _point(now, ago, sent=_busy(ago), past=int(ago) % 7 == 0)
        for ago in _ages()
        if not 1500 < ago < 1680
    ]
    idle = [_point(now, p_ago, sent=0) for p_ago in _ages() if 2400 <= p_ago < 2760]
    kept = {point.at: point for point in (*shares, *idle)}
    return NicHistory(device=device, shares=tuple(kept[at] for at in sorted(kept))), ()


def serviced(device: str, vf: str | None, now: float) -> tuple[NicHistory, tuple[PastEvent, ...]]:
    """The VF was revoked for some minutes and came back."""
    name, away = vf or "enP1s1", range(1290, 1530)
    shares = tuple(
        _point(now, ago, sent=0, past=_busy(ago) // 3)
        if int(ago) in away
        else _point(now, ago, sent=_busy(ago), past=2)
        for ago in _ages()
    )
    during = "during Freeze (scheduled event)"
    events = _events(
        device,
        name,
        now,
        (1532, "to-synthetic", during),
        (1531, "removed", during),
        (1292, "added", None),
        (1291, "to-vf", None),
    )
    return NicHistory(device=device, shares=shares), events


def lost(device: str, vf: str | None, now: float) -> tuple[NicHistory, tuple[PastEvent, ...]]:
    """The VF left after half an hour and was not seen again."""
    shares = tuple(
        _point(now, ago, sent=0, past=_busy(ago) // 3)
        if ago < 1380
        else _point(now, ago, sent=_busy(ago), past=2)
        for ago in _ages()
    )
    return NicHistory(device=device, shares=shares), _events(
        device, vf or "enP1s1", now, (1382, "to-synthetic", None), (1381, "removed", None)
    )


def stuck(device: str, vf: str | None, now: float) -> tuple[NicHistory, tuple[PastEvent, ...]]:
    """The VF was revoked and came back, and the data path stayed where it was."""
    history, _ = lost(device, vf, now)
    return history, _events(
        device,
        vf or "enP1s1",
        now,
        (1382, "to-synthetic", None),
        (1381, "removed", None),
        (1266, "added", None),
    )


def leaving(device: str, vf: str | None, now: float) -> tuple[NicHistory, tuple[PastEvent, ...]]:
    """The VF left this moment."""
    shares = tuple(_point(now, ago, sent=_busy(ago), past=2) for ago in _ages())
    return NicHistory(device=device, shares=shares), _events(
        device, vf or "enP1s1", now, (7.2, "to-synthetic", None), (7, "removed", None)
    )


def storm(device: str, vf: str | None, now: float) -> tuple[NicHistory, tuple[PastEvent, ...]]:
    """It comes and goes every four seconds for half an hour; some was found by looking anew."""
    shares = tuple(
        _point(now, ago, sent=_busy(ago) * (int(ago * 7) % 11) // 11, past=_busy(ago) // 4)
        if 600 < ago < 2400
        else _point(now, ago, sent=_busy(ago))
        for ago in _ages()
    )
    cycle: tuple[tuple[float, Event], ...] = (
        (0, "to-synthetic"),
        (0.1, "removed"),
        (2, "added"),
        (2.2, "to-vf"),
    )
    told: list[tuple[float, Event, str | None]] = [
        (2400 - 4 * turn - after, event, "found by reconciling" if turn % 50 == 49 else None)
        for turn in range(450)
        for after, event in cycle
    ]
    return NicHistory(device=device, shares=shares), _events(device, vf or "enP1s1", now, *told)


def _ages() -> Iterator[float]:
    """How long ago each interval ended, oldest first."""
    return (STEP * number for number in reversed(range(POINTS)))


def _busy(ago: float) -> int:
    return int(14_000 + 6_000 * math.sin(ago / 400) + ago % 977)


def _point(now: float, ago: float, *, sent: int, past: int = 0) -> SharePoint:
    return SharePoint(at=now - ago, seconds=STEP, vf_packets=sent, synthetic_packets=past)


def _events(
    device: str, vf: str, now: float, *told: tuple[float, Event, str | None]
) -> tuple[PastEvent, ...]:
    return tuple(
        PastEvent(at=now - ago, device=device, event=event, vf=vf, note=note)
        for ago, event, note in told
    )


def blind(points: Iterable[SharePoint]) -> tuple[SharePoint, ...]:
    """The same intervals, with nothing seen in them."""
    return tuple(
        SharePoint(at=point.at, seconds=point.seconds, vf_packets=None, synthetic_packets=None)
        for point in points
    )
