"""P1 and P2: what one `accelnet-check` costs beside the three commands that it replaces.

Installs this checkout as a wheel into a clean environment, as an operator would, and
compares within one run:

P1  wall and CPU time with `uname -r; lspci -D; ethtool -S eth0 | grep vf_` by sh;
P2  instructions (valgrind --tool=callgrind) with `python -c pass`.

Status 1 where a ratio that must be kept is missed.  Run by hand: docs/performance.md.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import measuring
from installing import install
from measuring import Goal, held, ratios, spread

ARGUMENTS = ("--window", "0", "--imds-endpoint", "off")
TRIO = "uname -r; lspci -D; ethtool -S eth0 | grep vf_"
WALL = Goal("P1 wall / trio", must=3.0, ambition=1.0)
CPU = Goal("P1 CPU / trio", must=3.0, ambition=1.0)
INSTRUCTIONS = Goal("P2 instructions / python -c pass", must=4.0, ambition=1.5)
_COLLECTED = re.compile(r"Collected *: *(\d+)")


def main() -> None:
    """Print the ratios; end with 1 where a "must" is missed."""
    options = _options()
    tools = ("lspci", "ethtool", "valgrind")
    missing = [tool for tool in tools if shutil.which(tool, path=_path()) is None]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}")
    with tempfile.TemporaryDirectory(prefix="accelnet-bench-") as folder:
        clean = install(measuring.interpreter(options.python), Path(folder))
        python = str(clean / "python")
        print(measuring.machine(python))
        check, empty = [str(clean / "accelnet-check"), *ARGUMENTS], [python, "-c", "pass"]
        kept = [*times(check, empty, options.rounds), instructions(check, empty)]
    sys.exit(0 if all(kept) else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure goals P1 and P2 (docs/performance.md).")
    parser.add_argument("--python", default=sys.executable, help="default: the one that runs this")
    parser.add_argument("--rounds", type=int, default=41, help="default: 41")
    return parser.parse_args()


def _path() -> str:
    return measuring.clean_environment()["PATH"]


def times(check: Sequence[str], empty: Sequence[str], rounds: int) -> list[bool]:
    """P1; whether each "must" is met."""
    commands = {
        "accelnet-check": check,
        "trio": ["/bin/sh", "-c", TRIO],
        "python -c pass": empty,
    }
    found = measuring.alternate(commands, rounds, measuring.clean_environment())
    wall = {name: [cost.wall for cost in costs] for name, costs in found.items()}
    cpu = {name: [cost.cpu for cost in costs] for name, costs in found.items()}
    print(f"{rounds} alternating rounds: median (quartiles)")
    for name in commands:
        shown = spread([1000 * value for value in wall[name]], "ms", 1)
        print(f"  {name:<16} wall {shown:<26} CPU {1000 * statistics.median(cpu[name]):.1f} ms")
    kept: list[bool] = []
    for goal, values in ((WALL, wall), (CPU, cpu)):
        found_ratios = ratios(values["accelnet-check"], values["trio"])
        kept.append(held(goal, statistics.median(found_ratios), spread(found_ratios)))
    floor = spread(ratios(wall["accelnet-check"], wall["python -c pass"]))
    print(f"{'   wall / python -c pass':<34} {floor}")
    return kept


def instructions(check: Sequence[str], empty: Sequence[str]) -> bool:
    """P2; whether its "must" is met."""
    ours, nothing = _count(check), _count(empty)
    shown = f"{ours / nothing:.2f} x ({ours / 1e6:.1f} M / {nothing / 1e6:.1f} M)"
    return held(INSTRUCTIONS, ours / nothing, shown)


def _count(command: Sequence[str]) -> int:
    """Instructions of a command and of the processes that it forks."""
    with tempfile.TemporaryDirectory(prefix="accelnet-bench-") as folder:
        log = Path(folder) / "log"
        callgrind = [
            "--tool=callgrind",
            f"--callgrind-out-file={folder}/%p",
            f"--log-file={log}.%p",
        ]
        environment = {**measuring.clean_environment(), "PYTHONHASHSEED": "0"}
        valgrind = shutil.which("valgrind", path=_path()) or "valgrind"
        measuring.cost([valgrind, *callgrind, *command], environment)
        logs = [path.read_text(encoding="utf-8") for path in Path(folder).glob("log.*")]
    counts = [int(count) for text in logs for count in _COLLECTED.findall(text)]
    if not counts:
        sys.exit(f"callgrind counted nothing for {command[0]}")
    return sum(counts)


if __name__ == "__main__":
    main()
