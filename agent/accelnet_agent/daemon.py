"""accelnet-agent: exporter, health endpoint and live VF events."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """The console script."""
    raise SystemExit(64)
