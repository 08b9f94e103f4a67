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
    from typing import Any, TypeVar

    from accelnet_probes.worker import Emit

    T = TypeVar("T")

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
        entries = _required(found["Events"], list)[:_MAX_EVENTS]  # pyright: ignore[reportUnknownVariableType]
        return tuple(map(_event, entries))  # pyright: ignore[reportUnknownArgumentType]
    except (KeyError, TypeError, AttributeError):
        return None


def _event(entry: Any) -> ScheduledEvent:
    """KeyError, TypeError, AttributeError where it is none."""
    resources: Any = entry.get("Resources")
    seconds: Any = entry.get("DurationInSeconds")
    return ScheduledEvent(
        id=_text(_required(entry["EventId"], str)),
        type=_text(entry.get("EventType")),
        status=_text(entry.get("EventStatus")),
        resources=tuple(map(_text, resources)) if isinstance(resources, list) else (),  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        seconds=seconds if isinstance(seconds, int) and seconds >= 0 else None,
        source=_text(entry.get("EventSource")) or None,
    )


def _required(value: Any, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise TypeError("an event's id, or the list of events")
    return value


def _text(value: Any) -> str:
    # JSON can spell half a surrogate pair, which no output can be written in.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
