"""How far a long run has come: on a terminal, and gone when it ends."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from accelnet_agent.fleet_progress import AFTER, Progress, line
from fleets import a_report, write

HERE = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-c", "from accelnet_agent.cli import main; main()"]
# The same with a line that is shown at once, so that a short run is a long one.
_SHOW = "from accelnet_agent import fleet_progress as p; p.AFTER = p.EVERY = 0.0; "
AT_ONCE = [sys.executable, "-c", _SHOW + PROGRAM[-1]]


@pytest.mark.parametrize(
    ("done", "total", "reports", "seconds", "shown"),
    [
        pytest.param(
            0, 10_000, 0, 0.5, "[........................] 0 of 10,000 files", id="beginning"
        ),
        pytest.param(
            5_000,
            10_000,
            5_000,
            3.0,
            "[############............] 5,000 of 10,000 files, 3 s left",
            id="middle",
        ),
        pytest.param(
            9_999,
            10_000,
            9_999,
            3.0,
            "[#######################.] 9,999 of 10,000 files, 0 s left",
            id="end",
        ),
        pytest.param(0, 1, 12_345, 3.0, "12,345 reports", id="stream"),
    ],
)
def test_the_line(done: int, total: int, reports: int, seconds: float, shown: str) -> None:
    """How much of how much, and how long it will take; of a stream only how much."""
    assert line(done, total, reports, seconds) == shown


def test_the_line_is_narrower_than_a_terminal() -> None:
    """However much there is."""
    assert len(line(1, 10**9, 10**12, 86_400)) < 80


def _on_a_terminal(command: list[str], folder: Path, **environment: str) -> tuple[str, str]:
    """Standard error, which is a terminal, and standard output, which is none."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [*command, "--summarize", str(folder)],
            stdout=subprocess.PIPE,
            stderr=theirs,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{HERE}/agent:{HERE}/probes",
                **environment,
            },
        )
        os.close(theirs)
        output, _ = process.communicate(timeout=60)
        said = b""
        try:
            while part := os.read(ours, 1 << 16):
                said += part
        except OSError:
            pass  # EIO: nobody has the other end
    finally:
        os.close(ours)
    return said.decode(), output.decode()


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """A folder with some reports."""
    for number in range(5):
        write(tmp_path / f"web{number:02}.json", a_report(number, findings=[]))
    return tmp_path


def test_a_long_run_tells_how_far_it_is(fleet: Path) -> None:
    """And leaves nothing of it on the terminal, nor in the output."""
    said, output = _on_a_terminal(AT_ONCE, fleet, TERM="xterm")
    lines = re.split(r"\r\x1b\[K", said)
    assert lines[0] == lines[-1] == ""
    assert lines[1:-1] == [line(done, 5, done + 1, 0.0) for done in range(5)]
    assert output.startswith("PASS: all of 5 VMs pass\n")


@pytest.mark.parametrize(
    ("command", "environment"),
    [
        pytest.param(PROGRAM, {"TERM": "xterm"}, id="short-run"),
        pytest.param(AT_ONCE, {"TERM": "dumb"}, id="dumb-terminal"),
        pytest.param(AT_ONCE, {}, id="no-terminal-type"),
    ],
)
def test_a_terminal_stays_silent(
    command: list[str], environment: dict[str, str], fleet: Path
) -> None:
    """Where all is done at once, or the terminal can not take a line away."""
    assert _on_a_terminal(command, fleet, **environment)[0] == ""


def test_without_colour_there_is_the_same_line(fleet: Path) -> None:
    """It has none: NO_COLOR asks for nothing else."""
    said, _ = _on_a_terminal(AT_ONCE, fleet, TERM="xterm", NO_COLOR="1")
    assert "5 files" in said
    assert "\x1b[" not in said.replace("\x1b[K", "")


def test_a_terminal_that_went_away_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line decorates."""
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = pty.openpty()
    progress = Progress(2, fd=theirs, after=0.0)
    os.close(ours)
    progress.at(0, 1)
    progress.at(1, 2)
    progress.end()
    os.close(theirs)


def test_nothing_is_said_of_what_is_done_in_a_moment() -> None:
    """Half a second."""
    assert 0.2 <= AFTER <= 1
