"""Scheduled Events: maintenance that Azure announces to the VM, read only.

GET /metadata/scheduledevents (azure-compute-docs, linux/scheduled-events.md).
Asking switches the feature on for the VM, so that operations that a user starts
wait for it: nobody asks unless told to.  An event is never acknowledged here.
"""

from __future__ import annotations

import json

from accelnet_probes.imds import get
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from accelnet_probes.worker import Emit

PATH = "/metadata/scheduledevents?api-version=2020-07-01"
FIRST_DEADLINE = 125.0  # seconds: the first call may take two minutes
DEADLINE = 5.0
_MAX_EVENTS = 100


class ScheduledEvent(Record):
    """One entry of Events[]."""

    id: str  # EventId
    type: str  # EventType: Freeze, Reboot, Redeploy, Preempt, Terminate
    status: str  # EventStatus: Scheduled, Started
    resources: tuple[str, ...] = ()  # Resources: names of VMs, others of a set included
    seconds: int | None = None  # DurationInSeconds; None where it is not known (-1)
    source: str | None = None  # EventSource: Platform, User


def ask(endpoint: str, timeout: float, emit: Emit) -> None:
    """In a worker: emit ("body", bytes), or ("refused", why)."""
    emit(get(endpoint, PATH, timeout))


def decode(body: bytes) -> tuple[ScheduledEvent, ...] | None:
    """The events of the document; None where it is none."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    try:
        entries: list[Any] = found["Events"][:_MAX_EVENTS]
        return tuple(_event(entry) for entry in entries if isinstance(entry["EventId"], str))
    except (KeyError, TypeError, AttributeError):
        return None


def _event(entry: dict[str, Any]) -> ScheduledEvent:
    resources: Any = entry.get("Resources")
    seconds: Any = entry.get("DurationInSeconds")
    return ScheduledEvent(
        id=entry["EventId"],
        type=str(entry.get("EventType", "")),
        status=str(entry.get("EventStatus", "")),
        resources=tuple(map(str, resources)) if isinstance(resources, list) else (),  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        seconds=seconds if isinstance(seconds, int) and seconds >= 0 else None,
        source=entry["EventSource"] if isinstance(entry.get("EventSource"), str) else None,
    )
