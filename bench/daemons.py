"""The daemons that are compared: each in a cgroup of its own, so that all it forks is counted."""

from __future__ import annotations

import ctypes
import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import measuring

STARTED_WITHIN, ENDED_WITHIN = 60.0, 10.0  # seconds
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_CHUNK = 1 << 20
_SWITCHES = re.compile(r"^voluntary_ctxt_switches:\t(\d+)", re.MULTILINE)
_LIBC = ctypes.CDLL(None)


class Daemon:
    """One exporter: started, measured and ended as often as a goal needs it."""

    def __init__(self, name: str, command: Sequence[str], log: Path, ports: range) -> None:
        """`command` gets a port of `ports` in the place of {port}, another one at each start."""
        self.name = name
        self.port = 0
        self._command, self._log, self._ports = command, log, iter(ports)
        self._process: subprocess.Popen[bytes] | None = None
        self._cgroup = _cgroups() / f"accelnet-bench-{os.getpid()}-{name}"

    def start(self) -> float:
        """Seconds until /metrics answers 200."""
        self.port = next(self._ports)
        command = [argument.replace("{port}", str(self.port)) for argument in self._command]
        self._cgroup.mkdir(exist_ok=True)
        with self._log.open("wb") as log:
            started = time.perf_counter()
            self._process = subprocess.Popen(
                command,
                env=measuring.clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the benchmark, which ends it
                preexec_fn=_end_with_us,  # noqa: PLW1509 - there are no threads here
            )
        (self._cgroup / "cgroup.procs").write_text(str(self._process.pid), encoding="ascii")
        while not self._answers():
            if self._process.poll() is not None or time.perf_counter() > started + STARTED_WITHIN:
                log_text = self._log.read_text(encoding="utf-8", errors="replace")
                sys.exit(f"{' '.join(command)}: does not answer\n{log_text[-2000:]}")
            time.sleep(0.001)
        return time.perf_counter() - started

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=STARTED_WITHIN)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """End it and all that it forked."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(ENDED_WITHIN)
        except subprocess.TimeoutExpired:
            print(f"{self.name} did not end within {ENDED_WITHIN:g} s of SIGTERM")
        until = time.monotonic() + ENDED_WITHIN
        while (left := self.pids()) and time.monotonic() < until:
            _signal(left, signal.SIGKILL)
            time.sleep(0.01)
        self._process.wait()
        self._process = None
        self._cgroup.rmdir()

    @property
    def pid(self) -> int:
        """The process that was started."""
        assert self._process is not None
        return self._process.pid

    def pids(self) -> list[int]:
        """Every process of it that is there now."""
        listed = (self._cgroup / "cgroup.procs").read_text(encoding="ascii")
        return [int(pid) for pid in listed.split()]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process of it."""
        _signal(self.pids(), number)

    def cpu(self) -> float:
        """Seconds of CPU, user and system, of every process that it had since it started."""
        used = (self._cgroup / "cpu.stat").read_text(encoding="ascii").split()
        return int(used[used.index("usage_usec") + 1]) / 1e6

    def wakeups(self) -> dict[int, int]:
        """How often each of its threads has waited for something, and was woken."""
        listed = (self._cgroup / "cgroup.threads").read_text(encoding="ascii")
        found = {int(thread): _status(int(thread)) for thread in listed.split()}
        return {thread: count for thread, count in found.items() if count is not None}

    def rss(self) -> float:
        """MiB that the process which was started has in memory."""
        return _rollup(self.pid, "Rss")

    def pss(self) -> float:
        """MiB of all its processes together, what they share counted once."""
        return sum(_rollup(pid, "Pss") for pid in self.pids())

    def descriptors(self) -> int:
        """Open descriptors of all its processes."""
        return sum(1 for pid in self.pids() for _ in Path(f"/proc/{pid}/fd").iterdir())

    def resident(self, files: Mapping[str, str]) -> set[str]:
        """Those Python packages whose code one of its processes has in memory, by a file of each.

        A code object holds the path of its file, which is nowhere else in the memory of a
        process that has not imported it.
        """
        wanted = {package: f"/{path}".encode() for package, path in files.items()}
        found: set[str] = set()
        for pid in self.pids():
            for part in _private_memory(pid):
                found |= {package for package, path in wanted.items() if path in part}
        return found


def _cgroups() -> Path:
    """Where cgroup v2 is mounted: its cpu.stat counts also for processes that have ended."""
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, folder, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(folder)
    sys.exit("cgroup v2 is not mounted")


def _end_with_us() -> None:
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _status(thread: int) -> int | None:
    try:
        text = Path(f"/proc/{thread}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return None
    found = _SWITCHES.search(text)
    return int(found.group(1)) if found else None


def _rollup(pid: int, name: str) -> float:
    fields: Mapping[str, str] = dict(
        line.split(":", 1)
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    )
    return int(fields[name].split()[0]) / 1024


def _private_memory(pid: int) -> Iterable[bytes]:
    """What a process has in writable mappings, a part at a time."""
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps:
            addresses, permissions, *_ = line.split()
            if not permissions.startswith("rw"):
                continue
            start, end = (int(address, 16) for address in addresses.split("-"))
            for at in range(start, end, _CHUNK):
                memory.seek(at)
                try:
                    yield memory.read(min(_CHUNK + 64, end - at))  # a path may cross the border
                except OSError:
                    break
