"""Hostile file trees, and calls that hang: the recorder goes on, and says what it saw."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recorders import load

recorder = load()


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Any]:
    """The files below a folder, asked for by way of a child."""
    reader = recorder.Reader(os.fsencode(tmp_path), 5.0)
    yield recorder.Files(reader.ask)
    reader.close()


def test_a_file_is_read_and_kept(tmp_path: Path, files: Any) -> None:
    """Under the key that its links lead to, with these links."""
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/file").write_bytes(b"\0\xff" * 5000)
    (tmp_path / "link").symlink_to("/a/./b/../b")
    assert files.read(b"link/file") == b"\0\xff" * 5000
    assert files.kept.files == {b"a/b/file": b"\0\xff" * 5000}
    assert files.kept.links == {b"link": b"/a/./b/../b"}
    assert files.unreadable == {}


def test_a_link_does_not_lead_out(tmp_path: Path, files: Any) -> None:
    """It is resolved as if the top were "/"."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hostname").write_text("inside\n")
    (tmp_path / "out").symlink_to("../../../../etc/hostname")
    assert files.read(b"out") == b"inside\n"


def a_file_of(size: int) -> Callable[[Path], None]:
    """Makes a file with a hole of that size."""

    def make(path: Path) -> None:
        path.touch()
        os.truncate(path, size)

    return make


@pytest.mark.parametrize(
    ("make", "unreadable"),
    [
        pytest.param(os.mkfifo, {b"x": "EINVAL"}, id="pipe"),
        pytest.param(lambda path: path.symlink_to("x"), {}, id="link-to-itself"),
        pytest.param(lambda path: path.symlink_to("/".join("a" * 600)), {}, id="link-to-depths"),
        pytest.param(os.mkdir, {}, id="folder"),
        pytest.param(a_file_of(17 << 20), {b"x": "EFBIG"}, id="huge-file"),
        pytest.param(a_file_of(1 << 40), {b"x": "EFBIG"}, id="file-of-a-terabyte"),
    ],
)
def test_what_is_no_file_of_reason_is_not_read(
    tmp_path: Path, files: Any, make: Callable[[Path], Any], unreadable: dict[bytes, str]
) -> None:
    """A pipe is not even opened: nobody would ever write to it."""
    make(tmp_path / "x")
    started = time.monotonic()
    assert not isinstance(files.read(b"x"), bytes)
    assert time.monotonic() - started < 10
    assert files.unreadable == unreadable


@pytest.mark.parametrize("name", [b"n\0ul", b"\xff\xfe", b"n" * 300, b"a/" * 3000])
def test_a_name_that_can_not_be_is_absent_or_refused(files: Any, name: bytes) -> None:
    """No traceback comes of it."""
    assert not isinstance(files.read(name), bytes)


def test_a_folder_of_thousands_is_listed(tmp_path: Path, files: Any) -> None:
    """A node of containers has so many interfaces."""
    for number in range(3000):
        (tmp_path / f"veth{number}").symlink_to(f"../devices/virtual/net/veth{number}")
    assert len(files.listed(b"")) == 3000
    assert len(files.kept.links) == 3000


class Stuck:
    """In a child: asked for this key it does not answer."""

    def __init__(self, key: bytes) -> None:
        self._key, self._answer = key, recorder.answer

    def __call__(self, operation: str, path: bytes) -> Any:
        """As the real one."""
        if path.endswith(self._key):
            time.sleep(60)
        return self._answer(operation, path)


def stuck_reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: bytes) -> Any:
    """A reader whose child hangs at that key, and waits for a moment only."""
    monkeypatch.setattr(recorder, "answer", Stuck(key))
    return recorder.Reader(os.fsencode(tmp_path), 0.3)


def test_a_read_that_hangs_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ETIMEDOUT in the bundle; all else is read."""
    (tmp_path / "stuck").touch()
    (tmp_path / "other").write_text("1\n")
    reader = stuck_reader(monkeypatch, tmp_path, b"/stuck")
    files = recorder.Files(reader.ask)
    started = time.monotonic()
    assert files.read(b"stuck") is recorder.REFUSED
    assert files.read(b"other") == b"1\n"
    assert time.monotonic() - started < 5
    reader.close()
    assert files.unreadable == {b"stuck": "ETIMEDOUT"}


def test_after_some_that_hang_no_more_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine on which everything hangs is recorded all the same, within some seconds."""
    reader = stuck_reader(monkeypatch, tmp_path, b"")
    files = recorder.Files(reader.ask)
    started = time.monotonic()
    for number in range(100):
        assert files.read(b"file-%d" % number) is recorder.REFUSED
    assert time.monotonic() - started < 5
    reader.close()
    assert set(files.unreadable.values()) == {"ETIMEDOUT"}
    assert len(files.unreadable) == 100


def test_a_child_that_dies_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody, or the kernel for want of memory, ends it."""
    (tmp_path / "file").write_text("1\n")
    monkeypatch.setattr(recorder, "answer", lambda *_: os._exit(3))
    reader = recorder.Reader(os.fsencode(tmp_path), 5.0)
    with pytest.raises(OSError, match="Input/output") as caught:
        reader.ask("data", b"file")
    assert caught.value.errno == errno.EIO
    monkeypatch.undo()
    assert reader.ask("data", b"file") == b"1\n"
    reader.close()


# --- calls -------------------------------------------------------------------------------------


def machine_of(monkeypatch: pytest.MonkeyPatch, ask: Callable[..., None]) -> Any:
    """A machine whose kernel answers by `ask`, within a moment."""
    monkeypatch.setattr(recorder, "ask_kernel", ask)
    monkeypatch.setattr(recorder, "KERNEL_DEADLINE", 0.3)
    return recorder.Machine(0.0, "off")


def test_a_call_that_hangs_is_never_joined_by_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """What came before it is kept, the rest is ETIMEDOUT; the next sample asks nobody."""

    def hang(_: Any, emit: Callable[[Any], None]) -> None:
        emit((None, None, [(7, "10.0.0.4/24"), (8, "10.0.0.5/24")]))
        emit((b"eth0", "drvinfo", (b".bin", b"\3")))
        time.sleep(60)

    machine = machine_of(monkeypatch, hang)
    late = (b".errno", b"ETIMEDOUT\n")
    replies, addresses = machine.sample(0, {b"eth0": 7})
    assert replies[b"eth0"].pop("drvinfo") == (b".bin", b"\3")
    assert set(replies[b"eth0"].values()) == {late}
    assert addresses == [(b"eth0", "10.0.0.4/24")]
    started = time.monotonic()
    replies, addresses = machine.sample(1, {b"eth0": 7})
    assert time.monotonic() - started < 0.2
    assert set(replies[b"eth0"].values()) == {late}
    assert addresses == late
    machine.close()


def test_a_child_that_dies_leaves_eio(monkeypatch: pytest.MonkeyPatch) -> None:
    """It did not run out of time."""
    machine = machine_of(monkeypatch, lambda *_: os._exit(1))
    replies, addresses = machine.sample(0, {b"eth0": 7})
    assert set(replies[b"eth0"].values()) == {(b".errno", b"EIO\n")} == {addresses}
    machine.close()


def test_where_no_process_is_left_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """fork(2) fails with EAGAIN at a user's limit of processes."""

    def refuse() -> int:
        raise OSError(errno.EAGAIN, "no more")

    monkeypatch.setattr(os, "fork", refuse)
    machine = recorder.Machine(0.0, "http://127.0.0.1:1")
    before = {fd.name for fd in Path("/proc/self/fd").iterdir()}
    replies, addresses = machine.sample(0, {b"eth0": 7})
    assert set(replies[b"eth0"].values()) == {(b".errno", b"EAGAIN\n")} == {addresses}
    machine.begin_instance(True)
    assert machine.instance() == (b".errno", b"EAGAIN\n")
    with pytest.raises(BlockingIOError):
        machine.ask("data", b"etc/os-release")
    machine.close()
    assert {fd.name for fd in Path("/proc/self/fd").iterdir()} == before


def test_a_worker_holds_none_of_our_descriptors(tmp_path: Path) -> None:
    """Whoever waits for the end of our output does not wait for a child that is stuck."""
    held = (tmp_path / "held").open("w")

    def tell(emit: Callable[[Any], None]) -> None:
        for fd in range(100):
            try:
                emit(str(Path(f"/proc/self/fd/{fd}").readlink()))
            except FileNotFoundError:
                continue

    messages, is_over = recorder.Worker(tell).collect(time.monotonic() + 5)
    held.close()
    assert is_over
    assert [held for held in messages if not held.startswith("pipe:")] == ["/dev/null"] * 3


# --- what the kernel says ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "line"),
    [
        pytest.param(
            b"6,1,1234567,-;hv_netvsc: x\n SUBSYSTEM=pci\n", b"[    1.234567] hv_netvsc: x\n"
        ),
        pytest.param(b"6,1,98765432100000,-,caller=T1;pci\n", b"[98765432.100000] pci\n"),
        pytest.param(b"no record", b""),
        pytest.param(b"6,1,x,-;pci", b""),
        pytest.param(b"6,1," + b"9" * 30 + b",-;pci", b""),
    ],
)
def test_a_record_of_the_log_becomes_a_line(record: bytes, line: bytes) -> None:
    """As dmesg prints it, and as accelnet's own reader does."""
    from accelnet_probes.kernel_ring import line_of

    assert recorder.log_line(record) == line == (line_of(record) or b"")


def test_of_the_log_only_lines_that_matter_are_kept() -> None:
    """Other lines may say anything about the machine's owner."""
    lines = [
        b"[    1.0] usb 1-1: Product: Jane's phone\n",
        b"[    2.0] hv_netvsc: VF slot 1 added\n",
    ]
    assert recorder.keep(lines) == lines[1]


def test_what_no_archive_may_hold_is_not_archived() -> None:
    """--bundle would refuse it; a folder has no such limit."""
    kept = recorder.Kept()
    kept.add_file(b"x", bytes(65 << 20))
    about = dict.fromkeys(
        ("format", "version", "created", "tool", "redacted", "byteorder", "samples")
    )
    about |= dict.fromkeys(("window_seconds", "cpu_count"))
    with pytest.raises(recorder.UsageError, match="over 64 MiB"):
        recorder.archive(recorder.Recording(kept, {}, {}, about))
