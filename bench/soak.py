"""100,000 scrapes by 64 clients at once, with slow-loris clients beside them.

In the namespaces of bench/agent_cost.py.  A slow-loris client begins a request and goes on
with one header a second, for ever, to take a place that others need.

Status 1 where a scrape fails, the time is up before the last one, or memory or descriptors
of the agent have grown.  Needs root.  Run by hand.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import sys
import time

import setting
from daemons import Daemon
from measuring import Goal, held

RSS = Goal("soak: RSS, end / after a tenth", must=1.05, ambition=1.01)
REQUEST = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
SCRAPE_TIMEOUT, DROP, SETTLED = 30.0, 1.0, 5.0  # seconds
CLOSED_WITHIN = 10.0  # seconds: how soon the agent lets go of its clients' connections
_LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)


class Soak:
    """What was asked, and what came of it."""

    def __init__(self, agent: Daemon, scrapes: int) -> None:
        self._agent = agent
        self._left = self._wanted = scrapes
        self._until = 0.0
        self.seconds: list[float] = []
        self.errors: list[str] = []
        self.memory: list[float] = []  # after each tenth
        self.descriptors = 0  # the most at one time
        self.turned_away = 0  # slow-loris connections that the agent ended

    async def run(self, scrapers: int, loris: int, limit: float) -> None:
        """All of them at once, until all scrapes are made or the time is up."""
        self._until = time.monotonic() + limit
        slow = [asyncio.create_task(self._be_slow()) for _ in range(loris)]
        await asyncio.gather(*(self._scrape() for _ in range(scrapers)))
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)

    async def _scrape(self) -> None:
        while self._left and time.monotonic() < self._until:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._agent.port)
                try:
                    await self._keep_scraping(reader, writer)
                finally:
                    writer.close()
            except (OSError, EOFError, ValueError, asyncio.TimeoutError) as error:
                self.errors.append(f"{type(error).__name__}: {error}")

    async def _keep_scraping(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while self._left and time.monotonic() < self._until:
            self._left -= 1
            started = time.perf_counter()
            writer.write(REQUEST + b"\r\n")
            await asyncio.wait_for(_answer(reader), SCRAPE_TIMEOUT)
            self.seconds.append(time.perf_counter() - started)
            if len(self.seconds) % (self._wanted // 10) == 0:
                self.memory.append(self._agent.rss())
                self.descriptors = max(self.descriptors, self._agent.descriptors())

    async def _be_slow(self) -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self._agent.port)
                try:
                    writer.write(REQUEST)
                    while not writer.is_closing():
                        await asyncio.sleep(DROP)
                        writer.write(b"X-Slow: yes\r\n")
                        await writer.drain()
                finally:
                    writer.close()
            except OSError:
                pass
            self.turned_away += 1
            await asyncio.sleep(DROP / 10)


async def _answer(reader: asyncio.StreamReader) -> None:
    """Read one answer; ValueError if it is not 200, or does not say how long it is."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if not head.startswith(b"HTTP/1.1 200 ") or length is None:
        raise ValueError(f"answered {head[:60]!r}")
    await reader.readexactly(int(length.group(1)))


def main() -> None:
    """Print what was seen; end with 1 where it was not as it must be."""
    options = _options()
    setting.check_tools()
    with setting.make_setting(options) as made:
        agent = made.agent
        agent.start()
        time.sleep(SETTLED)
        before = agent.descriptors()
        soak = Soak(agent, options.scrapes)
        started = time.monotonic()
        asyncio.run(soak.run(options.scrapers, options.loris, 60 * options.minutes))
        seconds = time.monotonic() - started
        until = time.monotonic() + CLOSED_WITHIN
        while (after := agent.descriptors()) > before and time.monotonic() < until:
            time.sleep(0.1)
    print(f"{len(soak.seconds)} scrapes by {options.scrapers} clients in {seconds:.0f} s")
    if len(soak.seconds) >= 100:
        p99 = statistics.quantiles(soak.seconds, n=100)[98]
        print(f"   p99 {1000 * p99:.1f} ms, median {1000 * statistics.median(soak.seconds):.1f} ms")
    print(f"   {len(soak.errors)} errors {sorted(set(soak.errors))[:5]}")
    print(f"   {options.loris} slow-loris clients, turned away {soak.turned_away} times")
    print(f"   descriptors: {before} before, {soak.descriptors} at most, {after} after")
    print(f"   RSS {', '.join(f'{value:.1f}' for value in soak.memory)} MiB")
    done = len(soak.seconds) == options.scrapes
    grown = soak.memory[-1] / soak.memory[0] if done else float("inf")
    kept = held(RSS, grown, f"{grown:.3f} x")
    sys.exit(0 if done and kept and not soak.errors and after <= before else 1)


def _options() -> argparse.Namespace:
    parser = setting.parser("Scrape accelnet-agent a hundred thousand times.")
    parser.add_argument("--scrapes", type=int, default=100_000, help="default: 100000")
    parser.add_argument("--scrapers", type=int, default=64, help="default: 64")
    parser.add_argument("--loris", type=int, default=64, help="slow clients (default: 64)")
    parser.add_argument("--minutes", type=float, default=10, help="the limit (default: 10)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
