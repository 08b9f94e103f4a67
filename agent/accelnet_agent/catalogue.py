"""The catalogue of checks for people: --list-checks and --explain."""

from __future__ import annotations

import os

from accelnet_agent.checks import CHECKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

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
    loader: Any = __spec__.loader  # it reads from a zipapp as well
    for folder in FOLDERS:
        try:
            read: bytes = loader.get_data(os.path.join(folder, f"{check_id}.md"))
        except OSError:
            continue
        return read.decode("utf-8")
    raise FileNotFoundError(f"the runbook of {check_id} is not installed")
