"""The catalogue of checks for people: --list-checks and --explain."""

from __future__ import annotations

import os

from accelnet_agent.checks import CHECKS

# In the wheel the runbooks lie in the package; in a checkout under docs/.
_HERE = os.path.dirname(os.path.abspath(__file__))
FOLDERS = (
    os.path.join(_HERE, "runbooks"),
    os.path.join(_HERE, os.pardir, os.pardir, "docs", "runbooks"),
)


def listing() -> str:
    """A line a check: id, level, what is true when it passes."""
    width = max(len(check.id) for check in CHECKS)
    return "".join(f"{check.id:<{width}}  {check.level:<11}  {check.title}\n" for check in CHECKS)


def explain(check_id: str) -> str:
    """The runbook of a check, as it is in docs/runbooks."""
    for folder in FOLDERS:
        path = os.path.join(folder, f"{check_id}.md")
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                return file.read()
    raise FileNotFoundError(f"the runbook of {check_id} is not installed")
