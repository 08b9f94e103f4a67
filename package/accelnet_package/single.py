"""The zipapp: accelnet-check as one file, for VMs on which nothing is to be installed."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from accelnet_package.contents import members, wanted

NAME = "accelnet.pyz"
NEEDED = ("packaging",)  # all that accelnet-check imports of others (pyproject.toml says so too)
# Python 2 and old Pythons 3 read this as well, and say what to do.
MAIN = b"""\
import sys

if sys.version_info < (3, 10):
    sys.stderr.write(
        "accelnet-check: error: this is Python %d.%d and 3.10 is needed; "
        "record this machine with accelnet_record.py\\n" % sys.version_info[:2]
    )
    sys.exit(64)

from accelnet_agent.cli import main

main()
"""
MOMENT = (1980, 1, 1, 0, 0, 0)  # of every file: the first that a zip can tell


def needed(wheels: tuple[Path, ...]) -> tuple[Path, ...]:
    """Those of all that it has in it."""
    return tuple(wheel for wheel in wheels if wheel.name.partition("-")[0] in NEEDED)


def build(own: Path, wheels: tuple[Path, ...], target: Path) -> Path:
    """Write it, with these beside accelnet's own, into the folder `target`."""
    files = {"__main__.py": MAIN}
    files |= {name: data for name, data in members(own) if ".data/" not in name}
    for wheel in wheels:
        files |= {name: data for name, data in members(wheel) if wanted(name)}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(name, MOMENT)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system, info.external_attr = 3, 0o100644 << 16
            archive.writestr(info, data)
    path = target / NAME
    path.write_bytes(b"#!/usr/bin/env python3\n" + packed.getvalue())
    path.chmod(0o755)
    return path
