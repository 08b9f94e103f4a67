"""Writes nfpm's configuration from the entries, and runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from accelnet_package.contents import Entry

MAINTAINER = "The accelnet developers <accelnet@accelnet.invalid>"
SUMMARY = "verifies that Azure Accelerated Networking works in this VM"
DESCRIPTION = f"""{SUMMARY}
A VM with Accelerated Networking sends its packets through an SR-IOV virtual
function that is paired under the synthetic hv_netvsc NIC.  When something in
the guest breaks the pairing, the VM goes on at a fraction of its speed, and
nothing says so.

accelnet-check says for each NIC whether its traffic really goes by the VF, on
what evidence, and what to type next.  accelnet-agent does the same as a
service: a Prometheus exporter, a health endpoint, live VF events."""


@dataclass(frozen=True, slots=True)
class Package:
    """One file that nfpm writes."""

    packager: str  # deb or rpm
    architecture: str  # as Debian names it
    version: str
    release: str
    entries: list[Entry]
    scripts: dict[str, str]  # text by nfpm's name
    relations: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


def build(package: Package, epoch: int, work: Path, target: Path) -> None:
    """Write the package to `target`; `work` is an empty folder."""
    contents = [_staged(entry, work / "tree") for entry in package.entries]
    config = work / "nfpm.yaml"
    config.write_text(json.dumps(_config(package, epoch, contents, work)), encoding="utf-8")
    program = str(Path(sysconfig.get_path("scripts"), "nfpm"))
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC"}
    command = [program, "package", "-f", str(config), "-p", package.packager]
    command += ["-t", str(target)]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def _staged(entry: Entry, tree: Path) -> dict[str, Any]:
    info = {"mode": entry.mode, "owner": "root", "group": "root"}
    content: dict[str, Any] = {"dst": entry.path, "type": entry.kind, "file_info": info}
    if entry.kind == "symlink":
        return {**content, "src": entry.data.decode(), "file_info": {"owner": "root"}}
    if entry.kind == "dir":
        return content
    path = tree / entry.path.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(entry.data)
    return {**content, "src": str(path)}


def _config(package: Package, epoch: int, contents: list[Any], work: Path) -> dict[str, Any]:
    scripts: dict[str, str] = {}
    for name, text in package.scripts.items():
        path = work / name
        path.write_text(text, encoding="utf-8")
        scripts[name] = str(path)
    own = {"posttrans": scripts.pop("posttrans")} if "posttrans" in scripts else {}
    return {
        "name": "accelnet",
        "arch": package.architecture,
        "version": package.version,
        "version_schema": "none",
        "release": package.release,
        "section": "net",
        "priority": "optional",
        "maintainer": MAINTAINER,
        "vendor": "The accelnet developers",
        "license": "Apache-2.0",
        "description": DESCRIPTION,
        "mtime": datetime.fromtimestamp(epoch, timezone.utc).isoformat(),
        "disable_globbing": True,
        "contents": contents,
        "scripts": scripts,
        **package.relations,
        "deb": {"compression": "xz"},
        "rpm": {"compression": "xz", "buildhost": "localhost", "summary": SUMMARY, "scripts": own},
    }
