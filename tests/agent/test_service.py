"""service: what systemd and its services say to one another, over a real socket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from accelnet_agent.report import UsageError
from accelnet_agent.service import WATCHDOG, Notifier, passed_sockets

ABSTRACT = "@accelnet-test-{pid}"


@pytest.fixture(name="listener", params=["path", "abstract"])
def fixture_listener(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Generator[socket.socket]:
    """What systemd listens on, its address in the environment."""
    name = str(tmp_path / "notify")
    if request.param == "abstract":
        name = ABSTRACT.format(pid=os.getpid())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as found:
        found.bind(name.replace("@", "\0") if name.startswith("@") else name)
        found.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield found


def test_states_are_sent_as_one_datagram(listener: socket.socket) -> None:
    """By path, and by an abstract name."""
    Notifier()("READY=1", "STATUS=Serving on 127.0.0.1:9975")
    assert listener.recv(1000) == b"READY=1\nSTATUS=Serving on 127.0.0.1:9975"


def test_a_reload_says_when_it_began(listener: socket.socket) -> None:
    """By the clock that Type=notify-reload compares with."""
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    Notifier().reloading()
    first, second = listener.recv(1000).decode().splitlines()
    assert first == "RELOADING=1"
    assert before <= int(second.removeprefix("MONOTONIC_USEC=")) <= before + 60_000_000


@pytest.mark.usefixtures("listener")
def test_children_are_not_told_where_systemd_listens() -> None:
    """What they would say would be taken for ours."""
    Notifier()
    assert "NOTIFY_SOCKET" not in os.environ


@pytest.mark.parametrize(
    "address", ["/nowhere/at/all", "@nobody-listens", "x" * 300, "vsock:2:1", ""]
)
def test_where_nobody_listens_nothing_happens(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd then goes by its own deadlines."""
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    Notifier()("READY=1")


def test_without_systemd_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Started by hand."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier()("READY=1")


def test_a_full_queue_does_not_hold_the_agent(listener: socket.socket) -> None:
    """systemd itself hangs: the watchdog is fed in vain, other states wait for a moment."""
    notify = Notifier()
    started = time.monotonic()
    for _ in range(2000):  # net.unix.max_dgram_qlen is far less
        notify(WATCHDOG)
    notify("STOPPING=1")
    assert time.monotonic() - started < 30
    assert listener.recv(1000) == b"WATCHDOG=1"


# --- the watchdog --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("micros", "pid", "seconds"),
    [
        pytest.param("180000000", None, 180.0, id="every-process"),
        pytest.param("180000000", "own", 180.0, id="this-process"),
        pytest.param("180000000", "1", None, id="another-process"),
        pytest.param("180000000", "", None, id="no-process"),
        pytest.param(None, None, None, id="none"),
        pytest.param("0", "own", None, id="off"),
        pytest.param("-5", "own", None, id="negative"),
        pytest.param("soon", "own", None, id="no-number"),
        pytest.param("²", "own", None, id="no-digit"),
    ],
)
def test_the_watchdog_is_for_this_process(
    micros: str | None, pid: str | None, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seconds of silence that systemd takes for death."""
    pid = str(os.getpid()) if pid == "own" else pid
    for name, value in (("WATCHDOG_USEC", micros), ("WATCHDOG_PID", pid)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert Notifier().watchdog == seconds
    assert not {"WATCHDOG_USEC", "WATCHDOG_PID"} & set(os.environ)


# --- socket activation ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "pid"),
    [
        pytest.param("1", "1", id="another-process"),
        pytest.param("1", "", id="no-process"),
        pytest.param("", "own", id="no-count"),
        pytest.param("0", "own", id="none"),
        pytest.param("-1", "own", id="negative"),
        pytest.param("one", "own", id="no-number"),
        pytest.param(None, None, id="unset"),
    ],
)
def test_sockets_for_others_are_left_alone(
    count: str | None, pid: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nobody after us takes them for its own."""
    pid = str(os.getpid()) if pid == "own" else pid
    for name, value in (("LISTEN_FDS", count), ("LISTEN_PID", pid), ("LISTEN_FDNAMES", "web")):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert passed_sockets() == []
    assert not {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"} & set(os.environ)


PASSED = """
import os
from accelnet_agent.service import passed_sockets
os.environ["LISTEN_PID"] = str(os.getpid())
found = passed_sockets()
assert found == [3, 4], found
assert not any(map(os.get_inheritable, found))
assert "LISTEN_FDS" not in os.environ
"""


def test_sockets_for_this_process_are_its_own() -> None:
    """From descriptor 3 on; they are closed in what it starts."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        pairs = ((os.dup(one.fileno()), 3), (os.dup(two.fileno()), 4))
        script = f'exec 3<&{pairs[0][0]} 4<&{pairs[1][0]}; exec "$0" -c "$1"'
        subprocess.run(
            ["bash", "-c", script, sys.executable, PASSED],
            check=True,
            env={**os.environ, "LISTEN_FDS": "2"},
            pass_fds=[fd for fd, _ in pairs],
            timeout=60,
        )
        for fd, _ in pairs:
            os.close(fd)


@pytest.mark.parametrize("count", ["1000", "9" * 30])
def test_a_socket_that_is_none_is_named(count: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """More are promised than are open."""
    monkeypatch.setenv("LISTEN_FDS", count)
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    with pytest.raises(UsageError, match=f"^LISTEN_FDS={count}: descriptor \\d+: Bad file"):
        passed_sockets()
