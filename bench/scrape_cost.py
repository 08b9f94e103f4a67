"""P4 and P5: what a scrape costs, and how long it takes with one client and with many."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Mapping

from daemons import Daemon
from measuring import Goal, compared
from scraping import AS_PROMETHEUS, Scraper, values, wrk
from setting import Setting, alternate, running

CPU = Goal("P4 CPU of a fresh scrape", must=0.3, ambition=0.1)
GZIP = Goal("   as Prometheus asks, with gzip", must=None, ambition=0.1)
CLIENTS = (1, 8, 64)
SECONDS = 2  # of wrk for each daemon, number of clients and round
CPU_A_ROUND = 0.5  # seconds that node_exporter takes for the scrapes of one round
FEWEST, MOST = 40, 1000  # scrapes a round
FRAME = b"\xff" * 6 + b"\x00\x0d\x3a\x00\x00\xff" + b"\x88\xb5" + bytes(46)  # IEEE 802: local use
FRESH = "accelnet_synthetic_receive_packets_total"


def cpu_per_scrape(setting: Setting) -> bool:
    """P4; whether its "must" is met, and each scrape is fresh."""
    with running(setting) as (agent, exporter):
        kept = [_is_fresh(setting, agent)]
        before = setting.exporter.cpu()
        exporter.scrape(FEWEST)
        one = (setting.exporter.cpu() - before) / FEWEST
        scrapes = max(FEWEST, min(MOST, round(CPU_A_ROUND / one)))
        agent.scrape(scrapes)
        sizes = f"{len(agent.get())} and {len(exporter.get())} bytes"
        print(f"{setting.rounds} alternating rounds of {scrapes} scrapes: {sizes} each")
        kept.append(_cpu(setting, scrapes, CPU, {}))
        kept.append(_cpu(setting, scrapes, GZIP, AS_PROMETHEUS))
    return all(kept)


def _is_fresh(setting: Setting, agent: Scraper) -> bool:
    """Whether a scrape shows the traffic since the one before."""
    if setting.lone is None:
        print("whether scrapes are fresh was not seen: this kernel has no ifb")
        return True
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((setting.lone.nic, 0))
        counts: list[float] = []
        for packets in (1, 2, 3, 4):
            counts += values(agent.page(), FRESH, device=setting.lone.nic)
            for _ in range(packets):
                wire.send(FRAME)
    grown = [after - before for before, after in itertools.pairwise(counts)]
    fresh = grown == [1.0, 2.0, 3.0]
    word = "fresh" if fresh else "NOT FRESH"
    print(f"1, 2 and 3 packets between four scrapes: {FRESH} grew by {grown}: {word}")
    return fresh


def _cpu(setting: Setting, scrapes: int, goal: Goal, headers: Mapping[str, str]) -> bool:
    def used(daemon: Daemon) -> float:
        client = Scraper(daemon.port, headers)
        client.get()
        before = daemon.cpu()
        client.scrape(scrapes)
        client.close()
        return 1000 * (daemon.cpu() - before) / scrapes

    return compared(goal, *alternate(setting, used), "ms a scrape")


def tail(setting: Setting) -> bool:
    """P5; whether its "must" is met with each number of clients, and the agent refuses none."""
    kept: list[bool] = []
    with running(setting):
        print(f"{setting.rounds} alternating rounds of {SECONDS} s each")
        for clients in CLIENTS:
            kept += _tail(setting, clients)
    return all(kept)


def _tail(setting: Setting, clients: int) -> list[bool]:
    goal = Goal(f"P5 p99, {clients} client{'s' if clients > 1 else ''}", must=1.0, ambition=0.2)
    found = alternate(setting, lambda daemon: wrk(daemon.port, clients, SECONDS))
    ours, theirs = ([1000 * load.p99 for load in loads] for loads in found)
    kept = [compared(goal, ours, theirs, "ms")]
    for daemon, loads in zip((setting.agent, setting.exporter), found, strict=True):
        refused, broken = (sum(load.refused for load in loads), sum(load.broken for load in loads))
        scrapes = sum(load.requests for load in loads)
        print(f"   {daemon.name}: {scrapes} answers, {refused} of them refusals; {broken} broken")
        if daemon is setting.agent:
            kept.append(not refused and not broken)
    return kept
