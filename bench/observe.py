"""P3: a full observation of 8 pairs with 2,000 statistics each, beside the same calls in C.

In a network namespace of its own it makes 8 veth pairs with so many queues that each end
has about 2,000 statistics.  A file tree in a temporary folder calls one end of each an
hv_netvsc NIC, the other its mlx5 VF; the calls about them go to the running kernel.
accelnet_probes.observe is timed in a fresh interpreter each round, and bench/floor.c makes
the same calls in turn with it.

Status 1 where the ratio that must be kept is missed.  Needs root, ip, ethtool and cc.
"""

from __future__ import annotations

import argparse
import compileall
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import measuring
import pair_tree
from measuring import CHECKOUT, Goal, held, ratios, run, spread
from pair_tree import Pair

BENCH = Path(__file__).resolve().parent
GOAL = Goal("P3 observe() / C floor", must=4.0, ambition=3.0)


def main() -> None:
    """Print the ratios; end with 1 where the "must" is missed."""
    options = _options()
    tools = [tool for tool in ("ip", "ethtool", "cc") if shutil.which(tool) is None]
    if os.geteuid() or tools:
        sys.exit(f"needs root{', and: ' + ', '.join(tools) if tools else ''}")
    python = measuring.interpreter(options.python)
    pair_tree.enter_namespaces(pair_tree.CLONE_NEWNET)
    with tempfile.TemporaryDirectory(prefix="accelnet-bench-") as name:
        folder = Path(name)
        pairs = pair_tree.make_pairs(options.pairs, options.statistics, "bench", "benchvf")
        tree = pair_tree.make_tree(folder / "tree", pairs)
        packages = _packages(python, folder / "packages")
        floor = _floor(python, packages, tree, folder, pairs)
        print(measuring.machine(python))
        kept = compare(python, packages, tree, floor, options.rounds)
        parts(python, packages, tree, options.rounds)
    sys.exit(0 if kept else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure goal P3 (docs/performance.md).")
    parser.add_argument("--python", default=sys.executable, help="default: the one that runs this")
    parser.add_argument("--rounds", type=int, default=41, help="default: 41")
    parser.add_argument("--pairs", type=int, default=8, help="default: 8")
    parser.add_argument(
        "--statistics", type=int, default=2000, help="of each interface (default: 2000)"
    )
    return parser.parse_args()


# --- who observes it -----------------------------------------------------------------------------


def _packages(python: str, folder: Path) -> Path:
    """A copy of the packages with their .pyc files."""
    for package in ("probes/accelnet_probes", "agent/accelnet_agent"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / package, folder / Path(package).name, ignore=ignored)
    shutil.copy(BENCH / "observe_once.py", folder)
    run([python, "-I", "-m", compileall.__name__, "-q", str(folder)])
    return folder


def _once(python: str, mode: str, packages: Path, tree: Path) -> list[str]:
    return [python, "-I", str(packages / "observe_once.py"), mode, str(packages), str(tree)]


def _floor(
    python: str, packages: Path, tree: Path, folder: Path, pairs: Sequence[Pair]
) -> list[str]:
    """The command of the C program, which asks what our probes ask."""
    program, files = folder / "floor", folder / "files"
    run(["cc", "-O2", "-o", str(program), str(BENCH / "floor.c")])
    files.write_text(run(_once(python, "files", packages, tree)), encoding="utf-8")
    return [
        str(program),
        str(files),
        *(name for pair in pairs for name in (pair.nic, pair.vf) if name),
    ]


# --- the measurement -----------------------------------------------------------------------------


def compare(python: str, packages: Path, tree: Path, floor: Sequence[str], rounds: int) -> bool:
    """Alternating rounds; whether the "must" is met."""
    seen = run(_once(python, "seconds", packages, tree)).split()[1]
    print(f"{seen} statistics are observed by each observe()")
    commands: dict[str, Sequence[str]] = {
        "observe()": _once(python, "seconds", packages, tree),
        "C floor": floor,
        "observe(), importing": _once(python, "unprepared", packages, tree),
    }
    inside: dict[str, list[float]] = {name: [] for name in commands}
    whole: dict[str, list[float]] = {name: [] for name in commands}
    environment = measuring.clean_environment()
    names = list(commands)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            started = time.perf_counter()
            printed = run(commands[name], environment)
            whole[name].append(time.perf_counter() - started)
            inside[name].append(float(printed.split()[0]))
    print(f"{rounds} alternating rounds: median (quartiles)")
    for name in names:
        shown = spread([1000 * value for value in inside[name]], "ms")
        print(f"  {name:<21} {shown:<28} process {1000 * statistics.median(whole[name]):.1f} ms")
    found = ratios(inside["observe()"], inside["C floor"])
    kept = held(GOAL, statistics.median(found), spread(found))
    for label, above, below in (
        ("   with imports on the way", inside["observe(), importing"], inside["C floor"]),
        ("   whole process / whole process", whole["observe()"], whole["C floor"]),
    ):
        print(f"{label:<34} {spread(ratios(above, below))}")
    return kept


def parts(python: str, packages: Path, tree: Path, rounds: int) -> None:
    """How the time divides, each part measured alone in a run of its own."""
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for line in run(_once(python, "parts", packages, tree)).splitlines():
            seconds, _, part = line.partition(" ")
            found.setdefault(part, []).append(float(seconds))
    print("parts, measured alone: median")
    for part, values in found.items():
        if part:
            print(f"  {1000 * statistics.median(values):7.3f} ms  {part}")


if __name__ == "__main__":
    main()
