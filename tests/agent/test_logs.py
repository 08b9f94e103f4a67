"""logs: one line an event, which a program can read, whatever the machine calls its things."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_agent import logs
from accelnet_agent.logs import FORMATS, LEVELS, QUIET, Log, printable

TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)


class _Output:
    """A standard error that refuses what is no UTF-8."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text.encode("utf-8").decode()
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""


class _Told:
    """What was written to standard error until now."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    @property
    def text(self) -> str:
        """All of it."""
        self._text += self._capsys.readouterr().err
        return self._text

    @property
    def lines(self) -> list[str]:
        """The same."""
        return self.text.splitlines()


@pytest.fixture(name="output")
def fixture_output(capsys: pytest.CaptureFixture[str]) -> _Told:
    """Standard error."""
    return _Told(capsys)


def _logfmt(line: str) -> dict[str, str]:
    """The keys and values of a line, by another's rules of quoting."""
    return {
        key: re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        for key, value in re.findall(r'([^\s=]+)=("(?:\\.|[^"\\])*"|[^\s"]*)', line)
    }


def test_logfmt_has_time_level_and_event_first(output: _Told) -> None:
    """Then the facts, in their order."""
    Log()("warning", "vf.removed", nic="eth0", vf="enP1s1", count=3, ok=True)
    stamp = r"timestamp=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"
    rest = " level=warning event=vf.removed nic=eth0 vf=enP1s1 count=3 ok=true"
    assert re.fullmatch(stamp + rest, output.lines[0])


def test_json_is_an_object_a_line(output: _Told) -> None:
    """With the same keys."""
    Log(form="json")("error", "state.unwritable", error="No space left", count=3)
    found = json.loads(output.lines[0])
    assert found.pop("timestamp").endswith("Z")
    assert found == {
        "level": "error",
        "event": "state.unwritable",
        "error": "No space left",
        "count": 3,
    }


def test_what_is_not_known_is_left_out(output: _Told) -> None:
    """None is no value."""
    Log()("info", "vf.added", nic="eth0", note=None)
    assert "note" not in output.text


@pytest.mark.parametrize("least", LEVELS)
def test_what_is_below_the_level_is_not_told(output: _Told, least: Any) -> None:
    """The others are."""
    log = Log(least)
    for level in LEVELS:
        log(level, "it.happened")
    told = [_logfmt(line)["level"] for line in output.lines]
    assert told == list(LEVELS[LEVELS.index(least) :])


@pytest.mark.parametrize("form", FORMATS)
@given(value=TEXTS)
def test_a_hostile_value_is_one_line_that_can_be_read(form: Any, value: str) -> None:
    """Ends of lines, quotes, escapes of a terminal, what is no UTF-8."""
    output = _Output()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stderr", output)
        Log(form=form)("info", "vf.added", nic=value, vf="enP1s1")
    assert output.text.count("\n") == 1
    line = output.text.removesuffix("\n")
    assert line.isprintable()
    found = json.loads(line) if form == "json" else _logfmt(line)
    assert (found["nic"], found["vf"]) == (printable(value), "enP1s1")


@given(TEXTS)
def test_what_is_printable_stays(text: str) -> None:
    """Everything else is an escape that says what it was."""
    found = printable(text)
    assert found.isprintable()
    assert found == text or not text.isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("eth0", "eth0"),
        ("größe", "größe"),
        ("a\nb", "a\\nb"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\u2028", "\\u2028"),
        ("\udcff", "\\udcff"),
        ("it's \x00", "it's \\x00"),
    ],
)
def test_what_is_not_is_an_escape(text: str, shown: str) -> None:
    """As Python writes it."""
    assert printable(text) == shown


def test_a_value_that_is_no_text_is_told_as_text(output: _Told) -> None:
    """In both formats the same."""
    for form in FORMATS:
        Log(form=form)("info", "it.is", what=["a b"])
    assert _logfmt(output.lines[0])["what"] == json.loads(output.lines[1])["what"] == "['a b']"


class _Clock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def test_what_repeats_is_told_once_and_then_counted(output: _Told) -> None:
    """The next line of it says how often it came meanwhile."""
    clock = _Clock()
    log = Log(clock=clock)
    for _ in range(5):
        log.repeated("warning", "imds.refused", why="ETIMEDOUT")
    assert len(output.lines) == 1
    clock.now += QUIET
    for _ in range(3):
        log.repeated("warning", "imds.refused", why="ETIMEDOUT")
    assert ["repeated=4" in line for line in output.lines] == [False, True]
    clock.now += QUIET
    log.repeated("warning", "imds.refused", why="ETIMEDOUT")
    assert _logfmt(output.lines[2])["repeated"] == "2"


def test_what_came_once_was_not_repeated(output: _Told) -> None:
    """After the quiet it is as new."""
    clock = _Clock()
    log = Log(clock=clock)
    for _ in range(2):
        log.repeated("warning", "imds.refused", why="ETIMEDOUT")
        clock.now += QUIET
    assert len(output.lines) == 2
    assert "repeated" not in output.text


def test_another_reason_is_another_event(output: _Told) -> None:
    """It is told at once."""
    log = Log()
    for why in ("ETIMEDOUT", "HTTP 429", "ETIMEDOUT"):
        log.repeated("warning", "imds.refused", why=why)
    assert len(output.lines) == 2


def test_what_is_remembered_of_repetitions_is_bounded(output: _Told) -> None:
    """An error whose words are new each time."""
    log = Log()
    for number in range(1000):
        log.repeated("warning", "it.failed", why=number)
    assert len(output.lines) == 1000
    assert len(log._told) == logs._MOST


class _Closed(_Output):
    def write(self, text: str) -> int:
        """Nobody reads."""
        raise BrokenPipeError


def test_where_nobody_reads_the_agent_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log is no reason to end."""
    monkeypatch.setattr("sys.stderr", _Closed())
    Log()("info", "agent.started")


def test_where_there_is_no_standard_error_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A supervisor that closes 0, 1 and 2 leaves None; what follows a line is done all the same."""
    monkeypatch.setattr("sys.stderr", None)
    Log()("error", "agent.bug")


def test_a_shell_reads_logfmt_too(output: _Told) -> None:
    """Quotes are those of a shell."""
    Log()("info", "agent.started", addresses="127.0.0.1:9975 [::1]:9975")
    assert "addresses=127.0.0.1:9975 [::1]:9975" in shlex.split(output.lines[0])


def test_lines_can_be_held_back(output: _Told) -> None:
    """Until the first answers are out; then they come in their order, and no others are held."""
    log = Log()
    log.hold()
    log("info", "one")
    log("debug", "not-told")
    log("info", "two")
    assert output.lines == []
    log.release()
    log("info", "three")
    log.release()
    assert [_logfmt(line)["event"] for line in output.lines] == ["one", "two", "three"]


def test_without_a_standard_error_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """2 was closed at our start."""
    monkeypatch.setattr("sys.stderr", None)
    Log()("info", "agent.started")


def test_structlog_is_loaded_with_the_first_line() -> None:
    """Seventy milliseconds: the first answer is out by then."""
    code = (
        "import sys\nfrom accelnet_agent.logs import Log\nlog = Log()\n"
        "assert 'structlog' not in sys.modules\nlog('info', 'x')\n"
        "assert 'structlog' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)
