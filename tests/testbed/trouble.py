"""What goes wrong on real machines: a kernel that hangs, a killed agent, a torn state file."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time

from testbed import guest
from testbed.guest import AGENT, Answer, Proof

HANG = 60  # seconds; fakean's longest
AT_ONCE = 2.0  # seconds for what depends on no kernel call; the guest's CPU is emulated
SERVED = 8.0  # seconds for what waits for an observation's own deadline


def hang(proof: Proof) -> None:
    """An ioctl that does not come back: everything else is served, and no second one joins it."""
    guest.restart()
    guest.settled()
    guest.fakean("fault vf delay", str(HANG * 1000))
    begun = time.monotonic()
    answers: dict[str, list[Answer]] = {}
    stuck: set[int] = set()
    while time.monotonic() - begun < HANG - 15:
        for path in ("/livez", "/metrics", "/healthz", "/report", "/"):
            answers.setdefault(path, []).append(guest.get(path))
        stuck |= {pid for pid in guest.processes() if _state(pid) == "D"}
        time.sleep(1)
    for path, found in answers.items():
        longest = max(answer.seconds for answer in found)
        limit = AT_ONCE if path == "/livez" else SERVED
        proof.ok(f"{path} is served while a call hangs", longest <= limit, f"{longest:.3f} s")
    proof.ok("/livez is 200", all(answer.status == 200 for answer in answers["/livez"]))
    last = answers["/healthz"][-1]
    named = [finding["check"] for finding in last.json["findings"]]
    proof.ok("probes-answered is what fails", "probes-answered" in named, last.json["verdict"])
    proof.ok("one process is stuck, and no second one", len(stuck) == 1, sorted(stuck))
    guest.fakean("fault vf delay 0")
    took = guest.settled()
    proof.ok("it recovers by itself", took is not None, took)


def restart_in_hang(proof: Proof) -> None:
    """A restart does not wait for what hangs, and the new agent serves what it can."""
    guest.restart()
    guest.settled()
    old = guest.main_pid()
    guest.fakean("fault vf delay", str(HANG * 1000))
    begun = time.monotonic()
    guest.until(lambda: guest.get("/healthz").json["verdict"] != "pass", HANG / 4)
    stopping = time.monotonic()
    guest.command("systemctl", "restart", AGENT, check=False)
    took = time.monotonic() - stopping
    proof.ok("restarted while a call hangs", guest.main_pid() not in (0, old), f"{took:.1f} s")
    live = guest.until(lambda: guest.get("/livez", timeout=5).status == 200, HANG)
    since = time.monotonic() - begun
    held = live is not None and since < HANG
    proof.ok("the new one serves before the kernel is back", held, f"{since:.1f} s of {HANG}")
    guest.fakean("fault vf delay 0")
    proof.ok("it comes to pass", guest.settled() is not None)


def _state(pid: int) -> str:
    try:
        return guest.status_of(pid)["State"][0]
    except OSError:
        return ""


def killed(proof: Proof) -> None:
    """Killed, it is started again, and knows what it had counted."""
    guest.restart()
    guest.settled()
    for _ in range(3):
        guest.fakean("vf remove")
        guest.until(lambda: guest.datapath(guest.metrics()) == "no_vf")
        guest.fakean("vf restore")
        guest.restored()
        guest.settled()
    before = guest.events(guest.metrics(), "removed")
    time.sleep(2)
    pid = guest.main_pid()
    os.kill(pid, signal.SIGKILL)
    again = guest.until(lambda: guest.main_pid() not in (0, pid) and guest.get("/livez"))
    proof.ok("killed, it is started again", again is not None, again)
    guest.settled()
    after = guest.events(guest.metrics(), "removed")
    proof.ok("it knows what it had counted", after == before == 3, f"{before:.0f}, {after:.0f}")
    files = [path.name for path in guest.STATE.iterdir()]
    proof.ok("its state is in StateDirectory=", files, files)


def torn(proof: Proof) -> None:
    """A state file that is no state file is said in one line, and work goes on."""
    for name, content in (("torn", b'{"version": 1, "ni'), ("binary", os.urandom(4096))):
        guest.restart()
        guest.settled()
        guest.command("systemctl", "stop", AGENT)
        paths = [path for path in guest.STATE.iterdir() if path.is_file()]
        for path in paths:
            path.write_bytes(content)
        before = guest.journal()
        guest.command("systemctl", "start", AGENT, check=False)
        proof.ok(f"{name} state: it starts and comes to pass", guest.settled() is not None)
        said = guest.journal().removeprefix(before).strip().splitlines()
        warned = [line for line in said if "state" in line]
        proof.ok(f"{name} state: the journal says so", warned, warned[:1])


def reloaded(proof: Proof) -> None:
    """SIGHUP: the same process goes on, and reads its files anew."""
    guest.restart()
    guest.settled()
    pid = guest.main_pid()
    before = guest.journal()
    guest.command("systemctl", "reload", AGENT)
    time.sleep(2)
    held = guest.main_pid() == pid and guest.shown("ActiveState") == "active"
    said = guest.journal().removeprefix(before).strip().splitlines()
    proof.ok("reloaded, the same process goes on", held, said)
    proof.ok("and serves", guest.get("/healthz").status == 200)


def watched(proof: Proof) -> None:
    """The watchdog is fed by observations, and bites where there are none."""
    guest.restart(drop_in="WatchdogSec=15")
    guest.settled()
    stamps = {guest.shown("WatchdogTimestampMonotonic")}
    for _ in range(30):
        time.sleep(1)
        stamps.add(guest.shown("WatchdogTimestampMonotonic"))
    held = len(stamps) > 2 and guest.shown("NRestarts") == "0"
    proof.ok("without any scrape it is fed", held, f"{len(stamps) - 1} times in 30 s")
    pid = guest.main_pid()
    os.kill(pid, signal.SIGSTOP)
    took = guest.until(lambda: guest.main_pid() not in (0, pid) and guest.get("/livez"), 120)
    proof.ok("stopped, it is started anew", took is not None, took)
    proof.ok("by the watchdog", "Watchdog timeout" in guest.journal())


def activated(proof: Proof) -> None:
    """With the socket unit the first scrape starts it, and a restart refuses nobody."""
    guest.restart("ACCELNET_WEB_LISTEN_ADDRESS=127.0.0.1:9976")
    guest.command("systemctl", "stop", AGENT)
    guest.command("systemctl", "start", "accelnet-agent.socket")
    answer = guest.get("/livez")
    proof.ok("the first request starts it", answer.status == 200, f"{answer.seconds:.1f} s")
    took = guest.until(lambda: guest.shown("ActiveState") == "active")
    proof.ok("and it becomes active", took is not None, took)
    refused: list[OSError] = []
    over = threading.Event()

    def knock() -> None:
        while not over.is_set():
            try:
                socket.create_connection(("127.0.0.1", guest.PORT), timeout=60).close()
            except OSError as error:
                refused.append(error)
            time.sleep(0.05)

    knocking = threading.Thread(target=knock)
    knocking.start()
    guest.command("systemctl", "restart", AGENT)
    over.set()
    knocking.join()
    proof.ok("no connection is refused while it restarts", not refused, refused[:1])
    guest.command("systemctl", "stop", "accelnet-agent.socket", AGENT)
