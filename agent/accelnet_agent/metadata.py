"""Instance metadata and Scheduled Events for the agent: asked beside the observations.

Each question is asked by a forked child, so that a service that drips its answer, or
gives none, costs nobody else any time.  http.client in the child knows no proxy.
"""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial

from accelnet_probes import imds, scheduled_events
from accelnet_probes.instance import decode as decode_instance
from accelnet_probes.snapshot import Gap
from accelnet_probes.worker import Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from accelnet_probes.scheduled_events import ScheduledEvent
    from accelnet_probes.worker import Emit

RETRIES = (1.0, 5.0, 15.0, 60.0, 300.0)  # seconds; the last again and again
REFRESH = 600.0  # seconds: tags and addresses may change while the VM runs
POLL = 10.0  # seconds between two questions for Scheduled Events


async def answer_of(task: Callable[[Emit], None], deadline: float) -> bytes | str:
    """The body that a child was given, or why it was not."""
    loop = asyncio.get_running_loop()
    try:
        worker = Worker(task)
    except OSError:
        return "EAGAIN"  # no process is left
    ended = asyncio.Event()
    loop.add_reader(worker.fileno(), ended.set)
    try:
        await asyncio.wait_for(ended.wait(), deadline)
    except asyncio.TimeoutError:
        pass  # collect() says that it has not ended
    finally:
        loop.remove_reader(worker.fileno())
        messages, is_over = worker.collect(time.monotonic())
    _, answer = messages[0] if messages else ("refused", "EIO" if is_over else "ETIMEDOUT")
    return answer if isinstance(answer, bytes) else str(answer)


async def keep_instance(endpoint: str, tell: Callable[[bytes | str], None]) -> None:
    """Ask for the instance metadata until it is there, and again now and then."""
    failures = 0
    while True:
        answer = await answer_of(lambda emit: imds.ask(endpoint, emit), imds.DEADLINE + 1.0)
        found = decode_instance(answer) if isinstance(answer, bytes) else None
        if isinstance(found, Gap):
            answer, found = found.why.removeprefix("IMDS: "), None
        tell(answer)
        if found is not None:
            failures = 0
            await asyncio.sleep(REFRESH)
        else:
            await asyncio.sleep(RETRIES[min(failures, len(RETRIES) - 1)])
            failures += 1


async def watch_events(
    endpoint: str,
    tell: Callable[[tuple[ScheduledEvent, ...] | str], None],
    poll: float = POLL,
) -> None:
    """Ask for Scheduled Events again and again; `tell` takes them, or why there are none."""
    deadline = scheduled_events.FIRST_DEADLINE
    while True:
        ask = partial(scheduled_events.ask, endpoint, deadline)
        answer = await answer_of(ask, deadline + 1.0)
        events = scheduled_events.decode(answer) if isinstance(answer, bytes) else None
        if events is not None:
            deadline = scheduled_events.DEADLINE
            tell(events)
        else:
            tell(answer if isinstance(answer, str) else "EBADMSG")
        await asyncio.sleep(poll)


def vm_name_of(body: bytes | str | None) -> str | None:
    """The name that Scheduled Events call this VM by: compute.name; None where it is not known."""
    try:
        name = json.loads(body or "")["compute"]["name"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    return name if isinstance(name, str) and name else None


def circumstance_of(events: tuple[ScheduledEvent, ...], vm_name: str | None) -> str | None:
    """What a VF's departure may be put down to; None where no event concerns this VM."""
    mine = [
        event
        for event in events
        if vm_name is None or not event.resources or vm_name in event.resources
    ]
    mine.sort(key=lambda event: event.status != "Started")
    if not mine:
        return None
    return f"during scheduled event {mine[0].type} ({mine[0].status}, {mine[0].id})"
