"""worker: a child for what may hang, and a parent that never waits for it."""

from __future__ import annotations

import os
import resource
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from accelnet_probes import worker
from accelnet_probes.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelnet_probes.worker import Emit


def _collect(task: Callable[[Emit], None], seconds: float = 10.0) -> tuple[list[Any], bool]:
    return Worker(task).collect(time.monotonic() + seconds)


def _hang(_emit: Emit) -> None:
    time.sleep(60)


def _is_closed_within(fd: int, seconds: float) -> bool:
    """The other end of this pipe is held by nobody."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(seconds * 1000)) and os.read(fd, 1) == b""


def test_messages_come_in_order() -> None:
    """Plain values, as they were emitted."""
    messages = [("eth0", "drvinfo", b"\0\xff"), (None, None, [(2, "10.0.0.4/24")]), "EPERM", 7]

    def task(emit: Emit) -> None:
        for message in messages:
            emit(message)

    assert _collect(task) == (messages, True)


def test_a_task_may_have_nothing_to_say() -> None:
    """It ended, and that is known."""
    assert _collect(lambda _emit: None) == ([], True)


def test_big_messages_come_whole() -> None:
    """Far more than a pipe holds: 4,000 statistics of 16 NICs, and a log."""
    messages = [bytes([number]) * 3_000_000 for number in range(4)]

    def task(emit: Emit) -> None:
        for message in messages:
            emit(message)

    assert _collect(task) == (messages, True)


def test_a_task_that_hangs_is_left_behind_in_time() -> None:
    """What it said before stays; so says the answer."""

    def task(emit: Emit) -> None:
        emit("before")
        time.sleep(60)

    began = time.monotonic()
    assert _collect(task, 0.3) == (["before"], False)
    assert 0.3 <= time.monotonic() - began < 1.5


def test_a_deadline_that_has_passed_is_not_waited_for() -> None:
    """Another probe took the time."""
    began = time.monotonic()
    messages, ended = _collect(_hang, -1.0)
    assert (messages, ended) == ([], False)
    assert time.monotonic() - began < 1


def test_a_task_that_talks_for_ever_is_left_behind_in_time() -> None:
    """Each message is in time, and all of them are not."""

    def task(emit: Emit) -> None:
        while True:
            emit("again")
            time.sleep(0.01)

    began = time.monotonic()
    messages, ended = _collect(task, 0.3)
    assert not ended
    assert set(messages) == {"again"}
    assert time.monotonic() - began < 1.5


def test_a_child_that_can_be_killed_is() -> None:
    """One that is stuck in the kernel can not, and is not waited for."""
    hanging = Worker(_hang)
    hanging.collect(time.monotonic() + 0.05)
    until = time.monotonic() + 30
    while time.monotonic() < until:  # on a busy machine the end of a process takes its time
        try:
            if os.waitpid(hanging._pid, os.WNOHANG)[0]:
                break
        except ChildProcessError:
            break
        time.sleep(0.01)
    with pytest.raises(ProcessLookupError):
        os.kill(hanging._pid, 0)


def _raise(emit: Emit) -> None:
    emit("before")
    raise RuntimeError("a bug")


def _exit(emit: Emit) -> None:
    emit("before")
    raise SystemExit(0)


def _die(emit: Emit) -> None:
    emit("before")
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(_raise, id="raises"),
        pytest.param(_exit, id="exits"),
        pytest.param(_die, id="is-killed"),
    ],
)
def test_a_task_that_dies_is_over_at_once(
    task: Callable[[Emit], None], capfd: pytest.CaptureFixture[str]
) -> None:
    """What it said before stays, and it writes no traceback on our output."""
    began = time.monotonic()
    assert _collect(task) == (["before"], True)
    assert time.monotonic() - began < 2
    assert capfd.readouterr() == ("", "")


def test_half_a_message_is_dropped() -> None:
    """The child was killed while it wrote."""

    def task(emit: Emit) -> None:
        emit("whole")
        pipe = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
        for fd in range(pipe + 1):
            try:
                os.write(fd, (100).to_bytes(4, "little") + b"half")
            except OSError:
                continue

    messages, ended = _collect(task)
    assert messages == ["whole"]
    assert ended


def test_the_child_holds_none_of_our_descriptors() -> None:
    """Whoever reads our output is not kept waiting by a child that hangs."""
    read, write = os.pipe()
    hanging = Worker(_hang)
    os.close(write)
    try:
        assert _is_closed_within(read, 5)
    finally:
        os.close(read)
        hanging.collect(time.monotonic())


def test_the_child_has_its_pipe_and_nothing_else() -> None:
    """Its own 0, 1 and 2 lead nowhere; what is left is the way to us."""

    def task(emit: Emit) -> None:
        held: list[str] = []
        for entry in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):  # the listing's own, closed by now
                held.append(str(entry.readlink()).partition(":")[0])
        emit(held)

    ((held,), _) = _collect(task)
    assert sorted(held) == ["/dev/null", "/dev/null", "/dev/null", "pipe"]


def test_a_descriptor_above_the_limit_is_closed_too() -> None:
    """A limit that was lowered after it was opened says nothing about it."""
    read, write = os.pipe()
    high = os.dup2(write, 900, inheritable=False)
    os.close(write)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    try:
        hanging = Worker(_hang)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    os.close(high)
    try:
        assert _is_closed_within(read, 5)
    finally:
        os.close(read)
        hanging.collect(time.monotonic())


def test_a_parent_that_ignores_its_children_is_served() -> None:
    """SIGCHLD may be ignored by whoever started us; the kernel then reaps for us."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert _collect(lambda emit: emit("here")) == (["here"], True)
        assert _collect(_hang, 0.05) == ([], False)
    finally:
        signal.signal(signal.SIGCHLD, before)


CLOSED = """
import os, sys, time
for fd in {closed}:
    os.close(fd)
from accelnet_probes.worker import Worker
found = Worker(lambda emit: emit([b"x" * 200_000, "here"])).collect(time.monotonic() + 10)
with open({answer!r}, "w") as file:
    file.write(repr((found[0][0][1], found[1])))
"""


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)])
def test_a_parent_without_its_own_0_1_2(closed: tuple[int, ...], tmp_path: Path) -> None:
    """Daemons are started so; the pipe then has one of these numbers."""
    answer = tmp_path / "answer"
    folder = str(Path(worker.__file__).parent.parent)
    ran = subprocess.run(
        [sys.executable, "-c", CLOSED.format(closed=closed, answer=str(answer))],
        check=False,
        timeout=30,
        env={**os.environ, "PYTHONPATH": folder},
    )
    assert ran.returncode == 0
    assert answer.read_text() == "('here', True)"
