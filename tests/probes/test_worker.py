"""worker: a child for what may hang, and a parent that never waits for it."""

from __future__ import annotations

import errno
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
from hypothesis import given
from hypothesis import strategies as st

from accelnet_probes import worker
from accelnet_probes.worker import Board, Worker

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


def test_whoever_waits_is_told_that_it_has_ended() -> None:
    """Its descriptor hangs up then, and not before."""
    poll = select.poll()
    hanging = Worker(_hang)
    poll.register(hanging.fileno(), 0)
    assert poll.poll(0) == []
    os.kill(hanging._pid, signal.SIGKILL)
    assert poll.poll(30_000) == [(hanging.fileno(), select.POLLHUP)]
    assert hanging.collect(time.monotonic()) == ([], True)


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


# --- what is shared ------------------------------------------------------------------------------

MESSAGES: list[Any] = [
    ("eth0", "stats", b"\0\xff" * 9),
    ("eth0", "ring", b""),
    ("eth0", "ring", "EPERM"),
    ("eth0", ["stats"], [b"x"]),
    (None, None, [(2, "10.0.0.4/24")]),
    b"bytes alone",
    (),
    "text",
    {"a": (1, None, 2.5)},
]


def _board(*messages: Any) -> Board:
    board = Board()
    board.clear()
    for message in messages:
        board.emit(message)
    return board


def test_whatever_is_emitted_is_read() -> None:
    """As often as it is asked for, and whatever its size."""
    board = _board(*MESSAGES)
    assert board.messages() == MESSAGES
    assert board.messages() == MESSAGES
    board.close()


@given(st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=40)), max_size=20))
def test_messages_of_any_size_keep_apart(messages: list[tuple[str, bytes]]) -> None:
    """None runs into the next."""
    board = _board(*messages)
    assert board.messages() == messages
    board.close()


def test_a_board_that_is_cleared_is_empty() -> None:
    """And what comes next is read, not what stood behind it."""
    board = _board(*MESSAGES)
    board.clear()
    assert board.messages() == []
    board.emit("new")
    assert board.messages() == ["new"]
    board.close()


def test_a_message_that_does_not_fit_is_refused() -> None:
    """What was emitted before it stays, and a smaller one may follow."""
    board = _board("before")
    with pytest.raises(MemoryError):
        board.emit(("eth0", "stats", bytes(17 << 20)))
    board.emit("after")
    assert board.messages() == ["before", "after"]
    board.close()


def test_a_message_without_its_length_is_not_read() -> None:
    """All else of it is there already: the child is about to write the length."""
    board = _board("before", ("eth0", "stats", b"values"))
    after = Board()
    after.clear()
    after.emit("before")
    board._shared[after._at : after._at + 4] = bytes(4)
    assert board.messages() == ["before"]
    board.close()
    after.close()


def test_messages_are_whole_while_more_are_written() -> None:
    """Whoever reads at the deadline reads beside a child that goes on."""
    until, reads = time.monotonic() + 0.5, 0
    while time.monotonic() < until:
        board = Board()
        board.clear()

        def task(_emit: Emit, board: Board = board) -> None:
            for number in range(300):
                board.emit(("eth0", "stats", b"x" * (number % 50 + 1)))

        writing = Worker(task)
        found: list[Any] = []
        while len(found) < 300:
            found = board.messages()
            reads += 1
            assert all(message[0] == "eth0" and set(message[2]) == {ord("x")} for message in found)
        assert writing.collect(time.monotonic() + 10) == ([], True)
        board.close()
    assert reads


# --- the end of a child --------------------------------------------------------------------------


def _is_gone(pid: int) -> bool:
    """No process has that number, not even one that has ended."""
    return not Path(f"/proc/{pid}").exists()


def test_a_child_that_has_ended_leaves_nothing() -> None:
    """No zombie, no descriptor."""
    before = sorted(entry.name for entry in Path("/proc/self/fd").iterdir())
    workers = [Worker(lambda emit: emit("here")) for _ in range(5)]
    for ended in workers:
        assert ended.collect(time.monotonic() + 10) == (["here"], True)
    assert [ended._pid for ended in workers if not _is_gone(ended._pid)] == []
    assert sorted(entry.name for entry in Path("/proc/self/fd").iterdir()) == before


def test_a_child_that_does_not_end_is_not_waited_for() -> None:
    """It is init's after us."""
    hanging = Worker(_hang)
    began = time.monotonic()
    worker.reap(hanging._pid, ended=False)
    assert time.monotonic() - began < 5
    assert not _is_gone(hanging._pid)
    os.kill(hanging._pid, signal.SIGKILL)
    worker.reap(hanging._pid, ended=True)
    assert _is_gone(hanging._pid)
    assert hanging.collect(time.monotonic() + 10) == ([], True)


def test_a_child_that_ends_too_late_is_taken_note_of_with_the_next() -> None:
    """What hung, or found no CPU: a daemon keeps no zombies."""
    late, next_one = Worker(_hang), Worker(lambda _emit: None)
    worker.reap(late._pid, ended=False)
    os.kill(late._pid, signal.SIGKILL)
    os.waitid(os.P_PID, late._pid, os.WEXITED | os.WNOWAIT)
    assert next_one.collect(time.monotonic() + 10) == ([], True)
    with pytest.raises(ChildProcessError):
        os.waitpid(late._pid, os.WNOHANG)
    os.close(late.fileno())


def test_a_worker_that_could_not_be_made_leaves_nothing() -> None:
    """No descriptor is left for its pipe."""
    before = sorted(entry.name for entry in Path("/proc/self/fd").iterdir())
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    for more in (0, 1):
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + more, limits[1]))
        try:
            with pytest.raises(OSError, match="open files") as raised:
                Worker(_hang)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert raised.value.errno == errno.EMFILE
    assert sorted(entry.name for entry in Path("/proc/self/fd").iterdir()) == before
