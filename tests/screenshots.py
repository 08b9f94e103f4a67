"""Takes pictures of the agent's page with headless Chromium.

Each is a fixture with an hour made up for it (hours.py), served on loopback under the policy
that the agent sends.  They are to be looked at.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import browsing
from accelnet_agent import page
from browsing import browse
from hours import Hour, calm, facts_of, leaving, lost, serviced, storm, stuck

DESKTOP, PHONE = 1000, 360
OPEN = b"<script>for(const d of document.querySelectorAll('details'))d.open=true</script></body>"


class Shot(NamedTuple):
    """One picture."""

    machine: str | None
    hour: Hour | None = None
    width: int = DESKTOP
    dark: bool = False
    opened: bool = False
    height: int | None = None  # cut there; else the whole page, however long it is


SHOTS = {
    "healthy": Shot("mlx5-healthy", calm),
    "healthy-dark": Shot("mlx5-healthy", calm, dark=True),
    "healthy-phone": Shot("mlx5-healthy", calm, width=PHONE),
    "broken": Shot("vf-without-driver", lost, height=1300),  # to the end of what failed
    "broken-whole": Shot("vf-without-driver", lost),
    "broken-dark": Shot("vf-without-driver", lost, dark=True),
    "broken-phone": Shot("vf-without-driver", lost, width=PHONE),
    "broken-phone-dark": Shot("vf-without-driver", lost, width=PHONE, dark=True),
    "opened": Shot("vf-without-driver", lost, opened=True),
    "opened-phone": Shot("vf-without-driver", lost, width=PHONE, opened=True),
    "not-switched": Shot("datapath-not-switched", stuck),
    "not-paired": Shot("vf-not-paired"),
    "revoked": Shot("vf-revoked", leaving),
    "two-nics": Shot("two-nics", serviced),
    "two-nics-dark": Shot("two-nics", serviced, dark=True),
    "mana": Shot("mana-healthy", serviced),
    "hangs": Shot("ioctl-hangs"),
    "hangs-dark": Shot("ioctl-hangs", dark=True),
    "down": Shot("vf-down", storm),
    "storm": Shot("mlx5-healthy", storm),
    "storm-phone": Shot("mlx5-healthy", storm, width=PHONE),
    "no-vf": Shot("no-vf"),
    "starting": Shot(None),
    "starting-dark": Shot(None, dark=True),
}


def main() -> None:
    """Take those that are named, or all."""
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SHOTS)}")
    options = parser.parse_args()
    if not browsing.CHROMIUM.exists():
        sys.exit(f"{browsing.CHROMIUM} is not installed")
    unknown = sorted(set(options.names) - set(SHOTS))
    if unknown:
        sys.exit(f"no such picture: {', '.join(unknown)}")
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.names or SHOTS:
        take(SHOTS[name], options.folder.resolve() / f"{name}.png")


def take(shot: Shot, file: Path) -> None:
    """As a PNG."""
    html = page.render(facts_of(shot.machine, shot.hour))
    if shot.opened:
        html = html.replace(b"</body>", OPEN)
    scheme = (browsing.DARK,) if shot.dark else ()
    height = shot.height or browsing.extent(html, shot.width)[1]
    with browsing.showing(html, shot.width, height) as url:
        browse(url, *scheme, f"--window-size={shot.width},{height}", f"--screenshot={file}")
    print(f"{file}: {shot.width} x {height}, {file.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
