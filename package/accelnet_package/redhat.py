"""The rpm: for each architecture one for RHEL 9 and its kin, and one for RHEL 10, Fedora.

They differ by the interpreter.  RHEL 9 has 3.9 for its own tools, and 3.11 in AppStream; the path
that the first asks for is provided by SUSE's python311 too.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from accelnet_package import legal, nfpm
from accelnet_package.contents import DOCUMENTS, LIBRARY, Entry, Family, entries

ZSH = "/usr/share/zsh/site-functions"
# Folders that are accelnet's alone, and those of shells that need not be there: rpm lets several
# packages own one, and leaves behind what none does.
OWNED = (
    *(LIBRARY, DOCUMENTS),
    *(f"/usr/share/{shell}" for shell in ("bash-completion", "fish", "zsh")),
)


class Release(NamedTuple):
    """What of the rpm's names and relations a distribution decides."""

    tag: str  # of the package's release
    python: str
    requires: str


RELEASES = (
    Release("el9", "/usr/bin/python3.11", "/usr/bin/python3.11"),
    Release("el10", "/usr/bin/python3", "python3 >= 3.12"),
)


def package(
    checkout: Path,
    wheels: tuple[Path, ...],
    own: Path,
    architecture: str,
    version: str,
    of: Release,
) -> nfpm.Package:
    """The rpm of this architecture for these distributions."""
    found = entries(checkout, wheels, own, Family(python=of.python, zsh=ZSH))
    found += [
        Entry(f"{DOCUMENTS}/CHANGELOG.md", (checkout / "CHANGELOG.md").read_bytes()),
        Entry(f"{DOCUMENTS}/copyright", legal.write(wheels)),
    ]
    found = [
        Entry(entry.path, entry.data, entry.mode, "doc")
        if entry.path.startswith(DOCUMENTS) and not entry.kind
        else entry
        for entry in found
    ]
    found += _folders(found)
    scripts = {
        name: (checkout / "package/rpm" / file)
        .read_text(encoding="utf-8")
        .replace("@PYTHON@", of.python)
        for name, file in (
            ("postinstall", "post"),
            ("preremove", "preun"),
            ("postremove", "postun"),
            ("posttrans", "posttrans"),
        )
    }
    relations = {"depends": [of.requires, "systemd >= 239", "glibc >= 2.17"]}
    return nfpm.Package("rpm", architecture, version, f"1.{of.tag}", found, scripts, relations)


def _folders(found: list[Entry]) -> list[Entry]:
    owned = {
        str(parent)
        for entry in found
        for parent in Path(entry.path).parents
        if str(parent).startswith(OWNED)
    }
    return [Entry(path, mode=0o755, kind="dir") for path in sorted(owned)]
