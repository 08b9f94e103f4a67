"""The deb: one for each architecture, for Debian 12 and 13, Ubuntu 22.04, 24.04 and later."""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import format_datetime
from pathlib import Path

from accelnet_package import legal, nfpm
from accelnet_package.contents import DOCUMENTS, Entry, Family, compressed, entries

FAMILY = Family(python="/usr/bin/python3", zsh="/usr/share/zsh/vendor-completions")
DEPENDS = [
    "python3 (>= 3.10)",
    "libc6 (>= 2.14)",  # the newest symbol that a vendored extension asks for
    "libgcc-s1 (>= 3.3)",  # bcrypt's
    "systemd | systemd-standalone-sysusers | systemd-sysusers",
]


def package(
    checkout: Path, wheels: tuple[Path, ...], own: Path, architecture: str, version: str, epoch: int
) -> nfpm.Package:
    """The deb of this architecture."""
    release = "1"
    found = entries(checkout, wheels, own, FAMILY)
    found += _debian_only(checkout, wheels, f"{version}-{release}", epoch)
    scripts = {
        "postinstall": (checkout / "package/deb/postinst").read_text(encoding="utf-8"),
        "preremove": (checkout / "package/deb/prerm").read_text(encoding="utf-8"),
        "postremove": (checkout / "package/deb/postrm").read_text(encoding="utf-8"),
    }
    relations = {"depends": DEPENDS, "suggests": ["prometheus-node-exporter"]}
    return nfpm.Package("deb", architecture, version, release, found, scripts, relations)


def _debian_only(checkout: Path, wheels: tuple[Path, ...], version: str, epoch: int) -> list[Entry]:
    files = checkout / "package/deb"
    hook = (files / "accelnet.rtupdate").read_bytes()
    changes = (checkout / "CHANGELOG.md").read_bytes()
    return [
        Entry("/usr/share/python3/runtime.d/accelnet.rtupdate", hook, mode=0o755),
        Entry("/usr/share/lintian/overrides/accelnet", (files / "lintian-overrides").read_bytes()),
        Entry(f"{DOCUMENTS}/changelog.gz", compressed(changes)),
        Entry(f"{DOCUMENTS}/changelog.Debian.gz", compressed(_changelog(version, epoch))),
        Entry(f"{DOCUMENTS}/copyright", legal.write(wheels)),
    ]


def _changelog(version: str, epoch: int) -> bytes:
    date = format_datetime(datetime.fromtimestamp(epoch, timezone.utc))
    return (
        f"accelnet ({version}) stable; urgency=medium\n\n"
        "  * What has changed is in changelog.gz.\n\n"
        f" -- {nfpm.MAINTAINER}  {date}\n"
    ).encode()
