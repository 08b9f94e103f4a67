"""Clients of an exporter: one that keeps its connection, and wrk; and what a page says."""

from __future__ import annotations

import http.client
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from measuring import run

REPORT = Path(__file__).resolve().parent / "wrk_report.lua"
TIMEOUT = 30.0  # seconds
# What Prometheus sends (scrape/scrape.go: acceptHeader, and gzip unless that is switched off).
AS_PROMETHEUS = {
    "Accept": "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5",
    "Accept-Encoding": "gzip",
}


class Scraper:
    """A client that keeps its connection; whatever is not 200 ends the benchmark."""

    def __init__(self, port: int, headers: Mapping[str, str] | None = None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        self._headers = dict(headers or {})

    def get(self, path: str = "/metrics") -> bytes:
        """The body of the answer."""
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            sys.exit(f"{path}: HTTP {answer.status}\n{body[:500]!r}")
        return body

    def page(self) -> str:
        """The metrics as text."""
        return self.get().decode()

    def scrape(self, times: int) -> None:
        """So many scrapes, one after the other."""
        for _ in range(times):
            self.get()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


class Load(NamedTuple):
    """What wrk found."""

    p99: float  # seconds
    requests: int
    refused: int  # answers that are no 2xx or 3xx
    broken: int  # connections that could not be made, read or written, or timed out


def values(page: str, metric: str, **labels: str) -> list[float]:
    """The values of those of a metric's samples that have these labels."""
    wanted = [f'{name}="{value}"' for name, value in labels.items()]
    found: list[float] = []
    for line in re.findall(rf"^{metric}(?:\{{.*)? .*$", page, re.MULTILINE):
        series, _, value = str(line).rpartition(" ")
        if all(label in series for label in wanted):
            found.append(float(value))
    return found


def wrk(port: int, clients: int, seconds: int) -> Load:
    """So many clients that keep their connections and scrape without a pause."""
    command = ["wrk", "--threads", "1", "--connections", str(clients)]
    command += ["--duration", f"{seconds}s", "--timeout", "30s", "--script", str(REPORT)]
    printed = run([*command, f"http://127.0.0.1:{port}/metrics"])
    found = json.loads(printed.strip().splitlines()[-1])
    return Load(found["p99_us"] / 1e6, found["requests"], found["refused"], found["broken"])
