"""accelnet's own wheel and sdist, by hatchling.

Both carry hatchling's fixed date and not SOURCE_DATE_EPOCH: a wheel that somebody builds from the
sdist is then the same to the byte.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def build(checkout: Path, target: str, folder: Path) -> Path:
    """Build `target`, wheel or sdist, into `folder`, and say where it is."""
    before = set(folder.iterdir())
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    command = [sys.executable, "-I", "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=checkout, env=environment, check=True, capture_output=True)
    (built,) = set(folder.iterdir()) - before
    return built
