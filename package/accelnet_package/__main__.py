"""scripts/package: builds what was asked for into one folder."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from accelnet_package import debian, nfpm, pins, release, wheels

CHECKOUT = Path(__file__).parents[2]
TARGETS = ("deb",)
UNUSABLE = 64


def main(arguments: list[str]) -> int:
    """Build what was asked for."""
    *targets, folder = arguments or [""]
    if not folder or folder.startswith("-") or folder in TARGETS or not {*targets} <= {*TARGETS}:
        print(f"usage: scripts/package [{'|'.join(TARGETS)} ...] FOLDER", file=sys.stderr)
        return UNUSABLE
    os.umask(0o022)
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    epoch, version = release.epoch(CHECKOUT), release.version(CHECKOUT)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        (work / "wheel").mkdir()
        own = wheels.build(CHECKOUT, "wheel", work / "wheel")
        pinned = pins.read(CHECKOUT / "requirements/run.txt")
        for architecture in pins.PLATFORMS:
            cache = Path(sys.prefix, "wheels", architecture)
            vendored = pins.fetch(pinned, architecture, cache)
            package = debian.package(CHECKOUT, vendored, own, architecture, version, epoch)
            scratch = work / architecture
            scratch.mkdir()
            nfpm.build(package, epoch, scratch, out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
