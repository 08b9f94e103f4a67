"""metadata: the agent's questions to IMDS, asked beside everything else."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psutil
import pytest

from accelnet_agent.metadata import (
    answer_of,
    circumstance_of,
    keep_instance,
    vm_name_of,
    watch_events,
)
from accelnet_probes.scheduled_events import ScheduledEvent
from children import living, soon
from metadata_server import metadata_server

T = TypeVar("T")
INSTANCE, EVENTS = "/metadata/instance", "/metadata/scheduledevents"
BODY = b'{"compute": {"name": "vm7", "vmSize": "Standard_D4s_v5"}}'
FREEZE = ScheduledEvent(id="A1", type="Freeze", status="Scheduled", resources=("vm7", "vm8"))


async def _first(
    start: Callable[[Callable[[Any], None]], Awaitable[None]], count: int
) -> list[Any]:
    """What is told first, so many times."""
    told: list[Any] = []
    enough = asyncio.Event()

    def tell(found: Any) -> None:
        told.append(found)
        if len(told) == count:
            enough.set()

    task = asyncio.ensure_future(start(tell))
    try:
        await asyncio.wait_for(enough.wait(), 20)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return told


# --- a child that asks ---------------------------------------------------------------------------


def _held() -> tuple[int, set[int]]:
    """Descriptors and children of this process."""
    return psutil.Process().num_fds(), living()


def _answer(task: Callable[[Any], None], deadline: float = 5.0) -> bytes | str:
    return asyncio.run(answer_of(task, deadline))


def test_a_child_asks() -> None:
    """What it was given is the answer."""
    assert _answer(lambda emit: emit(("body", b"x" * 100_000))) == b"x" * 100_000
    assert _answer(lambda emit: emit(("refused", "HTTP 429"))) == "HTTP 429"
    assert _answer(lambda emit: emit(("body", b""))) == b""


def test_a_child_that_breaks_has_no_answer() -> None:
    """It ended, and said nothing."""
    assert _answer(lambda _: os._exit(3)) == "EIO"


def test_a_child_that_hangs_is_given_up_and_the_loop_goes_on() -> None:
    """Nobody waits for it, and nothing of it stays."""

    async def ask() -> tuple[bytes | str, int]:
        ticks = 0
        asked = asyncio.ensure_future(answer_of(lambda _: time.sleep(60), 0.3))
        while not asked.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return asked.result(), ticks

    before = _held()
    answer, ticks = asyncio.run(ask())
    assert (answer, ticks > 5) == ("ETIMEDOUT", True)
    assert soon(lambda: _held() == before)


def test_who_stops_asking_leaves_nothing() -> None:
    """The agent ends while a question is open: no process, no descriptor."""

    async def ask() -> None:
        task = asyncio.ensure_future(answer_of(lambda _: time.sleep(60), 60))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    before = _held()
    asyncio.run(ask())
    assert soon(lambda: _held() == before)


# --- the instance --------------------------------------------------------------------------------


def test_the_instance_is_asked_for_once() -> None:
    """With the header that it wants; then it stands for hours."""
    with metadata_server({INSTANCE: (200, BODY)}) as service:
        told = asyncio.run(_first(lambda tell: keep_instance(service.endpoint, tell), 1))
        assert told == [BODY]
        assert service.requests == [("GET", INSTANCE, "true")]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param((404, b""), "HTTP 404", id="refused"),
        pytest.param((200, b"<html>"), "its answer is not JSON", id="a-proxys-page"),
        pytest.param((200, b"{}"), "its answer has no compute object", id="another-document"),
    ],
)
def test_what_is_no_instance_is_told_and_asked_for_again(
    answer: tuple[int, bytes], why: str
) -> None:
    """After a second, then after more."""
    with metadata_server({INSTANCE: answer}) as service:
        told = asyncio.run(_first(lambda tell: keep_instance(service.endpoint, tell), 2))
        assert told == [why, why]


def test_a_service_that_comes_later_is_found() -> None:
    """The network may not be up when the agent is."""

    async def run(service: Any) -> list[Any]:
        def start(tell: Callable[[Any], None]) -> Awaitable[None]:
            def told(found: Any) -> None:
                service.answers[INSTANCE] = (200, BODY)
                tell(found)

            return keep_instance(service.endpoint, told)

        return await _first(start, 2)

    with metadata_server({INSTANCE: (403, b"")}) as service:
        assert asyncio.run(run(service)) == ["HTTP 403", BODY]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (BODY, "vm7"),
        (b'{"compute": {"name": ""}}', None),
        (b'{"compute": {"name": 7}}', None),
        (b'{"compute": []}', None),
        (b"[]", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
        ("ETIMEDOUT", None),
        (None, None),
    ],
)
def test_the_vms_name(body: bytes | str | None, name: str | None) -> None:
    """Or None, whatever was answered."""
    assert vm_name_of(body) == name


# --- Scheduled Events ----------------------------------------------------------------------------


def test_scheduled_events_are_read_and_never_written() -> None:
    """Again and again, by GET alone."""
    body = json.dumps(
        {
            "DocumentIncarnation": 1,
            "Events": [
                {
                    "EventId": "A1",
                    "EventType": "Freeze",
                    "EventStatus": "Scheduled",
                    "Resources": ["vm7", "vm8"],
                }
            ],
        }
    ).encode()
    with metadata_server({EVENTS: (200, body)}) as service:
        told = asyncio.run(_first(lambda tell: watch_events(service.endpoint, tell, 0.05), 3))
        assert told == [(FREEZE,)] * 3
        assert set(service.requests) == {("GET", EVENTS, "true")}


@pytest.mark.parametrize(
    ("answer", "why"), [((500, b""), "HTTP 500"), ((200, b"<html>"), "EBADMSG")]
)
def test_why_there_are_no_events_is_told(answer: tuple[int, bytes], why: str) -> None:
    """And it is asked again."""
    with metadata_server({EVENTS: answer}) as service:
        told = asyncio.run(_first(lambda tell: watch_events(service.endpoint, tell, 0.05), 2))
        assert told == [why, why]


STARTED = ScheduledEvent(id="B2", type="Redeploy", status="Started", resources=("vm7",))
OTHERS = ScheduledEvent(id="C3", type="Reboot", status="Started", resources=("vm9",))
EVERYBODYS = ScheduledEvent(id="D4", type="Terminate", status="Scheduled")


@pytest.mark.parametrize(
    ("events", "vm_name", "circumstance"),
    [
        pytest.param((), "vm7", None, id="none"),
        pytest.param((FREEZE,), "vm7", "during scheduled event Freeze (Scheduled, A1)", id="ours"),
        pytest.param((OTHERS,), "vm7", None, id="anothers"),
        pytest.param(
            (OTHERS,), None, "during scheduled event Reboot (Started, C3)", id="who-knows"
        ),
        pytest.param(
            (EVERYBODYS,), "vm7", "during scheduled event Terminate (Scheduled, D4)", id="no-names"
        ),
        pytest.param(
            (FREEZE, STARTED), "vm7", "during scheduled event Redeploy (Started, B2)", id="started"
        ),
    ],
)
def test_what_goes_on_is_said(
    events: tuple[ScheduledEvent, ...], vm_name: str | None, circumstance: str | None
) -> None:
    """Of an event of this VM, of the one that has started first; a set's names others too."""
    assert circumstance_of(events, vm_name) == circumstance
