"""Follows a Containerfile with chroot(1), where no container engine runs.

python3 containerfile.py FILE BASE.tar FOLDER: each FROM unpacks BASE into a folder of its own below
FOLDER; ARG, COPY, RUN, USER, EXPOSE and ENTRYPOINT are all that it knows.  What the last stage
starts, and as whom, it prints as JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path


def instructions(text: str) -> list[tuple[str, str]]:
    """(INSTRUCTION, the rest), comments left out and continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [
        (line.split()[0], line.split(None, 1)[1]) for line in joined.splitlines() if line.strip()
    ]


def follow(file: Path, base: Path, folder: Path) -> dict[str, str]:
    """Every instruction in turn."""
    stages: dict[str, Path] = {}
    root, found = folder, {"user": "", "entrypoint": ""}
    for name, rest in instructions(file.read_text(encoding="utf-8")):
        words = rest.split()
        if name == "FROM":
            root = folder / f"stage{len(stages)}"
            root.mkdir(parents=True)
            subprocess.run(["tar", "-C", str(root), "-xf", str(base)], check=True)
            stages[words[2] if len(words) > 2 else str(len(stages))] = root
        elif name == "COPY":
            _copy(words, root, stages)
        elif name == "RUN":
            command = ["chroot", str(root), "/bin/sh", "-c", rest]
            subprocess.run(command, check=True, env=_environment(), stdout=sys.stderr)
        elif name in ("USER", "ENTRYPOINT"):
            found[name.lower()] = rest
        elif name not in ("ARG", "EXPOSE"):
            sys.exit(f"{name}: what is this?")
    return {**found, "root": str(root)}


def _copy(words: list[str], root: Path, stages: dict[str, Path]) -> None:
    source = Path()
    if words[0].startswith("--from="):
        source = stages[words.pop(0).removeprefix("--from=")]
    *paths, target = words
    into = root / target.lstrip("/")
    if target.endswith("/"):
        into.mkdir(parents=True, exist_ok=True)
    for pattern in paths:
        matches = list(source.glob(pattern.lstrip("/")))
        assert matches, pattern
        for path in matches:
            if path.is_dir():
                shutil.copytree(path, into, symlinks=True)
            else:
                shutil.copy(path, into)


def _environment() -> dict[str, str]:
    """Of an engine: nothing of ours, but where pip finds what has been brought along."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **kept}


if __name__ == "__main__":
    print(json.dumps(follow(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))))
