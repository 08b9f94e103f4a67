"""accelnet-agent as a process of its own, on loopback.

with daemon(tmp_path, "--expect=on") as agent:
    assert agent.get("/livez").status == 200
assert agent.status == 0
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil

from machines import read_samples
from namespaces import Namespace
from serving import Answer, ask

HEALTHY = Path(__file__).parent / "fixtures/mlx5-healthy/root"
MAIN = "from accelnet_agent.daemon import main; main()"
SECONDS = 30.0  # in which what is waited for has come, on a machine that is busy
# What the environment of the tests may say to it.
_FOREIGN = ("ACCELNET_", "LISTEN_", "NOTIFY_", "WATCHDOG_", "STATE_DIRECTORY", "PYTHON")


def environment(**changes: str) -> dict[str, str]:
    """Nothing that is meant for others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {**kept, **changes}


class Daemon:
    """A process, its port, and what it wrote."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        address: str,
        log: Path,
        namespace: Namespace | None = None,
    ) -> None:
        self.process, self.log, self._namespace = process, log, namespace
        self.port = int(address.rpartition(":")[2])
        self.children = psutil.Process(process.pid).children()
        self.status: int | None = None

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """One request on a connection of its own."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            with self._namespace.entered() if self._namespace is not None else nullcontext():
                client.connect()
            return ask(client, path, headers)
        finally:
            client.close()

    def json(self, path: str) -> tuple[int, Any]:
        """Status and body."""
        answer = self.get(path)
        return answer.status, json.loads(answer.body)

    def samples(self) -> dict[str, float]:
        """A scrape."""
        return read_samples(self.get("/metrics").body)

    def send(self, number: int) -> None:
        """A signal."""
        self.process.send_signal(number)

    def end(self, number: int = signal.SIGTERM) -> int:
        """A signal, and how it ended by it."""
        self.send(number)
        self.status = self.process.wait(SECONDS)
        return self.status

    def lines(self) -> list[str]:
        """What it wrote to standard error until now."""
        return self.log.read_text(encoding="utf-8").splitlines()

    def until_told(self, words: str) -> str:
        """The first line with these words, as soon as it is there."""
        end = time.monotonic() + SECONDS
        while True:
            found = [line for line in self.lines() if words in line]
            if found:
                return found[0]
            assert time.monotonic() < end, self.lines()
            time.sleep(0.02)


@contextmanager
def daemon(
    folder: Path,
    *arguments: str,
    namespace: Namespace | None = None,
    variables: Mapping[str, str] = MappingProxyType({}),
    program: str = MAIN,
) -> Generator[Daemon]:
    """A daemon that is ready; it has ended afterwards, whatever the test did.

    In a namespace it has no capability.  `program`: another one, that starts as it does.
    """
    log = folder / "agent.log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, log.open("ab") as errors:
        path = folder / "notify"
        path.unlink(missing_ok=True)
        ready.bind(str(path))
        ready.settimeout(0.1)
        given = (
            f"--path.rootfs={HEALTHY}",
            "--imds-endpoint=off",
            "--web.listen-address=127.0.0.1:0",
            *arguments,
        )
        process = subprocess.Popen(
            [*_within(namespace), sys.executable, "-c", program, *given],
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            env=environment(NOTIFY_SOCKET=str(path), **variables),
        )
        try:
            said, end = "", time.monotonic() + SECONDS
            while "STATUS=Serving on " not in said:
                with suppress(TimeoutError):
                    said = ready.recv(1000).decode()
                alive = process.poll() is None and time.monotonic() < end
                assert alive, log.read_text(encoding="utf-8")
            yield Daemon(
                process, said.partition("Serving on ")[2].split(",")[0].strip(), log, namespace
            )
        finally:
            if process.poll() is None:
                process.terminate()
            output, _ = process.communicate(timeout=SECONDS)
    assert output == b""  # standard output is nobody's


def _within(namespace: Namespace | None) -> tuple[str, ...]:
    if namespace is None:
        return ()
    powerless = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
    return ("ip", "netns", "exec", namespace.name, *powerless)


def refused(arguments: Sequence[str], **variables: str) -> subprocess.CompletedProcess[str]:
    """A daemon that does not come to serve."""
    return subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=environment(**variables),
    )


ACTIVATED = """
import os, sys
os.dup2(int(sys.argv.pop(1)), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
"""


def activate(fd: int, *arguments: str) -> subprocess.Popen[str]:
    """A daemon that systemd has given this descriptor."""
    return subprocess.Popen(
        [sys.executable, "-c", ACTIVATED + MAIN, str(fd), *arguments],
        pass_fds=[fd],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
