"""P6, P7 and P9: memory, a minute of duty, and how soon after the start a scrape is answered."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import NamedTuple

from daemons import Daemon
from measuring import Goal, compared, held
from scraping import Scraper
from setting import Setting, alternate, running

RSS = Goal("P6 RSS after 200 scrapes", must=1.9, ambition=1.0)
PSS = Goal("   PSS of all its processes", must=None, ambition=1.0)
GROWTH = Goal("P6 RSS, 20,000 scrapes later", must=None, ambition=1.02)
DUTY = Goal("P7 CPU of a minute of duty", must=None, ambition=0.2)
WAKEUPS = Goal("P7 wake-ups in that minute", must=None, ambition=20, unit="times")
START = Goal("P9 start to the first 200", must=None, ambition=3.0)
# The five large packages, each by a file of it that is imported for what accelnet uses it for.
PACKAGES = {
    "packaging": "packaging/version.py",
    "prometheus_client": "prometheus_client/exposition.py",
    "psutil": "psutil/_pslinux.py",
    "pyroute2": "pyroute2/netlink/nlsocket.py",
    "structlog": "structlog/_config.py",
}
# A release that no list names is compared with those that are, which asks `packaging`.
LATER_RELEASE = 'ID=debian\nVERSION_ID="14"\nPRETTY_NAME="Debian 14"\n'
LIVENESS = "/livez"  # asks `psutil`
SCRAPES, MANY, STEPS = 200, 20_000, 4
SCRAPE_INTERVAL, DUTY_SCRAPES = 15.0, 4
SETTLED = 10.0  # seconds after which a daemon does no more than its duty


class Start(NamedTuple):
    """What one start of a daemon showed."""

    seconds: float
    rss: float
    pss: float
    resident: set[str]


def starts(setting: Setting, goals: Collection[str]) -> bool:
    """P6 and P9; whether P6's "must" is met."""
    (setting.tree / "etc/os-release").write_text(LATER_RELEASE, encoding="ascii")
    found = alternate(setting, lambda daemon: _start(daemon, watched=daemon is setting.agent))
    print(f"{setting.rounds} alternating starts")
    kept = True
    if "P6" in goals:
        ours, theirs = ([start.rss for start in some] for some in found)
        kept = compared(RSS, ours, theirs, "MiB")
        ours, theirs = ([start.pss for start in some] for some in found)
        compared(PSS, ours, theirs, "MiB")
        resident = set[str].intersection(*(start.resident for start in found[0]))
        print(f"   in the agent's memory: {', '.join(sorted(resident)) or 'none of the five'}")
        if missing := sorted({*PACKAGES} - resident):
            print(f"   NOT in its memory: {', '.join(missing)}")
    if "P9" in goals:
        ours, theirs = ([start.seconds for start in some] for some in found)
        compared(START, ours, theirs, "s")
    if "P6" in goals and setting.long:
        _growth(setting)
    return kept


def _start(daemon: Daemon, *, watched: bool) -> Start:
    """`watched`: by a monitor that asks for its liveness too."""
    seconds = daemon.start()
    if watched:
        Scraper(daemon.port).get(LIVENESS)
    _scrape(daemon, SCRAPES)
    found = Start(seconds, daemon.rss(), daemon.pss(), daemon.resident(PACKAGES))
    daemon.stop()
    return found


def _scrape(daemon: Daemon, times: int) -> None:
    client = Scraper(daemon.port)
    client.scrape(times)
    client.close()


def _growth(setting: Setting) -> None:
    """P6: the agent's memory while it is scraped on and on."""
    setting.agent.start()
    _scrape(setting.agent, SCRAPES)
    seen = [setting.agent.rss()]
    for _ in range(STEPS):
        _scrape(setting.agent, MANY // STEPS)
        seen.append(setting.agent.rss())
    setting.agent.stop()
    held(GROWTH, seen[-1] / seen[0], f"{seen[-1] / seen[0]:.3f} x")
    print(f"   {', '.join(f'{value:.2f}' for value in seen)} MiB")


def duty(setting: Setting) -> None:
    """P7: both side by side for a minute, scraped four times each."""
    with running(setting) as clients:
        daemons = (setting.agent, setting.exporter)
        for client in clients:
            client.get()
        time.sleep(SETTLED)
        used = [daemon.cpu() for daemon in daemons]
        at_start = [daemon.wakeups() for daemon in daemons]
        at_end = [dict(found) for found in at_start]
        started = time.monotonic()
        for number in range(1, DUTY_SCRAPES + 1):
            for client in clients:
                client.get()
            time.sleep(max(0.0, started + number * SCRAPE_INTERVAL - time.monotonic()))
            for daemon, found in zip(daemons, at_end, strict=True):
                found.update(daemon.wakeups())  # of a thread that then ends, what was seen stays
        ours, theirs = (
            1000 * (daemon.cpu() - before) for daemon, before in zip(daemons, used, strict=True)
        )
    woken, others = (
        sum(end.values()) - sum(start.values()) for start, end in zip(at_start, at_end, strict=True)
    )
    held(DUTY, ours / theirs, f"{ours / theirs:.2f} x")
    print(f"   {ours:.3g} and {theirs:.3g} ms")
    held(WAKEUPS, woken, f"{woken} times")
    print(f"   {woken} and {others} times")
