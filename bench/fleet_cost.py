"""What a summary of 10,000 reports costs, by reading them with json.load and no more.

    python bench/fleet_cost.py [--vms 10000] [--rounds 9] [--folder DIR]

Prints the ratios of CPU and wall time, text and JSON, and memory; with --vms 100000 also how
memory grows.  The folder of reports (fleet_reports.py) is made in a temporary one, and goes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from fleet_reports import write
from measuring import CHECKOUT, Cost, Goal, alternate, clean_environment, compared, interpreter

GOAL = Goal("CPU, text, by json.load", must=None, ambition=2.0)
# What anybody would write: each file opened, decoded and dropped.
BARE = """\
import json, os, sys
for entry in os.scandir(sys.argv[1]):
    with open(entry.path) as file:
        try:
            json.load(file)
        except ValueError:
            pass
"""
OURS = "from accelnet_agent.cli import main; main()"


def peak(command: list[str], environment: dict[str, str]) -> float:
    """The most memory that it had resident, in MiB."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return usage.ru_maxrss / 1024


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure accelnet-check --summarize.")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--vms", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", help="for the reports (default: where temporary files go)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder = Path(temporary) / "reports"
        write(folder, options.vms)
        measure(interpreter(options.python), folder, options.rounds)


def measure(python: str, folder: Path, rounds: int) -> None:
    """All figures for one folder."""
    environment = clean_environment()
    environment["PYTHONPATH"] = f"{CHECKOUT}/agent:{CHECKOUT}/probes"
    commands = {
        "bare": [python, "-c", BARE, str(folder)],
        "text": [python, "-c", OURS, "--summarize", str(folder)],
        "json": [python, "-c", OURS, "--summarize", "--format", "json", str(folder)],
    }
    found = alternate(commands, rounds, environment)
    cpu = {name: [cost.cpu for cost in costs] for name, costs in found.items()}
    wall = {name: [cost.wall for cost in costs] for name, costs in found.items()}
    count = len(list(folder.iterdir()))
    print(f"{count} files; json.load of them: {_median(found['bare']):.2f} s of CPU")
    compared(GOAL, cpu["text"], cpu["bare"], "s")
    compared(GOAL._replace(name="CPU, JSON, by json.load"), cpu["json"], cpu["bare"], "s")
    compared(GOAL._replace(name="wall, text, by json.load"), wall["text"], wall["bare"], "s")
    for name, command in commands.items():
        print(f"{name}: {peak(command, environment):.0f} MiB at most")


def _median(costs: list[Cost]) -> float:
    return statistics.median(cost.cpu for cost in costs)


if __name__ == "__main__":
    main()
