"""What the benchmarks share: a clean environment, measured commands, ratios, verdicts."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parent.parent
# Each of these slows an interpreter down, or changes what it measures.
_SPOILING = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONPATH", "PYTHONHOME")


class Cost(NamedTuple):
    """What one command took, in seconds; its own children that it waited for included."""

    wall: float
    cpu: float


class Goal(NamedTuple):
    """A figure that must not be exceeded, where there is one, and the one that is aimed at."""

    name: str
    must: float | None
    ambition: float
    unit: str = "x"


def clean_environment() -> dict[str, str]:
    """The environment without what spoils a measurement."""
    kept = {name: value for name, value in os.environ.items() if name not in _SPOILING}
    return {**kept, "PATH": f"{kept.get('PATH', os.defpath)}:/usr/sbin:/sbin", "LC_ALL": "C"}


def interpreter(name: str) -> str:
    """The interpreter itself, where `name` is a version manager's shim (these cost 100 ms)."""
    code = "import sys; print(sys.executable)"
    return run([name, "-I", "-c", code]).strip()


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(
        command,
        env=environment if environment is not None else clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stderr}")
    return done.stdout


def cost(command: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """Run a command, its output thrown away; it may end with any status."""
    null = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    started = time.perf_counter()
    pid = os.posix_spawn(command[0], list(command), environment, file_actions=null)
    _, _, usage = os.wait4(pid, 0)
    return Cost(time.perf_counter() - started, usage.ru_utime + usage.ru_stime)


def alternate(
    commands: Mapping[str, Sequence[str]], rounds: int, environment: Mapping[str, str]
) -> dict[str, list[Cost]]:
    """Every command once a round, each round beginning with another; one round goes before."""
    names = list(commands)
    found: dict[str, list[Cost]] = {name: [] for name in names}
    for number in range(-1, rounds):
        turn = (number + 1) % len(names)
        for name in names[turn:] + names[:turn]:
            taken = cost(commands[name], environment)
            if number >= 0:
                found[name].append(taken)
    return found


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """The ratio within each round: what else the machine did then weighs on both."""
    return [first / second for first, second in zip(above, below, strict=True)]


def spread(values: Sequence[float], unit: str = "x", digits: int = 2) -> str:
    """ "1.23 x (1.20 to 1.30)": median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.{digits}f} {unit} ({low:.{digits}f} to {high:.{digits}f})"


def held(goal: Goal, found: float, shown: str) -> bool:
    """Print how the goal stands; whether its "must", if it has one, is met."""
    kept = goal.must is None or found <= goal.must
    reached = found <= goal.ambition
    if goal.must is None:
        asked = f"goal {goal.ambition:g} {goal.unit}: {'met' if reached else 'not met'}"
    else:
        word = "MISSED" if not kept else "met, the ambition too" if reached else "met"
        asked = f"must {goal.must:g} {goal.unit}, ambition {goal.ambition:g} {goal.unit}: {word}"
    print(f"{goal.name:<34} {shown:<28} {asked}")
    return kept


def compared(goal: Goal, ours: Sequence[float], theirs: Sequence[float], unit: str) -> bool:
    """Print how the goal stands by the ratios of the rounds; whether its "must" is met."""
    found = ratios(ours, theirs)
    kept = held(goal, statistics.median(found), spread(found))
    print(f"   {statistics.median(ours):.3g} and {statistics.median(theirs):.3g} {unit}")
    return kept


def machine(python: str) -> str:
    """One line about what was measured on, and one where it does other things besides."""
    version = run([python, "-I", "-c", "import platform; print(platform.python_version())"]).strip()
    cpus, load = os.cpu_count() or 1, os.getloadavg()[0]
    busy = f"\nload average {load:.1f}: times of waiting, their tails above all, mean little"
    found = f"Python {version}, Linux {os.uname().release}, {cpus} CPUs"
    return found + (busy if load > cpus / 2 else "")
