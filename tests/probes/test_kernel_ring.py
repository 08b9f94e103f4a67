"""kernel_ring: /dev/kmsg as it grows, from a pipe that keeps records apart as it does."""

from __future__ import annotations

import errno
import os
import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_probes import kernel_ring
from accelnet_probes.kernel_log import parse
from accelnet_probes.kernel_ring import KMSG, MAX_LINES, KernelRing, line_of, new_lines, read_all

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

NOW = "2026-01-02T03:04:05Z"
BANNER = b"Linux version 6.8.0-1029-azure"


def _record(seconds: float, text: bytes, *, level: int = 6) -> bytes:
    """A record of /dev/kmsg, with the dictionary that may follow it."""
    return b"%d,7,%d,-;%s\n SUBSYSTEM=vmbus\n" % (level, round(seconds * 1_000_000), text)


def _event(seconds: float, number: int = 1) -> bytes:
    """A line of hv_netvsc that is kept."""
    return _record(seconds, b"hv_netvsc vmbus_0_15 eth0: VF slot %d added" % number)


class Ring:
    """A stand-in below `root`: what is written in one piece is read in one piece."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self._reader, self._writer = os.pipe2(os.O_DIRECT | os.O_NONBLOCK | os.O_CLOEXEC)
        (root / KMSG).parent.mkdir()
        (root / KMSG).symlink_to(f"/proc/self/fd/{self._reader}")

    def write(self, *records: bytes) -> None:
        """What the kernel logs."""
        for record in records:
            os.write(self._writer, record)

    def close(self) -> None:
        """The end of the log."""
        os.close(self._reader)
        os.close(self._writer)


@contextmanager
def _ring(folder: Path) -> Generator[Ring]:
    ring = Ring(folder)
    try:
        yield ring
    finally:
        ring.close()


@contextmanager
def _reading(ring: Ring) -> Generator[KernelRing]:
    reading = KernelRing(ring.root)
    try:
        yield reading
    finally:
        if reading._fd is not None:
            os.close(reading._fd)


# --- records -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "line"),
    [
        pytest.param(b"6,1,1234567,-;text\n", b"[    1.234567] text\n", id="plain"),
        pytest.param(b"6,1,0,-;text", b"[    0.000000] text\n", id="at-boot"),
        pytest.param(b"6,1,1,-,caller=T1;te;xt\n", b"[    0.000001] te;xt\n", id="more-fields"),
        pytest.param(b"6,1,1,-;text\n SUBSYSTEM=pci\n", b"[    0.000001] text\n", id="dictionary"),
        pytest.param(b"6,1,1,-;\n", b"[    0.000001] \n", id="empty-text"),
        pytest.param(b"6,1,99999999999999999,-;x", b"[99999999999.999999] x\n", id="years"),
        pytest.param(b"", None, id="nothing"),
        pytest.param(b"text without a head\n", None, id="no-head"),
        pytest.param(b"6,1;text\n", None, id="no-time"),
        pytest.param(b"6,1,soon,-;text\n", None, id="time-in-words"),
        pytest.param(b"6,1,-1,-;text\n", None, id="before-boot"),
        pytest.param(b"6,1," + b"9" * 5000 + b",-;x", None, id="a-time-of-5000-digits"),
    ],
)
def test_a_record_is_a_line_of_dmesg(record: bytes, line: bytes | None) -> None:
    """With the seconds since boot; what is no record is none."""
    assert line_of(record) == line


@given(st.binary(max_size=64) | st.from_regex(rb"[0-9,;-]{0,40}", fullmatch=True))
def test_any_bytes_are_a_line_or_none(record: bytes) -> None:
    """No exception, and never two lines."""
    line = line_of(record)
    assert line is None or (line.startswith(b"[") and line.count(b"\n") == 1)


# --- the ring ------------------------------------------------------------------------------------


def test_a_ring_grows(tmp_path: Path) -> None:
    """What was read is kept, what is new is added, and nothing is read twice."""
    with _ring(tmp_path) as ring, _reading(ring) as reading:
        ring.write(_record(0.0, BANNER), _event(1.5))
        first = reading.read()
        assert first == (
            b"[    0.000000] Linux version 6.8.0-1029-azure\n"
            b"[    1.500000] hv_netvsc vmbus_0_15 eth0: VF slot 1 added\n"
        )
        assert reading.read() == first
        ring.write(_record(2.0, b"of no concern"), _event(3.0, 2))
        assert reading.read() == first + (
            b"[    3.000000] hv_netvsc vmbus_0_15 eth0: VF slot 2 added\n"
        )


def test_a_ring_without_news_is_not_put_together_again(tmp_path: Path) -> None:
    """The same bytes, which cost nothing."""
    with _ring(tmp_path) as ring, _reading(ring) as reading:
        ring.write(_event(1.0))
        assert reading.read() is reading.read()


def test_a_ring_of_nothing_is_empty(tmp_path: Path) -> None:
    """Until something is logged."""
    with _ring(tmp_path) as ring, _reading(ring) as reading:
        assert reading.read() == b""
        ring.write(_event(1.0))
        assert reading.read().count(b"\n") == 1


def test_a_first_line_that_concerns_a_vf_is_one_line(tmp_path: Path) -> None:
    """Where the ring has wrapped it begins anywhere: an event must not count twice."""
    with _ring(tmp_path) as ring, _reading(ring) as reading:
        ring.write(_event(500.0), _event(501.0, 2))
        found = parse(reading.read(), 600.0, NOW)
    assert [event.detail for event in found.events] == ["1", "2"]


def test_garbage_between_the_lines_is_passed_over(tmp_path: Path) -> None:
    """The lines around it stand."""
    with _ring(tmp_path) as ring, _reading(ring) as reading:
        ring.write(b"\xff\0\xfe", _event(1.0), b"VF slot 9 added\n", _event(2.0, 2))
        assert reading.read().count(b"VF slot") == 2


def test_at_most_so_many_lines_are_kept(tmp_path: Path) -> None:
    """The newest; and then it is no log that starts at boot."""
    with _ring(tmp_path) as ring, _reading(ring) as reading:
        ring.write(_record(0.0, BANNER))
        assert parse(reading.read(), None, NOW).starts_at_boot
        for number in range(MAX_LINES + 7):
            ring.write(_event(100.0 + number, number))
            if number % 10 == 0:  # a pipe holds sixteen packets
                reading.read()
        lines = reading.read().splitlines()
    assert len(lines) == MAX_LINES
    assert lines[0].endswith(b"VF slot 7 added")
    assert lines[-1].endswith(b"VF slot %d added" % (MAX_LINES + 6))
    assert not parse(b"\n".join(lines), None, NOW).starts_at_boot


class Overwritten:
    """Reads as /dev/kmsg does where its reader was too slow: EPIPE once, then on."""

    def __init__(self, *answers: bytes | int) -> None:
        self.give(*answers)

    def give(self, *answers: bytes | int) -> None:
        """What it reads next."""
        self._answers = list(answers)

    def read(self, _fd: int, size: int) -> bytes:
        """A record, or an errno."""
        if not self._answers:
            raise BlockingIOError(errno.EAGAIN, "no more")
        answer = self._answers.pop(0)
        if isinstance(answer, int):
            raise OSError(answer, os.strerror(answer))
        assert len(answer) <= size
        return answer


LINES = [b"[    %d.000000] hv_netvsc vmbus_0_15 eth0: VF slot 1 added\n" % at for at in range(9)]


def test_what_was_overwritten_is_told() -> None:
    """EPIPE: what was read before it is no part of the same log."""
    log = Overwritten(_event(1.0), _event(2.0), errno.EPIPE, _event(7.0), _event(8.0))
    assert new_lines(0, log.read) == (LINES[7:9], True)
    assert new_lines(0, log.read) == ([], False)
    log.give(_event(3.0))
    assert new_lines(0, log.read) == ([LINES[3]], False)


@pytest.mark.parametrize("number", [errno.EPERM, errno.EINVAL, errno.EIO])
def test_what_is_refused_is_an_error(number: int) -> None:
    """And is no end of the log."""
    with pytest.raises(OSError, match=os.strerror(number)) as raised:
        new_lines(0, Overwritten(_event(1.0), number).read)
    assert raised.value.errno == number


class Scripted(KernelRing):
    """A ring whose descriptor gives what the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.log = Overwritten()

    def _new_lines(self) -> tuple[list[bytes], bool]:
        return new_lines(0, self.log.read)


def test_a_ring_that_wrapped_begins_anew() -> None:
    """As whoever reads it for the first time sees it: what was lost may be a VF that came."""
    reading = Scripted()
    reading.log.give(_record(0.0, BANNER), _event(1.0))
    assert parse(reading.read(), None, NOW).starts_at_boot
    reading.log.give(
        _event(2.0),
        errno.EPIPE,
        _record(700.0, b"the oldest that is left"),
        _event(701.0),
    )
    found = reading.read()
    assert found.splitlines() == [
        b"[  700.000000] the oldest that is left",
        b"[  701.000000] hv_netvsc vmbus_0_15 eth0: VF slot 1 added",
    ]
    assert not parse(found, None, NOW).starts_at_boot


def test_a_ring_that_wrapped_and_is_empty() -> None:
    """Nothing is left of it."""
    reading = Scripted()
    reading.log.give(_event(1.0))
    assert reading.read() != b""
    reading.log.give(errno.EPIPE)
    assert reading.read() == b""


def test_a_flood_does_not_keep_the_reader() -> None:
    """After more records than any ring holds it goes on with what it has."""
    assert 1 << 17 <= kernel_ring.MOST_AT_ONCE <= 1 << 20
    with open("/dev/zero", "rb") as endless:  # noqa: PTH123 - a device, not a path
        began = time.monotonic()
        assert new_lines(endless.fileno()) == ([], False)
        assert time.monotonic() - began < 60


# --- a ring that may not be read -----------------------------------------------------------------


def test_a_ring_that_is_not_there_is_an_error_each_time(tmp_path: Path) -> None:
    """And is there as soon as it is."""
    reading = KernelRing(str(tmp_path))
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            reading.read()
    with _ring(tmp_path) as ring:
        assert reading.read() == b""
        ring.write(_event(1.0))
        assert reading.read() != b""
        assert reading._fd is not None
        os.close(reading._fd)


def test_a_ring_that_can_not_be_read_is_an_error_each_time(tmp_path: Path) -> None:
    """EISDIR here, EPERM where dmesg is restricted; it leaves no descriptor behind."""
    (tmp_path / KMSG).mkdir(parents=True)
    reading = KernelRing(str(tmp_path))
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(3):
        with pytest.raises(OSError, match="directory") as raised:
            reading.read()
        assert raised.value.errno == errno.EISDIR
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # noqa: PTH208


def test_a_plain_file_is_read_once(tmp_path: Path) -> None:
    """A tree that was made up has one."""
    (tmp_path / KMSG).parent.mkdir()
    (tmp_path / KMSG).write_bytes(_event(1.0))
    assert read_all(str(tmp_path / KMSG)) == (
        b"[    1.000000] hv_netvsc vmbus_0_15 eth0: VF slot 1 added\n"
    )


def test_the_whole_ring_leaves_no_descriptor(tmp_path: Path) -> None:
    """Whether it could be read or not."""
    (tmp_path / KMSG).mkdir(parents=True)
    (tmp_path / "log").write_bytes(_event(1.0))
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(3):
        read_all(str(tmp_path / "log"))
        with pytest.raises(IsADirectoryError):
            read_all(str(tmp_path / KMSG))
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


@pytest.mark.live
def test_this_machines_ring_is_read_twice_alike() -> None:
    """By one that reads it whole, and by one that keeps its place."""
    if os.geteuid() != 0 or not os.access("/dev/kmsg", os.R_OK):
        pytest.skip("needs root, and a kernel log")
    reading = KernelRing()
    try:
        found = reading.read().splitlines()
        assert reading._fd is not None
        lines = read_all("/dev/kmsg").splitlines()
        assert reading.read().splitlines()[: len(found)] == found
    finally:
        if reading._fd is not None:
            os.close(reading._fd)
    assert lines
    assert all(re.match(rb"\[ *\d+\.\d{6}\] ", line) for line in lines)
    assert set(found) <= set(lines)
