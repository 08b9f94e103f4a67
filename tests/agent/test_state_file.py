"""state_file: what can not be read is put aside, what can not be written is told, nothing ends."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from accelnet_agent.history import decode, encode
from accelnet_agent.state_file import ASIDE, MAX_SIZE, NAME, StateFile
from accelnet_agent.tracker import Tracker
from watching import Watched, a_link, at

NOW = at(0)


def _load(folder: Path | None) -> tuple[Tracker | None, list[str]]:
    told: list[str] = []
    state = StateFile(str(folder) if folder is not None else None)
    return state.load(lambda text: decode(text, "boot", NOW), told.append), told


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _a_text() -> str:
    nic = Watched()
    nic.message(a_link(master=None, gone=True))
    return encode(nic.tracker, "boot")


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    """Whole, and nothing else is left in the folder."""
    StateFile(str(tmp_path)).save(_a_text())
    tracker, told = _load(tmp_path)
    assert tracker is not None
    assert tracker.tracks["eth0"].totals.removed == 1
    assert told == []
    assert _names(tmp_path) == [NAME]


def test_it_is_nobody_elses_to_read(tmp_path: Path) -> None:
    """What a VM's NICs did is its operator's business."""
    StateFile(str(tmp_path)).save("{}")
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_at_the_first_start_there_is_none(tmp_path: Path) -> None:
    """That is no trouble."""
    assert _load(tmp_path) == (None, [])


def test_without_a_folder_nothing_is_kept() -> None:
    """Nor is it missed."""
    StateFile(None).save("{}")
    assert _load(None) == (None, [])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(_a_text().encode()[:100], id="cut"),
        pytest.param(b"\xff\xfe", id="no-utf-8"),
        pytest.param(b"[]", id="no-state"),
        pytest.param(_a_text().replace('"version":1', '"version":2').encode(), id="newer"),
        pytest.param(_a_text().replace('"removed":1', '"removed":-1').encode(), id="damaged"),
        pytest.param(b" " * MAX_SIZE + _a_text().encode(), id="huge"),
    ],
)
def test_a_file_that_can_not_be_used_is_put_aside(tmp_path: Path, content: bytes) -> None:
    """It may be looked at; the agent begins anew, and saves."""
    (tmp_path / NAME).write_bytes(content)
    tracker, told = _load(tmp_path)
    assert tracker is None
    assert len(told) == 1
    assert told[0].startswith(f"{tmp_path / NAME}: ")
    assert told[0].endswith("; put aside as state.json.unusable")
    assert (tmp_path / ASIDE).read_bytes() == content
    StateFile(str(tmp_path)).save(_a_text())
    assert _load(tmp_path)[0] is not None


def test_the_one_put_aside_before_makes_room(tmp_path: Path) -> None:
    """One is enough to look at."""
    for content in (b"first", b"second"):
        (tmp_path / NAME).write_bytes(content)
        _load(tmp_path)
    assert _names(tmp_path) == [ASIDE]
    assert (tmp_path / ASIDE).read_bytes() == b"second"


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda path: path.mkdir(), id="folder"),
        pytest.param(os.mkfifo, id="pipe"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), id="endless"),
        pytest.param(lambda path: path.symlink_to(path), id="loop"),
    ],
)
def test_what_is_no_file_is_put_aside(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """Without waiting for it, or reading it for ever."""
    make(tmp_path / NAME)
    tracker, told = _load(tmp_path)
    assert (tracker, len(told)) == (None, 1)
    assert _names(tmp_path) == [ASIDE]


def test_where_it_can_not_be_put_aside_either_the_agent_goes_on(tmp_path: Path) -> None:
    """Both are told."""
    (tmp_path / NAME).write_text("?")
    (tmp_path / ASIDE / "full").mkdir(parents=True)
    tracker, told = _load(tmp_path)
    assert tracker is None
    assert told[1].startswith(f"{tmp_path / NAME}: it could not be put aside: ")


def test_a_link_that_leads_nowhere_is_no_file(tmp_path: Path) -> None:
    """As if there were none; saving replaces the link, not what it names."""
    (tmp_path / NAME).symlink_to(tmp_path / "elsewhere")
    assert _load(tmp_path) == (None, [])
    StateFile(str(tmp_path)).save("{}")
    assert _names(tmp_path) == [NAME]


@pytest.mark.parametrize("folder", ["missing", "a-file"])
def test_a_folder_that_is_none_is_told(tmp_path: Path, folder: str) -> None:
    """When something should be written."""
    (tmp_path / "a-file").touch()
    state = StateFile(str(tmp_path / folder))
    with pytest.raises((FileNotFoundError, NotADirectoryError)):
        state.save("{}")
    assert state.load(lambda text: decode(text, "", NOW), lambda _: None) is None


@contextmanager
def _limited(size: int) -> Generator[None]:
    """Files may have so many bytes: as on a full disk, what is more is refused."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("size", [0, 100])
def test_a_full_disk_leaves_the_state_of_before(tmp_path: Path, size: int) -> None:
    """It is told, and when there is room again the next state is written."""
    state = StateFile(str(tmp_path))
    state.save(_a_text())
    with _limited(size), pytest.raises(OSError, match="File too large") as refused:
        state.save(_a_text() * 2)
    assert refused.value.errno == errno.EFBIG
    assert (tmp_path / NAME).read_text() == _a_text()
    state.save("{}")
    assert (tmp_path / NAME).read_text() == "{}"


KILLED = """
import sys
from accelnet_agent.state_file import StateFile
state, texts = StateFile(sys.argv[1]), [sign * 300_000 for sign in "ab"]
while True:
    for text in texts:
        state.save(text)
"""


def test_killed_at_any_moment_it_leaves_a_whole_state(tmp_path: Path) -> None:
    """The one of before, or the new one."""
    for delay in (0.0, 0.003, 0.007, 0.011):
        command = [sys.executable, "-c", KILLED, str(tmp_path)]
        with subprocess.Popen(command) as writer:
            while not (tmp_path / NAME).exists():
                time.sleep(0.002)
                assert writer.poll() is None
            time.sleep(delay)
            writer.kill()
        content = (tmp_path / NAME).read_text()
        assert content in ("a" * 300_000, "b" * 300_000)
        (tmp_path / NAME).unlink()
