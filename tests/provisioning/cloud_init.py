"""What cloud-init makes of a #cloud-config's write_files and runcmd, in a root file system.

python3 cloud_init.py ROOT FILE [NAME=VALUE...]: writes the files below ROOT, and runcmd as
cloud-init writes it, /var/lib/cloud/instance/scripts/runcmd.  NAME=VALUE replaces in runcmd.
cloud-init's own code makes the script (cloudinit.subp, util.shellify); none of its stages run.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml


def main(root: Path, config: Path, replacements: list[str]) -> None:
    """As cc_write_files and cc_runcmd do."""
    found: dict[str, Any] = yaml.safe_load(config.read_text(encoding="utf-8"))
    for entry in found["write_files"]:
        path = root / entry["path"].lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(entry["content"], encoding="utf-8")
        path.chmod(int(entry["permissions"], 8))
    commands = [[_replaced(word, replacements) for word in words] for words in found["runcmd"]]
    script = root / "var/lib/cloud/instance/scripts/runcmd"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(import_module("cloudinit.util").shellify(commands), encoding="utf-8")
    script.chmod(0o700)


def _replaced(word: str, replacements: list[str]) -> str:
    for replacement in replacements:
        name, _, value = replacement.partition("=")
        if word == name or word.startswith(name):
            return value
    return word


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
