"""What a proof asks of its guest: fakean, systemd, the agent over HTTP and its processes.

It runs in the guest, as root, with the standard library alone.
"""

from __future__ import annotations

import datetime as dt
import http.client
import json
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

AGENT = "accelnet-agent.service"
NIC = "eth1"
ENVIRONMENT = Path("/etc/default/accelnet-agent")
DROP_INS = Path("/run/systemd/system/accelnet-agent.service.d")
STATE = Path("/var/lib/accelnet")
PORT = 9975
PATIENCE = 90.0  # seconds; the guest's CPU is emulated, and may be shared

_CONTROL = Path("/sys/kernel/debug/fakean/ctl")
_CGROUP = Path("/sys/fs/cgroup/system.slice/accelnet-agent.service")


class Proof:
    """What was proven, and what was not."""

    def __init__(self) -> None:
        self.number = 0
        self.failed: list[str] = []
        self.skipped: list[str] = []

    def ok(self, name: str, held: object, found: object = "") -> None:
        """One line of the log."""
        self.number += 1
        if not held:
            self.failed.append(name)
        seen = f" ({found})" if found != "" else ""
        print(f"{'ok' if held else 'NOT OK'} {self.number} - {name}{seen}", flush=True)

    def skip(self, name: str, why: str) -> None:
        """A line that says what is missing."""
        self.skipped.append(name)
        print(f"SKIPPED - {name}: {why}", flush=True)


class Answer(NamedTuple):
    """What the agent answered, and after how long."""

    status: int
    body: str
    seconds: float

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def command(*words: str, check: bool = True) -> str:
    """The standard output of a command."""
    run = subprocess.run(words, check=False, stdout=subprocess.PIPE, text=True)
    if check and run.returncode:
        raise RuntimeError(f"{' '.join(words)}: status {run.returncode}: {run.stdout}")
    return run.stdout


def fakean(*words: str) -> None:
    """One command to fakean; unlike the command of that name it does not wait for udev."""
    _CONTROL.write_text(" ".join(words) + "\n", encoding="ascii")


def get(path: str, *, timeout: float = PATIENCE, port: int = PORT, **headers: str) -> Answer:
    """GET from the agent; OSError where there is no answer."""
    begun = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = response.read().decode()
    finally:
        connection.close()
    return Answer(response.status, body, time.monotonic() - begun)


def samples(text: str) -> dict[str, float]:
    """`name{label="value"}` to the value, of a page of metrics."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line and line[0] != "#":
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


def metrics() -> dict[str, float]:
    """What /metrics has now."""
    return samples(get("/metrics").body)


def events(page: Mapping[str, float], event: str) -> float:
    """accelnet_vf_events_total of the NIC; 0 where the series is not there yet."""
    return page.get(f'accelnet_vf_events_total{{device="{NIC}",event="{event}"}}', 0.0)


def datapath(page: Mapping[str, float]) -> str:
    """The state of accelnet_nic_datapath that is 1."""
    start = f'accelnet_nic_datapath{{device="{NIC}",state="'
    states = [name for name, value in page.items() if name.startswith(start) and value == 1]
    return ",".join(name.removeprefix(start).removesuffix('"}') for name in states)


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> float | None:
    """After how many seconds it held; None where it never did."""
    begun = time.monotonic()
    while True:
        with suppress(OSError, http.client.HTTPException, ValueError, KeyError):
            if condition():
                return time.monotonic() - begun
        if time.monotonic() - begun > seconds:
            return None
        time.sleep(0.02)


def shown(name: str, unit: str = AGENT) -> str:
    """A property of a unit."""
    return command("systemctl", "show", "--value", "-p", name, unit).strip()


def restart(*lines: str, drop_in: str = "", clean: bool = True) -> None:
    """Start anew with this environment file and these settings, on no state where `clean`."""
    command("systemctl", "stop", AGENT)
    if clean:
        for path in STATE.glob("*"):
            path.unlink()
    ENVIRONMENT.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    DROP_INS.mkdir(parents=True, exist_ok=True)
    (DROP_INS / "proof.conf").write_text(f"[Service]\n{drop_in}\n", encoding="ascii")
    command("systemctl", "daemon-reload")
    command("systemctl", "start", AGENT)


def restored() -> bool:
    """Wait until the VF is joined to its NIC."""
    nic = Path("/sys/class/net", NIC)
    return until(lambda: any(nic.glob("lower_*"))) is not None


def settled(verdict: str = "pass") -> float | None:
    """After how many seconds /healthz had that verdict."""
    return until(lambda: get("/healthz").json["verdict"] == verdict)


def main_pid() -> int:
    """The agent's main process, 0 where there is none."""
    return int(shown("MainPID"))


def processes() -> list[int]:
    """All processes of the agent's unit."""
    return [int(line) for line in (_CGROUP / "cgroup.procs").read_text().split()]


def listening() -> float | None:
    """Wait until the agent hears of links; it is ready, and serves, somewhat earlier."""
    return until(_hears)


def _hears() -> bool:
    held = [str(path.readlink()) for path in Path(f"/proc/{main_pid()}/fd").iterdir()]
    for line in Path("/proc/net/netlink").read_text(encoding="ascii").splitlines()[1:]:
        _, family, _, groups, *_, inode = line.split()
        if (family, int(groups, 16) & 1) == ("0", 1) and f"socket:[{inode}]" in held:
            return True
    return False


def status_of(pid: int) -> dict[str, str]:
    """/proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def descriptors(pid: int) -> int:
    """How many files a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident(pid: int) -> int:
    """KiB of its memory that are its own: what a fork shares with it counts by halves."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    fields = {line.split()[0]: line.split()[1] for line in text.splitlines()[1:]}
    return int(fields["Rss:"])


def memory(which: str) -> int:
    """KiB of the whole unit: `current` or `peak`."""
    path = _CGROUP / f"memory.{which}"
    return int(path.read_text()) // 1024 if path.exists() else 0


def throttled() -> str:
    """How often, and for how many seconds in all, the unit's CPUQuota= made it wait."""
    found = dict(line.split() for line in (_CGROUP / "cpu.stat").read_text().splitlines())
    waited = int(found["throttled_usec"]) / 1e6
    return f"{found['nr_throttled']} of {found['nr_periods']} periods, {waited:.1f} s"


def written(unit: str = AGENT) -> int:
    """How much a unit has written by now."""
    return len(journal(unit))


def stamp(since: int, text: str) -> float:
    """The agent's own timestamp of a line written since then, in seconds since the epoch."""
    for line in journal()[since:].splitlines():
        if text in line:
            word = line.partition("timestamp=")[2].partition(" ")[0]
            return dt.datetime.fromisoformat(word).timestamp()
    raise RuntimeError(f"the agent did not write {text!r}")


def journal(unit: str = AGENT) -> str:
    """What a unit has written since boot."""
    return command("journalctl", "-b", "-o", "cat", "--no-pager", "-u", unit)
