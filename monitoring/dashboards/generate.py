"""Writes monitoring/dashboards/*.json, or says which of them is not what this would write."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

import fleet
import rollout
import vm

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

FOLDER = Path(__file__).parent
DASHBOARDS = (fleet.build, rollout.build, vm.build)


def text(dashboard: Dashboard) -> str:
    """The same each time."""
    plain = json.loads(json.dumps(dashboard, cls=JSONEncoder), object_hook=_tidy)
    return json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _tidy(value: dict[str, Any]) -> dict[str, Any]:
    """Without what the SDK says of its own accord, and today's Grafana does not know.

    That a link is hidden in a menu; what a variable of intervals has, for the others too; a
    table's footer, where there is none.
    """
    if value.get("placement") == "inControlsMenu":
        del value["placement"]
    if value.get("type") != "interval":
        for name in ("auto", "auto_count", "auto_min"):
            value.pop(name, None)
    if value.get("footer", {}).get("show") is False:
        del value["footer"]
    return value


def main() -> int:
    """Write, or with --check compare; 1 if a file is not current."""
    parser = argparse.ArgumentParser(prog="dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; compare")
    check = parser.parse_args().check
    wanted: dict[Path, str] = {}
    for build in DASHBOARDS:
        dashboard = build()
        wanted[FOLDER / f"{dashboard.uid}.json"] = text(dashboard)
    stale = [
        path
        for path, content in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8") != content
    ]
    left = sorted(set(FOLDER.glob("*.json")) - set(wanted))
    if check:
        for path in [*stale, *left]:
            print(f"{path.name} is not what scripts/dashboards writes", file=sys.stderr)
        return bool(stale or left)
    for path in left:
        path.unlink()
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
        print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
