"""P4 to P9: what `accelnet-agent` costs beside Debian's node_exporter on the same interfaces.

In namespaces of its own it makes veth pairs and the files of a VM in which they are NICs and
VFs, starts both daemons there, and compares them within one run.  bench/README.md says how
each goal is measured.

Status 1 where a ratio that must be kept is missed, a scrape of the agent is refused or not
fresh, or link events are counted wrong.  Needs root.  Run by hand: docs/performance.md.
"""

from __future__ import annotations

import argparse
import sys

import setting
from daemon_life import duty, starts
from link_events import link_events
from scrape_cost import cpu_per_scrape, tail

GOALS = ("P4", "P5", "P6", "P7", "P8", "P9")


def main() -> None:
    """Print how each goal stands; end with 1 where one that must be met is not."""
    options = _options()
    setting.check_tools()
    goals = options.goals
    kept: list[bool] = []
    with setting.make_setting(options, options.rounds, long=options.long) as made:
        if "P4" in goals:
            kept.append(cpu_per_scrape(made))
        if "P5" in goals:
            kept.append(tail(made))
        if {"P6", "P9"}.intersection(goals):
            kept.append(starts(made, goals))
        if "P7" in goals:
            duty(made)
        if "P8" in goals:
            kept.append(link_events(made))
    sys.exit(0 if all(kept) else 1)


def _options() -> argparse.Namespace:
    parser = setting.parser("Measure goals P4 to P9 (docs/performance.md).")
    parser.add_argument("--rounds", type=int, default=11, help="default: 11")
    parser.add_argument("--goals", type=_goals, default=GOALS, help="such as P4,P6; default: all")
    parser.add_argument("--long", action="store_true", help="P6: 20,000 more scrapes of the agent")
    return parser.parse_args()


def _goals(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in GOALS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(GOALS)}")
    return names


if __name__ == "__main__":
    main()
