"""What a fleet of 10,000 VMs costs a Prometheus: series, memory, disk, rules, dashboards.

    python bench/fleet_live.py [--vms 10000] [--minutes 16]

A real Prometheus scrapes every simulated VM (tests/simulated_fleet.py) by HTTP each 30 seconds,
with the project's rules as they are, until alerts have had the time that they take; then all is
measured within some minutes, and every query of the dashboards is asked.  Status 1 where an alert
fires for another number of VMs than have the trouble, or a rule fails.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import psutil

from measuring import CHECKOUT, machine, run

sys.path.append(str(CHECKOUT / "tests"))

import simulated_fleet as fleet
from panels import LABEL_VALUES, Query, queries, replaced
from prometheus_server import Prometheus, prometheus

INTERVAL: Final = 30  # seconds between scrapes
MEASURED: Final = 180.0  # seconds at the end
ROUNDS: Final = 3
# Alerts by the kind of VM that has the trouble; each has one NIC.
TROUBLE: Final = {
    "AccelnetVfMissing": "revoked",
    "AccelnetOrphanVf": "orphan",
    "AccelnetTransmitOnSyntheticPath": "synthetic",
    "AccelnetVfFlapping": "flapping",
    "AccelnetAgentDown": "down",
}
# What a panel of the fleet would ask without the recording rules, and with them.
INSTEAD: Final = {
    "share of bytes by the VF, by VM size": (
        """
        sum by (vm_size) (
          rate(accelnet_vf_transmit_bytes_total[5m])
            * on (instance) group_left (vm_size) accelnet_host_info
        ) / sum by (vm_size) (
          (
            rate(accelnet_vf_transmit_bytes_total[5m])
              + rate(accelnet_synthetic_transmit_bytes_total[5m])
          ) * on (instance) group_left (vm_size) accelnet_host_info
        )
        """,
        """
        sum by (vm_size) (fleet:accelnet_vf_transmit_bytes:rate5m)
          / sum by (vm_size) (fleet:accelnet_transmit_bytes:rate5m)
        """,
    ),
    "what fails where": (
        "count by (check) (accelnet_check_status == 2)",
        'sum by (check) (fleet:accelnet_check_status:count{status="fail"})',
    ),
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure Prometheus under a fleet.")
    parser.add_argument("--vms", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=16, help="alerts take 15 (default: 16)")
    parser.add_argument("--folder", help="for the database (default: where temporary files go)")
    options = parser.parse_args()
    if shutil.which("prometheus") is None:
        sys.exit("needs prometheus")
    print(machine(sys.executable))
    print(run(["prometheus", "--version"]).splitlines()[0])
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="accelnet-fleet-") as temporary:
        held = measure(Path(temporary), options.vms, options.minutes * 60)
    sys.exit(0 if held else 1)


def configuration(folder: Path, vms: int, port: int) -> dict[str, Any]:
    """Prometheus', with the rules as they are committed."""
    (folder / "vms.json").write_text(json.dumps(fleet.targets(vms, port)), encoding="utf-8")
    return {
        "global": {"scrape_interval": f"{INTERVAL}s", "evaluation_interval": f"{INTERVAL}s"},
        "rule_files": [str(CHECKOUT / "monitoring/*.rules.yml")],
        "scrape_configs": [
            {
                "job_name": "accelnet-agent",
                "file_sd_configs": [{"files": [str(folder / "vms.json")]}],
            }
        ],
    }


def measure(folder: Path, vms: int, seconds: float) -> bool:
    """All of it; whether alerts and rules are as they should be."""
    pages = fleet.recorded(folder / "agents")
    told_of_series(pages)
    with (
        fleet.serving(pages) as port,
        prometheus(folder / "prometheus", configuration(folder, vms, port)) as server,
    ):
        process = psutil.Process(server.pid)
        print(f"\n{vms} VMs, scraped every {INTERVAL} s for {seconds / 60:.0f} minutes")
        time.sleep(max(0.0, seconds - MEASURED))
        server.close()  # it is opened anew: Prometheus ends what is idle for five minutes
        began, used = time.monotonic(), process.cpu_times()
        evaluations = watched(server, MEASURED)
        spent = time.monotonic() - began
        now = process.cpu_times()
        busy = (now.user + now.system - used.user - used.system) / spent
        print(f"CPU of Prometheus                  {busy:.2f} of one")
        of_server(server, process, vms)
        of_rules(evaluations)
        ask_dashboards(server, vms)
        compare(server)
        held = alerts(server, vms)
        disk(server, folder / "prometheus/data")
    return held


def told_of_series(pages: Mapping[str, fleet.Page]) -> None:
    """Series of each kind of VM, and of node_exporter on this machine for comparison."""
    print("series a VM:")
    for name, page in pages.items():
        print(f"  {name:<32} {sum(1 for _ in fleet.series(page))}")


def watched(server: Prometheus, seconds: float) -> dict[str, list[float]]:
    """How long each evaluation of each group took that could be seen."""
    found: dict[str, dict[str, float]] = {}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for group in server.get("rules")["groups"]:
            taken = found.setdefault(group["name"], {})
            taken[group["lastEvaluation"]] = group["evaluationTime"]
        time.sleep(INTERVAL / 3)
    return {name: list(taken.values()) for name, taken in found.items()}


def of_server(server: Prometheus, process: psutil.Process, vms: int) -> None:
    """Series, samples, memory."""
    status = server.get("status/tsdb")["headStats"]
    series = status["numSeries"]
    scraped = _one(server, "sum(scrape_samples_scraped)")
    took = server.instant("quantile(0.5, scrape_duration_seconds{}) > 0")
    lost = _one(server, "count(up == 0)")
    resident = process.memory_info().rss / 2**20
    print(f"series in the head                 {series} ({series / vms:.0f} a VM)")
    print(f"samples of a round of scrapes      {scraped:.0f} ({scraped / INTERVAL:.0f} a second)")
    print(f"a scrape takes (median)            {float(took[0]['value'][1]) * 1000:.1f} ms")
    print(f"targets that do not answer         {lost:.0f}")
    each = resident * 1024 / series
    print(f"memory of Prometheus               {resident:.0f} MiB ({each:.1f} KiB a series)")


def of_rules(evaluations: Mapping[str, list[float]]) -> None:
    """How long the groups take."""
    print("\nrules: median and longest evaluation of each group")
    total = 0.0
    for name, taken in evaluations.items():
        middle = statistics.median(taken)
        total += middle
        print(f"  {name:<32} {middle * 1000:7.0f} ms {max(taken) * 1000:7.0f} ms")
    print(f"  {'together':<32} {total * 1000:7.0f} ms")


def ask_dashboards(server: Prometheus, vms: int) -> None:
    """Each query, as Grafana would ask it of the last 15 minutes."""
    print("\ndashboards, of the last 15 minutes: all queries one after the other, and the slowest")
    chosen: dict[str, str | list[str]] = {
        **dict.fromkeys(("job", "region", "vm_size"), ".*"),
        "__rate_interval": f"{4 * INTERVAL}s",
        "__range": "900s",
    }
    for uid in dict.fromkeys(query.dashboard for query in queries()):
        one = [f"vm{vms // 2:05}:9975"] if uid == "accelnet-vm" else ".*"
        taken = {
            query.name: statistics.median(
                _asked(server, query, {**chosen, "instance": one}) for _ in range(ROUNDS)
            )
            for query in queries()
            if query.dashboard == uid
        }
        slowest = max(taken, key=lambda name: taken[name])
        print(
            f"  {uid:<20} {len(taken):3} queries {sum(taken.values()):6.2f} s;"
            f" {slowest.partition(': ')[2]}: {taken[slowest] * 1000:.0f} ms"
        )


def _asked(server: Prometheus, query: Query, chosen: Mapping[str, str | list[str]]) -> float:
    expression = replaced(query.expression, chosen)
    now = time.time()
    begun = time.perf_counter()
    if query.kind == "variable":
        parsed = LABEL_VALUES.fullmatch(expression)
        assert parsed
        server.label_values(parsed["label"], parsed["series"], now - 900, now)
    elif query.kind == "instant":
        server.instant(expression, now)
    else:
        step = 60 if query.kind == "annotation" else INTERVAL
        server.range(expression, now // step * step - 900, now // step * step, step)
    return time.perf_counter() - begun


def compare(server: Prometheus) -> None:
    """The same question with the recording rules and without, in turn."""
    print("\nwith the recording rules, by the same question without (15 minutes, 30 points)")
    for name, (raw, recorded) in INSTEAD.items():
        ratios = [
            _range_time(server, recorded) / _range_time(server, raw) for _ in range(2 * ROUNDS)
        ]
        print(f"  {name:<38} 1 / {1 / statistics.median(ratios):.0f}")


def _range_time(server: Prometheus, expression: str) -> float:
    now = time.time() // INTERVAL * INTERVAL
    begun = time.perf_counter()
    server.range(expression, now - 900, now, INTERVAL)
    return time.perf_counter() - begun


def alerts(server: Prometheus, vms: int) -> bool:
    """Whether each fires for those that have the trouble, and rules evaluate."""
    print("\nalerts that fire, by VMs that have the trouble")
    firing = {
        one["metric"]["alertname"]: int(float(one["value"][1]))
        for one in server.instant('count by (alertname) (ALERTS{alertstate="firing"})')
    }
    wanted = fleet.expected(vms)
    held = True
    for alert, kind in TROUBLE.items():
        right = firing.get(alert, 0) == wanted[kind]
        held = held and right
        print(f"  {alert:<34} {firing.get(alert, 0)} of {wanted[kind]}{'' if right else '  WRONG'}")
    others = {name: count for name, count in firing.items() if name not in TROUBLE}
    print(f"  others: {others or 'none'}")
    broken = [
        (rule["name"], rule["lastError"])
        for group in server.get("rules")["groups"]
        for rule in group["rules"]
        if rule["health"] != "ok"
    ]
    print(f"  rules that fail: {broken or 'none'}")
    return held and not broken


def disk(server: Prometheus, data: Path) -> None:
    """Bytes of a sample in a block, as it is written every two hours: here a snapshot of it."""
    log = sum(path.stat().st_size for path in _files(data / "wal"))
    snapshot = data / "snapshots" / server.snapshot()
    samples = sum(
        json.loads(path.read_text())["stats"]["numSamples"] for path in snapshot.glob("*/meta.json")
    )
    size = sum(path.stat().st_size for path in _files(snapshot))
    print(f"\nwrite-ahead log                    {log / 2**20:.0f} MiB")
    print(f"a block of {samples / 1e6:.0f} million samples     {size / samples:.2f} bytes a sample")


def _files(folder: Path) -> Iterator[Path]:
    for top, _, names in os.walk(folder):
        yield from (Path(top, name) for name in names)


def _one(server: Prometheus, expression: str) -> float:
    (found,) = server.instant(expression) or [{"value": [0, "0"]}]
    return float(found["value"][1])


if __name__ == "__main__":
    main()
