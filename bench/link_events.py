"""P8: how soon a link event is in the metrics, and whether a flood of them is counted right."""

from __future__ import annotations

import os
import select
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from measuring import Goal, held, ratios, spread
from scraping import Scraper, values
from setting import Setting, datapath, running

LATENCY = Goal("P8 link event to changed metric", must=None, ambition=10, unit="ms")
BESIDE_C = Goal("   by a listener in C", must=None, ambition=2)
TOGGLES, FLOOD, BATCH, MOST_BATCHES = 50, 3000, 500, 20
PAUSE, SEEN_WITHIN, SETTLED_WITHIN = 0.1, 5.0, 30.0  # seconds
SWITCHES = "accelnet_datapath_switches_total"
RTM_NEWLINK, NLM_F_REQUEST, NLM_F_ACK = 16, 0x1, 0x4  # <linux/netlink.h>, <linux/rtnetlink.h>
IFF_UP, IFF_RUNNING = 0x1, 0x40  # <linux/if.h>


class Link:
    """The link of one interface, to be switched up and down."""

    def __init__(self, name: str) -> None:
        self.index = socket.if_nametoindex(name)
        self.up = True
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)

    def toggle(self) -> float:
        """Switch it; the moment before the kernel was asked."""
        self.up = not self.up
        flags = NLM_F_REQUEST | NLM_F_ACK
        # struct nlmsghdr, struct ifinfomsg
        message = struct.pack("=IHHII", 32, RTM_NEWLINK, flags, 0, 0)
        message += struct.pack("=BxHiII", socket.AF_UNSPEC, 0, self.index, self.up, IFF_UP)
        asked = time.monotonic()
        self._socket.send(message)
        answer = self._socket.recv(4096)
        error = -struct.unpack_from("=i", answer, 16)[0]  # struct nlmsgerr
        if error:
            sys.exit(f"RTM_NEWLINK: {os.strerror(error)}")
        return asked


class Listener:
    """What bench/link_listener.c prints."""

    def __init__(self, descriptor: int) -> None:
        """When it listens."""
        self._descriptor = descriptor
        self._lines: list[bytes] = []
        self._rest = b""
        self._line()

    def heard(self, *, up: bool) -> float:
        """When it heard of that state; what it heard before is done with."""
        while True:
            moment, flags = self._line().split()
            if bool(int(flags, 16) & IFF_UP) == bool(int(flags, 16) & IFF_RUNNING) == up:
                return float(moment)

    def _line(self) -> bytes:
        while not self._lines:
            if not select.select([self._descriptor], [], [], SEEN_WITHIN)[0]:
                sys.exit("the listener in C heard nothing of the link")
            *self._lines, self._rest = (self._rest + os.read(self._descriptor, 4096)).split(b"\n")
        return self._lines.pop(0)


def link_events(setting: Setting) -> bool:
    """P8; whether state and count are right after each flood."""
    nic, vf = setting.pairs[0].nic, setting.pairs[0].vf
    assert vf is not None
    link = Link(vf)
    with running(setting) as (agent, _):
        _latency(setting, agent, link, nic)
        changes = setting.sysfs / "class/net" / vf / "carrier_changes"
        kept = [_flood(setting, agent, link, changes, overflow=False)]
        link.toggle()
        time.sleep(1)
        kept.append(_flood(setting, agent, link, changes, overflow=True))
        if not link.up:
            link.toggle()
    return all(kept)


# --- one event -----------------------------------------------------------------------------------


def _latency(setting: Setting, agent: Scraper, link: Link, nic: str) -> None:
    ours: list[float] = []
    theirs: list[float] = []
    with _listener(setting, link) as listener:
        for _ in range(TOGGLES):
            asked = link.toggle()
            ours.append(1000 * (_seen(agent, nic, "vf" if link.up else "synthetic") - asked))
            theirs.append(1000 * (listener.heard(up=link.up) - asked))
            time.sleep(PAUSE)
    print(f"{TOGGLES} toggles of a VF's link")
    held(LATENCY, statistics.median(ours), spread(ours, "ms"))
    beside = ratios(ours, theirs)
    held(BESIDE_C, statistics.median(beside), spread(beside))
    print(f"   the listener hears it after {spread(theirs, 'ms')}")


def _seen(agent: Scraper, nic: str, state: str) -> float:
    """When a page says that state."""
    until = time.monotonic() + SEEN_WITHIN
    while datapath(agent.page(), nic) != state:
        if time.monotonic() > until:
            sys.exit(f"{SEEN_WITHIN:g} s after the event the metrics do not say {state}")
    return time.monotonic()


@contextmanager
def _listener(setting: Setting, link: Link) -> Generator[Listener]:
    command = [str(setting.listener), str(link.index)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield Listener(process.stdout.fileno())
        finally:
            process.kill()


# --- many events ---------------------------------------------------------------------------------


def _flood(setting: Setting, agent: Scraper, link: Link, changes: Path, *, overflow: bool) -> bool:
    """Whether the agent's state and count are right some seconds later."""
    nic = setting.pairs[0].nic
    counted, carrier = _switches(agent, nic), int(changes.read_text(encoding="ascii"))
    sent = lost = 0
    if overflow:
        sent, lost = _overflow(setting, link)
    while sent < FLOOD:
        link.toggle()
        sent += 1
    ended = time.monotonic()
    # The kernel's own count: each toggle is one change, or the flood is not what it seems.
    assert int(changes.read_text(encoding="ascii")) - carrier == sent
    wanted = (float(sent), "vf" if link.up else "synthetic")
    while True:
        page = agent.page()
        counts = values(page, SWITCHES, device=nic)
        found = (sum(counts) - counted, datapath(page, nic) or "nothing")
        if found == wanted or time.monotonic() > ended + SETTLED_WITHIN:
            break
    what = f"P8 {sent} toggles" + (f", {lost} messages lost while it slept" if overflow else "")
    when = f"right {time.monotonic() - ended:.2f} s after the last"
    if found != wanted:
        when = f"WRONG, {wanted[1]} is right"
    print(f"{what}: {found[0]:.0f} counted, {found[1]}: {when}")
    return found == wanted


def _switches(agent: Scraper, nic: str) -> float:
    return sum(values(agent.page(), SWITCHES, device=nic))


def _overflow(setting: Setting, link: Link) -> tuple[int, int]:
    """Toggle while the agent is stopped, until its sockets have lost messages; both counts."""
    pids = setting.agent.pids()
    setting.agent.signal(signal.SIGSTOP)
    sent, before = 0, _lost(pids)
    while sent < BATCH * MOST_BATCHES and (sent < FLOOD // 2 or _lost(pids) == before):
        for _ in range(BATCH):
            link.toggle()
        sent += BATCH
    lost = _lost(pids) - before
    setting.agent.signal(signal.SIGCONT)
    if not lost:
        print(f"   {sent} toggles did not overflow the agent's socket")
    return sent, lost


def _lost(pids: list[int]) -> int:
    """Messages that the kernel could not queue at these processes' netlink sockets."""
    sockets: set[str] = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            sockets.add(str(descriptor.readlink()))
    lines = Path("/proc/self/net/netlink").read_text(encoding="ascii").splitlines()[1:]
    rows = [line.split() for line in lines]  # sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
    return sum(int(row[8]) for row in rows if f"socket:[{row[9]}]" in sockets)
